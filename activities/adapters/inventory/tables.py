"""The tables of the inventory.

Keys that guard a sale are unique keys of the database, not only looks before writing: order id, account with reserved
request id, open fingerprint, one open act per order, account with seller order number. Empty values of such keys are
NULL, which collides with nothing. Migrations repeat this page by hand; a test compares the two.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from activities.adapters.inventory.types import DecimalText, UtcDateTime
from domain.inventory import ActState

OPEN_ACTS = (ActState.RESERVED, ActState.SENDING, ActState.IN_DOUBT, ActState.NEEDS_PERSON)
_OPEN_ACT = text("state IN ('reserved', 'sending', 'in-doubt', 'needs-person')")
_CURRENT = text("state = 'current'")
_NUMBERED = text("number > 0")


class Base(DeclarativeBase):
    """What all tables share: how Python types become columns, and how constraints are named."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it as declared)
        str: Text(),
        datetime: UtcDateTime(),
        Decimal: DecimalText(),
        list[str]: JSON(),
        dict[str, Any]: JSON(),
    }


class InstallationRow(Base):
    """The one row that says whose inventory this is; ``only`` keeps it the one."""

    __tablename__ = "installation"

    only: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    installation_id: Mapped[str]
    namespace: Mapped[str]
    cluster_id: Mapped[str]
    key_check: Mapped[bytes]
    reconcile_since: Mapped[datetime | None]
    reconcile_reason: Mapped[str] = mapped_column(server_default="")
    sent_until: Mapped[datetime | None]
    database_mark: Mapped[str] = mapped_column(server_default="")


class SecretRow(Base):
    """A sealed secret; opens only together with its own id and purpose."""

    __tablename__ = "secret"

    secret_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    sealed: Mapped[bytes]
    changed_at: Mapped[datetime]


class AccountRow(Base):
    """A seller account."""

    __tablename__ = "account"

    name: Mapped[str] = mapped_column(primary_key=True)
    environment: Mapped[str]
    base_url: Mapped[str]
    partner_code: Mapped[str]
    secret_id: Mapped[str] = mapped_column(ForeignKey("secret.secret_id"), unique=True)
    csr_encoding: Mapped[str]
    visibility_minutes: Mapped[int]
    contact_email: Mapped[str]
    trust_roots: Mapped[str]
    parked_code: Mapped[str]
    parked_at: Mapped[datetime | None]
    unknown_answer: Mapped[str]
    fallback_url: Mapped[str]
    calls_per_second: Mapped[int]
    calls_burst: Mapped[int]
    compared_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class RateBucketRow(Base):
    """How far an account's budget of calls is spent: ``full_at`` is when the bucket is full again.

    ``held_until`` is what the seller asked for. Both in microseconds since 1970, so that either database compares and adds
    them exactly.
    """

    __tablename__ = "rate_bucket"

    account: Mapped[str] = mapped_column(ForeignKey("account.name"), primary_key=True)
    full_at: Mapped[int] = mapped_column(BigInteger())
    held_until: Mapped[int] = mapped_column(BigInteger())


