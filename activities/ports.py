"""The ports: everything that activities need from the world, as Protocols.

Adapters in ``activities/adapters`` implement them; ``worker.py`` wires them. Errors of a port are ``EvercertError``s with
our own sentences. Methods say what repeating does, because every activity may run twice, also at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.inventory import (
    AccountRecord,
    ActRecord,
    ActState,
    AlertRecord,
    AuditEvent,
    CertificateRecord,
    DnsAccountRecord,
    Installation,
    KeyRecord,
    Look,
    NewAlert,
    NewOrder,
    NewVersion,
    OrderChange,
    OrderRecord,
    StoredProof,
    VersionRecord,
)
from domain.product import Product
from domain.reconcile import Standing, Wait, Watermark
from domain.seller import (
    AccountDetail,
    CsrFacts,
    ModifiedOrders,
    Money,
    Placement,
    ProofMethod,
    ProofRecord,
    Reissue,
    SellerOrder,
    SellerOrganization,
    UnknownAnswer,
)
from domain.sync import OrderSale


class SendGate(Protocol):
    """Asked immediately before the first byte of a request body that may cost money leaves the process."""

    def may_send(self) -> bool:
        """Tell whether deadline and clocks still allow it. False: nothing is sent."""
        ...


class Clock(Protocol):
    """The only clock. In time-skipping tests it follows Temporal's test server."""

    async def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...

    def send_gate(self, deadline: datetime) -> SendGate:
        """Return a gate that is open until the deadline, and shut once wall and boot clock drift 5 s apart."""
        ...


@dataclass(frozen=True)
class MethodChoice:
    """How one name of an order shall be proved; the address counts for approver mail alone."""

    name: str
    method: ProofMethod
    approver_email: str = ""


@dataclass(frozen=True)
class DomainValidation:
    """One validation that DigiCert holds for a name, in its own words."""

    kind: str
    status: str
    dcv_status: str


@dataclass(frozen=True)
class DomainInfo:
    """DigiCert's view of one name, in its own words; without record values, file contents and other tokens."""

    name: str
    methods: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    validations: tuple[DomainValidation, ...] = ()


class ListedOrganization(SellerOrganization):
    """An organisation as the list shows it: ``country`` is ISO 3166 alpha-2, or verbatim and flagged as unknown."""

    has_unknown_country: bool = False


