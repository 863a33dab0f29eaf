"""Asking for a run of ``SyncOrders`` before its schedule does: an account waits for its list to be compared."""

from collections.abc import Callable

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.interface import WORKFLOW_QUEUE
from domain.errors import Unavailable

SYNC = "SyncOrders"
"""Type of the workflow; named here, since activities know no workflow."""
SYNC_ID = "sync-reconcile"


class SyncAsking:
    """Starts a comparison of all accounts.

    Args:
        client: gives the client when it is needed; inside an activity that of its worker.
    """

    def __init__(self, client: Callable[[], Client] = activity.client) -> None:
        self._client = client

    async def ask(self) -> None:
        """Start a run, unless one that was asked for is under way. Raises ``Unavailable('engine-unreachable')``."""
        try:
            await self._client().start_workflow(
                SYNC,
                id=SYNC_ID,
                task_queue=WORKFLOW_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary="Compare the sellers' lists with the inventory before anything is bought",
            )
        except RPCError:
            raise Unavailable("engine-unreachable", "Temporal could not be asked to start SyncOrders") from None