class DnsAccountRow(Base):
    """A place where DNS records may be written."""

    __tablename__ = "dns_account"

    name: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    server: Mapped[str]
    port: Mapped[int]
    zones: Mapped[list[str]]
    tsig_name: Mapped[str]
    tsig_algorithm: Mapped[str]
    secret_id: Mapped[str] = mapped_column(ForeignKey("secret.secret_id"), unique=True)
    environment: Mapped[str]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class ProductRow(Base):
    """One product of an account's catalogue, as a document: prices in it are texts."""

    __tablename__ = "product"

    account: Mapped[str] = mapped_column(ForeignKey("account.name"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    read_at: Mapped[datetime]


class OrderRow(Base):
    """An order. It names its account without a foreign key: an order for an unknown account is kept, refused."""

    __tablename__ = "order_"
    __table_args__ = (
        UniqueConstraint("account", "reserved_request_id"),
        UniqueConstraint("account", "seller_order_id"),
        UniqueConstraint("open_fingerprint"),
        Index(None, "fingerprint"),
        Index(None, "created_at"),
    )

    order_id: Mapped[str] = mapped_column(primary_key=True)
    workflow_id: Mapped[str]
    run_id: Mapped[str]
    account: Mapped[str]
    product: Mapped[str]
    common_name: Mapped[str]
    names: Mapped[list[str]]
    months: Mapped[int]
    dns_account: Mapped[str]
    request_id: Mapped[str]
    reserved_request_id: Mapped[str | None]
    request_digest: Mapped[str]
    requested_by: Mapped[str]
    reason: Mapped[str]
    request: Mapped[dict[str, Any]]
    fingerprint: Mapped[str]
    open_fingerprint: Mapped[str | None]
    state: Mapped[str]
    waiting_for: Mapped[str]
    detail: Mapped[str]
    error_code: Mapped[str]
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    origin: Mapped[str]
    seller_order_id: Mapped[str | None]
    status_text: Mapped[str]
    price_amount: Mapped[Decimal | None]
    price_currency: Mapped[str | None]
    charged_amount: Mapped[Decimal | None]
    charged_currency: Mapped[str | None]
    certificate_id: Mapped[str]
    term_ends_at: Mapped[datetime | None]
    leaf_ends_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    next_look_at: Mapped[datetime | None]
    look: Mapped[str]
    as_of: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class ProofRow(Base):
    """One record that proves a name, and what became of it."""

    __tablename__ = "order_name"

    order_id: Mapped[str] = mapped_column(ForeignKey("order_.order_id"), primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    record_type: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    published_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class ActRow(Base):
    """An act at the seller that may cost money; changed by compare-and-set on state and fence only."""

    __tablename__ = "seller_act"
    __table_args__ = (
        Index("uq_seller_act_open", "order_id", unique=True, sqlite_where=_OPEN_ACT, postgresql_where=_OPEN_ACT),
    )

    act_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("order_.order_id"))
    kind: Mapped[str]
    state: Mapped[str]
    owner: Mapped[str]
    fence: Mapped[int]
    body_hash: Mapped[str]
    send_deadline: Mapped[datetime | None]
    sender: Mapped[str]
    seller_order_id: Mapped[str]
    price_amount: Mapped[Decimal | None]
    price_currency: Mapped[str | None]
    charged_amount: Mapped[Decimal | None]
    charged_currency: Mapped[str | None]
    error_code: Mapped[str]
    changed_at: Mapped[datetime]


class KeyRow(Base):
    """A private key, sealed; opens only together with its own id."""

    __tablename__ = "private_key"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("order_.order_id"), index=True)
    algorithm: Mapped[str]
    size: Mapped[int]
    csr: Mapped[str]
    spki_sha256: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]


class CertificateRow(Base):
    """A certificate over the years; made when its first version becomes current."""

    __tablename__ = "certificate"

    certificate_id: Mapped[str] = mapped_column(primary_key=True)
    common_name: Mapped[str] = mapped_column(index=True)
    names: Mapped[list[str]]
    product: Mapped[str]
    account: Mapped[str]
    order_id: Mapped[str] = mapped_column(ForeignKey("order_.order_id"))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class VersionRow(Base):
    """One issued result; numbered from 1 once it is current, 0 before."""

    __tablename__ = "certificate_version"
    __table_args__ = (
        Index("uq_version_current", "certificate_id", unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT),
        Index(
            "uq_version_number",
            "certificate_id",
            "number",
            unique=True,
            sqlite_where=_NUMBERED,
            postgresql_where=_NUMBERED,
        ),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey("order_.order_id"), primary_key=True)
    serial: Mapped[str] = mapped_column(primary_key=True)
    certificate_id: Mapped[str]
    key_id: Mapped[str]
    leaf: Mapped[str]
    chain: Mapped[str]
    fingerprint: Mapped[str]
    spki_sha256: Mapped[str]
    names: Mapped[list[str]]
    issuer: Mapped[str]
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    problems: Mapped[list[str]]
    number: Mapped[int]
    state: Mapped[str]
    recorded_at: Mapped[datetime]


class AlertRow(Base):
    """What was found at a seller and a person has to settle: one row per kind, account and seller order."""

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("kind", "account", "seller_order_id"), Index(None, "settled_at"))

    alert_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    account: Mapped[str]
    seller_order_id: Mapped[str]
    order_id: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str]
    reason: Mapped[str]
    facts: Mapped[dict[str, Any]]


class AuditRow(Base):
    """One row of the audit; triggers of the migration refuse to change or delete it."""

    __tablename__ = "audit_event"
    __table_args__ = (UniqueConstraint("event_id"), Index(None, "subject"), {"sqlite_autoincrement": True})

    sequence: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    claim: Mapped[str]
    reason: Mapped[str]
    facts: Mapped[dict[str, Any]]
