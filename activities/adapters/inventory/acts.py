"""Acts at the seller that may cost money: taking the keys of a sale, and changing an act by compare-and-set."""

from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.orders import UNSOLD_ENDS, OrderQueries
from activities.adapters.inventory.records import act_record
from activities.adapters.inventory.session import hits, locked_order, reads, row_at, stand_in_line, write_event, writes
from activities.adapters.inventory.tables import ActRow, OrderRow
from domain import ids
from domain.errors import InvalidRequest, InvariantBroken, Refused
from domain.inventory import ActKind, ActRecord, ActState, AuditEvent
from domain.policy import RENEWAL_LEAD
from domain.seller import Money


class ActQueries(OrderQueries):
    """The purchase part of the inventory."""

    async def reserve(
        self, order_id: str, *, fingerprint: str | None, owner: str, price: Money, body_hash: str, now: datetime
    ) -> ActRecord:
        """Take all unique keys and write the intention to buy (state ``reserved``), in one transaction.

        Repeating by the same owner returns the act as it stands.

        Raises:
            InvalidRequest: ``duplicate-order``, ``already-issued``, ``request-id-reused`` (the id came with another request)
                or ``request-id-taken`` (with the same one); the sentence names the other order.
            Refused: ``act-in-progress``: another run owns the act.
            InvariantBroken: ``order-missing``.
        """
        act = ActRow(
            act_id=order_id,
            order_id=order_id,
            kind=ActKind.PURCHASE.value,
            state=ActState.RESERVED.value,
            owner=owner,
            fence=0,
            body_hash=body_hash,
            sender="",
            seller_order_id="",
            price_amount=price.amount,
            price_currency=price.currency,
            error_code="",
            changed_at=now,
        )
        try:
            return await self._reserve(act, fingerprint)
        except RuleBroken:
            # PostgreSQL lets another writer commit between our look and our insert: the second look finds it.
            return await self._reserve(act, fingerprint)

    @reads
    def act(self, connection: Connection, act_id: str) -> ActRecord | None:
        """Return the act, or None."""
        row = row_at(connection, ActRow, act_id)
        return None if row is None else act_record(row)

    async def change_act(
        self,
        act_id: str,
        *,
        seen: ActState,
        fence: int,
        to: ActState,
        changes: ActRecord | None,
        event: AuditEvent,
        now: datetime,
    ) -> ActRecord | None:
        """Compare-and-set: one ``UPDATE`` that must hit exactly one row; None, and nothing written, if it did not.

        Of ``changes`` the fields ``send_deadline``, ``sender``, ``seller_order_id``, ``charged``, ``error_code`` and
        ``body_hash`` are taken. A purchase shows at its order; one ``rejected`` frees the open fingerprint, while the
        request id stays taken, and one ``abandoned`` frees nothing: its money counts as spent. Other acts change nothing
        but their own row.

        Raises:
            Ambiguous: ``seller-order-taken``: another order of ours has this number at the seller.
        """
        try:
            return await self._change_act(act_id, (seen, fence), to, changes, event, now)
        except RuleBroken as refusal:
            number = changes.seller_order_id if changes is not None else ""
            raise await self._taken(act_id, number, refusal) from None

    @writes
    def _change_act(
        self,
        session: Session,
        act_id: str,
        seen: tuple[ActState, int],
        to: ActState,
        changes: ActRecord | None,
        event: AuditEvent,
        now: datetime,
    ) -> ActRecord | None:
        state, fence = seen
        change = (
            update(ActRow)
            .where(ActRow.act_id == act_id, ActRow.state == state.value, ActRow.fence == fence)
            .values(state=to.value, fence=fence + 1, changed_at=now, **_taken_over(changes))
        )
        _lock_order_of(session, act_id)
        if hits(session, change) != 1:
            return None
        write_event(session, event)
        return _with_its_order(session, act_id, now)

    @writes
    def _reserve(self, session: Session, act: ActRow, fingerprint: str | None) -> ActRecord:
        order = locked_order(session, act.order_id)
        existing = session.get(ActRow, act.act_id)
        if existing is not None:
            return own(existing, act.owner)
        if fingerprint is not None:
            # An equal order must not come to its certificate, which frees the key, between our looks and our insert.
            stand_in_line(session, fingerprint)
        _refuse_taken_keys(session, order, fingerprint)
        _refuse_covered(session, order, fingerprint, act.changed_at)
        order.reserved_request_id = order.request_id or None
        order.open_fingerprint = fingerprint
        order.fingerprint = fingerprint or order.fingerprint
        order.price_amount, order.price_currency = act.price_amount, act.price_currency
        added = session.merge(act)
        session.flush()
        write_event(session, _reserved(act))
        return act_record(added)


