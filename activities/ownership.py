"""Who may act for an order: its account must neither be parked nor wait for a comparison, and the run must own it."""

from datetime import timedelta
from typing import Protocol

from temporalio import activity

from activities.interface import OwnershipActivities
from activities.messages import CancelInput, RunRef, TakeOverInput
from activities.ports import Clock, Inventory
from domain import ids
from domain.errors import InvalidRequest, NotYet, Refused
from domain.inventory import AuditEvent, OrderRecord
from domain.order import STATES, OrderState
from domain.policy import request_digest

_ACCOUNT_PAUSE = timedelta(minutes=1)
_SHORTEST_PAUSE = timedelta(seconds=5)
SURE_AFTER = timedelta(minutes=5)
"""A run must be found closed or missing twice, this far apart, before its order is taken over."""


class Runs(Protocol):
    """Knows whether a run of ours is alive."""

    async def is_alive(self, workflow_id: str, run_id: str) -> bool:
        """Tell whether any run of that chain is open. Raises ``Unavailable`` when Temporal cannot be asked."""
        ...

    async def cancel(self, workflow_id: str, reason: str) -> None:
        """Ask for the cancellation of a run. Repeating it changes nothing."""
        ...


class Comparison(Protocol):
    """Has the lists of all accounts compared."""

    async def ask(self) -> None:
        """Ask for it; asked for again while it is under way it is one. Raises ``Unavailable``."""
        ...


class Ownership(OwnershipActivities):
    """Implements :class:`OwnershipActivities`."""

    def __init__(
        self, inventory: Inventory, runs: Runs, sync: Comparison, clock: Clock, sure_after: timedelta = SURE_AFTER
    ) -> None:
        self._inventory = inventory
        self._runs = runs
        self._sync = sync
        self._clock = clock
        self._sure_after = sure_after

    @activity.defn(name="await_account")
    async def await_account(self, run: RunRef) -> None:
        """Return when the account is neither parked nor waits for a comparison. Twice: asked again."""
        account = await self._inventory.account(run.account)
        if account is None:
            return  # the run that waits is told by what it does next
        if account.parked_code:
            raise NotYet(
                "account-parked",
                f"seller account {run.account} is parked: {account.parked_code}",
                next_step=f"give it a good token, then: evercert account check {run.account}",
                retry_after=_ACCOUNT_PAUSE,
            )

        wait = await self._inventory.reconcile_wait(run.account)
        if wait is None:
            return
        left = wait.ready_at - await self._clock.now()
        if left <= timedelta():
            await self._sync.ask()  # a reading that begins now ends the wait
        raise NotYet(
            "reconcile-first",
            f"the orders of account {run.account} at the seller are to be compared with the inventory first: "
            f"{wait.reason}",
            next_step="nothing to do; evercert doctor tells how far it is",
            retry_after=min(max(left, _SHORTEST_PAUSE), _ACCOUNT_PAUSE),
        )

    @activity.defn(name="request_cancel")
    async def request_cancel(self, given: CancelInput) -> None:
        """Ask Temporal to cancel the run. Twice: asked already."""
        await self._runs.cancel(given.run.workflow_id, given.reason)

    @activity.defn(name="take_over")
    async def take_over(self, given: TakeOverInput) -> None:
        """Become the owner of an order whose run was found closed or missing twice, five minutes apart.

        Twice: the order is ours already. Two at once: one wins, the other is refused.
        """
        run = given.run
        order = await self._orphan(given)
        seen = (order.workflow_id, order.run_id)
        if seen == (run.workflow_id, run.first_run_id):
            return
        if await self._runs.is_alive(*seen):
            raise Refused(
                "run-alive",
                f"order {order.order_id} is in the hands of run {order.workflow_id}, which is alive",
                next_step=f"follow {order.workflow_id}",
            )
        if activity.info().attempt == 1:
            raise NotYet(
                "owner-missing-once",
                f"run {order.workflow_id} is closed or missing; looked again before its order is taken over",
                retry_after=self._sure_after,
            )
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(order.order_id, "order.taken-over", f"{run.workflow_id}/{run.first_run_id}"),
            kind="order.taken-over",
            subject=order.order_id,
            at=now,
            by=given.request.requested_by or "evercert",
            claim="claimed" if given.request.requested_by else "system",
            reason=given.request.reason,
            facts={"from": order.workflow_id, "to": run.workflow_id},
        )
        taken = await self._inventory.take_over(
            order.order_id,
            seen=seen,
            workflow_id=run.workflow_id,
            run_id=run.first_run_id,
            event=event,
            now=now,
        )
        if not taken:
            raise Refused("not-owner", "another run took this order over in the meantime")

    async def _orphan(self, given: TakeOverInput) -> OrderRecord:
        order = await self._inventory.order(given.run.order_id)
        if order is None:
            raise InvalidRequest("not-found", "there is no such order", next_step="evercert order list")
        if order.request_digest != request_digest(given.request):
            raise InvalidRequest(
                "resume-differs",
                "the request is not the one that the order was placed with",
                next_step=f"evercert order resume {order.order_id} sends the right one",
            )
        if STATES[OrderState(order.state)].is_end:
            raise Refused("order-ended", f"order {order.order_id} has ended: {order.state}")
        return order
