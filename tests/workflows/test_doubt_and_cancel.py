"""Doubt settled by a person, cancel by every door, refunds, and orders whose run was lost: in a scripted world."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from activities.messages import (
    AwaitResult,
    PurchaseResult,
    RefundResult,
    ResolveInput,
)
from domain.errors import Refused
from tests.workflows.conftest import REQUEST, Start
from tests.workflows.test_issue import BY, IN_DOUBT, PLACED, failure_of, needs_person, until
from tests.workflows.world import ACTIVE, Script, World, not_yet

pytestmark = pytest.mark.timeskip

PAYMENT = PurchaseResult(outcome="needs-person", code="seller-payment-required", message="the balance is too low")
REQUESTED = RefundResult(outcome="requested", refund_request_id="7")
UNDECIDED = RefundResult(outcome="undecided", code="refund-undecided", message="not decided for a week")


def ruling(outcome: str, **more: str) -> dict[str, Any]:
    return {**BY, "outcome": outcome, **more}


async def refused(handle: Any, update: str, payload: dict[str, Any]) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, payload)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def cancelled(handle: Any) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)


async def test_a_lost_order_is_taken_over_and_not_bought_again(start: Start) -> None:
    world = World(takeovers=Script([not_yet(), None]))
    lost = "EC-" + "A" * 26
    result = await (await start(world, {**REQUEST, "resume_order": lost})).result()
    assert (result["order_id"], result["state"]) == (lost, "issued")
    assert world.takeovers.calls == 2


@pytest.mark.parametrize(
    "payload", [ruling("placed", seller_order_id="9912345"), ruling("not-placed")], ids=["placed", "not placed"]
)
async def test_a_ruling_lets_the_order_go_on(start: Start, payload: dict[str, Any]) -> None:
    world = World(purchases=Script([IN_DOUBT, PLACED]))
    handle = await start(world)
    await until(handle, needs_person)
    answer = await handle.execute_update("resolve_purchase", payload)
    assert answer["done"]
    assert (await handle.result())["state"] == "issued"
    assert world.rulings.calls == 1


async def test_abandon_ends_the_run_and_says_that_money_counts_as_spent(start: Start) -> None:
    given_up = PurchaseResult(outcome="abandoned", code="purchase-abandoned", message="given up")
    world = World(purchases=Script([IN_DOUBT, given_up]))
    handle = await start(world)
    await until(handle, needs_person)
    await handle.execute_update("resolve_purchase", ruling("abandon"))
    error = await failure_of(handle)
    assert error.type == "purchase-abandoned"
    assert "Nothing was bought" not in error.message
    assert world.states() == ["needs-person", "abandoned"]


async def test_a_refused_ruling_is_part_of_the_trail(start: Start) -> None:
    world = World(
        purchases=Script([IN_DOUBT, PLACED]),
        rulings=Script([Refused("too-early-to-tell", "a sale may still show up"), PLACED]),
    )
    handle = await start(world)
    await until(handle, needs_person)
    assert (await refused(handle, "resolve_purchase", ruling("not-placed"))).type == "too-early-to-tell"
    note = world.notes[-1]
    assert (note.kind, note.refused_code) == ("purchase.ruling-refused", "too-early-to-tell")
    assert note.refused_detail == "not-placed: a sale may still show up"
    assert note.code == IN_DOUBT.code  # the order goes on showing its doubt, which other commands go by
    assert needs_person(await handle.query("status"))
    await handle.execute_update("resolve_purchase", ruling("not-placed"))
    assert (await handle.result())["state"] == "issued"


@dataclass
class Thinking(World):
    """A seller that takes its time over a ruling."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="resolve_purchase")
    async def resolve_purchase(self, given: ResolveInput) -> PurchaseResult:
        self.asked.set()
        await self.answer.wait()
        return await super().resolve_purchase(given)


async def test_a_ruling_that_comes_while_another_is_looked_at_is_told_so(start: Start) -> None:
    world = Thinking(purchases=Script([IN_DOUBT, PLACED]))
    handle = await start(world)
    await until(handle, needs_person)
    first = asyncio.create_task(handle.execute_update("resolve_purchase", ruling("placed", seller_order_id="9912345")))
    await world.asked.wait()
    notes = len(world.notes)
    second = await handle.execute_update("resolve_purchase", ruling("abandon"))
    assert (second["done"], second["message"].partition(":")[0]) == (False, "busy")
    world.answer.set()
    assert (await first)["done"]
    assert (await handle.result())["state"] == "issued"
    assert world.rulings.calls == 1
    assert not [it for it in world.notes[notes:] if "ruling" in it.kind]  # nobody was refused


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (ruling("placed"), "input-invalid"),
        (ruling("placed", seller_order_id=""), "input-invalid"),
        (ruling("placed", seller_order_id="1" * 21), "input-invalid"),
        (ruling("placed", seller_order_id="99\x0712"), "input-invalid"),
        (ruling("placed", seller_order_id="EC-" + "A" * 26), "input-invalid"),
        (ruling("not-placed", seller_order_id="1"), "input-invalid"),
        (ruling("placed", seller_order_id="EC-1; drop"), "input-invalid"),
        (ruling("perhaps"), "input-invalid"),
        (ruling("refunded"), "nothing-to-resolve"),
    ],
)
async def test_a_ruling_of_the_wrong_shape_changes_nothing(start: Start, payload: dict[str, Any], code: str) -> None:
    world = World(purchases=Script([IN_DOUBT]))
    handle = await start(world)
    await until(handle, needs_person)
    assert (await refused(handle, "resolve_purchase", payload)).type == code
    assert world.rulings.calls == 0
    await handle.terminate()


