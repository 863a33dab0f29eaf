"""Whoever stops an order, by whichever door, in whichever moment: it ends refunded or issued, never paid for nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.inventory import OrderRecord
from domain.order import OrderState
from domain.request import Act
from starter.prove.boundaries import Blow, Strike
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker
from workflows.messages import ActAnswer

_SURE_AFTER_SECONDS = 1.0
_SETTLE_SECONDS = 0.5
_REASON = "a proof stops orders"
_TOO_LATE = "too-late-to-cancel"
_BEFORE = ("start", "check_request", "check_offer", "check_zones", "prepare_key")
_LATE = ("record", "withdraw_proof", "note_state")
"""Activities in which the order is bought, issued and collected."""


async def cancel_by_update(trial: Trial) -> None:
    """Freeze the worker, ask by update, wake it: what the answer promises comes true."""
    worker = await _frozen(trial)
    if worker is None:
        return
    asking = asyncio.create_task(_ask(trial))
    await asyncio.sleep(_SETTLE_SECONDS)
    worker.wake()
    await _finish(trial)
    await worker.until_quiet()
    refused = await asking
    state = await _state(trial)
    if refused:
        if refused != _TOO_LATE or state != OrderState.ISSUED:
            trial.troubles.append(f"the cancel was refused with {refused}, and the order is {state}")
    elif state != OrderState.CANCELLED:
        trial.troubles.append(f"the cancel was accepted, and the order is {state}")
    await _judge(trial, state)


async def cancel_natively(trial: Trial) -> None:
    """Freeze the worker, ask Temporal to cancel the run, wake it."""
    worker = await _frozen(trial)
    if worker is None or trial.started is None:
        return
    await trial.lane.run_of(trial.started).cancel(reason=_REASON)
    worker.wake()
    await _finish(trial)
    await worker.until_quiet()  # what was cut short takes away again what it wrote
    await _judge(trial, await _state(trial))


async def terminate(trial: Trial) -> None:
    """Freeze the worker, terminate the run, wake it: the order is taken up by another run and not bought again.

    Where it has no row yet, nothing is there to be taken up, and it is ordered again.
    """
    worker = await _frozen(trial, sure_after_seconds=_SURE_AFTER_SECONDS)
    lost = trial.started
    if worker is None or lost is None:
        return
    await trial.lane.run_of(lost).terminate(_REASON)
    worker.wake()
    await worker.until_quiet()
    record = await trial.lane.record(lost)
    if record is None:
        await trial.order()
    elif not await trial.is_over(record):
        await trial.lane.client.resume(record, by="prove", reason=_REASON)
    elif record.state != OrderState.ISSUED:
        trial.troubles.append(f"a terminated run left its order {record.state}")
    await trial.finish()
    if record is None and await trial.lane.record(lost) is not None:
        trial.troubles.append(f"the order {lost.order_id} of a terminated run came to be after all")


async def _frozen(trial: Trial, *, sure_after_seconds: float = 0.0) -> WatchedWorker | None:
    await trial.set_scene()
    strike = Strike(trial.case.at, Blow.FREEZE)
    worker = await trial.lane.start_worker(strike, sure_after_seconds=sure_after_seconds)
    await trial.order()
    return worker if await trial.until_struck(worker) else None


async def _ask(trial: Trial) -> str:
    """Ask by update; returns the code of the refusal, or nothing."""
    assert trial.started is not None
    try:
        answer: ActAnswer = await trial.lane.run_of(trial.started).execute_update(
            "cancel", Act(by="prove", reason=_REASON), result_type=ActAnswer
        )
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        return (cause.type if isinstance(cause, ApplicationError) else None) or type(error).__name__
    return "" if answer.done else "not-done"


async def _finish(trial: Trial) -> None:
    """Follow the order to its end; the seller decides about the refund when it is asked for one."""
    while True:
        await trial.finish(also=lambda record: record.state == OrderState.AWAITING_REFUND)
        assert trial.started is not None
        record = await trial.lane.record(trial.started)
        if record is None or await trial.is_over(record):
            return
        if record.state == OrderState.AWAITING_REFUND:
            await _refund(trial, record)


async def _refund(trial: Trial, record: OrderRecord) -> None:
    assert trial.started is not None
    orders = (await trial.lane.tell_sandbox("GET", "orders"))["orders"]
    shown = next((it for it in orders if it["seller_order_id"] == record.seller_order_id), None)
    if shown is None or not shown["refund_request_id"]:
        trial.troubles.append("the order waits for a refund that the seller was never asked for")
        raise AssertionError("no refund is asked for")
    if not shown["refund_approved"]:
        await trial.lane.tell_sandbox("POST", f"orders/{record.seller_order_id}/refund", {"approve": True})
    await trial.lane.look_at_once(trial.started)
    await asyncio.sleep(_SETTLE_SECONDS)


async def _state(trial: Trial) -> str:
    assert trial.started is not None
    record = await trial.lane.record(trial.started)
    if record is not None:
        return record.state
    described = await trial.lane.run_of(trial.started).describe()
    # Stopped before anything was written of it: there is nothing to show but the run itself.
    return OrderState.CANCELLED if described.status is WorkflowExecutionStatus.CANCELED else "without a row"


async def _judge(trial: Trial, state: str) -> None:
    """Judge by the moment: before the purchase nothing is sold, and what was not too late to stop was stopped."""
    doing = trial.case.at.partition("/")[0]
    if doing in _BEFORE and (state != OrderState.CANCELLED or await trial.lane.sold(trial.name)):
        trial.troubles.append(f"cancelled before the purchase, and the order is {state}")
    if doing not in _LATE and state != OrderState.CANCELLED:
        trial.troubles.append(f"cancelled in time, and the order is {state}")


DOORS: dict[str, tuple[str, Callable[[Trial], Awaitable[None]]]] = {
    "cancel-update": ("update cancel while the worker stands at a boundary", cancel_by_update),
    "cancel-native": ("Temporal's own cancel while the worker stands at a boundary", cancel_natively),
    "terminate": ("the run is terminated while the worker stands at a boundary; another takes its order up", terminate),
}
"""The doors by which a run is stopped."""
