"""The workflow's own decisions, in a scripted world on the time-skipping server."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.messages import AwaitResult, Collected, Finding, ProofToPublish, PurchaseResult, SellerView
from domain.errors import Refused
from domain.seller import ProofRecord, SellerState
from tests.workflows.conftest import REQUEST, Start
from tests.workflows.world import ACTIVE, PENDING, PROOF, Script, World, not_yet, not_yet_for_a_moment
from workflows import options

pytestmark = pytest.mark.timeskip

BY = {"by": "ann@example.com", "reason": "it is mended"}
IN_DOUBT = PurchaseResult(outcome="in-doubt", code="purchase-in-doubt", message="the answer was lost")
PLACED = PurchaseResult(outcome="placed", seller_order_id="9912345")


async def failure_of(handle: Any) -> ApplicationError:
    """Return the failure that the run ended with."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def until(handle: WorkflowHandle[Any, Any], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the run's own status is as wanted."""
    while True:
        status: dict[str, Any] = await handle.query("status")
        if wanted(status):
            return status
        await asyncio.sleep(0.02)


def events_of(history: Iterable[HistoryEvent]) -> list[str]:
    """Return the kinds of events, without the workflow tasks: how many of those there are is a matter of timing."""
    kinds = [EventType.Name(event.event_type) for event in history]
    return sorted(kind for kind in kinds if "WORKFLOW_TASK" not in kind)


def needs_person(status: dict[str, Any]) -> bool:
    return bool(status["state"] == "needs-person")


async def test_plain_order_is_issued(start: Start) -> None:
    world = World()
    result = await (await start(world)).result()
    assert (result["state"], result["version"], result["key_id"]) == ("issued", 1, "key_a")
    assert world.withdrawn == 1
    assert world.states() == ["issued"]


async def test_dry_run_buys_nothing_and_tells_the_price(start: Start) -> None:
    world = World()
    result = await (await start(world, {**REQUEST, "dry_run": True})).result()
    assert (result["state"], result["price"]["amount"], result["leaf_days"]) == ("dry-run", "7.95", 199)
    assert world.purchases.calls == 0


async def test_all_findings_come_back_together(start: Start) -> None:
    world = World(
        findings=(
            Finding(code="name-internal", path="common_name", message="is an internal name"),
            Finding(code="validity-not-sold", path="months", message="is sold for 12 or 24 months"),
        )
    )
    error = await failure_of(await start(world))
    assert error.type == "request-refused"
    assert "common_name: is an internal name" in error.message
    assert "months: is sold for 12 or 24 months" in error.message
    assert error.message.startswith("Nothing was bought.")
    assert world.purchases.calls == 0
    assert world.states() == ["rejected"]


async def test_a_rejected_purchase_ends_the_run(start: Start) -> None:
    world = World(
        purchases=Script([PurchaseResult(outcome="rejected", code="duplicate-order", message="EC-1 is open")])
    )
    error = await failure_of(await start(world))
    assert (error.type, world.states()) == ("duplicate-order", ["rejected"])


async def test_doubt_waits_for_a_person_and_goes_on_when_asked(start: Start) -> None:
    world = World(purchases=Script([IN_DOUBT, PLACED]))
    handle = await start(world)
    status = await until(handle, needs_person)
    assert (status["code"], status["waiting_for"]) == ("purchase-in-doubt", "person")
    answer = await handle.execute_update("check_now", BY)
    assert answer["done"]
    assert (await handle.result())["state"] == "issued"
    assert world.states() == ["needs-person", "issued"]


@pytest.mark.parametrize("code", ["auth-rejected", "account-parked", "reconcile-first"])
async def test_a_parked_account_is_waited_for(start: Start, code: str) -> None:
    world = World(
        purchases=Script([Refused(code, "the credential was turned down"), PLACED]),
        accounts=Script([not_yet(), not_yet(), None]),
    )
    result = await (await start(world)).result()
    assert result["state"] == "issued"
    parked = world.notes[0]
    assert (parked.state, parked.waiting_for, parked.code) == ("purchasing", "account", code)
    assert world.accounts.calls == 3


async def test_a_parked_order_looks_at_once_when_asked(start: Start, env: WorkflowEnvironment) -> None:
    world = World(
        purchases=Script([Refused("auth-rejected", "the credential was turned down"), PLACED]),
        accounts=Script([not_yet()]),
    )
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["waiting_for"] == "account")
        await handle.execute_update("check_now", BY)
        assert (await handle.result())["state"] == "issued"


