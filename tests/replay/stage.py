"""A stage for recording: a server that skips time, and orders in a scripted world, each step taken when the run rests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, IndexedValueType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interface import DNS_QUEUE, KEYS_QUEUE, SELLER_QUEUE, WORKFLOW_QUEUE
from starter.plugin import WORKFLOWS, evercert_plugin
from tests.support.temporal import start_time_skipping
from tests.workflows.test_sync_orders import SyncWorld
from tests.workflows.world import World
from workflows.search_attributes import REGISTRATION

BY: dict[str, Any] = {"by": "ann@example.test", "reason": "CHG-1"}
SMALLEST: dict[str, Any] = {
    "account": "sandbox",
    "product": "positivessl",
    "common_name": "www.example.test",
    "months": 12,
    "dcv": {"method": "dns", "dns_account": "sandbox"},
}

Run = WorkflowHandle[Any, Any]
_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}
_LOOK_SECONDS = 0.02
_ENDS_OF_ACTIVITIES = frozenset(
    {
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
        EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
    }
)


class Stage:
    """Starts orders and acts on them. Nothing is done to a run before it rests, so that each recording comes out alike.

    Args:
        env: server with its own clock.
    """

    def __init__(self, env: WorkflowEnvironment) -> None:
        self.env = env
        self._workers = AsyncExitStack()

    async def begin(
        self, path: str, world: World | SyncWorld, request: Any = SMALLEST, workflow: str = "IssueCertificate"
    ) -> Run:
        """Start a workflow in a world; the workers of the world before end."""
        await self.close()
        for queue in (WORKFLOW_QUEUE, SELLER_QUEUE, DNS_QUEUE, KEYS_QUEUE):
            worker = Worker(
                self.env.client,
                task_queue=queue,
                workflows=WORKFLOWS if queue == WORKFLOW_QUEUE else [],
                activities=world.all(),
            )
            await self._workers.enter_async_context(worker)
        args = {} if request is None else {"arg": request}
        return await self.env.client.start_workflow(workflow, id=f"t-{path}", task_queue=WORKFLOW_QUEUE, **args)

    async def close(self) -> None:
        """Stop the workers."""
        await self._workers.pop_all().aclose()

    async def rests(self, run: Run, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the status is as wanted and nothing but polls between two looks is under way."""
        while True:
            status: dict[str, Any] = await run.query("status")
            if is_so(status) and await self._is_quiet(run):
                return status
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_quiet(self, run: Run) -> bool:
        asked = DescribeWorkflowExecutionRequest(
            namespace=self.env.client.namespace, execution=WorkflowExecution(workflow_id=run.id)
        )
        # Not run.describe(): it stumbles over a date that was unset again.
        described = await self.env.client.workflow_service.describe_workflow_execution(asked)
        if any(it.attempt < 2 for it in described.pending_activities):  # a poll waits hours for its second try
            return False
        events = (await run.fetch_history()).events
        tasks = [e for e in events if "WORKFLOW_TASK" in EventType.Name(e.event_type)]
        is_told = tasks[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        return is_told and open_activities(events) <= len(described.pending_activities)

    async def is_told(self, run: Run, kind: "EventType.ValueType") -> None:
        """Wait until an event of a kind is there and the run has worked through it."""
        while True:
            kinds = [event.event_type for event in (await run.fetch_history()).events]
            if kind in kinds and EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in kinds[kinds.index(kind) :]:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def act(self, run: Run, update: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send an update and return its answer."""
        answer: dict[str, Any] = await run.execute_update(update, payload)
        return answer

    async def refused(self, run: Run, update: str, payload: dict[str, Any]) -> str:
        """Send an update that must be refused, and return the code."""
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await run.execute_update(update, payload)
        assert isinstance(caught.value.cause, ApplicationError)
        return caught.value.cause.type or ""

    async def failed(self, run: Run) -> str:
        """Wait for the end, which must not be a good one; its code, or ``cancelled``."""
        with pytest.raises(WorkflowFailureError) as caught:
            await run.result()
        cause = caught.value.cause
        return cause.type or "" if isinstance(cause, ApplicationError) else "cancelled"

    async def issued(self, run: Run) -> None:
        """Wait for the end, which must be the good one."""
        assert (await run.result())["state"] == "issued"


def open_activities(events: Sequence[HistoryEvent]) -> int:
    """How many activities have begun and not ended."""
    begun = sum(e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED for e in events)
    return begun - sum(e.event_type in _ENDS_OF_ACTIVITIES for e in events)


def needs_person(status: dict[str, Any]) -> bool:
    return bool(status["state"] == "needs-person")


def awaits_issuance(status: dict[str, Any]) -> bool:
    return bool(status["state"] == "awaiting-issuance")


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Start a server whose clock stands still but where a path waits for a run's end, and end it."""
    async with await start_time_skipping(plugins=[evercert_plugin()]) as env:
        with contextlib.suppress(RPCError):
            await env.client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=env.client.namespace,
                    search_attributes={name: _TYPES[kind] for name, kind in REGISTRATION.items()},
                )
            )
        stage = Stage(env)
        try:
            yield stage
        finally:
            await stage.close()
