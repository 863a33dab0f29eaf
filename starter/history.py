"""A run's history as steps with their event ids: what proves a statement about an order."""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

START = "start"
END = "end"

_ENDS_OF_ACTIVITIES = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: ("activity_task_completed_event_attributes", "completed"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: ("activity_task_failed_event_attributes", "failed"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: ("activity_task_timed_out_event_attributes", "timed-out"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: ("activity_task_canceled_event_attributes", "cancelled"),
}
_ENDS_OF_RUNS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed-out",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued",
}


@dataclass(frozen=True)
class HistoryStep:
    """Something that happened in a run.

    Attributes:
        name: the activity's type, the update's name, ``start`` or ``end``.
        first: id of the event that began it.
        last: id of the event that ended it; equal to ``first`` while it is pending.
        outcome: ``pending``, ``completed``, ``failed``, ``timed-out``, ``cancelled`` or ``terminated``.
        at: when it ended, or began while pending, UTC.
        summary: the line that the Web UI shows for it.
    """

    name: str
    first: int
    last: int
    outcome: str
    at: datetime
    summary: str = ""


@dataclass(frozen=True)
class RunHistory:
    """The newest run of an order, in the order of its events."""

    workflow_id: str
    run_id: str
    steps: tuple[HistoryStep, ...]

    @property
    def is_open(self) -> bool:
        """Whether the run goes on."""
        return not self.named(END)

    def named(self, *names: str) -> tuple[HistoryStep, ...]:
        """Return the steps of these names."""
        return tuple(step for step in self.steps if step.name in names)


async def read_steps(
    events: AsyncIterable[HistoryEvent], text_of: Callable[[Payload], Awaitable[str]]
) -> tuple[HistoryStep, ...]:
    """Return the steps of a history: activities and updates from first to last event, start and end of the run.

    Args:
        events: of one run.
        text_of: reads the payload of a summary.
    """
    steps: dict[int, HistoryStep] = {}
    async for event in events:
        begun = _begun(event)
        if begun is not None:
            has_summary = event.HasField("user_metadata") and event.user_metadata.HasField("summary")
            summary = await text_of(event.user_metadata.summary) if has_summary else ""
            steps[event.event_id] = replace(begun, summary=summary)
            continue
        first, outcome = _ended(event)
        if first in steps:
            steps[first] = replace(steps[first], last=event.event_id, outcome=outcome, at=_at(event))
    return tuple(steps[first] for first in sorted(steps))


def _begun(event: HistoryEvent) -> HistoryStep | None:
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            return _step(event, START, "completed")
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            return _step(event, event.activity_task_scheduled_event_attributes.activity_type.name, "pending")
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            asked = event.workflow_execution_update_accepted_event_attributes.accepted_request
            return _step(event, asked.input.name, "pending")
    if event.event_type in _ENDS_OF_RUNS:
        return _step(event, END, _ENDS_OF_RUNS[event.event_type])
    return None


def _ended(event: HistoryEvent) -> tuple[int, str]:
    """Return which step an event ends, and how; 0 when none."""
    if event.event_type in _ENDS_OF_ACTIVITIES:
        field, outcome = _ENDS_OF_ACTIVITIES[event.event_type]
        return int(getattr(event, field).scheduled_event_id), outcome
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
        ended = event.workflow_execution_update_completed_event_attributes
        return ended.accepted_event_id, "failed" if ended.outcome.HasField("failure") else "completed"
    return 0, ""


def _step(event: HistoryEvent, name: str, outcome: str) -> HistoryStep:
    return HistoryStep(name, event.event_id, event.event_id, outcome, _at(event))


def _at(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
