"""Where workflow code gives commands to Temporal, which of those places a replay passes, and what happens without one."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow

WORKFLOWS_FOLDER = Path(__file__).parents[2] / "workflows"
_ROOT = WORKFLOWS_FOLDER.parent

_ACTIVITIES = frozenset({"execute_activity_method", "start_activity_method", "execute_activity", "start_activity"})
_OTHERS = frozenset(
    {
        "sleep", "upsert_search_attributes", "continue_as_new", "execute_child_workflow", "start_child_workflow",
        "execute_local_activity_method", "start_local_activity_method",
    }
)  # fmt: skip
_WAIT = "wait_condition"


@dataclass(frozen=True, order=True)
class Site:
    """One place: file below the repository, line where the call begins, and what is called."""

    file: str
    line: int
    call: str


def written() -> list[Site]:
    """Return every place of the workflow code that starts an activity or a timer, or gives another command."""
    return sorted(site for file in WORKFLOWS_FOLDER.glob("*.py") for site in _in(file))


def _in(file: Path) -> Iterator[Site]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            call, of = node.func.attr, node.func.value
            has_timer = call == _WAIT and any(keyword.arg == "timeout" for keyword in node.keywords)
            is_command = call in _ACTIVITIES | _OTHERS or has_timer
            if is_command and isinstance(of, ast.Name) and of.id == "workflow":
                yield Site(str(file.relative_to(_ROOT)), node.lineno, call)


@contextmanager
def observed(passed: set[Site]) -> Iterator[None]:
    """Note every place that is passed. Replay without Temporal's sandbox meanwhile: it would load the code anew."""

    def act(site: Site, real: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        passed.add(site)
        return real(*args, **named)

    with _around(act):
        yield


@contextmanager
def spoilt(spoil: Site) -> Iterator[None]:
    """Let one place do something else: another activity, no timer, no command at all."""

    def act(site: Site, real: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if site != spoil:
            return real(*args, **named)
        if site.call in _ACTIVITIES:
            plain = workflow.start_activity if site.call.startswith("start") else workflow.execute_activity
            return plain("quite_another_activity", *args[1:], **named)
        if site.call == _WAIT:
            return real(*args, **{**named, "timeout": None, "timeout_summary": None})
        return None if site.call in ("upsert_search_attributes", "continue_as_new") else real(*args[:0])

    with _around(act):
        yield


@contextmanager
def _around(act: Callable[[Site, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for call in (*_ACTIVITIES, *_OTHERS, _WAIT):
            patch.setattr(workflow, call, _wrapped(call, getattr(workflow, call), act))
        yield


def _wrapped(call: str, real: Callable[..., Any], act: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **named: Any) -> Any:
        frame = sys._getframe(1)
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(WORKFLOWS_FOLDER):
            return real(*args, **named)
        return act(Site(str(file.relative_to(_ROOT)), frame.f_lineno, call), real, args, named)

    return wrapper
