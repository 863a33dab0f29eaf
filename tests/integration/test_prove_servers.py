"""``evercert prove``: one case of each disaster of servers and inventory, and the same without the guards it is about."""

from pathlib import Path

import pytest

from starter.prove.case import Case, Database, Line
from starter.prove.disasters import servers
from starter.prove.run import Outcome, ProveOptions, Prover

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(900)]

QUICK = {
    "temporal-killed": "recording",
    "temporal-lost": "placed",
    "inventory-locked": "reserved",
    "inventory-readonly": "placed",
    "inventory-full": "placed",
    "inventory-gone": "reserved",
    "inventory-restored": "file placed stopped",
    "seller-away": "sending, killed",
    "late-sale": "abandon",
    "old-schema": "placed",
}
QUICK_OF_SERVERS = {
    "inventory-locked": "reserved",
    "inventory-readonly": "placed",
    "inventory-full": "placed",
    "inventory-gone": "reserved",
    "database-restored": "all placed stopped",
    "old-schema": "placed",
}
SABOTAGED = {
    "temporal-killed": ("answer-held", "2 sales for one order"),
    "temporal-lost": ("answer-held", "2 sales for one order"),
    "inventory-locked": ("answer-held", "2 sales for one order"),
    "inventory-readonly": ("answer-held", "2 sales for one order"),
    "inventory-full": ("answer-held", "2 sales for one order"),
    "inventory-gone": ("answer-held", "2 sales for one order"),
    "inventory-restored": ("file placed stopped", "2 sales for one order"),
    "seller-away": ("answer-held, killed", "2 sales for one order"),
    "late-sale": ("abandon", "no alert orphan-sale"),
    "old-schema": ("placed", "a worker polls with an inventory of an older release"),
}
"""Where a worker without guards is struck, and what must be found: a case that finds nothing here could not fail."""


async def outcome_of(home: Path, case: Case, host_module: str = "starter.prove.worker_host") -> Outcome:
    options = ProveOptions(
        cases=(case,),
        databases=(case.database,),
        lanes=1,
        home=home,
        lines=(Line.PLAIN,),
        host_module=host_module,
        stuck_seconds=240,
    )
    proof = await Prover(options, lambda _: None).run()
    (outcome,) = (it for it in proof.outcomes if it.case == case)
    return outcome


def test_every_kind_is_tried_here_and_sabotaged() -> None:
    kinds = {disaster.kind for disaster in servers.SERVERS}
    assert set(QUICK) | set(QUICK_OF_SERVERS) == kinds
    assert set(SABOTAGED) == kinds - {"database-restored"}, "which does the same as inventory-restored"
    places = {disaster.kind: {str(place) for place in disaster.named} for disaster in servers.SERVERS}
    for kind, place in (
        *QUICK.items(),
        *QUICK_OF_SERVERS.items(),
        *((kind, at) for kind, (at, _) in SABOTAGED.items()),
    ):
        assert place in places[kind]


@pytest.mark.parametrize("kind", QUICK)
async def test_a_disaster_that_is_survived(tmp_path: Path, kind: str) -> None:
    outcome = await outcome_of(tmp_path, Case(kind, QUICK[kind]))
    assert outcome.breaches == ()
    assert len(outcome.facts.sales) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("kind", QUICK_OF_SERVERS)
async def test_a_disaster_of_postgresql_that_is_survived(tmp_path: Path, kind: str) -> None:
    outcome = await outcome_of(tmp_path, Case(kind, QUICK_OF_SERVERS[kind], Database.POSTGRESQL))
    assert outcome.breaches == ()
    assert len(outcome.facts.sales) == 1


@pytest.mark.parametrize("kind", SABOTAGED)
async def test_a_worker_without_guards_is_caught(tmp_path: Path, kind: str) -> None:
    place, told = SABOTAGED[kind]
    outcome = await outcome_of(tmp_path, Case(kind, place), "tests.integration.careless_host")
    assert [breach for breach in outcome.breaches if told in breach], outcome.breaches
