"""Certificates and their versions: collected, numbered, made current."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, func, select
from sqlalchemy.orm import Session

from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.records import certificate_record, record
from activities.adapters.inventory.session import Queries, insert_once, locked_order, reads, row_at, write_event, writes
from activities.adapters.inventory.tables import CertificateRow, OrderRow, VersionRow
from domain import ids
from domain.errors import InvariantBroken
from domain.inventory import AuditEvent, CertificateRecord, NewVersion, VersionRecord, VersionState


class CertificateQueries(Queries):
    """The certificate part of the inventory."""

    @writes
    def store_version(self, session: Session, version: NewVersion, now: datetime) -> VersionRecord:
        """Keep a collected leaf as candidate, or as quarantined when it has problems; upsert by order and serial.

        A version that is current or superseded is left alone. An empty certificate id becomes the order's own.
        """
        state = VersionState.QUARANTINED if version.problems else VersionState.CANDIDATE
        values = version.model_dump() | {
            "certificate_id": version.certificate_id or ids.certificate_id(version.order_id),
            "names": list(version.names),
            "problems": list(version.problems),
            "number": 0,
            "state": state.value,
            "recorded_at": now,
        }
        locked_order(session, version.order_id)
        insert_once(session, VersionRow, values, key=("order_id", "serial"))
        row = session.get_one(VersionRow, (version.order_id, version.serial))
        if row.number == 0:
            # Looked at again, by other rules or at another time: the newest verdict counts.
            row.problems, row.state, row.chain = list(version.problems), state.value, version.chain
        session.flush()
        return record(VersionRecord, row)

    async def make_current(self, order_id: str, serial: str, event: AuditEvent, now: datetime) -> VersionRecord:
        """Give the candidate the next number and make it current, the former one superseded; repeating gives the same.

        Closes the order's open fingerprint, and makes the certificate with the first version.

        Raises:
            InvariantBroken: ``order-missing``, ``version-missing``, or ``version-quarantined``.
        """
        try:
            return await self._make_current(order_id, serial, event, now)
        except RuleBroken:
            # Another order of the same certificate was faster; the second look finds what it wrote.
            return await self._make_current(order_id, serial, event, now)

    @writes
    def _make_current(
        self, session: Session, order_id: str, serial: str, event: AuditEvent, now: datetime
    ) -> VersionRecord:
        order = locked_order(session, order_id)
        version = session.get(VersionRow, (order_id, serial), with_for_update=True)
        if version is None:
            raise InvariantBroken("version-missing", f"Order {order_id} has no version of that serial number.")
        if version.state == VersionState.QUARANTINED:
            raise InvariantBroken("version-quarantined", f"That version of order {order_id} is in quarantine.")
        if version.number == 0:
            _promote(session, version)
            _show_issued(session, order, version, now)
            write_event(session, event)
        session.flush()
        return record(VersionRecord, version)

    @reads
    def certificate(self, connection: Connection, certificate_id: str) -> CertificateRecord | None:
        """Return the certificate with its current version, or None."""
        row = row_at(connection, CertificateRow, certificate_id)
        return None if row is None else (_with_versions(connection, [row]))[0]

    @reads
    def certificates(
        self, connection: Connection, *, name: str = "", limit: int = 200
    ) -> tuple[CertificateRecord, ...]:
        """Return certificates, by common name; ``name`` is one of their names, written in full."""
        query = select(CertificateRow).order_by(CertificateRow.common_name, CertificateRow.certificate_id).limit(limit)
        if name:
            query = query.where(cast(CertificateRow.names, Text).contains(f'"{name.lower()}"', autoescape=True))
        return _with_versions(connection, connection.execute(query).all())

    @reads
    def versions(self, connection: Connection, certificate_id: str) -> tuple[VersionRecord, ...]:
        """Return all versions of a certificate, quarantined ones included, newest first."""
        query = (
            select(VersionRow)
            .where(VersionRow.certificate_id == certificate_id)
            .order_by(VersionRow.recorded_at.desc(), VersionRow.number.desc(), VersionRow.serial)
        )
        return tuple(record(VersionRecord, row) for row in connection.execute(query))


def _promote(session: Session, version: VersionRow) -> None:
    """Number a candidate. The former version steps down first: only one may be current at any instant."""
    of_certificate = VersionRow.certificate_id == version.certificate_id
    former = session.scalar(
        select(VersionRow).where(of_certificate, VersionRow.state == VersionState.CURRENT.value).with_for_update()
    )
    if former is not None:
        former.state = VersionState.SUPERSEDED.value
        session.flush()
    highest = session.scalar(select(func.max(VersionRow.number)).where(of_certificate))
    version.number, version.state = (highest or 0) + 1, VersionState.CURRENT.value
    session.flush()


def _show_issued(session: Session, order: OrderRow, version: VersionRow, now: datetime) -> None:
    certificate = session.get(CertificateRow, version.certificate_id, with_for_update=True)
    if certificate is None:
        certificate = CertificateRow(certificate_id=version.certificate_id, created_at=now)
        session.add(certificate)
    certificate.common_name, certificate.names = order.common_name, list(version.names)
    certificate.product, certificate.account = order.product, order.account
    certificate.order_id = order.order_id
    order.certificate_id, order.leaf_ends_at = version.certificate_id, version.not_after
    order.open_fingerprint = None
    order.updated_at = now


def _with_versions(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[CertificateRecord, ...]:
    found: dict[str, list[Row[Any]]] = {row.certificate_id: [] for row in rows}
    for version in connection.execute(select(VersionRow).where(VersionRow.certificate_id.in_(found))):
        found[version.certificate_id].append(version)
    return tuple(certificate_record(row, found[row.certificate_id]) for row in rows)
