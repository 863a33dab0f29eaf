"""Paths of an order on a machine of its own: real server, sandbox and worker. The function's name is the path's."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.interface import WORKFLOW_QUEUE
from domain.request import Act
from starter.client import StartedOrder
from starter.prove import operating
from starter.stack import ACCOUNT
from tests.integration.support import House, until_true
from workflows import options

Run = WorkflowHandle[Any, Any]
_BY = Act(by="ann@example.test", reason="mended")
_AT_ONCE = 100


async def plain_order(house: House) -> StartedOrder:
    started = await house.order("plain.example.test", request_id="plain", reason="CHG-1")
    await house.issued(started)
    return started


async def dry_run(house: House) -> StartedOrder:
    started = await house.order("dry.example.test", request_id="dry", dry_run=True)
    await house.client.wait(started)
    return started


async def refused_by_checks(house: House) -> StartedOrder:
    started = await house.order("www.readonly.test", request_id="refused", months=13, max_price="1.00")
    await house.failure(started)
    return started


async def needs_person(house: House) -> StartedOrder:
    await house.fault("foreign_proof", name="_x.www.victim.test", value="x.sectigo.com")
    await house.fault("wrong_leaf", kind="key")
    started = await house.order("person.example.test", request_id="person")
    for code, fault in (("proof-out-of-scope", "foreign_proof"), ("issued-mismatch", "wrong_leaf")):
        order = await house.until_state(started, "needs-person", code)
        await house.tell_sandbox("DELETE", f"faults?fault={fault}")
        await house.client.check_now(order, _BY)
    await house.issued(started)
    return started


async def parked_account(house: House) -> StartedOrder:
    await house.fault("token_rejected", endpoint="order/neworder")
    started = await house.order("parked.example.test", request_id="parked")
    await house.until_order(started, lambda it: it.waiting_for == "account")
    await house.heal()
    assert (await house.cli("account", "check", ACCOUNT)).code == 0
    await house.look_at_once(started)
    await house.issued(started)
    return started


async def cancelled_while_the_seller_is_away(house: House) -> StartedOrder:
    await house.fault("http_502")
    started = await house.order("cancelled.example.test", request_id="cancelled")
    await house.until_order(started, lambda it: it.look.startswith("could not look"))
    handle = house.handle(started)
    await handle.cancel()
    try:
        await handle.result()
    except WorkflowFailureError:
        return started
    raise AssertionError("the order was not cancelled")


async def long_wait(house: House) -> StartedOrder:
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("wait.example.test", request_id="wait")
    order = await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    await house.handle(started).execute_update("extend_deadline", {"by": "ann@example.test", "days": 3})
    await house.client.check_now(order, _BY)
    await house.handle(started).signal("nudge")
    await house.until_resting(started)
    await house.heal()
    await house.issued(started)
    return started


async def worker_killed(house: House) -> StartedOrder:
    """The seller has the order and is slow to answer; the next worker's attempt looks, and adopts it."""
    await house.fault("delay", endpoint="order/neworder", seconds=3, times=1)
    started = await house.order("killed.example.test", request_id="killed")

    async def is_sending() -> bool:
        act = await house.client.inventory.act(started.order_id)
        return act is not None and act.state == "sending"

    await until_true(is_sending)
    assert house.stack.worker is not None
    await house.stack.worker.kill()
    await house.stack.start_worker()
    await house.issued(started)
    return started


async def reset_run(house: House) -> StartedOrder:
    """Reset to where the key was made: the purchase is asked for again and answered from its row."""
    first = await house.order("reset.example.test", request_id="reset")
    await house.issued(first)
    events = (await house.handle(first).fetch_history()).events
    tasks = [e.event_id for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    begun = next(
        e.event_id for e in events if e.activity_task_scheduled_event_attributes.activity_type.name == "purchase"
    )
    point = max(event_id for event_id in tasks if event_id < begun)
    reset = await operating.reset_run(
        house.client.temporal, first.workflow_id, first.run_id, point, reason="the purchase once more"
    )
    again = dataclasses.replace(first, run_id=reset)
    await house.issued(again)
    assert house.sales(again) == 1
    return again


async def sync_continued(house: House) -> dict[str, Run]:
    """A run that is long already when its first worker comes goes on as a new one after the first batch."""
    assert house.stack.worker is not None
    await house.stack.worker.stop()
    begun = await house.client.temporal.start_workflow("SyncOrders", id="sync-filled", task_queue=WORKFLOW_QUEUE)
    for _ in range(0, options.CONTINUE_AS_NEW_EVENTS, _AT_ONCE):
        await asyncio.gather(*(begun.signal("nobody_listens") for _ in range(_AT_ONCE)))
    await house.stack.start_worker()
    newest = house.client.temporal.get_workflow_handle("sync-filled")
    await newest.result()
    runs = begun.first_execution_run_id, (await newest.describe()).run_id
    assert runs[0] != runs[1]
    first, last = (house.client.temporal.get_workflow_handle(begun.id, run_id=run_id) for run_id in runs)
    return {"sync_continued": first, "sync_continued_run": last}


async def continued_as_new(house: House) -> dict[str, Run]:
    """Thousands of nudges fill a run; the next look begins another one, which is asked everything and buys nothing."""
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("filled.example.test", request_id="filled")
    await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    run = house.handle(started)
    for _ in range(0, options.CONTINUE_AS_NEW_EVENTS, _AT_ONCE):
        await asyncio.gather(*(run.signal("nudge") for _ in range(_AT_ONCE)))
    await house.until_resting(started)
    await run.signal("check_now_signal", {"by": "ann@example.test"})
    newest = house.client.temporal.get_workflow_handle(started.workflow_id)

    async def is_continued() -> bool:
        return (await newest.describe()).run_id != started.run_id

    await until_true(is_continued)
    await house.heal()
    await newest.result()
    assert house.sales(started) == 1
    last = house.client.temporal.get_workflow_handle(started.workflow_id, run_id=(await newest.describe()).run_id)
    return {"continued_as_new": run, "continued_run": last}


PATHS: dict[str, Callable[[House], Awaitable[StartedOrder | dict[str, Run]]]] = {
    path.__name__: path
    for path in (
        plain_order, dry_run, refused_by_checks, needs_person, parked_account, cancelled_while_the_seller_is_away,
        long_wait, worker_killed, reset_run, continued_as_new, sync_continued,
    )
}  # fmt: skip
"""One way that an order may go, each."""
