"""``temporal workflow reset``: an operator sets the run of an order back to any of its events."""

import dataclasses
from random import Random

from temporalio.api.enums.v1 import EventType

from domain.order import OrderState
from starter.client import StartedOrder
from starter.prove.operating import reset_run
from starter.prove.trial import Trial

SINGLE = ("finished/any", "waiting/any")
EVERY = ("finished/every", "waiting/every")
_HOUR = 3600


async def reset(trial: Trial) -> None:
    """Reset the run of an order to points in its history, one after the other; each run comes to the same end.

    A run that has finished is followed to its end each time; one that waits for the CA until it waits again, and to its
    end after the last. ``any`` takes one point by the seed, ``every`` takes all.
    """
    when, _, which = trial.case.at.partition("/")
    is_waiting = when == "waiting"
    await trial.set_scene()
    if is_waiting:
        await trial.lane.fault("issue_delay", seconds=_HOUR)
    await trial.lane.start_worker()
    first = await trial.order()
    await _follow(trial, is_waiting=is_waiting)
    points = await _points(trial, first)
    if which == "any":
        points = [Random(trial.case.seed).choice(points)]  # noqa: S311 - reproducible on purpose
    ended = await trial.facts()
    for point in points:
        # Always the first run, whose events these are; the one that goes on meanwhile is ended by the reset.
        trial.started = await _reset(trial, first, point)
        await _follow(trial, is_waiting=is_waiting)
        now = await trial.facts()
        for what in ("order_id", "seller_order_id", "versions", "serial", "keys", "sales", "posts"):
            if getattr(now, what) != getattr(ended, what):
                trial.troubles.append(
                    f"reset to event {point}: {what} was {getattr(ended, what)}, is {getattr(now, what)}"
                )
    await trial.lane.heal()
    await trial.finish()


async def _follow(trial: Trial, *, is_waiting: bool) -> None:
    if is_waiting:
        await trial.finish(also=lambda record: record.state == OrderState.AWAITING_ISSUANCE and bool(record.look))
    else:
        await trial.finish()


async def _points(trial: Trial, started: StartedOrder) -> list[int]:
    """Return the events that a run can be reset to: where a workflow task ended."""
    handle = trial.lane.temporal.get_workflow_handle(started.workflow_id, run_id=started.run_id)
    events = (await handle.fetch_history()).events
    return [it.event_id for it in events if it.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]


async def _reset(trial: Trial, started: StartedOrder, event_id: int) -> StartedOrder:
    run_id = await reset_run(
        trial.lane.temporal, started.workflow_id, started.run_id, event_id, reason="a proof resets runs"
    )
    return dataclasses.replace(started, run_id=run_id)