class Seller(Protocol):
    """One account at the seller. Reads may be repeated at will; ``place`` may not.

    Every method raises ``Refused('auth-rejected')`` when the credential is turned down, ``Unavailable`` when the seller
    cannot be asked or throttles (``retry_after`` set where it says so), ``Refused(…)`` for what it definitely refused.
    """

    async def check_credentials(self) -> None:
        """Ask the seller whether the credential is good. Raises ``Refused('auth-rejected')`` or ``Unavailable``."""
        ...

    async def products(self, code: str = "") -> tuple[Product, ...]:
        """Return the catalogue with this account's prices; ``code`` narrows it to one product."""
        ...

    async def validate(self, placement: Placement) -> None:
        """Let the seller check a placement; nothing is placed. Raises ``Refused('order-parameters-refused')``."""
        ...

    async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
        """Buy, once. Never retried in here.

        Returns:
            The order, when the seller's answer says so.

        Raises:
            NotSent: nothing left the process (connect or TLS failed, gate shut).
            Refused: the seller definitely refused before an order existed (``auth-rejected``,
                ``seller-payment-required``, ``order-parameters-refused``, ``product-refused``).
            Ambiguous: anything else (``purchase-outcome-unknown``): the order must be looked up.
        """
        ...

    async def request_refund(self, seller_order_id: str, *, reason: str, gate: SendGate) -> SellerOrder:
        """Ask for cancellation and refund of the whole order, once. Never retried in here.

        Returns:
            The order as the answer shows it; ``refund_request_id`` is not empty when the request was taken.

        Raises:
            NotSent, Refused, Ambiguous: as ``place``; a definite refusal is ``refund-refused``.
        """
        ...

    async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
        """Look one order up; None only for the positively recognised *unknown order* answer.

        Raises:
            Unavailable: also ``seller-answer-changed`` when the answer has a shape that is not known.
        """
        ...

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        """Return one page (1-based, up to 100) of orders bought since then; empty past the end."""
        ...

    async def download(self, seller_order_id: str) -> tuple[str, ...]:
        """Return all certificates of the order as PEM texts, one CERTIFICATE block each, in no useful order.

        Raises:
            NotYet: ``download-unavailable`` when there is none to be had yet.
        """
        ...

    async def learn_unknown_answer(self) -> UnknownAnswer:
        """Ask for two orders that never existed and return what the answers have in common (API: order/status).

        Raises:
            Unavailable: ``seller-answer-changed`` when they differ, show an order, or are an error about something else.
        """
        ...

    # acts that may cost something; sent once, behind a gate, never retried in here
    async def reissue(self, reissue: Reissue, gate: SendGate) -> SellerOrder:
        """Ask for a new certificate under the same order, once (API: order/reissue).

        Returns:
            The order with a pending reissue or a new ``partner_order_id``, in the answer or read back afterwards.

        Raises:
            NotSent, Refused, Ambiguous: as ``place``; a definite refusal is ``reissue-refused``, doubt is
                ``reissue-outcome-unknown``, also when a taken reissue does not show.
        """
        ...

    async def revoke(self, seller_order_id: str, *, serial: str, reason: str, gate: SendGate) -> SellerOrder:
        """Ask for revocation of one certificate, once, without refund (API: order/certificaterevokerequest).

        ``serial`` is upper-case hex.

        Returns:
            The order as read back. The request was taken; that it was done shows later, in the status, the revocation
            list or OCSP.

        Raises:
            NotSent, Refused, Ambiguous: as ``place``; ``revocation-refused``, ``revocation-outcome-unknown``.
        """
        ...

    # changes of a pending order; free of charge, repeating is harmless
    async def resend_approver_mail(self, seller_order_id: str, *, name: str = "") -> None:
        """Have the approver mail sent again, for one name or all; repeating sends another one (API: order/resend).

        Raises:
            Refused: ``change-refused`` when the order waits for no mail.
        """
        ...

    async def change_approver(self, seller_order_id: str, *, name: str, email: str) -> SellerOrder:
        """Send the approver mail of one name to another address (API: order/changeapproveremail).

        Returns:
            The order as read back, showing that address.

        Raises:
            Refused: ``change-refused``; ``change-not-taken`` when the order read back does not show it.
        """
        ...

    async def change_method(
        self, seller_order_id: str, *, name: str, method: ProofMethod, approver_email: str = ""
    ) -> SellerOrder:
        """Prove one name of a pending order by another method (API: order/changeapprovermethod).

        The service answers *success* to what it does not understand, so only the order read back counts.

        Returns:
            The order as read back, showing the new method; its material may come later.

        Raises:
            Refused: ``change-refused``; ``change-not-taken`` when the order read back still shows the old method.
            NotYet: ``dcv-details-pending`` when it shows neither yet.
        """
        ...

    async def check_dcv(self, seller_order_id: str, *, name: str) -> None:
        """Ask DigiCert to look for the proof of one name now (API: digicert/checkdcv). Raises ``change-refused``."""
        ...

    async def set_methods(self, seller_order_id: str, choices: Sequence[MethodChoice]) -> SellerOrder:
        """Choose the method for each of several names of a DigiCert order (API: digicert/setapprovermethod).

        Returns:
            The order as read back, showing every chosen method.

        Raises:
            Refused, NotYet: as ``change_method``; ``change-not-taken`` when one name still shows another method.
        """
        ...

    async def set_callback(self, url: str) -> None:
        """Have changes of any order posted to an address; empty ends it. For administrators alone: it is the account's.

        Repeating is harmless (API: setting/setordercallback, setting/cancelnotification).

        Raises:
            Refused: ``callback-url-refused``, with nothing sent, unless it is HTTPS to a public host, or loopback for a
                sandbox account; ``change-refused``.
        """
        ...

    # further reads
    async def check_csr(
        self, product: str, csr: str, months: int, *, server_count: int = 1, server_type: str = "Other"
    ) -> None:
        """Let the seller check a CSR (PEM) for a product and term; neither names nor proof (API: order/validate).

        Raises:
            Refused: ``csr-refused``, ``order-parameters-refused``.
        """
        ...

    async def refund_status(self, seller_order_id: str) -> SellerOrder | None:
        """Return the order with the state of its refund request, or None and errors as ``find`` (API: order/refundstatus).

        A denied request looks like a pending one.
        """
        ...

    async def domain_info(self, seller_order_id: str, name: str) -> DomainInfo:
        """Return DigiCert's view of one name of an order (API: digicert/getdomaininfo)."""
        ...

    async def approver_list(self, product: str, name: str, *, seller_order_id: str = "") -> tuple[str, ...]:
        """Return the addresses that may approve one name, lower case, in the seller's order (API: order/approverlist)."""
        ...

    async def agreement(self, product: str, months: int, *, server_count: int = 1) -> str:
        """Return the subscriber agreement, text or HTML, foreign and to be escaped (API: order/agreement)."""
        ...

    async def decode_csr(self, product: str, csr: str) -> CsrFacts:
        """Return how the seller reads a CSR (PEM). Raises ``Refused('csr-refused')`` (API: csr)."""
        ...

    async def service_status(self) -> None:
        """Ask whether the service is up, without a credential. Raises ``Unavailable`` when it does not say so."""
        ...

    async def account_detail(self) -> AccountDetail:
        """Return balance and name of the account (API: user/accountdetail, which calls success an error)."""
        ...

    async def organizations(self) -> tuple[ListedOrganization, ...]:
        """Return the organisations on file, not only active ones (API: digicert/organizationlist)."""
        ...

    async def modified_since(self, since: datetime, *, page: int = 1) -> ModifiedOrders:
        """Return one page (1-based) of orders changed since then; empty past the end (API: order/getmodifiedorderssummary)."""
        ...

    async def live_status(self, seller_order_id: str) -> SellerOrder | None:
        """Return the order as the CA has it now, else as ``find`` shows it (API: order/live-order-status)."""
        ...


