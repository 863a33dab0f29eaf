"""demo and dev: what the flags mean, and what another shell is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from starter import demo
from starter.demo import DemoOptions
from starter.settings import load_settings
from starter.stack import Stack, StackOptions
from tests.cli.conftest import Evercert


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ((), DemoOptions()),
        (("--no-crash", "--seed", "7"), DemoOptions(crash=False, seed=7)),
        (("--keep", "--ui-port", "8299"), DemoOptions(keep=True, ui_port=8299)),
    ],
)
def test_flags_of_the_demo(
    evercert: Evercert, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], options: DemoOptions
) -> None:
    asked: list[DemoOptions] = []

    async def run_demo(options: DemoOptions, say: Any) -> int:
        asked.append(options)
        return 0

    monkeypatch.setattr(demo, "run_demo", run_demo)
    assert evercert("demo", *flags).code == 0 and asked == [options]


@pytest.mark.parametrize("ui_url", ["http://127.0.0.1:8299", None])
def test_another_shell_gets_the_links_of_this_stack(
    home: Path, monkeypatch: pytest.MonkeyPatch, ui_url: str | None
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
    monkeypatch.setenv("EVERCERT_LOG__LEVEL", "debug")
    stack = Stack(StackOptions(home=home), print)
    stack.server = cast("Any", SimpleNamespace(address="127.0.0.1:7299", ui_url=ui_url))
    told = stack.exports()
    assert told["TEMPORAL_ADDRESS"] == "127.0.0.1:7299" and told["EVERCERT_HOME"] == str(home)
    assert "EVERCERT_LOG__LEVEL" not in told and "PATH" not in told
    assert load_settings(environ=told).web_ui == (ui_url or "http://127.0.0.1:8233")
