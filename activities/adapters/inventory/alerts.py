"""Alerts: written once per sale, seen again, settled by a person; and the orders that are still open."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from activities.adapters.inventory.records import act_record, order_record, record
from activities.adapters.inventory.session import Queries, hits, insert_once, reads, row_at, write_event, writes
from activities.adapters.inventory.tables import ActRow, AlertRow, OrderRow
from domain import ids
from domain.errors import InvalidRequest
from domain.inventory import AlertRecord, AuditEvent, NewAlert, OrderRecord
from domain.order import STATES
from domain.sync import OrderSale

_ENDS = tuple(state.value for state, facts in STATES.items() if facts.is_end)
_AT_ONCE = 500  # well below the number of parameters that either database takes


class AlertQueries(Queries):
    """What runs that look after other runs read and write."""

    @reads
    def open_orders(
        self, connection: Connection, *, account: str = "", after: str = "", limit: int = 200
    ) -> tuple[OrderRecord, ...]:
        """Return orders that have not ended, by order id, beginning behind ``after``."""
        query = select(OrderRow).where(OrderRow.state.not_in(_ENDS), OrderRow.order_id > after)
        if account:
            query = query.where(OrderRow.account == account)
        rows = connection.execute(query.order_by(OrderRow.order_id).limit(limit))
        return tuple(order_record(row) for row in rows)

    @reads
    def oldest_open_order(self, connection: Connection, account: str) -> datetime | None:
        """Return when the oldest order of the account that has not ended was begun, or None."""
        query = (
            select(OrderRow.created_at)
            .where(OrderRow.account == account, OrderRow.state.not_in(_ENDS))
            .order_by(OrderRow.created_at)
            .limit(1)
        )
        return connection.scalar(query)

    @reads
    def sales(self, connection: Connection, order_ids: Sequence[str]) -> tuple[OrderSale, ...]:
        """Return those orders that there are, by order id, each with its purchase; all as of one moment."""
        found: list[OrderSale] = []
        for begin in range(0, len(order_ids), _AT_ONCE):
            some = order_ids[begin : begin + _AT_ONCE]
            purchases = {
                row.act_id: act_record(row) for row in connection.execute(select(ActRow).where(ActRow.act_id.in_(some)))
            }
            rows = connection.execute(select(OrderRow).where(OrderRow.order_id.in_(some)).order_by(OrderRow.order_id))
            found += [OrderSale(order_record(row), purchases.get(row.order_id)) for row in rows]
        return tuple(found)

    @writes
    def raise_alert(self, session: Session, alert: NewAlert, now: datetime) -> bool:
        """Write an alert with its audit row, once; tell whether it is new.

        Seen again, ``last_seen_at`` moves and nothing else: no audit row, and what a person settled stays settled.
        """
        alert_id = ids.alert_id(alert.kind, alert.account, alert.seller_order_id)
        values = {
            **alert.model_dump(mode="json"),
            "alert_id": alert_id,
            "first_seen_at": now,
            "last_seen_at": now,
            "settled_at": None,
            "settled_by": "",
            "reason": "",
        }
        seen_again = update(AlertRow).where(AlertRow.alert_id == alert_id, AlertRow.last_seen_at < now)
        if insert_once(session, AlertRow, values):
            write_event(session, _raised(alert_id, alert, now))
            return True
        hits(session, seen_again.values(last_seen_at=now))
        return False

    @reads
    def alert(self, connection: Connection, alert_id: str) -> AlertRecord | None:
        """Return the alert, or None."""
        row = row_at(connection, AlertRow, alert_id)
        return None if row is None else record(AlertRecord, row)

    @reads
    def alerts(self, connection: Connection, *, settled_too: bool = False, limit: int = 200) -> tuple[AlertRecord, ...]:
        """Return alerts, newest first; only open ones unless asked for all."""
        query = select(AlertRow).order_by(AlertRow.first_seen_at.desc(), AlertRow.alert_id).limit(limit)
        if not settled_too:
            query = query.where(AlertRow.settled_at.is_(None))
        return tuple(record(AlertRecord, row) for row in connection.execute(query))

    @writes
    def settle_alert(self, session: Session, alert_id: str, event: AuditEvent) -> bool:
        """Settle an alert by whom and why its audit row says. False, and nothing written, when it is settled already.

        Raises:
            InvalidRequest: ``not-found``.
        """
        change = (
            update(AlertRow)
            .where(AlertRow.alert_id == alert_id, AlertRow.settled_at.is_(None))
            .values(settled_at=event.at, settled_by=event.by, reason=event.reason)
        )
        if hits(session, change) == 1:
            write_event(session, event)
            return True
        if session.get(AlertRow, alert_id) is None:
            raise InvalidRequest("not-found", "There is no alert of that id.", next_step="evercert alert list")
        return False


def _raised(alert_id: str, alert: NewAlert, now: datetime) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id(alert_id, "alert.raised", ""),
        kind="alert.raised",
        subject=alert.order_id,
        at=now,
        facts={
            "alert": alert_id,
            "code": alert.kind.value,
            "account": alert.account,
            "seller_order": alert.seller_order_id,
        },
    )
