"""Configured objects: seller accounts, DNS accounts, their sealed secrets, and the catalogue of each account."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.records import record
from activities.adapters.inventory.session import (
    Queries,
    account_missing,
    hits,
    reads,
    row_at,
    upsert,
    write_event,
    writes,
)
from activities.adapters.inventory.tables import AccountRow, Base, DnsAccountRow, ProductRow, SecretRow
from domain.errors import InvalidRequest, InvariantBroken
from domain.inventory import AccountRecord, AuditEvent, DnsAccountRecord
from domain.product import Product


class ConfiguredQueries(Queries):
    """The part of the inventory that administrators fill."""

    async def add_account(self, account: AccountRecord, sealed_token: bytes, event: AuditEvent) -> None:
        """Add a seller account with its sealed token; raises ``InvalidRequest('name-taken')``."""
        values = account.model_dump() | {"environment": account.environment.value}
        await self._add(AccountRow(**values), account.secret_id, "seller-token", sealed_token, event)

    @reads
    def account(self, connection: Connection, name: str) -> AccountRecord | None:
        """Return the account, or None."""
        row = row_at(connection, AccountRow, name)
        return None if row is None else record(AccountRecord, row)

    @reads
    def accounts(self, connection: Connection) -> tuple[AccountRecord, ...]:
        """Return all accounts, by name."""
        rows = connection.execute(select(AccountRow).order_by(AccountRow.name))
        return tuple(record(AccountRecord, row) for row in rows)

    @writes
    def park_account(self, session: Session, name: str, code: str, event: AuditEvent) -> bool:
        """Flag the account; its activities wait. False when it was parked already."""
        row = _locked_account(session, name)
        if row.parked_code:
            return False
        row.parked_code, row.parked_at = code, event.at
        write_event(session, event)
        return True

    @writes
    def release_account(self, session: Session, name: str, event: AuditEvent) -> bool:
        """Take the flag away. False when there was none."""
        row = _locked_account(session, name)
        if not row.parked_code:
            return False
        row.parked_code, row.parked_at = "", None
        write_event(session, event)
        return True

    @writes
    def save_unknown_answer(self, session: Session, name: str, shape: str, event: AuditEvent) -> bool:
        """Remember what the account's seller answers for an unknown order. False when it was remembered already."""
        row = _locked_account(session, name)
        if row.unknown_answer == shape:
            return False
        row.unknown_answer = shape
        write_event(session, event)
        return True

    async def add_dns_account(self, account: DnsAccountRecord, sealed_secret: bytes, event: AuditEvent) -> None:
        """Add a DNS account with its sealed secret; raises ``InvalidRequest('name-taken')``."""
        values = account.model_dump() | {"zones": list(account.zones), "environment": account.environment.value}
        await self._add(DnsAccountRow(**values), account.secret_id, "dns-secret", sealed_secret, event)

    @reads
    def dns_account(self, connection: Connection, name: str) -> DnsAccountRecord | None:
        """Return the DNS account, or None."""
        row = row_at(connection, DnsAccountRow, name)
        return None if row is None else record(DnsAccountRecord, row)

    @reads
    def dns_accounts(self, connection: Connection) -> tuple[DnsAccountRecord, ...]:
        """Return all DNS accounts, by name."""
        rows = connection.execute(select(DnsAccountRow).order_by(DnsAccountRow.name))
        return tuple(record(DnsAccountRecord, row) for row in rows)

    @reads
    def sealed_secret(self, connection: Connection, secret_id: str) -> bytes:
        """Return a sealed secret. Raises ``InvariantBroken('secret-missing')``."""
        row = row_at(connection, SecretRow, secret_id)
        if row is None:
            raise _secret_missing()
        return bytes(row.sealed)

    @writes
    def replace_secret(self, session: Session, secret_id: str, sealed: bytes, event: AuditEvent) -> None:
        """Put a new sealed value in the place of the old one. Raises ``InvariantBroken('secret-missing')``."""
        change = update(SecretRow).where(SecretRow.secret_id == secret_id)
        if hits(session, change.values(sealed=sealed, changed_at=event.at)) != 1:
            raise _secret_missing()
        write_event(session, event)

    @writes
    def save_products(self, session: Session, account: str, products: Sequence[Product]) -> None:
        """Store what the seller told, with its time; upsert by account and code."""
        rows = [
            {
                "account": account,
                "code": product.code,
                "document": product.model_dump(mode="json"),
                "read_at": product.read_at,
            }
            for product in products
        ]
        upsert(session, ProductRow, rows, key=("account", "code"), update=("document", "read_at"))

    @reads
    def products(self, connection: Connection, account: str) -> tuple[Product, ...]:
        """Return the stored catalogue of the account, by code."""
        query = select(ProductRow).where(ProductRow.account == account).order_by(ProductRow.code)
        return tuple(Product.model_validate(row.document) for row in connection.execute(query))

    async def _add(self, row: Base, secret_id: str, kind: str, sealed: bytes, event: AuditEvent) -> None:
        secret = SecretRow(secret_id=secret_id, kind=kind, sealed=sealed, changed_at=event.at)
        try:
            await self._add_both(secret, row, event)
        except RuleBroken:
            raise InvalidRequest("name-taken", "There is an account of that name already.") from None

    @writes
    def _add_both(self, session: Session, secret: SecretRow, row: Base, event: AuditEvent) -> None:
        session.add(secret)
        session.flush()
        session.add(row)
        write_event(session, event)


def _locked_account(session: Session, name: str) -> AccountRow:
    row = session.get(AccountRow, name, with_for_update=True)
    if row is None:
        raise account_missing()
    return row


def _secret_missing() -> InvariantBroken:
    return InvariantBroken("secret-missing", "The inventory has no secret of that id.")
