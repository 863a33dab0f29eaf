"""The records of the inventory as the rest of Evercert sees them.

The inventory is the record of orders, certificates, versions, keys and accounts; Temporal is the record of what is under
way. Secrets appear here only as references (``secret_id``, ``key_id``).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from domain.seller import Message, Money, ProofRecord

LEAST_LIVE_WINDOW = timedelta(minutes=15)


class Environment(StrEnum):
    """Whether an account buys for real. A live account refuses reserved names, a sandbox account public ones."""

    SANDBOX = "sandbox"
    LIVE = "live"


class AccountRecord(Message):
    """A seller account.

    Attributes:
        name: what requests call it.
        environment: sandbox or live.
        base_url: of the seller's API, with ``/rest``, without trailing slash.
        partner_code: first half of the credential; no secret.
        secret_id: where the token is sealed.
        csr_encoding: ``percent`` or ``raw``.
        visibility_minutes: how long a sale may take to show up at the seller.
        contact_email: administrator and technical contact of DV orders, or ``""``.
        trust_roots: PEM anchors that leaves of a sandbox account chain to; empty: the public trust store.
        parked_code, parked_at: why and since when the account's work waits, or empty.
        unknown_answer: shape of the seller's answer for an order that nobody placed; empty: not calibrated yet.
        fallback_url: asked instead when ``base_url`` cannot be connected to, for reads alone; or ``""``.
        calls_per_second, calls_burst: budget of calls over all workers; 0 takes what suits the environment.
        compared_at: when the reading of the list began that was last compared with the inventory.
        version: for optimistic locking.
    """

    name: str
    environment: Environment
    base_url: str
    partner_code: str
    secret_id: str
    csr_encoding: str = "percent"
    visibility_minutes: int = 60
    contact_email: str = ""
    trust_roots: str = ""
    parked_code: str = ""
    parked_at: datetime | None = None
    unknown_answer: str = ""
    fallback_url: str = ""
    calls_per_second: int = 0
    calls_burst: int = 0
    compared_at: datetime | None = None
    version: int = 1

    @property
    def window(self) -> timedelta:
        """How long a sale may take to show up; whatever is set, a real seller gets a quarter of an hour."""
        window = timedelta(minutes=self.visibility_minutes)
        return max(window, LEAST_LIVE_WINDOW) if self.environment is Environment.LIVE else window

    @property
    def call_budget(self) -> tuple[int, int]:
        """Calls per second and the burst above it: polite to the real seller, generous to a sandbox."""
        rate, burst = (5, 4) if self.environment is Environment.LIVE else (50, 100)
        return self.calls_per_second or rate, self.calls_burst or burst


class DnsAccountRecord(Message):
    """A place where Evercert may write DNS records.

    Attributes:
        name: what requests call it.
        provider: ``rfc2136`` so far.
        server, port: where updates go; IP address or host name.
        zones: zones that it may write, lower case, without trailing dot.
        tsig_name, tsig_algorithm: key name and algorithm (``hmac-sha256``).
        secret_id: where the TSIG secret is sealed.
        environment: a sandbox account may point at loopback and serves sandbox orders only.
        version: for optimistic locking.
    """

    name: str
    provider: str = "rfc2136"
    server: str
    port: int = 53
    zones: tuple[str, ...]
    tsig_name: str
    tsig_algorithm: str = "hmac-sha256"
    secret_id: str
    environment: Environment
    version: int = 1


class ActKind(StrEnum):
    """Acts at the seller that may cost money."""

    PURCHASE = "purchase"
    REFUND = "refund"


class ActState(StrEnum):
    """Where such an act stands."""

    RESERVED = "reserved"
    SENDING = "sending"
    PLACED = "placed"
    IN_DOUBT = "in-doubt"
    NEEDS_PERSON = "needs-person"
    REJECTED = "rejected"
    ABANDONED = "abandoned"


class ActRecord(Message):
    """The durable intention of one act at the seller, written before the call.

    Attributes:
        act_id: the order id for a purchase.
        order_id: the order it belongs to.
        kind, state: what, and where it stands.
        owner: workflow id and first execution run id, joined by ``/``, so that a reset keeps it.
        fence: counts the changes; every change names the value it saw.
        body_hash: SHA-256 of what is or was sent, credentials left out.
        send_deadline: after this instant nothing is sent, UTC.
        sender: which attempt holds the fence, or ``""``.
        seller_order_id: known once placed.
        price: what the seller asked just before, whole term.
        charged: what the seller says it took.
        error_code: why it was rejected or waits for a person.
        changed_at: last change, UTC.
    """

    act_id: str
    order_id: str
    kind: ActKind = ActKind.PURCHASE
    state: ActState
    owner: str
    fence: int = 0
    body_hash: str = ""
    send_deadline: datetime | None = None
    sender: str = ""
    seller_order_id: str = ""
    price: Money | None = None
    charged: Money | None = None
    error_code: str = ""
    changed_at: datetime | None = None


class NewOrder(Message):
    """What is known of an order when its run starts.

    ``request_digest`` is the canonical digest of what was asked for, request id left out.
    """

    order_id: str
    workflow_id: str
    run_id: str
    account: str
    product: str
    common_name: str
    names: tuple[str, ...]
    months: int
    dns_account: str
    request_id: str = ""
    request_digest: str
    requested_by: str = ""
    reason: str = ""
    request: dict[str, object] = Field(default_factory=dict)


class OrderRecord(NewOrder):
    """An order in the inventory.

    Attributes:
        state, waiting_for: see ``domain.order``.
        detail: one sentence for people on what it waits for or how it ended.
        error_code: of the last problem, or ``""``.
        since: when the state began; until: its deadline, if any. UTC.
        seller_order_id, status_text: the seller's number and status words.
        price, charged: quoted and taken.
        certificate_id: set once a version is recorded.
        term_ends_at, leaf_ends_at: the two clocks: end of the paid term, end of the current leaf.
        looked_at, next_look_at, look: the last look of the poll, the next one, and what it saw.
        created_at, updated_at: UTC.
    """

    state: str
    waiting_for: str = "nobody"
    detail: str = ""
    error_code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    origin: str = "evercert"
    seller_order_id: str = ""
    status_text: str = ""
    price: Money | None = None
    charged: Money | None = None
    certificate_id: str = ""
    term_ends_at: datetime | None = None
    leaf_ends_at: datetime | None = None
    looked_at: datetime | None = None
    next_look_at: datetime | None = None
    look: str = ""
    as_of: datetime | None = None
    created_at: datetime
    updated_at: datetime


class OrderChange(Message):
    """A change of what an order shows; fields left None stay as they are."""

    state: str | None = None
    waiting_for: str | None = None
    detail: str | None = None
    error_code: str | None = None
    until: datetime | None = None
    clear_until: bool = False
    seller_order_id: str | None = None
    status_text: str | None = None
    charged: Money | None = None
    term_ends_at: datetime | None = None
    as_of: datetime | None = None
    """When Temporal scheduled what writes this. A change that is older than the last one changes nothing: it comes from a
    try that was taken for dead, or from a note that others have overtaken."""
    owner: tuple[str, str] | None = None
    """Workflow id and first run id of who writes this. Where the order is another run's by now, nothing is written."""