class Sellers(Protocol):
    """Opens accounts by name; reads the sealed token anew each time, so that a rotation counts at the next call."""

    async def open(self, account: str | AccountRecord) -> Seller:
        """Return the seller as that account sees it; by its record, where that was just read, it is not read again.

        Raises ``InvalidRequest('account-not-found')``.
        """
        ...

    async def catalogue(self, account: str) -> tuple[Product, ...]:
        """Return the products last read for the account, each with its date, without asking the seller.

        When nothing was ever read: Evercert's own table, marked ``is_bundled`` and without prices. It knows terms and
        limits of names, and nothing may be bought by it.
        """
        ...


class DnsPublisher(Protocol):
    """Writes proof records. Other values on the same name survive; absence is success for a withdrawal."""

    async def check_access(self, owner: str, *, mark: str = "") -> str:
        """Prove that a record at ``owner`` could be written (write and remove a throw-away record); return the zone.

        With the same ``mark`` it is the same record: repeated, it removes what an earlier call that was cut off left there.
        Raises ``Refused('dns-no-write-access')``, ``InvalidRequest('dns-zone-not-found')``, ``Unavailable('dns-unreachable')``.
        """
        ...

    async def publish(self, record: ProofRecord) -> None:
        """Add the record and read it back at the server written to. Repeating is success.

        Raises ``Refused('dns-conflict')`` when something else stands there (nothing is written), or as ``check_access``.
        """
        ...

    async def withdraw(self, record: ProofRecord) -> None:
        """Remove exactly this value. Repeating, and absence, are success."""
        ...


