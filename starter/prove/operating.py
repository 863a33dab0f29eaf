"""What an operator does to a run: reset it to an event, have what waits tried at once, give up on a worker that is dead."""

import contextlib
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import (
    ResetActivityRequest,
    ResetStickyTaskQueueRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

_AT_ONCE = timedelta(milliseconds=1)


async def reset_run(client: Client, workflow_id: str, run_id: str, event_id: int, *, reason: str) -> str:
    """Reset a run to just after an event, and return the id of the run that goes on from there.

    Repeated for the same event it is one reset.
    """
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            workflow_task_finish_event_id=event_id,
            request_id=f"{run_id}-{event_id}",
            reason=reason,
        )
    )
    return answer.run_id


async def try_now(client: Client, workflow_id: str, run_id: str = "") -> None:
    """Let every activity of a run that waits for its next try be tried now; ``run_id`` empty: of the newest run.

    One that is being tried is left alone: the server would lose its answer.

    Raises:
        RPCError: there is no such run.
    """
    described = await client.get_workflow_handle(workflow_id, run_id=run_id or None).describe()
    for pending in described.raw_description.pending_activities:
        if pending.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
            continue
        with contextlib.suppress(RPCError):  # it has ended meanwhile
            await client.workflow_service.reset_activity(
                ResetActivityRequest(
                    namespace=client.namespace,
                    execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
                    id=pending.activity_id,
                )
            )


async def give_up_worker(client: Client, workflow_id: str) -> None:
    """Let everything that a run has in the hands of workers be taken up by another one, as *activity fail* of the CLI does.

    Temporal does so by itself when a heartbeat has stayed out for ten seconds, and tries again two seconds later; whoever
    knows that the only worker is dead need not wait for that. The next try is the second one either way. Repeated it finds
    nothing more to give up.

    Raises:
        RPCError: there is no such run.
    """
    described = await client.get_workflow_handle(workflow_id).describe()
    run_id = described.run_id
    for pending in described.raw_description.pending_activities:
        if pending.state != PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            continue
        lost = client.get_async_activity_handle(workflow_id=workflow_id, run_id=run_id, activity_id=pending.activity_id)
        with contextlib.suppress(RPCError):  # it was missed meanwhile
            await lost.fail(ApplicationError("its worker was killed", next_retry_delay=_AT_ONCE))
    # What follows would be offered to the dead worker for ten seconds, since it holds the run in its memory.
    await client.workflow_service.reset_sticky_task_queue(
        ResetStickyTaskQueueRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        )
    )
