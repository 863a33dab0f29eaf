"""Every activity has a test that runs it twice: Temporal runs each at least once, and sometimes again."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities import interface

HERE = Path(__file__).parent
TESTS = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("test_*.py"))]
RUNNERS = ("twice", "at_once")


def activities() -> Iterator[str]:
    """The names of all activities that workflows can call."""
    for _, given in inspect.getmembers(interface, inspect.isclass):
        if given.__module__ == interface.__name__:
            yield from getattr(given, "__abstractmethods__", ())


NAMES = sorted(activities())


def runs(test: ast.AST, name: str) -> bool:
    """Tell whether a test hands ``something.<name>`` to one of the runners."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in RUNNERS
        and bool(call.args)
        and isinstance(call.args[0], ast.Attribute)
        and call.args[0].attr == name
        for call in ast.walk(test)
    )


def named(name: str) -> list[ast.AST]:
    return [
        node
        for tree in TESTS
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name
    ]


def test_the_interface_is_read() -> None:
    assert len(NAMES) >= 17
    assert {"purchase", "withdraw_proof"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_activity_is_run_twice_by_a_test(name: str) -> None:
    found = named(f"test_twice_{name}")
    assert len(found) == 1, (
        f"write test_twice_{name}: run the activity by `twice` or `at_once` of tests.activities.desk"
    )
    assert runs(found[0], name), f"test_twice_{name} does not run {name} twice"


def test_an_activity_without_such_a_test_would_be_found() -> None:
    assert named("test_twice_reissue") == []
    idle = ast.parse("async def test_twice_record(desk): await run(writer(desk).record, given)")
    other = ast.parse("async def test_twice_record(desk): await twice(writer(desk).note_state, given)")
    right = ast.parse("async def test_twice_record(desk): await at_once(writer(desk).record, given, times=2)")
    assert [runs(tree, "record") for tree in (idle, other, right)] == [False, False, True]
