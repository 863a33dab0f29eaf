"""Orders: what was asked for, and what people see of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, and_, bindparam, cast, or_, select, update
from sqlalchemy.orm import Session, aliased

from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.records import order_record
from activities.adapters.inventory.session import (
    Queries,
    change_row,
    insert_once,
    locked_order,
    order_missing,
    reads,
    row_at,
    write_event,
    writes,
)
from activities.adapters.inventory.tables import AccountRow, ActRow, OrderRow
from domain import ids, purchase
from domain.errors import Ambiguous, EvercertError
from domain.inventory import ActKind, ActState, AuditEvent, Look, NewOrder, OrderChange, OrderRecord
from domain.order import STATES, OrderState

UNSOLD_ENDS = (OrderState.CANCELLED.value, OrderState.REJECTED.value, OrderState.EXPIRED.value)
_MAYBE_SOLD = (ActState.SENDING.value, ActState.IN_DOUBT.value, ActState.ABANDONED.value)
_ENDS = frozenset(state.value for state, facts in STATES.items() if facts.is_end)
_PLAIN_CHANGES = ("state", "waiting_for", "detail", "error_code", "until", "status_text", "term_ends_at")
_LOOKED = (
    update(OrderRow)
    .where(OrderRow.order_id == bindparam("its_order"))
    .values(looked_at=bindparam("at"), next_look_at=bindparam("next"), look=bindparam("outcome"))
)


class OrderQueries(Queries):
    """The order part of the inventory."""

    @writes
    def open_order(self, session: Session, order: NewOrder, now: datetime) -> OrderRecord:
        """Add the order in state ``checking``, with its audit row; returns the existing row when repeated."""
        if insert_once(session, OrderRow, _new_row(order, now), key=("order_id",)):
            write_event(session, _requested(order, now))
        return order_record(locked_order(session, order.order_id))

    @reads
    def order(self, connection: Connection, order_id: str) -> OrderRecord | None:
        """Return the order, or None."""
        row = row_at(connection, OrderRow, order_id)
        return None if row is None else order_record(row)

    async def orders(
        self, *, name: str = "", account: str = "", state: str = "", limit: int = 200
    ) -> tuple[OrderRecord, ...]:
        """Return orders, newest first; ``name`` is one of their names, written in full."""
        query = select(OrderRow)
        if name:
            query = query.where(cast(OrderRow.names, Text).contains(f'"{name.lower()}"', autoescape=True))
        if account:
            query = query.where(OrderRow.account == account)
        if state:
            query = query.where(OrderRow.state == state)
        return await self._listed(query, limit)

    async def change_order(
        self, order_id: str, change: OrderChange, event: AuditEvent | None, now: datetime
    ) -> OrderRecord:
        """Change what the order shows, with its audit row; ``since`` moves only when state or waiting_for change.

        Repeating gives the same. A change that is older than the last one (``as_of``) writes its audit row and nothing
        else, one by another ``owner`` nothing; the record that is returned tells. An order that ends gives its open
        fingerprint free, unless it is not known, or was given up to learn, whether it was sold.

        Raises:
            InvariantBroken: ``order-missing``.
            Ambiguous: ``seller-order-taken``: another order of ours has this number at the seller.
        """
        try:
            return await self._change_order(order_id, change, event, now)
        except RuleBroken as refusal:
            raise await self._taken(order_id, change.seller_order_id or "", refusal) from None

    @writes
    def _change_order(
        self, session: Session, order_id: str, change: OrderChange, event: AuditEvent | None, now: datetime
    ) -> OrderRecord:
        connection = session.connection()
        row = row_at(connection, OrderRow, order_id, locked=True)
        if row is None:
            raise order_missing(order_id)
        if change.owner is not None and change.owner != (row.workflow_id, row.run_id):
            return order_record(row)
        different = _differences(row, change, now)
        if row.open_fingerprint is not None and _ends_settled(connection, order_id, different.get("state", row.state)):
            different["open_fingerprint"] = None
        if different:
            different["version"] = row.version + 1
            change_row(connection, OrderRow, (order_id,), different)
            row = row_at(connection, OrderRow, order_id)
            assert row is not None
        if event is not None:
            write_event(session, event)
        return order_record(row)

    @writes
    def write_look(self, session: Session, order_id: str, look: Look) -> None:
        """Remember the last look of the poll. Raises ``InvariantBroken('order-missing')``."""
        seen = {"its_order": order_id, "at": look.looked_at, "next": look.next_at, "outcome": look.outcome}
        if session.connection().execute(_LOOKED, seen).rowcount != 1:
            raise order_missing(order_id)

    @reads
    def open_orders_like(self, connection: Connection, fingerprint: str) -> tuple[str, ...]:
        """Return the ids of orders that hold this open fingerprint: one at most, the key is unique."""
        query = select(OrderRow.order_id).where(OrderRow.open_fingerprint == fingerprint)
        return tuple(connection.scalars(query))

    async def issued_orders_like(self, fingerprint: str) -> tuple[OrderRecord, ...]:
        """Return orders of an equal request whose certificate is recorded, newest first; ended ones left out."""
        query = select(OrderRow).where(
            OrderRow.fingerprint == fingerprint, OrderRow.certificate_id != "", OrderRow.state.not_in(UNSOLD_ENDS)
        )
        return await self._listed(query, limit=50)

    @reads
    def order_with_request_id(self, connection: Connection, account: str, request_id: str) -> OrderRecord | None:
        """Return the order that holds this request id as its reservation, whatever its state."""
        query = select(OrderRow).where(OrderRow.account == account, OrderRow.reserved_request_id == request_id)
        row = connection.execute(query).first()
        return None if row is None else order_record(row)

    @reads
    def order_at_seller(self, connection: Connection, account: str, seller_order_id: str) -> OrderRecord | None:
        """Return our order that has this number at the seller, or None.

        Accounts with one partner code and environment are one to the seller, so what another entry has bought counts too.
        """
        mine, other = aliased(AccountRow), aliased(AccountRow)
        is_one = and_(mine.partner_code == other.partner_code, mine.environment == other.environment)
        entries = select(other.name).join(mine, is_one).where(mine.name == account)
        of_seller = or_(OrderRow.account == account, OrderRow.account.in_(entries))
        row = connection.execute(select(OrderRow).where(of_seller, OrderRow.seller_order_id == seller_order_id)).first()
        return None if row is None else order_record(row)

    @reads
    def _listed(self, connection: Connection, query: Select[OrderRow], limit: int) -> tuple[OrderRecord, ...]:
        newest_first = query.order_by(OrderRow.created_at.desc(), OrderRow.order_id).limit(limit)
        return tuple(order_record(row) for row in connection.execute(newest_first))

    @reads
    def _taken(self, connection: Connection, order_id: str, seller_order_id: str, refusal: RuleBroken) -> EvercertError:
        """Return the error that says who holds the seller's number; the refusal itself when nobody does."""
        ours = select(OrderRow.account).where(OrderRow.order_id == order_id).scalar_subquery()
        query = select(OrderRow.order_id).where(
            OrderRow.account == ours, OrderRow.seller_order_id == seller_order_id, OrderRow.order_id != order_id
        )
        holder = connection.scalar(query)
        return refusal if holder is None else _number_taken(holder)


