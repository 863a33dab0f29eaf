"""Reconcile first: where the inventory stands, why and since when it is in doubt, and what ends that."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from activities.adapters.inventory.database_file import file_of, file_sequence
from activities.adapters.inventory.records import record
from activities.adapters.inventory.session import (
    Queries,
    account_at,
    installation_row,
    reads,
    row_at,
    write_event,
    write_event_past,
    writes,
)
from activities.adapters.inventory.tables import AccountRow, ActRow, AuditRow, InstallationRow
from domain import ids
from domain.inventory import AccountRecord, AuditEvent, Installation
from domain.reconcile import Standing, Wait, Watermark, is_fresh, is_over, joined, merged_mark, wait_of

_SYSTEM = "SELECT system_identifier FROM pg_control_system()"
# The timeline of what is written now; the one of the last checkpoint lags behind right after a promotion.
_TIMELINE = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"


class ReconcileQueries(Queries):
    """The part of the inventory that keeps acts back while it may have lost something."""

    async def standing(self, mark: Watermark | None = None) -> Standing:
        """Tell where the inventory stands, also against a mark that is kept outside of it. Reads only."""
        told = await self._standing(mark)
        path = file_of(self._db.engine)
        if path is None:
            return told.model_copy(update={"is_shared": True, "database_mark": await self._database_mark()})
        in_file = await file_sequence(path, mark.file_sequence if mark else 0)
        return told.model_copy(update={"file_sequence": in_file})

    @reads
    def _standing(self, connection: Connection, mark: Watermark | None) -> Standing:
        row = installation_row(connection)
        newest = connection.execute(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).first()
        there = row_at(connection, AuditRow, mark.sequence) if mark is not None else None
        return Standing(
            installation_id=row.installation_id,
            newest=newest.sequence if newest is not None else 0,
            newest_event_id=newest.event_id if newest is not None else "",
            event_id_there=there.event_id if there is not None else "",
            sent_until=connection.scalar(select(func.max(ActRow.send_deadline))),
        )

    async def _database_mark(self) -> str:
        """Ask PostgreSQL which one it is; what this user may not ask is left out."""
        told = [await self._ask(question) for question in (_SYSTEM, _TIMELINE)]
        return "/".join(told) if any(told) else ""

    @reads
    def _ask(self, connection: Connection, question: str) -> str:
        try:
            return str(connection.scalar(text(question)))
        except DBAPIError:
            return ""

    @writes
    def require_reconcile(
        self,
        session: Session,
        reason: str,
        *,
        since: datetime,
        event: AuditEvent,
        sent_until: datetime | None = None,
        past: int = 0,
    ) -> bool:
        """Let no act leave before each account was compared; told again with another reason, both count.

        Args:
            session: of the transaction; callers leave it out.
            reason: one sentence for people.
            since: the list must be read from then on.
            event: the audit row; the same one twice changes nothing.
            sent_until: until when something unknown may have been sent; the accounts' windows begin there.
            past: the audit goes on above this number.

        Returns:
            False when this event was told before.
        """
        row = session.get_one(InstallationRow, 1, with_for_update=True)
        if session.scalar(select(AuditRow.sequence).where(AuditRow.event_id == event.event_id)) is not None:
            return False
        write_event_past(session, event, past)
        row.reconcile_reason = joined(row.reconcile_reason, reason)
        row.reconcile_since = max(since, row.reconcile_since or since)
        if sent_until is not None:
            row.sent_until = max(sent_until, row.sent_until or sent_until)
        return True

    @writes
    def account_compared(self, session: Session, account: str, *, at: datetime, event: AuditEvent) -> bool:
        """Remember that the account's whole list was compared; the reading began at ``at``.

        Returns:
            True when that ended the account's wait: ``event`` is then written, and ``reconcile.finished`` after the last
            account. False otherwise: it waited for nothing, or for a later reading. Repeating changes nothing.

        Raises:
            InvalidRequest: ``account-not-found``.
        """
        row = session.get_one(InstallationRow, 1, with_for_update=True)
        before = _wait(session.connection(), row, account)
        later = (AccountRow.compared_at.is_(None)) | (AccountRow.compared_at < at)
        # A statement, not the row: the account's version is for those who edit it.
        session.execute(update(AccountRow).where(AccountRow.name == account, later).values(compared_at=at))
        if before is None or _wait(session.connection(), row, account) is not None:
            return False
        write_event(session, event)
        if is_over(_installation(row), _accounts(session.connection())):
            write_event(session, _finished(row, event))
            row.reconcile_since, row.reconcile_reason = None, ""
        return True

    @reads
    def reconcile_wait(self, connection: Connection, account: str) -> Wait | None:
        """Return what the account waits for, or None. Raises ``InvalidRequest('account-not-found')``."""
        return _wait(connection, installation_row(connection), account)

    async def reconcile_pending(self, account: str) -> str:
        """Return why nothing may leave for the account, or ``""``."""
        wait = await self.reconcile_wait(account)
        return "" if wait is None else wait.reason

    @reads
    def is_look_fresh(self, connection: Connection, account: str, looked_at: datetime) -> bool:
        """Tell whether a look from then shows whatever was sent unknown to this inventory."""
        installation = _installation(installation_row(connection))
        return is_fresh(looked_at, installation, account_at(connection, account))

    @writes
    def mark_database(self, session: Session, mark: str) -> None:
        """Remember which database the inventory is in. Repeating changes nothing."""
        row = session.get_one(InstallationRow, 1, with_for_update=True)
        row.database_mark = merged_mark(row.database_mark, mark)

    @writes
    def rebind_cluster(self, session: Session, cluster_id: str, event: AuditEvent) -> None:
        """Bind the inventory to another Temporal cluster. Repeating changes nothing."""
        row = session.get_one(InstallationRow, 1, with_for_update=True)
        if row.cluster_id != cluster_id:
            row.cluster_id = cluster_id
            write_event(session, event)


def _installation(row: InstallationRow | Row[Any]) -> Installation:
    return Installation(
        installation_id=row.installation_id,
        reconcile_since=row.reconcile_since,
        reconcile_reason=row.reconcile_reason,
        sent_until=row.sent_until,
    )


def _accounts(connection: Connection) -> tuple[AccountRecord, ...]:
    rows = connection.execute(select(AccountRow))
    return tuple(record(AccountRecord, row) for row in rows)


def _wait(connection: Connection, row: InstallationRow | Row[Any], account: str) -> Wait | None:
    return wait_of(_installation(row), account_at(connection, account))


def _finished(row: InstallationRow, last: AuditEvent) -> AuditEvent:
    assert row.reconcile_since is not None
    return AuditEvent(
        event_id=ids.event_id(row.installation_id, "reconcile.finished", row.reconcile_since.isoformat()),
        kind="reconcile.finished",
        subject=row.installation_id,
        at=last.at,
        facts={"reason": row.reconcile_reason, "since": row.reconcile_since.isoformat(timespec="seconds")},
    )
