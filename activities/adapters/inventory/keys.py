"""Private keys, sealed, and the proof of control that is published for an order."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from activities.adapters.inventory.records import record
from activities.adapters.inventory.session import Queries, insert_once, reads, row_at, upsert, write_event, writes
from activities.adapters.inventory.tables import KeyRow, ProofRow
from domain import ids
from domain.errors import InvariantBroken
from domain.inventory import AuditEvent, KeyRecord, StoredProof
from domain.seller import ProofRecord

_PROOF_KEY = ("order_id", "owner", "record_type", "value")


class KeyQueries(Queries):
    """The key part of the inventory."""

    @writes
    def put_key(self, session: Session, key: KeyRecord, sealed_key: bytes, now: datetime) -> KeyRecord:
        """Add the key of an order version; returns the one that is there when repeated."""
        values = key.model_dump() | {"sealed": sealed_key, "created_at": now}
        if insert_once(session, KeyRow, values, key=("key_id",)):
            write_event(session, _made(key, now))
        row = session.get_one(KeyRow, key.key_id)
        return record(KeyRecord, row)

    @reads
    def key(self, connection: Connection, key_id: str) -> KeyRecord | None:
        """Return the key's record, or None."""
        row = row_at(connection, KeyRow, key_id)
        return None if row is None else record(KeyRecord, row)

    @reads
    def keys_of_order(self, connection: Connection, order_id: str) -> tuple[KeyRecord, ...]:
        """Return the records of all keys that were made for an order, oldest first."""
        query = select(KeyRow).where(KeyRow.order_id == order_id).order_by(KeyRow.created_at, KeyRow.key_id)
        return tuple(record(KeyRecord, row) for row in connection.execute(query))

    @reads
    def sealed_key(self, connection: Connection, key_id: str) -> bytes:
        """Return the sealed private key. Raises ``InvariantBroken('key-missing')``."""
        row = row_at(connection, KeyRow, key_id)
        if row is None:
            raise InvariantBroken("key-missing", "The inventory has no key of that id.")
        return bytes(row.sealed)


class ProofQueries(Queries):
    """The proof part of the inventory. Records are never deleted: what was published must be withdrawn some day."""

    @writes
    def save_proof(self, session: Session, order_id: str, records: Sequence[ProofRecord]) -> None:
        """Remember what must be published; upsert by order, owner, type and value."""
        rows = [_proof_values(order_id, wanted) for wanted in records]
        upsert(session, ProofRow, rows, key=_PROOF_KEY, update=("name",))

    @reads
    def proof(self, connection: Connection, order_id: str) -> tuple[StoredProof, ...]:
        """Return the proof records of an order, by owner."""
        query = select(ProofRow).where(ProofRow.order_id == order_id).order_by(ProofRow.owner, ProofRow.value)
        return tuple(record(StoredProof, row) for row in connection.execute(query))

    @writes
    def mark_proof(
        self,
        session: Session,
        order_id: str,
        record: ProofRecord,
        *,
        published: bool,
        now: datetime,
        withdrawn_before: datetime | None = None,
    ) -> bool:
        """Remember that a record was published (True) or withdrawn (False); repeating keeps the first instant.

        Returns False, and changes nothing, where a published record was withdrawn at another instant than
        ``withdrawn_before``: somebody withdrew it while it was published.
        """
        values = _proof_values(order_id, record)
        insert_once(session, ProofRow, values, key=_PROOF_KEY)
        identity = (order_id, record.owner, record.record_type, record.value)
        row = session.get_one(ProofRow, identity, with_for_update=True)
        if published and row.withdrawn_at not in (None, withdrawn_before):
            return False
        if published and (row.published_at is None or row.withdrawn_at is not None):
            row.published_at, row.withdrawn_at = now, None
        elif not published and row.withdrawn_at is None:
            row.withdrawn_at = now
        return True


def _proof_values(order_id: str, wanted: ProofRecord) -> dict[str, object]:
    return {
        "order_id": order_id,
        "owner": wanted.owner,
        "record_type": wanted.record_type,
        "value": wanted.value,
        "name": wanted.name,
    }


def _made(key: KeyRecord, now: datetime) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id(key.key_id, "key.made", ""),
        kind="key.made",
        subject=key.order_id,
        at=now,
        facts={"key": key.key_id, "algorithm": f"{key.algorithm} {key.size}", "spki_sha256": key.spki_sha256},
    )
