"""What a process logs: no words of foreign errors, no variables, no whole tasks; in either form."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from domain.errors import Refused
from starter import logs

SECRET = "hunter2/of+a-library"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def quoting(token: str) -> None:
    raise ValueError(f"bad header {token}")


def fail(token: str) -> None:
    try:
        quoting(token)
    except ValueError as error:
        raise RuntimeError(f"rejected {token}") from error


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_foreign_error_is_told_by_its_kind_and_place(
    capsys: pytest.CaptureFixture[str], form: str, ours: bool
) -> None:
    logs.configure(level="debug", form=form)
    token = SECRET
    try:
        fail(token)
    except RuntimeError:
        (structlog.get_logger("x") if ours else logging.getLogger("x")).error("it.failed", exc_info=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert SECRET not in said.err
    assert "RuntimeError" in said.err
    assert "in fail" in said.err
    assert "it.failed" in said.err


@pytest.mark.parametrize("form", ["json", "text"])
def test_our_own_sentence_is_told(capsys: pytest.CaptureFixture[str], form: str) -> None:
    logs.configure(form=form)
    error = Refused("too-dear", "the price is above the limit")
    logging.getLogger("x").warning("refused", exc_info=error)
    assert "the price is above the limit" in capsys.readouterr().err


async def test_an_error_that_nobody_awaited_is_told_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form="json")

    async def failing() -> None:
        fail(SECRET)

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    del task
    gc.collect()
    said = capsys.readouterr().err
    assert "never retrieved" in said
    assert SECRET not in said
    assert json.loads(said.splitlines()[-1])["error"] == "RuntimeError"


@pytest.mark.parametrize(("level", "silent"), [("debug", ["temporalio.worker", "httpx"]), ("info", ["httpx"])])
def test_libraries_that_write_whole_values_at_debug_do_not(
    capsys: pytest.CaptureFixture[str], level: str, silent: list[str]
) -> None:
    logs.configure(level=level, form="json")
    for name in silent:
        logging.getLogger(name).debug("Received workflow activation: %s", SECRET)
    logging.getLogger("temporalio.worker").warning("a warning")
    assert SECRET not in (said := capsys.readouterr().err)
    assert "a warning" in said
