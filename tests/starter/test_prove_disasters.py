"""Disasters of processes and people: where they strike, how their cases are named, and how they judge; pure."""

import signal
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from domain.inventory import OrderRecord
from starter.prove.boundaries import STRUCK, Blow, Strike, read_trace
from starter.prove.case import Case, Database, Line, read_case
from starter.prove.disasters import DISASTERS
from starter.prove.disasters.cancels import DOORS
from starter.prove.disasters.clocks import FROM_THE_START, moments
from starter.prove.disasters.freeze import sending
from starter.prove.disasters.plan import Places
from starter.prove.disasters.race import commits
from starter.prove.disasters.twins import ONE_ID, TWO_IDS, _about_the_refused, twin_places
from starter.prove.disasters.waking import _is_locked, has_gone_on
from starter.prove.kills import AND
from starter.prove.plan import all_cases, named_cases, short_cases
from starter.prove.skew import skewed_clock
from starter.prove.verdict import Facts, Sale, breaches
from starter.prove.workers import WatchedWorker
from tests.starter.test_prove_boundaries import heard, watched

__all__ = ["heard"]

CALLS = [
    "start/inventory.installation#1",
    "check_request/inventory.account#1",
    "prepare_key/inventory.put_key#1",
    "purchase/inventory.order#1",
    "purchase/inventory.reserve#1",
    "purchase/inventory.change_act#1",
    "purchase/inventory.act#2",
    "purchase/gate.may_send#1",
    "purchase/inventory.change_act#2",
    "read_proof/inventory.order#1",
    "record/inventory.make_current#1",
]
PASSED = [f"{call}/{side}" for call in CALLS for side in ("before", "after")]
EVERYWHERE = {(database, line): PASSED for database in Database for line in Line}
OURS = {"freeze", "freeze-late", "race", "twins", "reset", "reset-all", "term", "clock", *DOORS}
DICE = Random(1)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def worker_that_passed(tmp_path: Path, *places: str) -> WatchedWorker:
    trace = tmp_path / "trace"
    trace.write_text("".join(f"{place}\n" for place in places))
    return WatchedWorker(1, trace, tmp_path / "ready", tmp_path / "log")


# places and names


def test_every_kind_is_in_the_table_and_says_what_it_is() -> None:
    assert set(DISASTERS) >= OURS
    assert all(len(DISASTERS[kind].about) > 10 for kind in OURS)


def test_twelve_rounds_of_the_full_form_run_every_boundary_on_both_databases_and_each_case_has_a_name() -> None:
    cases = [case for case in all_cases(EVERYWHERE, tuple(Database), seed=1, rounds=12) if case.kind in OURS]
    for kind in OURS:
        if DISASTERS[kind].places is Places.BOUNDARIES:
            struck = {(case.database, case.at) for case in cases if case.kind == kind}
            assert struck == {(database, place) for database in Database for place in PASSED}
    assert {case.kind for case in cases} == OURS
    assert [read_case(case.name) for case in cases] == cases


def test_the_short_form_takes_few_and_none_of_the_slow_ones() -> None:
    databases = (Database.SQLITE,)
    short = [*named_cases(databases, seed=1), *short_cases(EVERYWHERE, databases, seed=1)]
    kinds = [case.kind for case in short if case.kind in OURS]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        **dict.fromkeys(OURS - {"freeze-late", "reset-all"}, 1), "twins": 2, "term": 2,
    }  # fmt: skip


def test_a_purchase_may_be_on_its_way_between_two_commits() -> None:
    found = sending(PASSED, DICE)
    assert (found[0], found[-1]) == ("purchase/inventory.change_act#1/after", "purchase/inventory.change_act#2/before")
    assert "purchase/gate.may_send#1/before" in found
    assert sending([place for place in PASSED if "change_act#2" not in place], DICE) == []


def test_races_are_run_at_both_sides_of_every_commit_and_nowhere_else() -> None:
    found = commits(PASSED, DICE)
    assert {place.rpartition("/")[0] for place in found} == {
        "prepare_key/inventory.put_key#1",
        "purchase/inventory.reserve#1",
        "purchase/inventory.change_act#1",
        "purchase/inventory.change_act#2",
        "record/inventory.make_current#1",
    }
    assert len(found) == 10


def test_twins_are_undisturbed_or_killed_where_money_is_near() -> None:
    found = twin_places(PASSED, DICE)
    assert found[:2] == [TWO_IDS, ONE_ID]
    killed = [place.partition(AND) for place in found[2:]]
    assert {kind for kind, _, _ in killed} == {TWO_IDS, ONE_ID}
    assert all(
        place in PASSED and place.startswith(("check_request/", "prepare_key/", "purchase/")) for *_, place in killed
    )
    assert killed