class Look(Message):
    """One look of the poll: when, what it saw, and when the next one comes."""

    looked_at: datetime
    next_at: datetime | None = None
    outcome: str


class KeyRecord(Message):
    """A private key of ours; the key itself is sealed and never part of this record.

    Attributes:
        key_id: derived from order and version.
        order_id: the order it was made for.
        algorithm, size: ``ecdsa`` 256, ``rsa`` 2048, …
        csr: PEM of the request made with it.
        spki_sha256: hex digest of its public key (DER SubjectPublicKeyInfo).
    """

    key_id: str
    order_id: str
    algorithm: str
    size: int
    csr: str
    spki_sha256: str
    created_at: datetime | None = None


class StoredProof(ProofRecord):
    """A proof record together with what became of it."""

    order_id: str
    published_at: datetime | None = None
    withdrawn_at: datetime | None = None


class VersionState(StrEnum):
    """Where a version stands."""

    CANDIDATE = "candidate"
    CURRENT = "current"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"


class NewVersion(Message):
    """One issued result as it was collected.

    Attributes:
        leaf: PEM, one CERTIFICATE block.
        chain: PEM, leaf's issuer first, root left out.
        serial: upper-case hex without leading zeros.
        fingerprint: SHA-256 of the leaf's DER, lower-case hex.
        problems: why it is quarantined; empty for a candidate.
    """

    order_id: str
    certificate_id: str
    key_id: str
    leaf: str
    chain: str
    serial: str
    fingerprint: str
    spki_sha256: str
    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    problems: tuple[str, ...] = ()


