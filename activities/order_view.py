"""What activities write into the row of their order, so that lists and ``order show`` never need Temporal."""

from datetime import datetime, timedelta

from temporalio import activity

from activities.messages import RunRef, StateNote
from activities.ports import Clock, Inventory
from domain import ids
from domain.errors import NotYet, Refused
from domain.inventory import AuditEvent, Look, OrderChange, OrderRecord
from domain.order import STATES, OrderState
from domain.seller import Money, SellerOrder

_AGAIN = timedelta(seconds=2)


class OrderView:
    """Writes states and looks of orders; every write may be repeated."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock

    async def enter(self, run: RunRef, state: OrderState, *, until: datetime | None = None) -> OrderRecord:
        """Show a state that needs no audit row of its own: the activity's outcome will have one; returns what is shown.

        Raises:
            Refused: ``not-owner``: another run has taken the order over; nothing may be called outside any more.
            NotYet: ``try-overtaken``: this try was taken for dead, and the order has gone on without it.
        """
        change = OrderChange(
            owner=_owner(run),
            state=state.value,
            waiting_for=STATES[state].waiting_for.value,
            detail="",
            error_code="",
            until=until,
            as_of=activity.info().current_attempt_scheduled_time,
        )
        shown = await self._inventory.change_order(run.order_id, change, None, await self._clock.now())
        _require_owner(shown, run)
        if shown.as_of != change.as_of:
            raise overtaken()
        return shown

    async def require_ownership(self, run: RunRef) -> OrderRecord | None:
        """Stop a run that was taken over before it does anything; returns the order. Raises ``Refused('not-owner')``."""
        order = await self._inventory.order(run.order_id)
        if order is not None:
            _require_owner(order, run)
        return order

    async def placed(self, order_id: str, found: SellerOrder, charged: Money | None) -> None:
        """Show what the seller tells of a placed order; the act's own audit row says how it came to be placed."""
        change = OrderChange(
            seller_order_id=found.seller_order_id,
            charged=charged,
            status_text=found.status_text,
            term_ends_at=found.term_ends_at,
        )
        await self._inventory.change_order(order_id, change, None, await self._clock.now())

    async def note(self, note: StateNote) -> None:
        """Show a state together with its audit row; without effect where the order is another run's by now.

        Raises:
            InvariantBroken: ``order-missing``.
        """
        now = await self._clock.now()
        kind = note.kind or f"order.{note.state}"
        event = AuditEvent(
            event_id=ids.event_id(note.run.order_id, kind, note.occasion),
            kind=kind,
            subject=note.run.order_id,
            at=now,
            by=note.by,
            claim="system" if note.by == "evercert" else "claimed",
            reason=note.reason,
            facts=_facts(note),
        )
        change = OrderChange(
            owner=_owner(note.run),
            state=note.state,
            waiting_for=note.waiting_for,
            detail=note.detail,
            error_code=note.code,
            until=note.until,
            clear_until=note.until is None,
            # Not that of this try: what the order has shown since is newer, however often the note is tried.
            as_of=activity.info().scheduled_time,
        )
        await self._inventory.change_order(note.run.order_id, change, event, now)

    async def look(self, run: RunRef, outcome: str, *, next_in: timedelta | None = None) -> None:
        """Remember what a look saw, and when the next one comes."""
        now = await self._clock.now()
        next_at = None if next_in is None else now + next_in
        await self._inventory.write_look(run.order_id, Look(looked_at=now, next_at=next_at, outcome=outcome[:500]))


def _owner(run: RunRef) -> tuple[str, str]:
    return run.workflow_id, run.first_run_id


def _require_owner(order: OrderRecord, run: RunRef) -> None:
    if (order.workflow_id, order.run_id) != _owner(run):
        raise Refused(
            "not-owner",
            f"order {run.order_id} was taken over by run {order.workflow_id}; this run stops before any call",
            next_step=f"follow {order.workflow_id}; this run can be terminated",
        )


def overtaken() -> NotYet:
    """Return the error of a try that others have gone on without; one that is alive is tried again at once."""
    return NotYet(
        "try-overtaken", "this step was begun anew while its worker slept; this try stops", retry_after=_AGAIN
    )


def _facts(note: StateNote) -> dict[str, str]:
    """Return what the audit row tells: of a refusal, what was refused and why; else what the order shows."""
    told = (note.refused_code, note.refused_detail) if note.refused_code else (note.code, note.detail)
    return {key: value for key, value in zip(("code", "detail"), told, strict=True) if value}
