"""One paragraph about an order, each statement with what proves it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from inline_snapshot import snapshot

from domain.errors import Unavailable
from domain.inventory import ActRecord, ActState, AuditEvent
from domain.seller import Money
from starter.history import HistoryStep, RunHistory
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, FakeEngine, World, account, order

START = HistoryStep("start", 1, 1, "completed", NOW)
BUYING = HistoryStep("purchase", 29, 31, "completed", NOW, "Buy positivessl, at most once")
POLL = HistoryStep("await_issuance", 60, 60, "pending", NOW)


def act(state: ActState = ActState.PLACED, **changes: Any) -> ActRecord:
    fields: dict[str, Any] = {"act_id": ONE, "order_id": ONE, "state": state, "owner": "w/r", "changed_at": NOW}
    fields |= {"price": Money(amount=Decimal("9.40")), "send_deadline": NOW - timedelta(minutes=30)}
    return ActRecord.model_validate(fields | changes)


def row(kind: str, number: int = 1, **changes: Any) -> AuditEvent:
    return AuditEvent(event_id=f"evt_{kind.replace('.', '')}{number}", kind=kind, subject=ONE, at=NOW, **changes)


def run(*steps: HistoryStep) -> RunHistory:
    return RunHistory("issue-www.example.com-a", "run-1", (START, *steps))


@pytest.fixture(autouse=True)
def _order(world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    world.inventory.records[ONE] = order(
        seller_order_id="881",
        requested_by="ann",
        looked_at=NOW,
        look="Pending",
        next_look_at=NOW + timedelta(minutes=5),
    )
    world.inventory.acts[ONE] = act(seller_order_id="881")
    world.inventory.events = [row("order.requested"), row("purchase.sending"), row("purchase.placed")]
    world.engine.run = run(BUYING, POLL)


def said(evercert: Evercert, about: str) -> dict[str, Any]:
    told = evercert("order", "explain", ONE, "-o", "json")
    assert told.code == 0
    return next(dict(it) for it in told.document["data"]["statements"] if it["about"] == about)


def test_one_paragraph_with_event_ids(evercert: Evercert) -> None:
    told = evercert("order", "explain", "www.example.com")
    assert told.code == 0 and told.out == snapshot(
        "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA is an order for www.example.com: positivessl for 12 months, seller account main, "
        "asked for by ann on 2026-11-24 11:55:00 UTC (event 1). It was bought once: seller order 881, USD 9.40, "
        "2026-11-24 12:00:00 UTC (events 29-31). It is in state awaiting-issuance since 2026-11-24 11:57:00 UTC, waiting "
        "for the CA: the CA looks for the proof and issues (event 60). The last look, at 2026-11-24 12:00:00 UTC, saw: "
        "Pending. The next one is at 2026-11-24 12:05:00 UTC (event 60). You can: evercert order check "
        "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA; evercert order extend EC-AAAAAAAAAAAAAAAAAAAAAAAAAA --days N; evercert order "
        "cancel EC-AAAAAAAAAAAAAAAAAAAAAAAAAA --reason TEXT.\n"
    )


def test_a_paragraph_for_a_screen_never_breaks_an_id(evercert: Evercert) -> None:
    lines = evercert("order", "explain", ONE, "-o", "table").out.splitlines()
    assert len(lines) > 3 and max(len(it) for it in lines) <= 100
    assert sum(it.count(ONE) for it in lines) == 4
    assert evercert("order", "explain", ONE, "--accessible").out.splitlines()[1].startswith("It was bought once")


def test_statements_and_proofs_as_data(evercert: Evercert) -> None:
    told = evercert("order", "explain", ONE, "-o", "json").document["data"]
    assert (told["proved_by"], told["workflow_id"], told["run_id"]) == ("history", "issue-www.example.com-a", "run-1")
    assert [it["about"] for it in told["statements"]] == ["order", "purchase", "state", "look", "help"]
    purchase = told["statements"][1]
    assert purchase["events"] == [
        {
            "name": "purchase",
            "first": 29,
            "last": 31,
            "outcome": "completed",
            "summary": "Buy positivessl, at most once",
        }
    ]
    assert purchase["audit"] == ["evt_purchaseplaced1"]
    assert (told["purchase"]["state"], told["purchase"]["price"]["amount"]) == ("placed", "9.40")


@pytest.mark.parametrize("engine", [FakeEngine(), None])
def test_without_temporal_audit_rows_prove_it(evercert: Evercert, world: World, engine: FakeEngine | None) -> None:
    class Away(FakeEngine):
        async def history(self, order: Any) -> RunHistory:
            raise Unavailable("engine-unreachable", "no Temporal server answers")

    world.engine = engine or Away()
    told = evercert("order", "explain", ONE, "-o", "json").document["data"]
    assert told["proved_by"] == "audit" and "(evt_purchaseplaced1)" in told["text"]
    assert f"Temporal could not be asked ({'run-not-found' if engine else 'engine-unreachable'})" in told["text"]


def doubt(world: World, **changes: Any) -> None:
    fields: dict[str, Any] = {"state": "needs-person", "waiting_for": "person", "error_code": "purchase-in-doubt"}
    detail = "the answer was lost. Equal orders without our reference: 9912345, 9912346"
    world.inventory.records[ONE] = order(**(fields | {"detail": detail} | changes))
    world.inventory.acts[ONE] = act(ActState.IN_DOUBT)
    world.inventory.events = [row("purchase.sending"), row("purchase.in-doubt")]


def test_a_purchase_in_doubt(evercert: Evercert, world: World) -> None:
    doubt(world)
    purchase = evercert("order", "explain", ONE, "-o", "json").document["data"]["purchase"]
    assert (purchase["state"], purchase["send_deadline"], purchase["window_ends_at"], purchase["candidates"]) == (
        "in-doubt",
        "2026-11-24T11:30:00Z",
        "2026-11-24T12:30:00Z",
        ["9912345", "9912346"],
    )
    told = said(evercert, "purchase")
    assert "may or may not have been bought" in told["text"] and "until 2026-11-24 12:30:00 UTC" in told["text"]
    assert "without our reference: 9912345, 9912346" in told["text"]
    assert "--seller-order NUMBER | --not-placed | --abandon" in said(evercert, "help")["text"]
    world.now = NOW + timedelta(hours=1)
    assert "was over at 2026-11-24 12:30:00 UTC" in said(evercert, "purchase")["text"]


@pytest.mark.parametrize(
    ("state", "changes", "text"),
    [
        (ActState.RESERVED, {}, "nothing is at the seller yet"),
        (ActState.SENDING, {}, "may or may not have been bought"),
        (ActState.REJECTED, {"error_code": "product-refused"}, "Nothing was bought: the seller does not sell"),
        (ActState.ABANDONED, {"error_code": "purchase-abandoned"}, "its money counts as spent"),
        (ActState.NEEDS_PERSON, {"error_code": "seller-payment-required"}, "wants to be paid first"),
        (ActState.NEEDS_PERSON, {"error_code": "order-not-ours"}, "may or may not have been bought"),
    ],
)
def test_what_became_of_the_purchase(
    evercert: Evercert, world: World, state: ActState, changes: dict[str, Any], text: str
) -> None:
    world.inventory.acts[ONE] = act(state, **changes)
    assert text in said(evercert, "purchase")["text"]


def test_an_order_that_never_came_to_a_purchase(evercert: Evercert, world: World) -> None:
    world.inventory.acts.clear()
    assert said(evercert, "purchase")["text"] == "Nothing was bought so far."


def test_how_a_purchase_was_found_again(evercert: Evercert, world: World) -> None:
    world.inventory.events = [row("purchase.sending"), row("purchase.adopted")]
    assert "found again under our reference; nothing was sent twice" in said(evercert, "purchase")["text"]
    world.inventory.events = [row("purchase.ruled-placed", by="bob", reason="seen in the portal")]
    assert "bob ruled: seen in the portal" in said(evercert, "purchase")["text"]
    world.inventory.events = [row("purchase.ruled-not-placed", by="bob"), row("purchase.placed")]
    assert "as bob ruled after the seller was asked again" in said(evercert, "purchase")["text"]


def test_a_cancel_is_told_with_its_refund(evercert: Evercert, world: World) -> None:
    asked = row("order.cancel-asked", by="ann", reason="wrong name")
    world.inventory.records[ONE] = order(state="awaiting-refund", seller_order_id="881")
    world.inventory.events = [asked, row("refund.sending"), row("refund.requested")]
    world.engine.run = run(BUYING, HistoryStep("request_refund", 70, 72, "completed", NOW))
    told = said(evercert, "refund")
    assert told["text"] == "ann asked to cancel it: wrong name. The seller was asked for the refund once."
    assert [(it["first"], it["last"]) for it in told["events"]] == [(70, 72)]
    assert "--refunded | --not-refunded" in said(evercert, "help")["text"]
    world.inventory.events = [asked, row("refund.sending")]
    assert "not asked for yet, or it cannot be told" in said(evercert, "refund")["text"]


def test_a_run_that_is_gone_is_told_with_the_way_on(evercert: Evercert, world: World) -> None:
    world.engine.run = run(BUYING, POLL, HistoryStep("end", 61, 61, "terminated", NOW))
    told = said(evercert, "run")
    assert "was terminated, so nobody works on it" in told["text"] and told["events"][0]["first"] == 61
    assert said(evercert, "help")["text"] == f"You can: evercert order resume {ONE}."


def test_an_order_that_was_taken_over(evercert: Evercert, world: World) -> None:
    facts = {"from": "issue-lost", "to": f"resume-{ONE}-1"}
    world.inventory.events = [row("order.taken-over", by="bob", reason="terminated", facts=facts)]
    world.engine.run = run(HistoryStep("take_over", 5, 7, "completed", NOW), POLL)
    told = said(evercert, "run")
    assert "Its run issue-lost was lost" in told["text"] and "asked by bob: terminated" in told["text"]
    assert (told["events"][0]["first"], told["audit"]) == (5, ["evt_ordertaken-over1"])


def test_how_it_ended(evercert: Evercert, world: World) -> None:
    ends = NOW + timedelta(days=199)
    world.inventory.records[ONE] = order(state="issued", detail="version 1", certificate_id="crt_1", leaf_ends_at=ends)
    note = HistoryStep("note_state", 90, 92, "completed", NOW, "Note: issued")
    world.engine.run = run(BUYING, note, HistoryStep("end", 95, 95, "completed", NOW))
    told = said(evercert, "state")
    assert "ended as issued" in told["text"] and "crt_1 is good until 2027-06-11" in told["text"]
    assert [it["first"] for it in told["events"]] == [90, 95]
    assert "cert show crt_1" in said(evercert, "help")["text"]


def test_foreign_words_give_a_terminal_no_orders(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order(detail="the seller says \x1b[2Jgone\r\nnow", looked_at=NOW, look="\x07bell")
    told = evercert("order", "explain", ONE)
    assert "\x1b" not in told.out and "\x07" not in told.out and told.out.count("\n") == 1


def test_sales_that_nobody_has_settled_are_told(evercert: Evercert, world: World) -> None:
    def raised(number: int) -> AuditEvent:
        facts = {"alert": f"alr_{number}", "code": "double-sale", "seller_order": str(number)}
        return row("alert.raised", number, facts=facts)

    world.inventory.events += [raised(901), raised(902), row("alert.settled", 901, facts={"alert": "alr_901"})]
    told = said(evercert, "alert")
    assert "902 (double-sale); see evercert alert show alr_902" in told["text"]
    assert "901" not in told["text"]
    assert told["audit"] == ["evt_alertraised902"]
    world.inventory.events.append(row("alert.settled", 902, facts={"alert": "alr_902"}))
    answer = evercert("order", "explain", ONE, "-o", "json").document["data"]["statements"]
    assert "alert" not in {it["about"] for it in answer}