class DnsPublishers(Protocol):
    """Opens DNS accounts by name."""

    async def open(self, dns_account: str) -> DnsPublisher:
        """Return a publisher. Raises ``InvalidRequest('dns-account-not-found')``."""
        ...


@dataclass(frozen=True)
class ServerView:
    """What one authoritative server answers for a proof record: ``seen`` or the reason why not, for people."""

    server: str
    seen: bool
    detail: str


class DnsResolver(Protocol):
    """Looks at DNS as the CA would: at the authoritative servers, without a cache."""

    async def views(self, record: ProofRecord, dns_account: str) -> tuple[ServerView, ...]:
        """Ask every authoritative server of the record's zone. Raises ``Unavailable('dns-unreachable')`` if none answers."""
        ...


@dataclass(frozen=True)
class MadeKey:
    """A new key: ``private_key`` is PKCS#8 DER and must be sealed at once; ``csr`` is PEM."""

    private_key: bytes
    csr: str
    spki_sha256: str

    def __repr__(self) -> str:
        return f"MadeKey(spki_sha256={self.spki_sha256!r})"


class X509(Protocol):
    """Keys, requests and certificates."""

    async def make_key(self, algorithm: str, size: int, names: Sequence[str]) -> MadeKey:
        """Make a key and a CSR for the names (common name first). RSA keys are made in a thread."""
        ...

    def read_issued(self, pems: Sequence[str], *, spki_sha256: str) -> tuple[str, str]:
        """Find the leaf by its public key and put the chain in order; return (leaf PEM, chain PEM, issuer first).

        Falls back to the only non-CA certificate when none carries the key, so that quarantine can show it.
        Raises ``NotYet('download-unavailable')`` when there is no leaf at all.
        """
        ...

    def describe(self, leaf: str, chain: str) -> NewVersion:
        """Return the facts of a leaf; order, certificate and key id are left empty."""
        ...

    def problems(
        self, leaf: str, chain: str, *, names: Sequence[str], spki_sha256: str, now: datetime, roots: Sequence[str]
    ) -> tuple[str, ...]:
        """Return what is wrong with a leaf: ``name: …``, ``key: …``, ``chain: …``, ``dates: …``; empty when all is right.

        ``roots`` are PEM trust anchors of a sandbox account; empty means the public trust store of the system.
        """
        ...


class KeyVault(Protocol):
    """Seals secrets: a fresh data key each (AES-256-GCM), wrapped by the key-encryption key."""

    def seal(self, plaintext: bytes, *, row_id: str, purpose: str) -> bytes:
        """Return the sealed form; bound to row and purpose, so that it opens nowhere else."""
        ...

    def unseal(self, sealed: bytes, *, row_id: str, purpose: str) -> bytes:
        """Return the plain form. Raises ``Misconfigured('master-key-wrong')``."""
        ...


class Watermarks(Protocol):
    """Keeps, outside of the inventory, how far the inventory had come when something was last sent."""

    async def read(self) -> Watermark | None:
        """Return what is kept; None where nothing is yet.

        Raises:
            Misconfigured: ``sequence-unreadable`` when what is kept cannot be understood.
            Unavailable: ``sequence-unavailable`` when it cannot be read.
        """
        ...

    async def keep(self, mark: Watermark) -> None:
        """Keep a mark, on the disk before this returns; repeating changes nothing.

        Several processes may keep marks at once: the highest sequence and the latest instant stay.

        Raises:
            Unavailable: ``sequence-unavailable``: it is not kept, and nothing may be sent.
            Misconfigured: as ``read``; ``sequence-foreign`` when what is kept is of another installation.
        """
        ...


