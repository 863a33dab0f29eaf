"""Paths of an order in a scripted world, recorded on the server that skips time. The function's name is the path's."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateStage

from activities.messages import (
    AccountPage,
    AwaitResult,
    Collected,
    Finding,
    OrphansFound,
    ProofToPublish,
    PurchaseResult,
    RefundResult,
    SellerView,
)
from domain.errors import Misconfigured, Refused
from domain.seller import ProofRecord, SellerState
from tests.replay.stage import BY, SMALLEST, Run, Stage, awaits_issuance, needs_person
from tests.workflows.test_sync_orders import SyncWorld
from tests.workflows.world import ACTIVE, PENDING, PROOF, Script, World, not_yet

FULL: dict[str, Any] = {
    **SMALLEST,
    "schema_version": 1,
    "request_id": "chg-1234",
    "key": {"algorithm": "rsa", "size": 3072},
    "server_count": 3,
    "server_type": "Nginx 1.29/plus",
    "requested_by": "ann@example.test",
    "reason": "CHG-1234",
    "max_price": "120.00",
    "allow_duplicate": True,
    "dry_run": False,
    "resume_order": "EC-" + "A" * 26,
}
"""A request with every field of schema version 1."""

_PLACED = PurchaseResult(outcome="placed", seller_order_id="9912345")
_IN_DOUBT = PurchaseResult(outcome="in-doubt", code="purchase-in-doubt", message="the answer was lost")
_PAYMENT = PurchaseResult(outcome="needs-person", code="seller-payment-required", message="the balance is too low")
_END = datetime(2027, 6, 1, tzinfo=UTC)
_GOOD = Collected(serial="0C", fingerprint="f", not_after=_END)
_INTERNAL = Finding(code="name-internal", path="common_name", message="is an internal name")
_PARKED = Refused("auth-rejected", "the credential was turned down")


def _ruling(outcome: str, **more: str) -> dict[str, Any]:
    return {**BY, "outcome": outcome, **more}


class Hold:
    """An activity that begins and then waits until it is let go, or is cancelled."""

    def __init__(self, world: World | SyncWorld, name: str) -> None:
        self.has_begun = asyncio.Event()
        self.go = asyncio.Event()
        act = getattr(type(world), name)

        async def held(given: Any) -> Any:
            self.has_begun.set()
            await self.go.wait()
            return await act(world, given)

        held.__annotations__ = act.__annotations__
        setattr(world, name, activity.defn(name=name)(held))


# refused before anything is bought


async def empty_input(stage: Stage) -> Run:
    run = await stage.begin("empty-input", World(), None)
    assert await stage.failed(run) == "input-empty"
    return run


async def bad_input(stage: Stage) -> Run:
    run = await stage.begin("bad-input", World(), {**SMALLEST, "produkt": "x", "months": 0})
    assert await stage.failed(run) == "input-invalid"
    return run


async def refused_without_the_seller(stage: Stage) -> Run:
    world = World(findings=(_INTERNAL,))

    async def away(given: Any) -> Any:
        raise not_yet()

    world.check_offer = activity.defn(name="check_offer")(away)  # type: ignore[method-assign]
    run = await stage.begin("refused-without-the-seller", world)
    assert await stage.failed(run) == "name-internal"
    return run


async def purchase_rejected(stage: Stage) -> Run:
    no = PurchaseResult(outcome="rejected", code="duplicate-order", message="EC-1 is open")
    run = await stage.begin("purchase-rejected", World(purchases=Script([no])))
    assert await stage.failed(run) == "duplicate-order"
    return run


# the two ends of what may be asked


async def smallest_request(stage: Stage) -> Run:
    run = await stage.begin("smallest-request", World(), SMALLEST)
    await stage.issued(run)
    return run


async def full_request(stage: Stage) -> Run:
    run = await stage.begin("full-request", World(), FULL)
    await stage.issued(run)
    return run


# a purchase in doubt


async def _in_doubt(stage: Stage, path: str, **world: Any) -> Run:
    run = await stage.begin(path, World(**{"purchases": Script([_IN_DOUBT, _PLACED]), **world}))
    await stage.rests(run, needs_person)
    return run


async def doubt_looked_at_again(stage: Stage) -> Run:
    run = await _in_doubt(stage, "doubt-looked-at-again")
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def doubt_ruled_placed(stage: Stage) -> Run:
    run = await _in_doubt(stage, "doubt-ruled-placed")
    await stage.act(run, "resolve_purchase", _ruling("placed", seller_order_id="9912345"))
    await stage.issued(run)
    return run


async def doubt_ruled_not_placed(stage: Stage) -> Run:
    run = await _in_doubt(stage, "doubt-ruled-not-placed")
    await stage.act(run, "resolve_purchase", _ruling("not-placed"))
    await stage.issued(run)
    return run


async def doubt_abandoned(stage: Stage) -> Run:
    given_up = PurchaseResult(outcome="abandoned", code="purchase-abandoned", message="given up")
    run = await _in_doubt(stage, "doubt-abandoned", purchases=Script([_IN_DOUBT, given_up]))
    await stage.act(run, "resolve_purchase", _ruling("abandon"))
    assert await stage.failed(run) == "purchase-abandoned"
    return run


async def order_not_ours(stage: Stage) -> Run:
    foreign = PurchaseResult(outcome="needs-person", code="order-not-ours", message="9912345 has another key")
    run = await _in_doubt(stage, "order-not-ours", purchases=Script([foreign, _PLACED]))
    await stage.act(run, "resolve_purchase", _ruling("placed", seller_order_id="9912345"))
    await stage.issued(run)
    return run


async def ruling_refused(stage: Stage) -> Run:
    too_early = Refused("too-early-to-tell", "a sale may still show up")
    run = await _in_doubt(stage, "ruling-refused", rulings=Script([too_early, _PLACED]))
    assert await stage.refused(run, "resolve_purchase", _ruling("not-placed")) == "too-early-to-tell"
    await stage.rests(run, needs_person)
    await stage.act(run, "resolve_purchase", _ruling("not-placed"))
    await stage.issued(run)
    return run


async def two_rulings_at_once(stage: Stage) -> Run:
    world = World(purchases=Script([_IN_DOUBT, _PLACED]))
    hold = Hold(world, "resolve_purchase")
    run = await stage.begin("two-rulings-at-once", world)
    await stage.rests(run, needs_person)
    first = await run.start_update(
        "resolve_purchase", _ruling("not-placed"), wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    await hold.has_begun.wait()
    second = await stage.act(run, "resolve_purchase", _ruling("abandon"))
    assert not second["done"]
    hold.go.set()
    assert (await first.result())["done"]
    await stage.issued(run)
    return run


async def payment_required(stage: Stage) -> Run:
    run = await stage.begin("payment-required", World(purchases=Script([_PAYMENT, _PLACED])))
    await stage.rests(run, needs_person)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


# a parked account


async def parked_and_released(stage: Stage) -> Run:
    world = World(purchases=Script([_PARKED, _PLACED]), accounts=Script([not_yet(), not_yet(), None]))
    run = await stage.begin("parked-and-released", world)
    await stage.issued(run)
    return run


async def parked_and_looked_at(stage: Stage) -> Run:
    run = await _parked(stage, "parked-and-looked-at")
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def parked_and_cancelled(stage: Stage) -> Run:
    run = await _parked(stage, "parked-and-cancelled")
    await stage.act(run, "cancel", BY)
    assert await stage.failed(run) == "cancelled"
    return run


async def _parked(stage: Stage, path: str) -> Run:
    run = await stage.begin(path, World(purchases=Script([_PARKED, _PLACED]), accounts=Script([not_yet()])))
    await stage.rests(run, lambda status: bool(status["waiting_for"] == "account"))
    return run


# waiting for the CA


async def _waiting(stage: Stage, path: str, **world: Any) -> tuple[Run, World]:
    made = World(**{"looks": Script([not_yet()]), **world})
    run = await stage.begin(path, made)
    await stage.rests(run, awaits_issuance)
    return run, made


def _issue(world: World) -> None:
    world.looks.answers = [AwaitResult(view=ACTIVE)]


async def looked_at_once(stage: Stage) -> Run:
    run, world = await _waiting(stage, "looked-at-once")
    await stage.act(run, "check_now", BY)
    await stage.rests(run, awaits_issuance)
    _issue(world)
    await run.signal("check_now_signal", BY)
    await stage.issued(run)
    return run


async def nudged(stage: Stage) -> Run:
    """Two nudges in a minute wake once; the day's later ones wake again, up to twenty."""
    run, world = await _waiting(stage, "nudged")
    for _ in range(3):
        await run.signal("nudge")
        await stage.rests(run, awaits_issuance)
        await run.signal("nudge")
        await stage.rests(run, awaits_issuance)
        await stage.env.sleep(timedelta(seconds=61))
    _issue(world)
    await run.signal("nudge")
    await stage.issued(run)
    return run