def test_a_clock_goes_wrong_at_every_boundary_and_before_all() -> None:
    assert moments(PASSED, DICE) == [FROM_THE_START, *PASSED]


# who has gone on


@pytest.mark.parametrize(
    ("passed", "at", "is_so"),
    [
        ([], "start/inventory.installation#1/after", True),
        (["purchase/inventory.order#1/before"], "purchase/inventory.reserve#1/before", False),
        (["purchase/inventory.reserve#1/before"], "purchase/inventory.reserve#1/before", True),
        (["purchase/inventory.order#1/before", "read_proof/inventory.order#1/before"], PASSED[9], True),
        (["read_proof/inventory.order#1/before"], "purchase/inventory.reserve#1/after", False),
        (["purchase/inventory.write_look#1/after"], "purchase/gate.may_send#1/before", True),
        (["start/inventory.installation#1/after", "SyncOrders.find_orphans/x#1/after"], PASSED[4], False),
    ],
)
def test_another_worker_has_gone_on(tmp_path: Path, passed: list[str], at: str, is_so: bool) -> None:
    assert has_gone_on(worker_that_passed(tmp_path, *passed), at) is is_so


async def test_of_several_workers_with_one_blow_the_first_one_strikes(tmp_path: Path, heard: list[int]) -> None:
    strike = Strike("start/inventory.find#1/before", Blow.TERM, tmp_path / "once")
    for number in range(3):
        ports: Any = watched(tmp_path / f"trace-{number}", strike)
        await ports.inventory.find(number)
    assert heard == [signal.SIGTERM]
    assert [read_trace(tmp_path / f"trace-{number}")[1] for number in range(3)] == [True, False, False]
    assert STRUCK not in (tmp_path / "trace-1").read_text()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "inventory.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE one (number INTEGER)")
    return file


def test_a_lock_in_a_frozen_hand_is_seen(file: Path, tmp_path: Path) -> None:
    assert not _is_locked(file)
    assert not _is_locked(tmp_path / "none")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert _is_locked(file)
    holder.close()
    assert not _is_locked(file)


async def test_a_clock_is_right_until_it_is_set_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    clock = skewed_clock(-86_400, after=wrong)
    assert abs(await clock.now() - datetime.now(UTC)) < timedelta(hours=1)
    wrong.touch()
    assert datetime.now(UTC) - await clock.now() > timedelta(hours=23)


# judging

REFUSED = OrderRecord.model_validate(
    {
        "order_id": "EC-B", "workflow_id": "b", "run_id": "b-1", "account": "sandbox", "product": "positivessl",
        "common_name": "a.test", "names": ("a.test",), "months": 12, "dns_account": "sandbox", "request_id": "2",
        "request_digest": "d", "requested_by": "", "reason": "", "request": {}, "state": "rejected",
        "waiting_for": "nobody", "detail": "an equal order is open: EC-A", "error_code": "duplicate-order",
        "created_at": NOW, "updated_at": NOW,
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({}, None),
        ({"error_code": "order-invalid"}, "the second of two equal orders is rejected (order-invalid)"),
        ({"state": "issued", "error_code": ""}, "the second of two equal orders is issued (without a code)"),
        ({"detail": "an equal order is open"}, "the refusal does not name the other order: an equal order is open"),
        ({"seller_order_id": "9"}, "the refused order has number 9"),
    ],
)
def test_the_refused_twin_says_why_and_costs_nothing(changes: dict[str, str], trouble: str | None) -> None:
    found = _about_the_refused(REFUSED.model_copy(update=changes), "EC-A", ("duplicate-order",))
    assert found == ([] if trouble is None else [trouble])


def test_an_order_that_was_stopped_before_it_came_to_be_is_no_breach_unless_it_was_sold() -> None:
    stopped = Facts(order_id="EC-A", run_status="CANCELED")
    assert breaches(stopped) == ()
    sold = replace(stopped, sales=(Sale("1", "EC-A", "Active", "AB"),))
    assert any("not finished" in breach for breach in breaches(sold))
    assert any("not finished" in breach for breach in breaches(replace(stopped, run_status="RUNNING")))


def test_a_case_of_the_table_is_read_from_its_name() -> None:
    name = f"twins@{TWO_IDS}{AND}purchase/gate.may_send#1/after:postgresql:reject:plain:7"
    assert read_case(name) == Case(
        "twins", f"{TWO_IDS}{AND}purchase/gate.may_send#1/after", Database.POSTGRESQL, read_case(name).repeated, seed=7
    )
