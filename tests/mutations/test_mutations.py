"""The mistakes that a purchase must never make are noticed; all others are tried by ``python -m tests.mutations``."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.catalogue import CORE, MUTATIONS
from tests.mutations.copies import CHECKOUT, Leak, environment, mutated_copy, plain_copy
from tests.mutations.mutation import Change, Disarmed, Mutation
from tests.mutations.trying import Catch, Outcome, run_tests, table, try_mutation


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_copy(tmp_path_factory.mktemp("mutations") / "copy")


def quick(mutation: Mutation) -> tuple[str, ...]:
    """The first of its tests: the one in which the mistake costs money."""
    return mutation.tests[:1]


def test_without_a_mistake_the_tests_pass(copy: Path) -> None:
    outcome = run_tests(copy, dict.fromkeys(test for it in CORE for test in quick(it)))
    assert outcome == Outcome(len(CORE), (), ())


@pytest.mark.parametrize("mutation", CORE, ids=lambda it: it.name)
def test_a_mistake_is_noticed(copy: Path, mutation: Mutation) -> None:
    outcome = try_mutation(copy, dataclasses.replace(mutation, tests=quick(mutation)))
    assert (len(outcome.catches), outcome.broken) == (1, ())
    assert outcome.catches[0].line.startswith(("assert ", "with pytest.raises"))


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=lambda it: it.name)
def test_every_mistake_fits_the_source(mutation: Mutation) -> None:
    """A source that was changed would disarm it without a sound."""
    for change in mutation.changes:
        source = (CHECKOUT / change.file).read_text(encoding="utf-8")
        assert source.count(change.old) == 1, f"write it anew in tests/mutations/catalogue.py: {change.file}"
        assert change.new != change.old


def test_a_mistake_is_made_in_the_copy_alone_and_mended(copy: Path, tmp_path: Path) -> None:
    mutation = CORE[0]
    file = mutation.changes[0].file
    before = (CHECKOUT / file).read_bytes()
    root = mutated_copy(mutation.name, tmp_path)
    assert root == tmp_path / mutation.name
    assert (root / file).read_bytes() != before
    assert (CHECKOUT / file).read_bytes() == before == (copy / file).read_bytes()


def test_a_copy_runs_its_own_code(copy: Path) -> None:
    asked = [sys.executable, "-c", "import domain; print(domain.__file__)"]
    told = subprocess.run(asked, cwd=copy, env=environment(copy), capture_output=True, text=True, check=True)
    assert Path(told.stdout.strip()).is_relative_to(copy)


def test_a_leak_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A copy without a path of its own would show the checkout's code, and every mistake would survive unseen."""
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    monkeypatch.setattr("tests.mutations.copies.environment", lambda _: {**bare, "PYTHONPATH": str(CHECKOUT)})
    monkeypatch.setattr("tests.mutations.copies._WHERE", "import sys; del sys.path[0]\n" + _where())
    with pytest.raises(Leak, match="imported from elsewhere"):
        plain_copy(tmp_path / "copy")


def _where() -> str:
    from tests.mutations import copies

    return copies._WHERE


def test_a_text_that_is_gone_or_stands_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n", encoding="utf-8")
    for old, found in (("x = 1\n", 2), ("y = 1\n", 0)):
        with pytest.raises(Disarmed, match=f"{found} times"):
            Change("a.py", old, "z = 1\n").apply(tmp_path)


def test_only_an_assertion_is_proof(copy: Path) -> None:
    """A mistake that cannot even be imported, or that makes a test stumble, shows nothing about the tests."""
    tests = ("tests/domain/test_purchase.py::test_fingerprint_ignores_the_order_of_names",)
    imports = "from collections.abc import Iterable\n"
    not_python = Mutation("x", "x", (Change("domain/purchase.py", imports, f"{imports}import nowhere\n"),), tests)
    stumbles = Mutation("y", "y", (Change("domain/purchase.py", '"names": sorted(names)', '"names": nowhere'),), tests)
    for mutation in (not_python, stumbles):
        outcome = try_mutation(copy, mutation)
        assert (outcome.catches, len(outcome.broken), outcome.is_clean) == ((), 1, False)
        assert "nowhere" in outcome.broken[0]
    assert run_tests(copy, tests).is_clean


def test_the_table_names_the_line_that_caught_a_mistake() -> None:
    caught = Outcome(0, (Catch("test_x", "tests/x.py:7", "assert sold == 1"),), ())
    shown = "\n".join(table([(CORE[0], caught), (CORE[1], Outcome(3, (), ()))]))
    assert "caught    no-look-up" in shown and "tests/x.py:7: assert sold == 1" in shown
    assert "SURVIVED  post-on-re-entry" in shown
