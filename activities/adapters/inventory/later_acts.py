"""What comes after a purchase: further acts at the seller for the same order, and handing an order to another run."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from activities.adapters.inventory.acts import ActQueries, own
from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.records import act_record
from activities.adapters.inventory.session import hits, locked_order, write_event, writes
from activities.adapters.inventory.tables import OPEN_ACTS, ActRow, OrderRow
from domain.errors import InvariantBroken, Refused
from domain.inventory import ActKind, ActRecord, ActState, AuditEvent

_OPEN = tuple(state.value for state in OPEN_ACTS)


class LaterActQueries(ActQueries):
    """Acts other than the purchase, and the owner of all of them."""

    async def open_act(self, act: ActRecord, event: AuditEvent, now: datetime) -> ActRecord:
        """Write the intention of an act other than a purchase (state ``reserved``), in one transaction.

        Repeating by the same owner returns the act as it stands, whatever has become of it, and writes nothing.

        Raises:
            Refused: ``act-in-progress``: another act of the order is open, or another run has this one.
            InvariantBroken: ``order-missing``; ``inventory-defect`` for a purchase, whose keys only ``reserve`` takes.
        """
        if act.kind is ActKind.PURCHASE:
            raise InvariantBroken("inventory-defect", "A purchase was to be written without the keys of its sale.")
        try:
            return await self._open_act(act, event, now)
        except RuleBroken:
            # As in reserve: another writer may have been faster, and the second look sees what it wrote.
            return await self._open_act(act, event, now)

    @writes
    def _open_act(self, session: Session, act: ActRecord, event: AuditEvent, now: datetime) -> ActRecord:
        locked_order(session, act.order_id)
        existing = session.get(ActRow, act.act_id)
        if existing is not None:
            return own(existing, act.owner)
        open_one = select(ActRow).where(ActRow.order_id == act.order_id, ActRow.state.in_(_OPEN))
        if (other := session.scalar(open_one)) is not None:
            raise _still_open(other)
        row = _new_row(act, now)
        session.add(row)
        session.flush()
        write_event(session, event)
        return act_record(row)

    @writes
    def take_over(
        self,
        session: Session,
        order_id: str,
        *,
        seen: tuple[str, str],
        workflow_id: str,
        run_id: str,
        event: AuditEvent,
        now: datetime,
    ) -> bool:
        """Make another run the owner of an order and its acts: compare-and-set on (workflow id, run id) seen before.

        Every act of the former owner gets the new one and the next fence, so that an attempt of the former run that is
        still under way changes nothing any more. When an act last changed stays as it was: that tells when it was placed.
        False, and nothing written, when the owner is another one by now. Repeating by the new owner is True.

        Raises:
            InvariantBroken: ``order-missing``.
        """
        wanted = (workflow_id, run_id)
        change = (
            update(OrderRow)
            .where(OrderRow.order_id == order_id, OrderRow.workflow_id == seen[0], OrderRow.run_id == seen[1])
            .values(workflow_id=workflow_id, run_id=run_id, updated_at=now, version=OrderRow.version + 1)
        )
        order = locked_order(session, order_id)
        if (order.workflow_id, order.run_id) == wanted:
            return True
        if hits(session, change) != 1:
            return False
        acts = (
            update(ActRow)
            .where(ActRow.order_id == order_id, ActRow.owner == "/".join(seen))
            .values(owner="/".join(wanted), fence=ActRow.fence + 1)
        )
        hits(session, acts)
        write_event(session, event)
        return True


def _new_row(act: ActRecord, now: datetime) -> ActRow:
    price = act.price
    return ActRow(
        act_id=act.act_id,
        order_id=act.order_id,
        kind=act.kind.value,
        state=ActState.RESERVED.value,
        owner=act.owner,
        fence=0,
        body_hash=act.body_hash,
        sender="",
        seller_order_id=act.seller_order_id,
        price_amount=None if price is None else price.amount,
        price_currency=None if price is None else price.currency,
        error_code="",
        changed_at=now,
    )


def _still_open(act: ActRow) -> Refused:
    run = act.owner.rpartition("/")[2]
    return Refused(
        "act-in-progress",
        f"The {act.kind} of this order is {act.state}, in the hands of run {run}.",
        next_step="settle that one first; nothing was sent",
    )