async def deadline_extended(stage: Stage) -> Run:
    run, world = await _waiting(stage, "deadline-extended")
    await stage.act(run, "extend_deadline", {**BY, "days": 7})
    await stage.rests(run, awaits_issuance)
    await run.signal("extend_deadline_signal", {**BY, "days": 2})
    await stage.rests(run, awaits_issuance)
    _issue(world)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def deadline_over_then_extended(stage: Stage) -> Run:
    run, world = await _waiting(stage, "deadline-over-then-extended")
    await stage.env.sleep(timedelta(days=31))
    await stage.rests(run, needs_person)
    await stage.act(run, "check_now", BY)
    await stage.rests(run, awaits_issuance)
    await stage.act(run, "extend_deadline", {**BY, "days": 7})
    await stage.rests(run, awaits_issuance)
    _issue(world)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def term_over(stage: Stage) -> Run:
    run = await stage.begin("term-over", World(looks=Script([not_yet()])))
    assert await stage.failed(run) == "term-over"
    return run


async def seller_order_closed(stage: Stage) -> Run:
    dead = SellerView(state=SellerState.CANCELLED, status_text="Cancelled")
    run = await stage.begin(
        "seller-order-closed", World(looks=Script([AwaitResult(view=dead), AwaitResult(view=ACTIVE)]))
    )
    await stage.rests(run, needs_person)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def looks_failing(stage: Stage) -> Run:
    away = AwaitResult(
        failing_since=datetime(2026, 11, 25, tzinfo=UTC), code="seller-unreachable", message="away since 11:00"
    )
    run = await stage.begin("looks-failing", World(looks=Script([away, AwaitResult(view=ACTIVE)])))
    await stage.issued(run)
    return run