def own(act: ActRow, owner: str) -> ActRecord:
    """Return an act to its owner. Raises ``Refused('act-in-progress')`` for anybody else."""
    if act.owner != owner:
        run = act.owner.rpartition("/")[2]
        raise Refused(
            "act-in-progress",
            f"Another run, {run}, has this {act.kind} in hand.",
            next_step="follow that run; nothing was sent by this one",
        )
    return act_record(act)


def _refuse_taken_keys(session: Session, order: OrderRow, fingerprint: str | None) -> None:
    """Look who holds the keys, to be able to say it; the unique keys of the tables hold them in any case."""
    others = select(OrderRow).where(OrderRow.order_id != order.order_id)
    if order.request_id:
        same_id = others.where(OrderRow.account == order.account, OrderRow.reserved_request_id == order.request_id)
        if (holder := session.scalar(same_id)) is not None:
            raise _request_id_taken(holder, is_same=holder.request_digest == order.request_digest)
    if fingerprint is not None:
        equal = others.where(OrderRow.open_fingerprint == fingerprint)
        if (holder := session.scalar(equal)) is not None:
            raise _duplicate(holder)


def _refuse_covered(session: Session, order: OrderRow, fingerprint: str | None, now: datetime) -> None:
    """Refuse to buy what an equal order has brought since this one was checked: its open key is free again by now."""
    if fingerprint is None:
        return
    covering = select(OrderRow).where(
        OrderRow.order_id != order.order_id,
        OrderRow.fingerprint == fingerprint,
        OrderRow.certificate_id != "",
        OrderRow.state.not_in(UNSOLD_ENDS),
        OrderRow.term_ends_at > now + RENEWAL_LEAD,
    )
    if (holder := session.scalar(covering.limit(1))) is not None:
        raise InvalidRequest(
            "already-issued",
            f"Order {holder.order_id} covers this name, and its term ends {holder.term_ends_at:%Y-%m-%d}.",
            next_step=f"evercert cert show {holder.certificate_id}; set allow_duplicate to buy another one",
        )


def _lock_order_of(session: Session, act_id: str) -> None:
    """Lock the order before its act, as all others do: two that take them crosswise would stand in each other's way."""
    its_order = select(OrderRow.order_id).join(ActRow, ActRow.order_id == OrderRow.order_id)
    session.execute(its_order.where(ActRow.act_id == act_id).with_for_update(of=OrderRow))


def _with_its_order(session: Session, act_id: str, now: datetime) -> ActRecord:
    """Carry over to the order what a changed purchase says of it; a refund leaves number, charge and keys alone."""
    act = session.get(ActRow, act_id)
    if act is None:
        raise InvariantBroken("act-missing", f"The inventory has no act {act_id}.")
    if act.kind != ActKind.PURCHASE:
        return act_record(act)
    order = locked_order(session, act.order_id)
    if act.seller_order_id:
        order.seller_order_id = act.seller_order_id
    if act.charged_amount is not None:
        order.charged_amount, order.charged_currency = act.charged_amount, act.charged_currency
    if act.state == ActState.REJECTED:
        order.open_fingerprint = None
    if session.is_modified(order):
        order.updated_at = now
    session.flush()
    return act_record(act)


def _taken_over(changes: ActRecord | None) -> dict[str, object]:
    if changes is None:
        return {}
    charged = changes.charged
    return {
        "send_deadline": changes.send_deadline,
        "sender": changes.sender,
        "seller_order_id": changes.seller_order_id,
        "charged_amount": None if charged is None else charged.amount,
        "charged_currency": None if charged is None else charged.currency,
        "error_code": changes.error_code,
        "body_hash": changes.body_hash,
    }


def _reserved(act: ActRow) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id(act.order_id, "purchase.reserved", ""),
        kind="purchase.reserved",
        subject=act.order_id,
        at=act.changed_at,
        facts={"price": f"{act.price_amount} {act.price_currency}", "body_hash": act.body_hash},
    )


def _duplicate(holder: OrderRow) -> InvalidRequest:
    return InvalidRequest(
        "duplicate-order",
        f"Order {holder.order_id} for the same account, product and names is open.",
        next_step=f"follow it: evercert order watch {holder.order_id}; or allow a duplicate",
    )


def _request_id_taken(holder: OrderRow, *, is_same: bool) -> InvalidRequest:
    if is_same:
        return InvalidRequest(
            "request-id-taken",
            f"This request was made before: it is order {holder.order_id}.",
            next_step=f"follow it: evercert order watch {holder.order_id}",
        )
    return InvalidRequest(
        "request-id-reused",
        f"The request id belongs to another request, order {holder.order_id}.",
        next_step="ask again with a new request id",
    )
