"""The Temporal server's clock, compared with ours: deadlines mean nothing where the two differ.

Temporal has no call that tells its time. What it does tell is when somebody last polled a task queue, so a queue that
nobody uses is polled for a moment and looked at.
"""

import asyncio
import contextlib
import secrets
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollActivityTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.ports import Clock
from domain.errors import Misconfigured

MOST = timedelta(seconds=60)
_POLL = timedelta(seconds=10)
_LOOK_SECONDS = 0.05
_LOOKS = 60


async def clock_difference(client: Client, clock: Clock | None = None) -> timedelta | None:
    """Return server time minus ours, to about a second; None when the server does not tell.

    Args:
        client: of the server.
        clock: ours; the machine's where none is given.
    """
    queue = TaskQueue(name=f"evercert-clock-{secrets.token_hex(4)}")
    before = await clock.now() if clock else datetime.now(UTC)
    # A poll must be long (servers refuse those of a second or two), but it is seen as soon as it has begun.
    polling = asyncio.create_task(_poll(client, queue))
    try:
        for _ in range(_LOOKS):
            told = await _last_poll(client, queue)
            if told is not None:
                return told - before
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        polling.cancel()
        await asyncio.wait([polling])
    return None


async def _poll(client: Client, queue: TaskQueue) -> None:
    with contextlib.suppress(RPCError):  # what it would answer is of no interest
        await client.workflow_service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(namespace=client.namespace, task_queue=queue, identity="evercert-clock"),
            timeout=_POLL,
        )


async def _last_poll(client: Client, queue: TaskQueue) -> datetime | None:
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=queue, task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
        )
    )
    return max((poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in described.pollers), default=None)


async def check_clock(client: Client, clock: Clock) -> None:
    """Refuse to work with a clock that differs from the server's by more than a minute.

    Raises:
        Misconfigured: ``clock-differs``.
    """
    difference = await clock_difference(client, clock)
    if difference is not None and abs(difference) > MOST:
        raise Misconfigured(
            "clock-differs",
            f"the clock of this machine and that of the Temporal server differ by {difference.total_seconds():.0f} s",
            next_step="set both by NTP, then start again",
        )
