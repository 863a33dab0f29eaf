"""The demo itself: what a newcomer runs first, kill included; and the same demo with the look-up taken out."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from starter.demo import DemoOptions, run_demo

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def restored_environment() -> Iterator[None]:
    """The demo makes this process use its own stack; give the environment back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


async def test_the_demo_shows_one_sale_across_a_kill(tmp_path: Path) -> None:
    said: list[str] = []
    code = await run_demo(DemoOptions(home=tmp_path / "home", seed=3), said.append)
    text = "\n".join(said)
    assert code == 0, text
    assert re.search(r"our row +sending, seller number unknown", text)
    assert re.search(r"the seller's ledger +1 sale", text)
    assert "The seller counted 1 sale; adopted by its reference EC-" in text
    assert "error request-refused: Nothing was bought. common_name:" in text
    assert "months: positivessl is sold for" in text
    assert "PRIVATE KEY" not in text


async def test_without_the_look_up_the_same_demo_fails(tmp_path: Path) -> None:
    said: list[str] = []
    options = DemoOptions(home=tmp_path / "home", seed=3, worker_module="tests.integration.naive_worker")
    code = await run_demo(options, said.append)
    text = "\n".join(said)
    assert code == 1, text
    assert "The seller counted 2 sales" in text