def _new_row(order: NewOrder, now: datetime) -> dict[str, object]:
    values = order.model_dump(mode="python")
    values["names"] = list(order.names)
    values["request"] = order.model_dump(mode="json")["request"]
    values["fingerprint"] = purchase.fingerprint(account=order.account, product=order.product, names=order.names)
    return values | {
        "state": OrderState.CHECKING.value,
        "waiting_for": "nobody",
        "detail": "",
        "error_code": "",
        "since": now,
        "origin": "evercert",
        "status_text": "",
        "certificate_id": "",
        "look": "",
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }


def _requested(order: NewOrder, now: datetime) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id(order.order_id, "order.requested", ""),
        kind="order.requested",
        subject=order.order_id,
        at=now,
        by=order.requested_by or "evercert",
        claim="claimed" if order.requested_by else "system",
        reason=order.reason,
        facts={
            "account": order.account,
            "product": order.product,
            "name": order.common_name,
            "months": str(order.months),
        },
    )


def _differences(row: Row[Any], change: OrderChange, now: datetime) -> dict[str, Any]:
    """Return the columns that a change makes different, with their new values."""
    wanted: dict[str, Any] = {}
    if change.as_of is not None:
        if row.as_of is not None and change.as_of < row.as_of:
            return {}
        wanted["as_of"] = change.as_of
    wanted |= {name: value for name in _PLAIN_CHANGES if (value := getattr(change, name)) is not None}
    if change.clear_until:
        wanted["until"] = None
    if change.seller_order_id:
        wanted["seller_order_id"] = change.seller_order_id
    if change.charged is not None:
        wanted["charged_amount"], wanted["charged_currency"] = change.charged.amount, change.charged.currency
    different = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if {"state", "waiting_for"} & different.keys():
        different["since"] = now
    if different.keys() - {"as_of"}:
        different["updated_at"] = now
    return different


def _ends_settled(connection: Connection, order_id: str, state: str) -> bool:
    """Tell whether an order is over and it is known whether it was sold."""
    if state not in _ENDS:
        return False
    lost = select(ActRow.act_id).where(
        ActRow.order_id == order_id, ActRow.kind == ActKind.PURCHASE.value, ActRow.state.in_(_MAYBE_SOLD)
    )
    return connection.scalar(lost) is None


def _number_taken(holder: str) -> Ambiguous:
    return Ambiguous(
        "seller-order-taken",
        f"The seller's order number belongs to order {holder} already.",
        next_step=f"compare both with the seller's list: evercert order show {holder}",
    )