async def proof_changed(stage: Stage) -> Run:
    other = ProofRecord(name=PROOF.name, record_type="CNAME", owner=PROOF.owner, value="y.sectigo.com")
    changed = SellerView(state=SellerState.PENDING, status_text="Pending", records=(other,))
    world = World(
        proofs=Script([ProofToPublish(records=(PROOF,), view=PENDING), ProofToPublish(records=(other,), view=changed)]),
        looks=Script([AwaitResult(view=changed), AwaitResult(view=ACTIVE)]),
    )
    run = await stage.begin("proof-changed", world)
    await stage.issued(run)
    return run


async def issued_without_proof(stage: Stage) -> Run:
    world = World(proofs=Script([ProofToPublish(view=ACTIVE)]))
    run = await stage.begin("issued-without-proof", world)
    await stage.issued(run)
    assert world.publishing.calls == 0
    return run


async def publishing_refused(stage: Stage) -> Run:
    conflict = Refused("dns-conflict", "another record stands there")
    run = await stage.begin("publishing-refused", World(publishing=Script([conflict, None])))
    await stage.rests(run, needs_person)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def refused_updates(stage: Stage) -> Run:
    """What the validators refuse leaves no event."""
    run, world = await _waiting(stage, "refused-updates")
    before = await _kinds(run)
    for update, payload, code in (
        ("resolve_purchase", _ruling("abandon"), "nothing-to-resolve"),
        ("resolve_purchase", _ruling("refunded"), "nothing-to-resolve"),
        ("resolve_purchase", _ruling("placed"), "input-invalid"),
        ("extend_deadline", {**BY, "days": 0}, "input-invalid"),
        ("check_now", {"reason": "nobody"}, "input-invalid"),
    ):
        assert await stage.refused(run, update, payload) == code
    assert await _kinds(run) == before
    _issue(world)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def _kinds(run: Run) -> list[str]:
    names = [EventType.Name(event.event_type) for event in (await run.fetch_history()).events]
    return [name for name in names if "WORKFLOW_TASK" not in name]


