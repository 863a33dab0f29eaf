"""Orders and runs that are there already: whether they go on, and how a lost one is taken up again."""

from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus

from domain.errors import InvalidRequest, Refused
from domain.inventory import OrderRecord
from domain.order import STATES, OrderState
from domain.policy import request_digest
from domain.request import OrderRequest


def require_open(order: OrderRecord) -> None:
    """Raise ``Refused('order-ended')`` for an order that no run works on any more."""
    if STATES[OrderState(order.state)].is_end:
        raise Refused(
            "order-ended",
            f"order {order.order_id} has ended: {order.state}",
            next_step=f"evercert order explain {order.order_id}",
        )


def first_run(found: WorkflowExecutionDescription) -> str:
    """Return the id of the run that began this chain: the one that an order names as its owner."""
    return found.raw_description.workflow_execution_info.first_run_id


def is_open(found: WorkflowExecutionDescription | None, first_run_id: str = "") -> bool:
    """Tell whether that run goes on; another chain under the same workflow id does not count."""
    if found is None or found.status is not WorkflowExecutionStatus.RUNNING:
        return False
    return not first_run_id or first_run(found) in ("", first_run_id)


def resuming(order: OrderRecord, *, by: str, reason: str) -> OrderRequest:
    """Return the request that the order was placed with, as one to take it up again."""
    told = {"resume_order": order.order_id, "requested_by": by, "reason": reason}
    request = OrderRequest.model_validate({**order.request, **told})
    if request_digest(request) != order.request_digest:
        raise InvalidRequest("resume-differs", "the stored request is not what this order was placed with")
    return request
