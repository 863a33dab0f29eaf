"""Runs of orders at Temporal: whether one goes on, waking it, and starting another that takes a lost order up.

Activities use it with the client of their worker, services and the command line with their own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import WORKFLOW_QUEUE
from domain import ids
from domain.errors import InvalidRequest, Refused, Unavailable
from domain.inventory import OrderRecord
from domain.order import STATES, OrderState
from domain.policy import request_digest
from domain.request import OrderRequest

ISSUE = "IssueCertificate"
"""Type of the workflow that orders; named here, since activities know no workflow."""


_OPEN = (
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED,
)
"""A run that a person paused goes on one day; the SDK has no word for it and fails where it meets one."""


@dataclass(frozen=True)
class Run:
    """The newest run of a workflow id.

    Attributes:
        run_id: its own.
        first_run_id: of the run that began its chain, the one that an order names as its owner; a server may not tell it.
        is_open: it has not closed.
        was_cancelled: it closed as cancelled: nobody terminated it or lost it.
    """

    run_id: str
    first_run_id: str
    is_open: bool
    was_cancelled: bool = False

    def is_of(self, first_run_id: str) -> bool:
        """Tell whether it belongs to the chain that began with that run."""
        return self.first_run_id in ("", first_run_id)


@dataclass(frozen=True)
class TakenUp:
    """The run that takes a lost order up; ``was_running``: it was under way before this call."""

    workflow_id: str
    run_id: str
    was_running: bool


class OrderRuns:
    """The runs of orders.

    Args:
        client: gives the client when it is needed; inside an activity that of its worker.
    """

    def __init__(self, client: Callable[[], Client] = activity.client) -> None:
        self._client = client

    async def described(self, workflow_id: str) -> Run | None:
        """Return the newest run of a workflow id, or None. Raises ``Unavailable('engine-unreachable')``."""
        client = self._client()
        asked = DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        try:
            told = await client.workflow_service.describe_workflow_execution(asked, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _unreachable(error) from None
        info = told.workflow_execution_info
        was_cancelled = info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED
        return Run(info.execution.run_id, info.first_run_id, info.status in _OPEN, was_cancelled)

    async def is_alive(self, workflow_id: str, run_id: str) -> bool:
        """Tell whether that chain of runs goes on; another chain under the same id does not count."""
        found = await self.described(workflow_id)
        return found is not None and found.is_open and found.is_of(run_id)

    async def was_cancelled(self, workflow_id: str, run_id: str) -> bool:
        """Tell whether that chain of runs has ended as cancelled."""
        found = await self.described(workflow_id)
        return found is not None and found.was_cancelled and found.is_of(run_id)

    async def cancel(self, workflow_id: str, reason: str) -> None:
        """Ask for the cancellation of a run; one that is gone needs none. Repeating it changes nothing."""
        try:
            await self._client().get_workflow_handle(workflow_id).cancel(reason=reason)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _unreachable(error) from None

    async def nudge(self, workflow_id: str) -> None:
        """Hint to a run that it should look; one that is gone needs no hint. Repeated within a minute it is one hint."""
        try:
            await self._client().get_workflow_handle(workflow_id).signal("nudge")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _unreachable(error) from None

    async def is_attended(self, order: OrderRecord) -> bool:
        """Tell whether some run works on the order: its own, or one that is about to take it up."""
        if await self.is_alive(order.workflow_id, order.run_id):
            return True
        _, found = await self._newest_resume(order)
        return found is not None and found.is_open

    async def take_up(self, order: OrderRecord, *, by: str, reason: str) -> TakenUp:
        """Start a run that takes up an order whose own run is lost; a purchase that was sent is never sent again.

        The new run takes the order over once the former one was found closed or missing twice, five minutes apart.
        Repeated while such a run is under way it answers with that one.

        Args:
            order: as the inventory has it.
            by: who asks (claimed, not proved); empty where Evercert does so by itself.
            reason: why, for the audit.

        Raises:
            Refused: ``order-ended``, or ``run-alive`` when its run is open.
            InvalidRequest: ``resume-differs`` when the stored request is not what was ordered.
            Unavailable: ``engine-unreachable``.
        """
        require_open(order)
        if await self.is_alive(order.workflow_id, order.run_id):
            raise Refused(
                "run-alive",
                f"order {order.order_id} is in the hands of run {order.workflow_id}, which is open",
                next_step=f"evercert order watch {order.order_id}; terminate that run first if it is stuck",
            )
        request = resuming(order, by=by, reason=reason)
        while True:
            number, found = await self._newest_resume(order)
            workflow_id = ids.resume_workflow_id(order.order_id, number)
            if found is not None and found.is_open:
                return TakenUp(workflow_id, found.run_id, was_running=True)
            workflow_id = ids.resume_workflow_id(order.order_id, number + 1)
            if (run_id := await self._start(workflow_id, request)) is not None:
                return TakenUp(workflow_id, run_id, was_running=False)
            # another caller was faster; that number is looked at again

    async def _newest_resume(self, order: OrderRecord) -> tuple[int, Run | None]:
        """Return the last number under which a run took the order up, and that run; 0 and None before the first.

        Numbers follow each other and a new one begins when all before are closed, so the search begins at the owner's.
        """
        number = ids.resume_number(order.workflow_id, order.order_id)
        found = None
        while (later := await self.described(ids.resume_workflow_id(order.order_id, number + 1))) is not None:
            number, found = number + 1, later
        return number, found

    async def _start(self, workflow_id: str, request: OrderRequest) -> str | None:
        """Return the id of the started run, or None when there is one under that id already."""
        try:
            handle = await self._client().start_workflow(
                ISSUE,
                request,
                id=workflow_id,
                task_queue=WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=f"take up order {request.resume_order}: {request.product} for {request.common_name}",
            )
        except WorkflowAlreadyStartedError:
            return None
        except RPCError as error:
            raise _unreachable(error) from None
        return handle.first_execution_run_id or handle.result_run_id or ""


def require_open(order: OrderRecord) -> None:
    """Raise ``Refused('order-ended')`` for an order that no run works on any more."""
    if STATES[OrderState(order.state)].is_end:
        raise Refused(
            "order-ended",
            f"order {order.order_id} has ended: {order.state}",
            next_step=f"evercert order explain {order.order_id}",
        )


def resuming(order: OrderRecord, *, by: str, reason: str) -> OrderRequest:
    """Return the request that the order was placed with, as one to take it up again."""
    told = {"resume_order": order.order_id, "requested_by": by, "reason": reason}
    try:
        request = OrderRequest.model_validate({**order.request, **told})
    except ValidationError:
        raise _other_request() from None
    if request_digest(request) != order.request_digest:
        raise _other_request()
    return request


def _other_request() -> InvalidRequest:
    return InvalidRequest("resume-differs", "the stored request is not what this order was placed with")


def _unreachable(error: RPCError) -> Unavailable:
    return Unavailable(
        "engine-unreachable",
        f"the Temporal server did not answer ({error.status.name})",
        next_step="evercert doctor temporal",
    )