class Inventory(Protocol):
    """The record of orders, certificates, keys and accounts. Each method is one transaction with its audit rows."""

    # installation
    async def installation(self) -> Installation:
        """Return the installation row. Raises ``Misconfigured('db-upgrade-needed')`` for another schema."""
        ...

    async def bind_installation(
        self, *, namespace: str, cluster_id: str, key_check: bytes, now: datetime
    ) -> Installation:
        """Write what is still empty of the three; values already there are left alone and returned."""
        ...

    # reconcile first
    async def standing(self, mark: Watermark | None = None) -> Standing:
        """Tell where the inventory stands, also against a mark that is kept outside of it. Reads only."""
        ...

    async def require_reconcile(
        self, reason: str, *, since: datetime, event: AuditEvent, sent_until: datetime | None = None, past: int = 0
    ) -> bool:
        """Let no act leave before each account was compared; told again with another reason, both count.

        Args:
            reason: one sentence for people.
            since: the list must be read from then on.
            event: the audit row; the same one twice changes nothing.
            sent_until: until when something unknown may have been sent; the accounts' windows begin there.
            past: the audit goes on above this number.

        Returns:
            False when this event was told before.
        """
        ...

    async def account_compared(self, account: str, *, at: datetime, event: AuditEvent) -> bool:
        """Remember that the account's whole list was compared; the reading began at ``at``.

        Returns:
            True when that ended the account's wait: ``event`` is then written, and ``reconcile.finished`` after the last
            account. False otherwise: it waited for nothing, or for a later reading. Repeating changes nothing.

        Raises:
            InvalidRequest: ``account-not-found``.
        """
        ...

    async def reconcile_wait(self, account: str) -> Wait | None:
        """Return what the account waits for, or None. Raises ``InvalidRequest('account-not-found')``."""
        ...

    async def reconcile_pending(self, account: str) -> str:
        """Return why nothing may leave for the account, or ``""``."""
        ...

    async def is_look_fresh(self, account: str, looked_at: datetime) -> bool:
        """Tell whether a look from then shows whatever was sent unknown to this inventory."""
        ...

    async def mark_database(self, mark: str) -> None:
        """Remember which database the inventory is in. Repeating changes nothing."""
        ...

    async def rebind_cluster(self, cluster_id: str, event: AuditEvent) -> None:
        """Bind the inventory to another Temporal cluster. Repeating changes nothing."""
        ...

    # configured objects
    async def add_account(self, account: AccountRecord, sealed_token: bytes, event: AuditEvent) -> None:
        """Add; raises ``InvalidRequest('name-taken')``."""
        ...

    async def account(self, name: str) -> AccountRecord | None:
        """Return the account, or None."""
        ...

    async def accounts(self) -> tuple[AccountRecord, ...]:
        """Return all accounts, by name."""
        ...

    async def park_account(self, name: str, code: str, event: AuditEvent) -> bool:
        """Flag the account; its activities wait. False when it was parked already."""
        ...

    async def release_account(self, name: str, event: AuditEvent) -> bool:
        """Take the flag away. False when there was none."""
        ...

    async def save_unknown_answer(self, name: str, shape: str, event: AuditEvent) -> bool:
        """Remember what the account's seller answers for an unknown order. False when it was remembered already."""
        ...

    async def take_token(self, account: str, now: datetime) -> datetime | None:
        """Take one token of the account's budget of calls, shared by all workers.

        Returns:
            None when it was taken, else the instant at which the next one is there. Repeating takes another one.
        """
        ...

    async def hold_account_until(self, account: str, instant: datetime) -> None:
        """Give out no token before an instant, as the seller asked; an earlier instant changes nothing."""
        ...

    async def add_dns_account(self, account: DnsAccountRecord, sealed_secret: bytes, event: AuditEvent) -> None:
        """Add; raises ``InvalidRequest('name-taken')``."""
        ...

    async def dns_account(self, name: str) -> DnsAccountRecord | None:
        """Return the DNS account, or None."""
        ...

    async def dns_accounts(self) -> tuple[DnsAccountRecord, ...]:
        """Return all DNS accounts, by name."""
        ...

    async def sealed_secret(self, secret_id: str) -> bytes:
        """Return a sealed secret. Raises ``InvariantBroken('secret-missing')``."""
        ...

    async def replace_secret(self, secret_id: str, sealed: bytes, event: AuditEvent) -> None:
        """Put a new sealed value in the place of the old one (rotation)."""
        ...

    # catalogue
    async def save_products(self, account: str, products: Sequence[Product]) -> None:
        """Store what the seller told, with its time; upsert by account and code."""
        ...

    async def products(self, account: str) -> tuple[Product, ...]:
        """Return the stored catalogue of the account."""
        ...

    # orders and acts
    async def open_order(self, order: NewOrder, now: datetime) -> OrderRecord:
        """Add the order in state ``checking``, with its audit row; returns the existing row when repeated."""
        ...

    async def order(self, order_id: str) -> OrderRecord | None:
        """Return the order, or None."""
        ...

    async def orders(
        self, *, name: str = "", account: str = "", state: str = "", limit: int = 200
    ) -> tuple[OrderRecord, ...]:
        """Return orders, newest first."""
        ...

    async def change_order(
        self, order_id: str, change: OrderChange, event: AuditEvent | None, now: datetime
    ) -> OrderRecord:
        """Change what the order shows, with its audit row; ``since`` moves only when state or waiting_for change.

        Repeating gives the same. A change that is older than the last one (``as_of``) writes its audit row and nothing
        else, one by another ``owner`` nothing; the record that is returned tells.

        Raises:
            InvariantBroken: ``order-missing``.
        """
        ...

    async def write_look(self, order_id: str, look: Look) -> None:
        """Remember the last look of the poll."""
        ...

    async def open_orders_like(self, fingerprint: str) -> tuple[str, ...]:
        """Return the ids of orders that hold this open fingerprint (``domain.purchase.fingerprint``)."""
        ...

    async def issued_orders_like(self, fingerprint: str) -> tuple[OrderRecord, ...]:
        """Return issued orders of an equal request, newest first."""
        ...

    async def order_with_request_id(self, account: str, request_id: str) -> OrderRecord | None:
        """Return the order that holds this request id as its reservation, whatever its state."""
        ...

    async def reserve(
        self, order_id: str, *, fingerprint: str | None, owner: str, price: Money, body_hash: str, now: datetime
    ) -> ActRecord:
        """Take all unique keys and write the intention to buy (state ``reserved``), in one transaction.

        Repeating by the same owner returns the act as it stands. Raises ``InvalidRequest`` with ``duplicate-order`` or
        ``already-issued`` (the message names the other order), ``request-id-reused``, or ``Refused('act-in-progress')``
        for another owner.
        """
        ...

    async def act(self, act_id: str) -> ActRecord | None:
        """Return the act, or None."""
        ...

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
        """Compare-and-set: ``UPDATE … SET fence=fence+1 WHERE act_id, state, fence`` must hit one row; None if it did not.

        Of ``changes`` the fields ``send_deadline``, ``sender``, ``seller_order_id``, ``charged``, ``error_code`` and
        ``body_hash`` are taken. ``rejected`` frees the open fingerprint and the request id stays taken.
        """
        ...

    async def open_act(self, act: ActRecord, event: AuditEvent, now: datetime) -> ActRecord:
        """Write the intention of an act other than a purchase (state ``reserved``).

        Repeating by the same owner returns the act as it stands. Raises ``Refused('act-in-progress')`` while another act
        of the order is open, or when another owner has this one.
        """
        ...

    async def order_at_seller(self, account: str, seller_order_id: str) -> OrderRecord | None:
        """Return our order that has this number at the seller, or None; the seller knows accounts by their partner code."""
        ...

    async def take_over(
        self, order_id: str, *, seen: tuple[str, str], workflow_id: str, run_id: str, event: AuditEvent, now: datetime
    ) -> bool:
        """Make another run the owner of an order and its acts: compare-and-set on (workflow id, run id) seen before.

        False when the owner is another one by now. Repeating by the new owner is True.
        """
        ...

    # keys
    async def put_key(self, key: KeyRecord, sealed_key: bytes, now: datetime) -> KeyRecord:
        """Add the key of an order version; returns the one that is there when repeated."""
        ...

    async def key(self, key_id: str) -> KeyRecord | None:
        """Return the key's record, or None."""
        ...

    async def keys_of_order(self, order_id: str) -> tuple[KeyRecord, ...]:
        """Return the records of all keys that were made for an order, oldest first."""
        ...

    async def sealed_key(self, key_id: str) -> bytes:
        """Return the sealed private key. Raises ``InvariantBroken('key-missing')``."""
        ...

    # proof
    async def save_proof(self, order_id: str, records: Sequence[ProofRecord]) -> None:
        """Remember what must be published; upsert by order, owner, type and value."""
        ...

    async def proof(self, order_id: str) -> tuple[StoredProof, ...]:
        """Return the proof records of an order."""
        ...

    async def mark_proof(
        self,
        order_id: str,
        record: ProofRecord,
        *,
        published: bool,
        now: datetime,
        withdrawn_before: datetime | None = None,
    ) -> bool:
        """Remember that a record was published (True) or withdrawn (False).

        Returns False, and changes nothing, where a published record was withdrawn at another instant than
        ``withdrawn_before``: somebody withdrew it while it was published.
        """
        ...

    # certificates
    async def store_version(self, version: NewVersion, now: datetime) -> VersionRecord:
        """Keep a collected leaf as candidate, or as quarantined when it has problems; upsert by order and serial."""
        ...

    async def make_current(self, order_id: str, serial: str, event: AuditEvent, now: datetime) -> VersionRecord:
        """Give the candidate the next number and make it current, the former one superseded; repeating gives the same."""
        ...

    async def certificate(self, certificate_id: str) -> CertificateRecord | None:
        """Return the certificate with its current version, or None."""
        ...

    async def certificates(self, *, name: str = "", limit: int = 200) -> tuple[CertificateRecord, ...]:
        """Return certificates, by common name."""
        ...

    async def versions(self, certificate_id: str) -> tuple[VersionRecord, ...]:
        """Return all versions of a certificate, quarantined ones included, newest first."""
        ...

    # orders and sales that somebody has to look after
    async def open_orders(self, *, account: str = "", after: str = "", limit: int = 200) -> tuple[OrderRecord, ...]:
        """Return orders that have not ended, by order id, beginning behind ``after``."""
        ...

    async def oldest_open_order(self, account: str) -> datetime | None:
        """Return when the oldest order of the account that has not ended was begun, or None."""
        ...

    async def sales(self, order_ids: Sequence[str]) -> tuple[OrderSale, ...]:
        """Return those orders that there are, by order id, each with its purchase."""
        ...

    async def raise_alert(self, alert: NewAlert, now: datetime) -> bool:
        """Write an alert with its audit row, once per kind, account and seller order; tell whether it is new.

        Repeating moves ``last_seen_at`` and nothing else; what a person settled stays settled.
        """
        ...

    async def alert(self, alert_id: str) -> AlertRecord | None:
        """Return the alert, or None."""
        ...

    async def alerts(self, *, settled_too: bool = False, limit: int = 200) -> tuple[AlertRecord, ...]:
        """Return alerts, newest first; only open ones unless asked for all."""
        ...

    async def settle_alert(self, alert_id: str, event: AuditEvent) -> bool:
        """Settle an alert by whom and why its audit row says; False when it is settled already.

        Raises ``InvalidRequest('not-found')``.
        """
        ...

    # audit
    async def append_audit(self, event: AuditEvent) -> None:
        """Write one audit row; the same id twice is one row."""
        ...

    async def audit(self, *, subject: str = "", limit: int = 500) -> tuple[AuditEvent, ...]:
        """Return audit rows, oldest first."""
        ...


class Mailer(Protocol):
    """Tells people."""

    async def send(self, *, to: Sequence[str], subject: str, text: str) -> None:
        """Send one mail. Repeating sends it again."""
        ...
