"""The schedules of Evercert: what a Temporal server starts by itself, made where it is not there yet.

Written to be repeated: after each start of the embedded server, and by ``evercert temporal provision`` on others. One that
is there is left as it is, whatever a person changed on it: its pause, its interval, its notes.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import WORKFLOW_QUEUE
from domain.errors import Unavailable
from workflows.sync_orders import SyncOrders

SYNC_SCHEDULE = "evercert-sync"
SYNC_EVERY = timedelta(minutes=15)
_CATCH_UP = timedelta(minutes=1)
_NOTE = "Takes up orders whose run is lost and compares the sellers' lists with the inventory (evercert alert list)."


@dataclass(frozen=True)
class SchedulesReport:
    """What was made, or with ``dry_run`` would be, and what is there and not as Evercert would make it."""

    changed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


async def provide_schedules(client: Client, *, dry_run: bool = False) -> SchedulesReport:
    """Make the schedules that are not there yet. Repeating changes nothing.

    Raises:
        Unavailable: ``temporal-not-ready``.
    """
    try:
        there = await _described(client, SYNC_SCHEDULE)
        if there is not None:
            return SchedulesReport(differs=_differences(there))
        if not dry_run:
            await _make(client)
    except RPCError as error:
        raise Unavailable(
            "temporal-not-ready",
            f"the Temporal server does not take the schedule {SYNC_SCHEDULE} ({error.status.name})",
        ) from None
    return SchedulesReport(changed=(f"schedule {SYNC_SCHEDULE} made, every {_minutes(SYNC_EVERY)}",))


async def _make(client: Client) -> None:
    try:
        await client.create_schedule(SYNC_SCHEDULE, sync_schedule())
    except ScheduleAlreadyRunningError:
        return  # somebody else was quicker; what counts is that it is there


def sync_schedule() -> Schedule:
    """Return the schedule of ``SyncOrders``: a look that is still under way is not joined by a second one."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SyncOrders.run,
            id="sync",
            task_queue=WORKFLOW_QUEUE,
            static_summary="compare orders and sales",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SYNC_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
        state=ScheduleState(note=_NOTE),
    )


async def missing_schedules(client: Client) -> tuple[str, ...]:
    """Return the schedules that are not there, or are paused, each with the reason. Raises what Temporal raises."""
    there = await _described(client, SYNC_SCHEDULE)
    if there is None:
        return (f"{SYNC_SCHEDULE} is not there",)
    return (f"{SYNC_SCHEDULE} is paused",) if there.schedule.state.paused else ()


async def _described(client: Client, schedule: str) -> ScheduleDescription | None:
    try:
        return await client.get_schedule_handle(schedule).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def _differences(there: ScheduleDescription) -> tuple[str, ...]:
    found: list[str] = []
    action, spec = there.schedule.action, there.schedule.spec
    if not isinstance(action, ScheduleActionStartWorkflow) or (action.workflow, action.task_queue) != (
        "SyncOrders",
        WORKFLOW_QUEUE,
    ):
        found.append(f"schedule {SYNC_SCHEDULE} starts something else than SyncOrders on {WORKFLOW_QUEUE}; left")
    if [interval.every for interval in spec.intervals] != [SYNC_EVERY] or spec.calendars or spec.cron_expressions:
        found.append(f"schedule {SYNC_SCHEDULE} has other times than every {_minutes(SYNC_EVERY)}; left")
    if there.schedule.state.paused:
        found.append(f"schedule {SYNC_SCHEDULE} is paused; left")
    return tuple(found)


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} minutes"