# what comes from the CA, and after it


async def quarantine_then_collected(stage: Stage) -> Run:
    bad = Collected(serial="0B", fingerprint="f", not_after=_END, problems=("key: not ours",))
    run = await stage.begin("quarantine-then-collected", World(collecting=Script([bad, _GOOD])))
    await stage.rests(run, needs_person)
    await stage.act(run, "check_now", BY)
    await stage.issued(run)
    return run


async def double_sale_told(stage: Stage) -> Run:
    twice = Collected(serial="0D", fingerprint="f", not_after=_END, other_sales=("9912346",))
    run = await stage.begin("double-sale-told", World(collecting=Script([twice])))
    await stage.issued(run)
    return run


async def withdraw_fails_for_a_day(stage: Stage) -> Run:
    world = World()

    async def away(given: Any) -> Any:
        raise not_yet()

    world.withdraw_proof = activity.defn(name="withdraw_proof")(away)  # type: ignore[method-assign]
    run = await stage.begin("withdraw-fails-for-a-day", world)
    await stage.issued(run)
    return run


# cancel, by each door and at each time


async def _knock(stage: Stage, run: Run, door: str) -> None:
    if door == "update":
        await stage.act(run, "cancel", BY)
    elif door == "signal":
        await run.signal("cancel_signal", BY)
    else:
        await run.cancel(reason="changed our mind")


async def _cancelled_before(stage: Stage, door: str) -> Run:
    world = World()

    async def away(given: Any) -> Any:
        raise not_yet()

    world.check_offer = activity.defn(name="check_offer")(away)  # type: ignore[method-assign]
    run = await stage.begin(f"cancelled-before-by-{door}", world)
    await stage.rests(run, lambda status: bool(status["state"] == "checking"))
    await _knock(stage, run, door)
    assert await stage.failed(run) == "cancelled"
    return run


async def cancelled_before_by_update(stage: Stage) -> Run:
    return await _cancelled_before(stage, "update")


async def cancelled_before_by_signal(stage: Stage) -> Run:
    return await _cancelled_before(stage, "signal")


async def cancelled_before_natively(stage: Stage) -> Run:
    return await _cancelled_before(stage, "native")


