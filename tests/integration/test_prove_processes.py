"""``evercert prove``: one case of each disaster of processes and people, and the same without the guards it is about."""

from pathlib import Path

import pytest

from starter.prove.case import Case, Database, Line
from starter.prove.run import Outcome, ProveOptions, Prover

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(900)]

SOLD = "purchase/seller.place#1/after"
INTENDED = "purchase/inventory.change_act#1/after"

QUICK = [
    Case("freeze", "purchase/inventory.reserve#1/before", seed=2),
    Case("freeze-late", SOLD),
    Case("race", "purchase/inventory.change_act#1/before", seed=1),
    Case("twins", "two-ids"),
    Case("twins", "one-id"),
    Case("reset", "finished/any"),
    Case("reset", "waiting/any"),
    Case("cancel-update", "prepare_key/inventory.put_key#1/after"),
    Case("cancel-native", SOLD),
    Case("terminate", SOLD),
    Case("term", "purchase/seller.place#1/before"),
    Case("clock", "from-the-start"),
    Case("clock", INTENDED),
]
SABOTAGED = {
    Case("freeze", SOLD, seed=2): "2 sales for one order",
    Case("freeze-late", SOLD): "2 sales for one order",
    Case("race", "purchase/inventory.change_act#2/before", seed=1): "2 sales for one order",
    Case("twins", "two-ids"): "of two equal orders at once 2 were issued",
    Case("reset", "finished/any"): "2 sales for one order",
    Case("cancel-update", SOLD): "with a sale that was not refunded",
    Case("cancel-native", SOLD): "with a sale that was not refunded",
    Case("terminate", SOLD): "2 sales for one order",
    Case("term", "purchase/gate.may_send#1/after"): "ended with its purchase half done",
    Case("clock", "from-the-start"): "a worker whose clock is wrong by a day polls",
}
"""What must be found of workers without guards: a case that finds nothing here could not fail."""

Outcomes = dict[Case, Outcome]


async def outcomes_of(home: Path, cases: list[Case], **changes: str) -> Outcomes:
    options = ProveOptions(
        cases=tuple(cases),
        databases=(Database.SQLITE,),
        lanes=3,
        home=home,
        lines=(Line.PLAIN,),
        stuck_seconds=240,
        **changes,  # type: ignore[arg-type]
    )
    proof = await Prover(options, lambda _: None).run()
    return {outcome.case: outcome for outcome in proof.outcomes}


@pytest.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What became of the cases with Evercert's own workers."""
    return await outcomes_of(tmp_path_factory.mktemp("sound"), QUICK)


@pytest.fixture(scope="module")
async def lawless(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What became of the same with workers without guards."""
    home = tmp_path_factory.mktemp("lawless")
    return await outcomes_of(home, list(SABOTAGED), host_module="tests.integration.lawless_host")


@pytest.mark.parametrize("case", QUICK, ids=lambda case: f"{case.kind}@{case.at}")
async def test_every_promise_is_kept(sound: Outcomes, case: Case) -> None:
    assert sound[case].breaches == ()


@pytest.mark.parametrize("case", SABOTAGED, ids=lambda case: f"{case.kind}@{case.at}")
async def test_a_worker_without_the_guard_is_caught(lawless: Outcomes, case: Case) -> None:
    assert any(SABOTAGED[case] in breach for breach in lawless[case].breaches), lawless[case]


async def test_what_is_stopped_before_the_purchase_is_not_sold_and_after_it_refunded(sound: Outcomes) -> None:
    facts = {case.kind: outcome.facts for case, outcome in sound.items() if case.kind.startswith("cancel")}
    assert facts["cancel-update"].sales == ()
    assert [sale.refunded for sale in facts["cancel-native"].sales] == [True]
    assert {it.state for it in facts.values()} == {"cancelled"}
    assert "refund.requested" in facts["cancel-native"].story


async def test_a_terminated_order_is_taken_over(sound: Outcomes) -> None:
    (facts,) = (outcome.facts for case, outcome in sound.items() if case.kind == "terminate")
    assert "order.taken-over" in facts.story
    assert (facts.posts, facts.persons) == (1, ())


async def test_the_places_where_workers_are_struck_are_passed_by_a_sound_worker(sound: Outcomes) -> None:
    undisturbed = [outcome for case, outcome in sound.items() if case.kind == "undisturbed"]
    assert [outcome.breaches for outcome in undisturbed] == [()]