class VersionRecord(NewVersion):
    """A version in the inventory; ``number`` counts from 1 and is 0 for candidates and quarantined ones."""

    number: int = 0
    state: VersionState = VersionState.CANDIDATE
    recorded_at: datetime | None = None


class CertificateRecord(Message):
    """A certificate: the thing one cares about over years, with its current version."""

    certificate_id: str
    common_name: str
    names: tuple[str, ...]
    product: str
    account: str
    order_id: str
    current: VersionRecord | None = None
    versions: int = 0
    created_at: datetime


class AuditEvent(Message):
    """One row of the audit; written once, never changed.

    Attributes:
        event_id: derived (``domain.ids.event_id``): telling it twice is one row.
        kind: noun and verb, ``order.placed``, ``key.exported``.
        subject: id of the order, certificate, account …
        by: who; claimed_as: ``claimed``, ``attributed``, ``signed`` or ``system``.
        reason: why, as given.
        facts: small values, never secrets.
    """

    event_id: str
    kind: str
    subject: str
    at: datetime
    by: str = "evercert"
    claim: str = "system"
    reason: str = ""
    facts: dict[str, str] = Field(default_factory=dict)


class AlertKind(StrEnum):
    """What may be found at a seller that a person has to settle."""

    ORPHAN_SALE = "orphan-sale"
    DOUBLE_SALE = "double-sale"


class NewAlert(Message):
    """A sale at the seller that calls for a person.

    Attributes:
        kind: of which sort.
        account: whose list shows the sale.
        seller_order_id: the seller's number of that sale.
        order_id: the reference of ours that it carries; the inventory may not know it.
        facts: small values for people, as the seller tells them: bounded, foreign, never secrets.
    """

    kind: AlertKind
    account: str
    seller_order_id: str
    order_id: str
    facts: dict[str, str] = Field(default_factory=dict)


class AlertRecord(NewAlert):
    """An alert in the inventory; open until a person settles it.

    Attributes:
        alert_id: derived from kind, account and the seller's number.
        first_seen_at, last_seen_at: UTC; seen again moves the latter alone.
        settled_at, settled_by, reason: who settled it and why (claimed); None and empty while it is open.
    """

    alert_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    settled_at: datetime | None = None
    settled_by: str = ""
    reason: str = ""


class Installation(Message):
    """Who this inventory belongs to: bound to one Temporal namespace and cluster, and to one master key.

    Attributes:
        installation_id: made with the inventory.
        namespace, cluster_id, key_check: what it is bound to.
        audit_sequence: the newest row of the audit.
        reconcile_since, reconcile_reason: since when and why nothing is bought before lists were compared, or empty.
        sent_until: until when something may have been sent that this inventory does not know of; stays after the doubt.
        database_mark: which PostgreSQL it was last seen in, and on which timeline.
    """

    installation_id: str
    namespace: str = ""
    cluster_id: str = ""
    key_check: bytes = b""
    audit_sequence: int = 0
    reconcile_since: datetime | None = None
    reconcile_reason: str = ""
    sent_until: datetime | None = None
    database_mark: str = ""