async def cancelled_while_opening_natively(stage: Stage) -> Run:
    world = World()
    hold = Hold(world, "check_request")
    run = await stage.begin("cancelled-while-opening", world)
    await hold.has_begun.wait()
    await _knock(stage, run, "native")
    await stage.is_told(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
    hold.go.set()
    assert await stage.failed(run) == "cancelled"
    return run


async def _cancelled_in_flight(stage: Stage, door: str) -> Run:
    world = World()
    hold = Hold(world, "purchase")
    run = await stage.begin(f"cancelled-in-flight-by-{door}", world)
    await hold.has_begun.wait()
    await _knock(stage, run, door)
    await stage.is_told(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
    hold.go.set()
    assert await stage.failed(run) == "cancelled"
    assert world.refunds.calls == 1
    return run


async def cancelled_in_flight_by_update(stage: Stage) -> Run:
    return await _cancelled_in_flight(stage, "update")


async def cancelled_in_flight_natively(stage: Stage) -> Run:
    return await _cancelled_in_flight(stage, "native")


async def _cancelled_while_awaiting(stage: Stage, door: str) -> Run:
    run, world = await _waiting(stage, f"cancelled-while-awaiting-by-{door}")
    await _knock(stage, run, door)
    assert await stage.failed(run) == "cancelled"
    assert (world.refunds.calls, world.withdrawn) == (1, 1)
    return run


async def cancelled_while_awaiting_by_update(stage: Stage) -> Run:
    return await _cancelled_while_awaiting(stage, "update")


async def cancelled_while_awaiting_by_signal(stage: Stage) -> Run:
    return await _cancelled_while_awaiting(stage, "signal")


async def cancelled_while_awaiting_natively(stage: Stage) -> Run:
    return await _cancelled_while_awaiting(stage, "native")


async def cancelled_while_in_doubt(stage: Stage) -> Run:
    run = await _in_doubt(stage, "cancelled-while-in-doubt")
    await stage.act(run, "cancel", BY)
    await stage.is_told(run, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
    await stage.rests(run, needs_person)
    assert await stage.refused(run, "cancel", BY) == "cancel-asked"
    await stage.act(run, "resolve_purchase", _ruling("placed", seller_order_id="9912345"))
    assert await stage.failed(run) == "cancelled"
    return run


async def cancelled_unpaid(stage: Stage) -> Run:
    run = await stage.begin("cancelled-unpaid", World(purchases=Script([_PAYMENT])))
    await stage.rests(run, needs_person)
    await stage.act(run, "cancel", BY)
    assert await stage.failed(run) == "cancelled"
    return run


# the money back


async def _refunding(
    stage: Stage, path: str, is_so: Callable[[dict[str, Any]], bool], **world: Any
) -> tuple[Run, World]:
    run, made = await _waiting(stage, path, **world)
    await run.cancel(reason="changed our mind")
    await stage.rests(run, is_so)
    return run, made


async def refund_granted(stage: Stage) -> Run:
    """Looked at once in between, and granted then."""
    run, world = await _refunding(
        stage,
        "refund-granted",
        lambda status: bool(status["state"] == "awaiting-refund"),
        decisions=Script([not_yet()]),
    )
    world.decisions.answers = [RefundResult(outcome="approved")]
    await stage.act(run, "check_now", BY)
    assert await stage.failed(run) == "cancelled"
    return run


async def refund_denied(stage: Stage) -> Run:
    """A person states that there is none, so the order goes on."""
    no = RefundResult(outcome="needs-person", code="refund-refused", message="the seller refuses it")
    run, world = await _refunding(stage, "refund-denied", needs_person, refunds=Script([no]))
    _issue(world)
    await stage.act(run, "resolve_purchase", _ruling("not-refunded"))
    await stage.issued(run)
    return run


async def refund_undecided_then_ruled(stage: Stage) -> Run:
    week = RefundResult(outcome="undecided", code="refund-undecided", message="not decided for a week")
    run, _ = await _refunding(stage, "refund-undecided-then-ruled", needs_person, decisions=Script([week]))
    await stage.act(run, "resolve_purchase", _ruling("refunded"))
    assert await stage.failed(run) == "cancelled"
    return run


# lost and found


async def resumed_orphan(stage: Stage) -> Run:
    world = World(takeovers=Script([not_yet(), None]))
    run = await stage.begin("resumed-orphan", world, {**SMALLEST, "resume_order": "EC-" + "B" * 26})
    await stage.issued(run)
    return run


async def resume_refused(stage: Stage) -> Run:
    world = World(takeovers=Script([Refused("run-alive", "its run is alive")]))
    run = await stage.begin("resume-refused", world, {**SMALLEST, "resume_order": "EC-" + "B" * 26})
    assert await stage.failed(run) == "run-alive"
    return run


async def lost_to_another_run(stage: Stage) -> Run:
    run = await stage.begin("lost-to-another-run", World(proofs=Script([Refused("not-owner", "another run has it")])))
    assert await stage.failed(run) == "not-owner"
    return run


# the search for lost orders and unknown sales


async def _sync(stage: Stage, path: str, world: SyncWorld) -> Run:
    return await stage.begin(path, world, None, "SyncOrders")


async def sync_all_well(stage: Stage) -> Run:
    run = await _sync(stage, "sync-all-well", SyncWorld())
    assert (await run.result())["orders_looked_at"] == 2
    return run


async def sync_in_batches(stage: Stage) -> Run:
    """More orders than a batch and more accounts than a page, with orders taken up and alerts raised."""
    world = SyncWorld(
        batches={
            "": OrphansFound(looked_at=200, taken_up=("EC-A",), under_way=1, after="EC-M"),
            "EC-M": OrphansFound(looked_at=9, refused=(("EC-N", "resume-differs"),)),
        },
        accounts={"": AccountPage(names=("main", "other"), after="other"), "other": AccountPage(names=("third",))},
        finding={"raised": ("alr_x",), "known_alerts": 2, "nudged": ("EC-C",)},
    )
    run = await _sync(stage, "sync-in-batches", world)
    assert (await run.result())["orders_looked_at"] == 209
    return run


async def sync_account_skipped(stage: Stage) -> Run:
    wrong = Misconfigured("auth-rejected", "the credential was turned down")
    run = await _sync(stage, "sync-account-skipped", SyncWorld(trouble={"main": [wrong]}))
    assert (await run.result())["accounts_compared"] == ["other"]
    return run


async def sync_failed(stage: Stage) -> Run:
    broken = Misconfigured("inventory-outdated", "the inventory is of an older release")
    run = await _sync(stage, "sync-failed", SyncWorld(on_search=broken))
    assert await stage.failed(run) == "inventory-outdated"
    return run


async def sync_cancelled(stage: Stage) -> Run:
    world = SyncWorld()
    held = Hold(world, "compare_account")
    run = await _sync(stage, "sync-cancelled", world)
    await held.has_begun.wait()
    await run.cancel()
    assert await stage.failed(run) == "cancelled"
    return run


PATHS: dict[str, Callable[[Stage], Awaitable[Run]]] = {
    path.__name__: path
    for path in (
        empty_input, bad_input, refused_without_the_seller, purchase_rejected, smallest_request, full_request,
        doubt_looked_at_again, doubt_ruled_placed, doubt_ruled_not_placed, doubt_abandoned, order_not_ours,
        ruling_refused, two_rulings_at_once, payment_required, parked_and_released, parked_and_looked_at,
        parked_and_cancelled, looked_at_once, nudged, deadline_extended, deadline_over_then_extended, term_over,
        seller_order_closed, looks_failing, proof_changed, issued_without_proof, publishing_refused, refused_updates,
        quarantine_then_collected, double_sale_told, withdraw_fails_for_a_day, cancelled_before_by_update,
        cancelled_before_by_signal, cancelled_before_natively, cancelled_while_opening_natively, cancelled_in_flight_by_update,
        cancelled_in_flight_natively, cancelled_while_awaiting_by_update, cancelled_while_awaiting_by_signal,
        cancelled_while_awaiting_natively, cancelled_while_in_doubt, cancelled_unpaid, refund_granted, refund_denied,
        refund_undecided_then_ruled, resumed_orphan, resume_refused, lost_to_another_run, sync_all_well, sync_in_batches,
        sync_account_skipped, sync_failed, sync_cancelled,
    )
}  # fmt: skip
"""One way that an order may go, each."""