async def test_nothing_is_ruled_where_nothing_is_in_doubt(start: Start, env: WorkflowEnvironment) -> None:
    world = World(looks=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "awaiting-issuance")
        assert (await refused(handle, "resolve_purchase", ruling("abandon"))).type == "nothing-to-resolve"
        await handle.terminate()


@pytest.mark.parametrize("door", ["update", "signal", "native"])
async def test_cancel_before_the_purchase_buys_nothing(start: Start, env: WorkflowEnvironment, door: str) -> None:
    world = World(checking=Script([not_yet()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "checking" and world.checking.calls > 0)
        await knock(handle, door)
        await cancelled(handle)
    assert world.purchases.calls == 0
    assert world.states()[-1] == "cancelled"
    assert world.notes[-1].detail.startswith("nothing was bought")


async def knock(handle: Any, door: str) -> None:
    """Ask for the cancel by one of its doors."""
    if door == "update":
        await handle.execute_update("cancel", BY)
    elif door == "signal":
        await handle.signal("cancel_signal", BY)
    else:
        await handle.cancel(reason="changed our mind")


async def test_an_undecided_refund_calls_a_person_who_states_the_outcome(start: Start) -> None:
    for outcome, end in (("refunded", "cancelled"), ("not-refunded", "issued")):
        world = World(looks=Script([not_yet()]), decisions=Script([UNDECIDED]))
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "awaiting-issuance")
        await handle.cancel(reason="changed our mind")
        assert (await until(handle, needs_person))["code"] == "refund-undecided"
        world.looks.answers = [AwaitResult(view=ACTIVE)]
        await handle.execute_update("resolve_purchase", ruling(outcome))
        if end == "cancelled":
            await cancelled(handle)
        else:
            assert (await handle.result())["state"] == "issued"
        assert world.states()[-1] == end


async def test_cancel_while_in_doubt_waits_for_the_ruling(start: Start) -> None:
    world = World(purchases=Script([IN_DOUBT, PLACED]))
    handle = await start(world)
    await until(handle, needs_person)
    await handle.execute_update("cancel", BY)
    await asyncio.sleep(0.2)
    assert needs_person(await handle.query("status"))
    assert world.refunds.calls == 0
    await handle.execute_update("resolve_purchase", ruling("placed", seller_order_id="9912345"))
    await cancelled(handle)
    assert world.refunds.calls == 1


async def test_cancel_of_an_order_that_the_seller_would_not_take_is_free(start: Start) -> None:
    world = World(purchases=Script([PAYMENT]))
    handle = await start(world)
    await until(handle, needs_person)
    await handle.execute_update("cancel", BY)
    await cancelled(handle)
    assert world.refunds.calls == 0
    assert world.notes[-1].detail.startswith("nothing was bought")


async def test_payment_is_made_by_a_person_and_the_order_goes_on(start: Start) -> None:
    world = World(purchases=Script([PAYMENT, PLACED]))
    handle = await start(world)
    assert (await until(handle, needs_person))["code"] == "seller-payment-required"
    await handle.execute_update("check_now", BY)
    assert (await handle.result())["state"] == "issued"


async def test_a_second_cancel_is_refused(start: Start) -> None:
    world = World(purchases=Script([IN_DOUBT]))
    handle = await start(world)
    await until(handle, needs_person)
    await handle.execute_update("cancel", BY)
    await until(handle, lambda s: True)
    await asyncio.sleep(0.1)
    assert (await refused(handle, "cancel", BY)).type == "cancel-asked"
    await handle.terminate()


async def test_an_order_that_is_not_orphaned_is_left_alone(start: Start) -> None:
    world = World(takeovers=Script([Refused("run-alive", "its run is alive")]))
    error = await failure_of(await start(world, {**REQUEST, "resume_order": "EC-" + "A" * 26}))
    assert error.type == "run-alive"
    assert world.purchases.calls == 0


async def test_a_run_that_lost_its_order_stops_at_once(start: Start) -> None:
    world = World(proofs=Script([Refused("not-owner", "another run took it over")]))
    error = await failure_of(await start(world))
    assert error.type == "not-owner"
    assert world.states() == []
    assert world.publishing.calls == 0


async def test_a_cancel_waits_until_the_order_has_a_row_so_that_none_is_opened_after_the_end(start: Start) -> None:
    world, opened, go = World(), asyncio.Event(), asyncio.Event()
    check = World.check_request

    async def slow(given: Any) -> Any:
        opened.set()
        await go.wait()
        return await check(world, given)

    slow.__annotations__ = check.__annotations__
    world.check_request = activity.defn(name="check_request")(slow)  # type: ignore[method-assign]
    handle = await start(world)
    await opened.wait()
    await handle.cancel()
    while EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED not in [
        event.event_type for event in (await handle.fetch_history()).events
    ]:
        await asyncio.sleep(0.01)
    await handle.query("status")  # whatever follows from the request has been done by now
    go.set()
    await cancelled(handle)
    assert world.states()[-1:] == ["cancelled"]
    assert world.checks_when_noted[-1] == 1
