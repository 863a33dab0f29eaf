"""What an operator does to a run in the Temporal Web UI: reset it to an event, and have what waits tried at once."""

import contextlib

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import ResetActivityRequest, ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError


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
