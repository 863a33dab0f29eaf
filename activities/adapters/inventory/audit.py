"""The audit: rows that are written once, and who the inventory belongs to."""

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from activities.adapters.inventory.records import record
from activities.adapters.inventory.schema import state_of
from activities.adapters.inventory.session import Queries, installation_row, reads, write_event, writes
from activities.adapters.inventory.tables import AuditRow, InstallationRow
from domain import ids
from domain.inventory import AuditEvent, Installation


class AuditQueries(Queries):
    """The audit part of the inventory. There is no way to change or delete a row, here or in the database."""

    @writes
    def append_audit(self, session: Session, event: AuditEvent) -> None:
        """Write one audit row; the same id twice is one row."""
        write_event(session, event)

    @reads
    def audit(self, connection: Connection, *, subject: str = "", limit: int = 500) -> tuple[AuditEvent, ...]:
        """Return the newest ``limit`` audit rows, oldest of them first."""
        query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(limit)
        if subject:
            query = query.where(AuditRow.subject == subject)
        rows = connection.execute(query).all()
        return tuple(record(AuditEvent, row) for row in reversed(rows))


class InstallationQueries(Queries):
    """The installation row."""

    @reads
    def installation(self, connection: Connection) -> Installation:
        """Return the installation row.

        Raises:
            Misconfigured: ``db-upgrade-needed`` for another schema.
        """
        state_of(connection).require()
        row = installation_row(connection)
        sequence = connection.scalar(select(func.max(AuditRow.sequence)))
        return Installation(
            installation_id=row.installation_id,
            namespace=row.namespace,
            cluster_id=row.cluster_id,
            key_check=row.key_check,
            audit_sequence=sequence or 0,
            reconcile_since=row.reconcile_since,
            reconcile_reason=row.reconcile_reason,
            sent_until=row.sent_until,
            database_mark=row.database_mark,
        )

    async def bind_installation(
        self, *, namespace: str, cluster_id: str, key_check: bytes, now: datetime
    ) -> Installation:
        """Write what is still empty of the three; values already there are left alone and returned."""
        await self._bind(namespace, cluster_id, key_check, now)
        return await self.installation()

    @writes
    def _bind(self, session: Session, namespace: str, cluster_id: str, key_check: bytes, now: datetime) -> None:
        row = session.get_one(InstallationRow, 1, with_for_update=True)
        before = (row.namespace, row.cluster_id, row.key_check)
        row.namespace = row.namespace or namespace
        row.cluster_id = row.cluster_id or cluster_id
        row.key_check = row.key_check or key_check
        if before != (row.namespace, row.cluster_id, row.key_check):
            write_event(session, _bound(row, now))


def _bound(row: InstallationRow, now: datetime) -> AuditEvent:
    to = f"{row.namespace}/{row.cluster_id}/{row.key_check.hex()}"
    return AuditEvent(
        event_id=ids.event_id(row.installation_id, "installation.bound", to),
        kind="installation.bound",
        subject=row.installation_id,
        at=now,
        facts={"namespace": row.namespace, "cluster": row.cluster_id},
    )