@pytest.mark.parametrize(
    ("code", "needs_person", "word"),
    [("account-parked", True, "account check"), ("reconcile-first", False, "this goes on by itself")],
)
async def test_what_an_order_that_waits_for_its_account_asks_of_people(
    start: Start, env: WorkflowEnvironment, code: str, needs_person: bool, word: str
) -> None:
    world = World(purchases=Script([Refused(code, "not now"), PLACED]), accounts=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["waiting_for"] == "account")
        told = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert word in told.current_details
        attributes = (await handle.describe()).typed_search_attributes
        assert attributes[SearchAttributeKey.for_bool("EvercertNeedsPerson")] is needs_person
        await handle.execute_update("check_now", BY)
        assert (await handle.result())["state"] == "issued"


async def test_a_refused_request_does_not_wait_for_a_seller_that_is_away(start: Start) -> None:
    world = World(findings=(Finding(code="name-internal", path="common_name", message="is internal"),))

    async def away(given: Any) -> Any:
        raise not_yet()

    world.check_offer = activity.defn(name="check_offer")(away)  # type: ignore[method-assign]
    error = await failure_of(await start(world))
    assert error.type == "name-internal"


async def test_a_bought_order_never_just_fails(start: Start) -> None:
    world = World(
        proofs=Script(
            [Refused("proof-out-of-scope", "belongs to another name"), ProofToPublish(records=(PROOF,), view=PENDING)]
        )
    )
    handle = await start(world)
    assert (await until(handle, needs_person))["code"] == "proof-out-of-scope"
    assert world.publishing.calls == 0
    await handle.execute_update("check_now", BY)
    assert (await handle.result())["state"] == "issued"


async def test_changed_proof_is_published_again(start: Start) -> None:
    other = ProofRecord(name=PROOF.name, record_type="CNAME", owner=PROOF.owner, value="y.sectigo.com")
    changed = SellerView(state=SellerState.PENDING, status_text="Pending", records=(other,))
    world = World(
        proofs=Script([ProofToPublish(records=(PROOF,), view=PENDING), ProofToPublish(records=(other,), view=changed)]),
        looks=Script([AwaitResult(view=changed), AwaitResult(view=ACTIVE)]),
    )
    assert (await (await start(world)).result())["state"] == "issued"
    assert world.publishing.calls == 2


async def test_an_order_closed_by_the_seller_calls_a_person(start: Start) -> None:
    dead = SellerView(state=SellerState.CANCELLED, status_text="Cancelled")
    world = World(looks=Script([AwaitResult(view=dead), AwaitResult(view=ACTIVE)]))
    handle = await start(world)
    assert (await until(handle, needs_person))["code"] == "seller-order-closed"
    await handle.execute_update("check_now", BY)
    assert (await handle.result())["state"] == "issued"


async def test_a_leaf_that_does_not_match_is_never_recorded(start: Start) -> None:
    end = datetime(2027, 6, 1, tzinfo=UTC)
    bad = Collected(serial="0B", fingerprint="f", not_after=end, problems=("key: not ours",))
    good = Collected(serial="0C", fingerprint="f", not_after=end)
    world = World(collecting=Script([bad, good]))
    handle = await start(world)
    status = await until(handle, needs_person)
    assert status["code"] == "issued-mismatch" and "key: not ours" in status["detail"]
    await handle.execute_update("check_now", BY)
    assert (await handle.result())["serial"] == "0C"


async def test_a_double_sale_is_told_and_the_certificate_recorded(start: Start) -> None:
    end = datetime(2027, 6, 1, tzinfo=UTC)
    world = World(collecting=Script([Collected(serial="0D", fingerprint="f", not_after=end, other_sales=("9912346",))]))
    assert (await (await start(world)).result())["state"] == "issued"
    assert (world.notes[0].kind, world.notes[0].code) == ("order.double-sale", "double-sale")
    assert "9912346" in world.notes[0].detail


async def test_twenty_days_of_waiting_add_no_event(start: Start) -> None:
    quick = await start(World())
    await quick.result()
    slow = await start(World(looks=Script([not_yet()] * 120 + [AwaitResult(view=ACTIVE)])))
    await slow.result()
    of_slow = (await slow.fetch_history()).events
    assert of_slow[-1].event_time.ToDatetime() - of_slow[0].event_time.ToDatetime() > timedelta(days=19)
    assert events_of(of_slow) == events_of((await quick.fetch_history()).events)


async def test_a_plain_order_stays_small(start: Start) -> None:
    handle = await start(World())
    await handle.result()
    history = await handle.fetch_history()
    size = sum(event.ByteSize() for event in history.events)
    print(f"plain DV order: {len(history.events)} events, {size} bytes")
    assert len(history.events) <= 100
    assert size <= 64 * 1024


