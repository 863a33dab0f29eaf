"""A workflow of no-op activities in the shape of a real order: what Temporal alone costs, without Evercert.

The shape is read from the history of a real order: which activities, on which queues, with which time-outs and retries, and
which of them at once. Nothing of Evercert is imported here: plain converter, no interceptor, the SDK's own sandbox.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

QUEUE_SUFFIX = "-bare"
"""The bare worker polls queues of its own beside those of the real one."""


@dataclass(frozen=True)
class Step:
    """One activity, as it was scheduled.

    Attributes:
        queue: task queue.
        start_to_close_seconds, heartbeat_seconds: its time-outs.
        first_pause_seconds, backoff, longest_pause_seconds: its retry policy.
    """

    queue: str
    start_to_close_seconds: float
    heartbeat_seconds: float
    first_pause_seconds: float
    backoff: float
    longest_pause_seconds: float


@dataclass(frozen=True)
class Shape:
    """What is done one after the other; the steps of one group at once."""

    groups: list[list[Step]]

    @property
    def activities(self) -> int:
        """How many activities it has."""
        return sum(map(len, self.groups))

    @property
    def queues(self) -> list[str]:
        """The task queues, each once."""
        return sorted({step.queue for group in self.groups for step in group})


@activity.defn(name="nothing")
async def nothing() -> None:
    """Do nothing. Twice: nothing again."""


@workflow.defn(name="Bare")
class Bare:
    """Runs a shape."""

    @workflow.run
    async def run(self, shape: Shape) -> int:
        """Do every step; return how many there were."""
        done = 0
        for group in shape.groups:
            await asyncio.gather(*(self._do(step) for step in group))
            done += len(group)
        return done

    async def _do(self, step: Step) -> None:
        await workflow.execute_activity(
            nothing,
            task_queue=step.queue,
            start_to_close_timeout=timedelta(seconds=step.start_to_close_seconds),
            heartbeat_timeout=timedelta(seconds=step.heartbeat_seconds),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=step.first_pause_seconds),
                backoff_coefficient=step.backoff,
                maximum_interval=timedelta(seconds=step.longest_pause_seconds),
            ),
        )
