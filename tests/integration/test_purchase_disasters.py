"""One order is one sale, whatever is done to its run: reset everywhere, cancel in flight, terminate and resume."""

import dataclasses

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from domain.inventory import ActState
from starter.client import StartedOrder
from starter.prove.operating import reset_run
from tests.integration.support import House, until_true

pytestmark = pytest.mark.server


async def reset(house: House, started: StartedOrder, event_id: int) -> StartedOrder:
    """Reset a run to just after an event, as an operator may in the Web UI."""
    client = house.client.temporal
    run_id = await reset_run(
        client, started.workflow_id, started.run_id, event_id, reason="a test resets to every event"
    )
    return dataclasses.replace(started, run_id=run_id)


async def test_reset_to_every_event_sells_nothing_again(house: House) -> None:
    started = await house.order("reset.example.test")
    first = await house.issued(started)
    events = (await house.handle(started).fetch_history()).events
    points = [e.event_id for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    assert len(points) > 10
    for point in points:
        again = await house.issued(await reset(house, started, point))
        assert (again.order_id, again.version, again.serial) == (first.order_id, 1, first.serial)
    assert house.sales(started) == 1
    record = await house.record(started)
    assert (record.state, len(await house.client.inventory.versions(record.certificate_id))) == ("issued", 1)
    assert house.dns("reset.example.test") == []


@pytest.mark.parametrize("door", ["update", "native"])
async def test_cancel_while_the_purchase_is_in_flight_asks_the_money_back(healed: House, door: str) -> None:
    house, name = healed, f"{door}.flight.example.test"
    await house.fault("answer_delay", endpoint="order/neworder", seconds=12, times=1)
    await house.fault("issue_delay", seconds=3600)  # however long a command takes to start, it comes in time
    started = await house.order(name)
    await until_true(lambda: _sold(house, started))
    if door == "update":
        said = await house.cli("order", "cancel", started.order_id, "--reason", "wrong name")
        assert said.code == 0, said.err
    else:
        await house.handle(started).cancel(reason="wrong name")
    await house.until_state(started, "awaiting-refund")
    seller_order = (await house.record(started)).seller_order_id
    await house.tell_sandbox("POST", f"orders/{seller_order}/refund", {"approve": True})
    await house.look_at_once(started)
    with pytest.raises(WorkflowFailureError) as caught:
        await house.handle(started).result()
    assert isinstance(caught.value.cause, CancelledError)
    described = await house.handle(started).describe()
    assert described.status is WorkflowExecutionStatus.CANCELED
    record = await house.record(started)
    assert (record.state, house.sales(started), house.dns(name)) == ("cancelled", 1, [])
    story = await house.story(started.order_id)
    assert "refund.requested" in story
    assert story.index("purchase.placed") < story.index("refund.reserved") < story.index("order.cancelled")


async def _sold(house: House, started: StartedOrder) -> bool:
    return house.sales(started) == 1


async def test_a_terminated_order_is_resumed_and_not_bought_again(healed: House) -> None:
    house = healed
    stack = house.stack
    assert stack.worker is not None
    await stack.worker.stop()
    stack.options = dataclasses.replace(stack.options, worker_module="tests.integration.hasty_worker")
    await stack.start_worker()
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("lost.example.test")
    await house.until_state(started, "awaiting-issuance")
    await house.handle(started).terminate("an accident")
    await house.heal()
    said = await house.cli("order", "resume", started.order_id, "--reason", "its run was terminated", "-o", "json")
    assert said.code == 0, said.err
    record = await house.until_state(started, "issued")
    assert record.workflow_id.startswith(f"resume-{started.order_id}")
    assert house.sales(started) == 1
    assert "order.taken-over" in await house.story(started.order_id)
    act = await house.client.inventory.act(started.order_id)
    assert act is not None and act.state is ActState.PLACED
    again = await house.cli("order", "resume", started.order_id)
    assert again.code != 0
    assert "order-ended" in again.err


async def test_in_doubt_is_settled_from_the_command_line(healed: House) -> None:
    house = healed
    await house.client.temporal.service_client.check_health()
    await house.fault("drop_after_sale", times=1)
    await house.fault("unknown_order_shape", shape="error", hide=True)
    await house.fault("query_lag", seconds=86_400)
    started = await house.order("doubt.example.test")
    record = await house.until_order(started, lambda it: "lost" in it.look or "does not show" in it.look)
    assert record.state == "purchasing"
    assert house.sales(started) == 1
    told = await house.cli("order", "explain", started.order_id)
    assert told.code == 0
    assert "sending" in told.out
    refused = await house.cli("order", "resolve", started.order_id, "--not-placed", "--reason", "cannot see it")
    assert "nothing-to-resolve" in refused.err  # the window is not over: nobody has been called yet
    await house.heal()
    await house.look_at_once(started)
    await house.issued(started)
    assert house.sales(started) == 1
    assert "purchase.adopted" in await house.story(started.order_id)