async def test_looks_that_fail_for_hours_are_told_and_go_on(start: Start) -> None:
    away = AwaitResult(
        failing_since=datetime(2026, 11, 25, tzinfo=UTC), code="seller-unreachable", message="away since 11:00"
    )
    world = World(looks=Script([away, AwaitResult(view=ACTIVE)]))
    assert (await (await start(world)).result())["state"] == "issued"
    assert [(note.state, note.code) for note in world.notes] == [
        ("awaiting-issuance", "seller-unreachable"),
        ("issued", ""),
    ]


async def test_the_deadline_calls_a_person(start: Start, env: WorkflowEnvironment) -> None:
    world = World(looks=Script([not_yet()]))
    with env.auto_time_skipping_disabled():  # or the clock would run on to the end of the term while we look
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "awaiting-issuance" and s["until"] is not None)
        await env.sleep(timedelta(days=31))
        assert (await until(handle, needs_person))["code"] == "issuance-overdue"
        world.looks.answers = [AwaitResult(view=ACTIVE)]
        await handle.execute_update("check_now", BY)
        assert (await handle.result())["state"] == "issued"


async def test_the_term_ends_an_order_that_nobody_helps(start: Start) -> None:
    world = World(looks=Script([not_yet()]))
    error = await failure_of(await start(world))
    assert error.type == "term-over"
    assert world.states() == ["needs-person", "expired"]
    assert world.withdrawn == 1


async def test_a_deadline_can_be_moved(start: Start, env: WorkflowEnvironment) -> None:
    world = World(looks=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        before = await until(handle, lambda s: s["state"] == "awaiting-issuance" and s["until"] is not None)
        await handle.execute_update("extend_deadline", {**BY, "days": 7})
        after: dict[str, Any] = await handle.query("status")
        moved = datetime.fromisoformat(after["until"]) - datetime.fromisoformat(before["until"])
        assert moved == timedelta(days=7)
        assert (world.notes[-1].by, world.notes[-1].state) == ("ann@example.com", "awaiting-issuance")
        world.looks.answers = [AwaitResult(view=ACTIVE)]
        await handle.execute_update("check_now", BY)
        assert (await handle.result())["state"] == "issued"


async def test_updates_are_refused_where_they_make_no_sense(start: Start, env: WorkflowEnvironment) -> None:
    world = World(purchases=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "purchasing")
        before = events_of((await handle.fetch_history()).events)
        for update, payload, code in (
            ("check_now", BY, "nothing-to-check"),
            ("extend_deadline", {**BY, "days": 7}, "no-deadline"),
            ("check_now", {"reason": "no name"}, "input-invalid"),
            ("check_now", {**BY, "password": "hunter2"}, "secret-in-input"),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as caught:
                await handle.execute_update(update, payload)
            assert isinstance(caught.value.cause, ApplicationError)
            assert caught.value.cause.type == code
            assert "hunter2" not in str(caught.value.cause)
        assert events_of((await handle.fetch_history()).events) == before
        await handle.terminate()


async def test_nudges_in_a_minute_are_one(start: Start, env: WorkflowEnvironment) -> None:
    world = World(looks=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "awaiting-issuance")
        looks = world.looks.calls
        for _ in range(5):
            await handle.signal("nudge")
        await until(handle, lambda s: world.looks.calls > looks)
        await asyncio.sleep(0.2)
        assert world.looks.calls == looks + 1
        await handle.terminate()


async def test_a_long_history_is_continued_without_buying_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "CONTINUE_AS_NEW_EVENTS", 60)
    views = [SellerView(state=SellerState.PENDING, status_text=f"Pending {n}", records=(PROOF,)) for n in range(9)]
    world = World(looks=Script([*[AwaitResult(view=view) for view in views], AwaitResult(view=ACTIVE)]))
    handle = await start(world)
    result = await handle.result()
    assert result["state"] == "issued"
    assert world.purchases.calls > 1  # asked again in each run, answered from the row


async def test_a_parked_account_is_shown_even_where_the_row_is_opened_late(start: Start) -> None:
    """The seller's no may come before the row of the order is there to show it."""
    world = World(checking=Script([not_yet_for_a_moment(), None]), accounts=Script([None]))
    calls: list[int] = []

    async def parked_at_first(given: Any) -> Any:
        calls.append(len(world.notes))
        if len(calls) == 1:
            raise Refused("account-parked", "the account is parked")
        return await World.check_offer(world, given)

    world.check_offer = activity.defn(name="check_offer")(parked_at_first)  # type: ignore[method-assign]
    assert (await (await start(world)).result())["state"] == "issued"
    assert world.checks_when_noted[0] == 2
    assert (world.notes[0].waiting_for, world.notes[0].code) == ("account", "account-parked")
