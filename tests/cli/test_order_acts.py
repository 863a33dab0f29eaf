"""A person acts on an order: what is sent to the run, what is asked before, and how its refusals come back."""

from typing import Any

import pytest

from domain.errors import Refused
from domain.inventory import Environment, OrderRecord
from domain.request import ExtendDeadline, ResolvePurchase
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, TWO, FakeAnswer, FakeEngine, World, account, order

DOUBT: dict[str, Any] = {"state": "needs-person", "waiting_for": "person", "error_code": "purchase-in-doubt"}
ACTS = (
    ("order", "resolve", ONE, "--abandon", "--yes", "--reason", "lost"),
    ("order", "cancel", ONE, "--yes", "--reason", "wrong name"),
    ("order", "extend", ONE, "--days", "3"),
    ("order", "resume", ONE),
)


@pytest.fixture(autouse=True)
def _order(world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    world.inventory.records[ONE] = order(**DOUBT)


def sandbox(world: World) -> None:
    world.inventory.held_accounts["main"] = account(environment=Environment.SANDBOX)


@pytest.mark.parametrize(
    ("flags", "outcome", "number"),
    [
        (("--seller-order", "9912345"), "placed", "9912345"),
        (("--not-placed",), "not-placed", None),
        (("--abandon",), "abandon", None),
        (("--refunded",), "refunded", None),
        (("--not-refunded",), "not-refunded", None),
    ],
)
def test_each_outcome_reaches_the_run(
    evercert: Evercert, world: World, flags: tuple[str, ...], outcome: str, number: str | None
) -> None:
    sandbox(world)
    told = evercert("order", "resolve", ONE, *flags, "--reason", "seen", "--by", "bob@example.com", "-o", "json")
    assert (told.code, told.document["data"]["outcome"], told.document["changed"]) == (0, outcome, True)
    ((order_id, act),) = world.engine.acts
    assert order_id == ONE
    assert act == ResolvePurchase.model_validate(
        {"outcome": outcome, "seller_order_id": number, "by": "bob@example.com", "reason": "seen"}
    )


@pytest.mark.parametrize("flags", [(), ("--not-placed", "--abandon"), ("--seller-order", "1", "--refunded")])
def test_exactly_one_outcome(evercert: Evercert, world: World, flags: tuple[str, ...]) -> None:
    told = evercert("order", "resolve", ONE, *flags, "--reason", "seen", "--yes", "-o", "json")
    assert (told.code, told.error["code"]) == (2, "usage") and "--not-placed" in told.error["hint"]
    assert world.engine.acts == []


def test_a_ruling_needs_its_reason_and_a_number_of_digits(evercert: Evercert, world: World) -> None:
    sandbox(world)
    assert evercert("order", "resolve", ONE, "--refunded", "-o", "json").error["code"] == "reason-required"
    told = evercert("order", "resolve", ONE, "--seller-order", "A-1", "--reason", "x", "-o", "json")
    assert told.error["code"] == "input-invalid" and world.engine.acts == []


@pytest.mark.parametrize("number", [" ", "1" * 21, "99\n12", "9\x1b[2J1", "9,912,345", "-1", "0x1F", ONE], ids=ascii)
def test_what_cannot_be_a_number_of_the_seller_is_not_sent(evercert: Evercert, world: World, number: str) -> None:
    told = evercert("order", "resolve", ONE, "--seller-order", number, "--reason", "seen", "-o", "json")
    assert (told.code, told.error["code"], world.engine.acts) == (4, "input-invalid", [])
    assert told.error["detail"].startswith("seller_order_id: ") and number.strip() not in told.error["detail"].split()


def test_no_number_is_no_outcome(evercert: Evercert, world: World) -> None:
    told = evercert("order", "resolve", ONE, "--seller-order", "", "--reason", "seen", "-o", "json")
    assert (told.code, told.error["code"], world.engine.acts) == (2, "usage", [])


@pytest.mark.parametrize("outcome", ["--not-placed", "--abandon"])
@pytest.mark.parametrize("argv", [(), ("--no-input",)])
def test_real_money_is_confirmed(evercert: Evercert, world: World, outcome: str, argv: tuple[str, ...]) -> None:
    told = evercert("order", "resolve", ONE, outcome, "--reason", "seen", *argv, "-o", "json")
    assert (told.code, told.error["code"]) == (4, "confirmation-required") and "--yes" in told.error["hint"]
    assert world.engine.acts == []
    assert evercert("order", "resolve", ONE, outcome, "--reason", "seen", "--yes", *argv).code == 0
    assert len(world.engine.acts) == 1


def test_naming_the_seller_s_number_buys_nothing_and_asks_nothing(evercert: Evercert, world: World) -> None:
    assert evercert("order", "resolve", ONE, "--seller-order", "1", "--reason", "seen", "--no-input").code == 0


@pytest.mark.parametrize("argv", ACTS)
def test_refusals_of_the_run_come_back(evercert: Evercert, world: World, argv: tuple[str, ...]) -> None:
    world.engine = FakeEngine(Refused("too-early-to-tell", "a sale may still show up", next_step="rule again later"))
    told = evercert(*argv, "-o", "json")
    assert (told.code, told.out) == (5, "")
    assert (told.error["code"], told.error["message"], told.error["hint"], told.error["order_id"]) == (
        "too-early-to-tell",
        "a sale may still show up",
        "rule again later",
        ONE,
    )


@pytest.mark.parametrize("argv", ACTS)
def test_an_order_that_has_ended_is_left_alone(evercert: Evercert, world: World, argv: tuple[str, ...]) -> None:
    world.inventory.records[ONE] = order(state="issued")
    told = evercert(*argv, "-o", "json")
    assert (told.code, told.error["code"]) == (5, "order-ended") and world.engine.acts == []


@pytest.mark.parametrize("argv", ACTS[:3])
def test_a_busy_run_is_a_conflict(evercert: Evercert, world: World, argv: tuple[str, ...]) -> None:
    world.engine.answer = FakeAnswer(done=False, message="busy")
    told = evercert(*argv, "-o", "json")
    assert (told.code, told.document["changed"], told.document["data"]["then"]) == (5, False, "nothing was changed")


@pytest.mark.parametrize(
    ("changes", "then"),
    [
        ({"state": "checking"}, "nothing was bought"),
        ({"state": "needs-person", "error_code": "seller-payment-required"}, "nothing was bought"),
        ({"state": "purchasing"}, "the outcome of the purchase is awaited first"),
        (DOUBT, "it may have been bought"),
        ({"state": "awaiting-issuance", "seller_order_id": "881"}, "asked to refund order 881"),
    ],
)
def test_cancel_says_what_happens(evercert: Evercert, world: World, changes: dict[str, Any], then: str) -> None:
    world.inventory.records[ONE] = order(**changes)
    told = evercert("order", "cancel", ONE, "--reason", "wrong name", "--yes", "-o", "json")
    assert told.code == 0 and then in told.document["data"]["then"]
    assert told.document["next"][0] == f"evercert order watch {ONE}"
    ((_, act),) = world.engine.acts
    assert (act.by, act.reason) == ("ann", "wrong name")


def test_cancel_of_a_live_order_is_confirmed(evercert: Evercert, world: World) -> None:
    assert evercert("order", "cancel", ONE, "--no-input", "-o", "json").error["hint"] == "add --yes, --reason"
    assert world.engine.acts == []


def follow(world: World, *steps: OrderRecord) -> None:
    world.at_pause = lambda number: world.inventory.records.update({ONE: steps[min(number, len(steps)) - 1]})


CANCEL = ("order", "cancel", ONE, "--reason", "wrong name", "--yes", "--wait", "-o", "json")


def test_cancel_and_wait_ends_well_when_cancelled(evercert: Evercert, world: World) -> None:
    waits = order(state="needs-person", error_code="dns-conflict", seller_order_id="881")
    world.inventory.records[ONE] = waits
    follow(world, waits, order(state="refunding", since=NOW), order(state="cancelled", detail="refunded"))
    told = evercert(*CANCEL)
    assert (told.code, told.document["data"]["state"], told.document["changed"]) == (0, "cancelled", True)
    assert "asked to refund order 881" in told.err


def test_cancel_and_wait_stops_when_a_person_is_needed(evercert: Evercert, world: World) -> None:
    told = evercert(*CANCEL)  # in doubt already, and a cancel does not end that
    assert (told.code, told.error["code"]) == (8, "purchase-in-doubt")
    world.inventory.records[ONE] = order(state="awaiting-refund", seller_order_id="881")
    follow(world, order(state="needs-person", error_code="refund-undecided", since=NOW))
    assert evercert(*CANCEL).error["code"] == "refund-undecided"


def test_cancel_and_wait_that_came_too_late(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order(state="recording", seller_order_id="881")
    follow(world, order(state="issued"))
    told = evercert(*CANCEL)
    assert (told.code, told.error["code"]) == (5, "too-late-to-cancel")


def test_extend(evercert: Evercert, world: World) -> None:
    world.engine.answer = FakeAnswer(done=True, message="the deadline is now 2026-12-31 12:00 UTC")
    told = evercert("order", "extend", "www.example.com", "--days", "7", "--reason", "holidays", "-o", "json")
    assert told.code == 0 and "2026-12-31" in told.document["data"]["message"]
    assert world.engine.acts == [(ONE, ExtendDeadline(by="ann", reason="holidays", days=7))]
    assert [evercert("order", "extend", ONE, "--days", it).code for it in ("0", "366")] == [2, 2]


def test_resume_says_when_the_order_is_taken_over(evercert: Evercert, world: World) -> None:
    told = evercert("order", "resume", ONE, "--reason", "terminated", "-o", "json")
    data = told.document["data"]
    assert (told.code, data["workflow_id"], told.document["changed"]) == (0, f"resume-{ONE}-1", True)
    assert "missing twice, 5 minutes apart" in data["then"] and data["ui_url"].endswith("/run-1/user-metadata")
    assert evercert("order", "resume", ONE, "-o", "json").document["changed"] is False
    assert [(it.by, it.reason) for _, it in world.engine.acts] == [("ann", "terminated"), ("ann", "")]


def test_advice_names_the_order_at_hand(evercert: Evercert, world: World) -> None:
    world.engine = FakeEngine(Refused("no-deadline", "no deadline runs"))
    told = evercert("order", "extend", ONE, "--days", "3", "-o", "json")
    assert told.error["hint"] == f"evercert order show {ONE}"
    assert evercert("order", "extend", TWO, "--days", "3", "-o", "json").error["code"] == "not-found"
