"""What goes into activities and comes out of them: small, typed, without secrets.

Unknown fields are ignored and new ones defaulted, so that old and new workers can serve one run.
"""

from datetime import datetime
from decimal import Decimal

from domain.errors import Violation
from domain.request import OrderRequest, ResolvePurchase
from domain.seller import Message, Money, NameProof, ProofRecord, SellerState


class RunRef(Message):
    """Which order, and which run chain owns it.

    Attributes:
        order_id: of the order.
        workflow_id: of the run.
        first_run_id: first execution run id: a reset keeps it.
        account: the seller account.
    """

    order_id: str
    workflow_id: str
    first_run_id: str
    account: str

    @property
    def owner(self) -> str:
        """Return the owner of acts of this run chain."""
        return f"{self.workflow_id}/{self.first_run_id}"


class Finding(Message):
    """One reason against a request (``domain.errors.Violation`` as a message)."""

    code: str
    path: str
    message: str
    next_step: str = ""

    @classmethod
    def of(cls, violation: Violation) -> "Finding":
        """Return the message form of a violation."""
        return cls(code=violation.code, path=violation.path, message=violation.message, next_step=violation.next_step)

    def violation(self) -> Violation:
        """Return the domain form."""
        return Violation(self.code, self.path, self.message, self.next_step)


class CheckInput(Message):
    """A request to be checked."""

    run: RunRef
    request: OrderRequest


class Quote(Message):
    """What an order will cost and give.

    Attributes:
        product_name, vendor: as the seller names them.
        price: for the whole term.
        leaf_days: how long the first leaf may live if issued today.
        leaves_needed: how many leaves the paid term will need.
    """

    product_name: str
    vendor: str
    price: Money
    leaf_days: int
    leaves_needed: int


class CheckResult(Message):
    """What one check found; ``names`` are normalised, common name first; ``is_sent``: a purchase may be under way."""

    is_sent: bool = False
    findings: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()
    quote: Quote | None = None


class PrepareKeyInput(Message):
    """Which key to make for which names."""

    run: RunRef
    names: tuple[str, ...]
    algorithm: str
    size: int


class PreparedKey(Message):
    """A key that is sealed in the inventory."""

    key_id: str
    spki_sha256: str


class PurchaseInput(Message):
    """Everything the purchase needs; the CSR is read from the inventory by ``key_id``.

    Attributes:
        vendor: the product's vendor, verbatim.
        names: normalised, common name first.
        max_price: above it nothing is bought.
        allow_duplicate: take no open fingerprint.
        person_asks: a person has asked to go on after ``needs-person``.
    """

    run: RunRef
    product: str
    vendor: str
    months: int
    names: tuple[str, ...]
    key_id: str
    server_count: int = 1
    server_type: str = "Other"
    quoted: Money | None = None
    max_price: Decimal | None = None
    allow_duplicate: bool = False
    person_asks: bool = False


class PurchaseResult(Message):
    """How the purchase ended for now.

    Attributes:
        outcome: ``placed``, ``rejected``, ``in-doubt`` or ``needs-person``.
        adopted: the order was found at the seller after a lost answer, not answered directly.
        code, message: why it is not placed.
        placed_at: UTC.
        until: a deadline moved by a person before, kept across continued runs.
    """

    outcome: str
    seller_order_id: str = ""
    adopted: bool = False
    charged: Money | None = None
    code: str = ""
    message: str = ""
    next_step: str = ""
    placed_at: datetime | None = None
    until: datetime | None = None


class ResolveInput(Message):
    """A person's ruling about a purchase in doubt; ``purchase`` says what was to be bought."""

    purchase: PurchaseInput
    ruling: ResolvePurchase


class RefundInput(Message):
    """Which order to have cancelled and refunded at the seller; ``number`` counts the requests of an order from 1."""

    run: RunRef
    seller_order_id: str
    number: int = 1
    reason: str = ""
    person_asks: bool = False


class RefundResult(Message):
    """How a refund stands: ``requested``, ``approved``, ``undecided`` (asked again later), ``in-doubt``, ``needs-person``."""

    outcome: str
    refund_request_id: str = ""
    code: str = ""
    message: str = ""


class CancelInput(Message):
    """The run that a person wants cancelled, and why."""

    run: RunRef
    reason: str = ""


class TakeOverInput(Message):
    """An order whose run is lost, to be owned by this run; ``request_digest`` must be the order's own."""

    run: RunRef
    request: OrderRequest


class SellerRef(Message):
    """An order at the seller."""

    run: RunRef
    seller_order_id: str
    names: tuple[str, ...]


class SellerView(Message):
    """What the poll remembers of the seller's view, to tell a change.

    Attributes:
        state: reduced status.
        status_text: the seller's own words.
        name_proofs: the CA's view per name.
        records: what must be published, as the seller shows it now.
    """

    state: SellerState
    status_text: str = ""
    name_proofs: tuple[NameProof, ...] = ()
    records: tuple[ProofRecord, ...] = ()


class ProofToPublish(Message):
    """What the seller wants published, and how it saw the order at that moment (perhaps issued already)."""

    records: tuple[ProofRecord, ...] = ()
    view: SellerView


class PublishInput(Message):
    """Records to publish or withdraw through a DNS account."""

    run: RunRef
    dns_account: str
    names: tuple[str, ...]
    records: tuple[ProofRecord, ...]


class AwaitInput(Message):
    """Input of the poll: which order, what was seen last, and the deadline to show."""

    seller: SellerRef
    seen: SellerView | None = None
    until: datetime | None = None


class AwaitResult(Message):
    """The poll ends when the seller's view changes, or when it could not look for too long.

    Attributes:
        view: what the seller shows now; None when it could not be asked.
        failing_since, code, message: set when looks have failed for hours or a defect showed three times.
    """

    view: SellerView | None = None
    failing_since: datetime | None = None
    code: str = ""
    message: str = ""


class CollectInput(Message):
    """What to download and what it must match."""

    seller: SellerRef
    key_id: str
    certificate_id: str


class Collected(Message):
    """A leaf in the inventory: a candidate, or quarantined with its problems.

    ``other_sales``: further orders that the seller lists under our reference: a double sale.
    """

    serial: str
    fingerprint: str
    not_after: datetime
    problems: tuple[str, ...] = ()
    other_sales: tuple[str, ...] = ()


class RecordInput(Message):
    """Which candidate becomes current."""

    run: RunRef
    serial: str


class Recorded(Message):
    """The version that is now current."""

    certificate_id: str
    version: int
    fingerprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_id: str


class StateNote(Message):
    """A state that the inventory must show, with its sentence, for people.

    ``occasion`` makes the audit row of this note unique within the order; ``kind`` names it where it is not the state.
    ``refused_code`` and ``refused_detail`` tell what a person was refused: they stand in the audit row alone, and the order
    goes on showing what it waits for.
    """

    run: RunRef
    state: str
    waiting_for: str
    detail: str = ""
    code: str = ""
    until: datetime | None = None
    occasion: str = ""
    kind: str = ""
    by: str = "evercert"
    reason: str = ""
    refused_code: str = ""
    refused_detail: str = ""


class OrphanSearch(Message):
    """Which open orders to look at: the next batch behind an order id."""

    after: str = ""


class OrphansFound(Message):
    """What became of a batch of open orders.

    Attributes:
        looked_at: how many orders there were.
        after: where the next batch begins; empty after the last one.
        taken_up: orders for which a run was started.
        under_way: how many are being taken up already.
        refused: orders that could not be taken up, with the code.
    """

    looked_at: int = 0
    after: str = ""
    taken_up: tuple[str, ...] = ()
    under_way: int = 0
    refused: tuple[tuple[str, str], ...] = ()


class AccountPage(Message):
    """Names of seller accounts, a page of them; ``after`` is where the next one begins, empty after the last."""

    names: tuple[str, ...] = ()
    after: str = ""


class CompareInput(Message):
    """The account whose list is to be compared with the inventory."""

    account: str


class Compared(Message):
    """What the comparison of one account's list found.

    Attributes:
        account: whose list it was.
        since: from when on it was read, UTC.
        listed: sales in it.
        ours: those that carry a reference of ours.
        raised: ids of alerts that are new.
        known_alerts: alerts that were seen again.
        nudged: orders in doubt whose runs were told to look.
    """

    account: str
    since: datetime
    listed: int = 0
    ours: int = 0
    raised: tuple[str, ...] = ()
    known_alerts: int = 0
    nudged: tuple[str, ...] = ()


class SyncTally(Message):
    """What a whole run of ``SyncOrders`` came to, in numbers."""

    orders: int = 0
    taken_up: int = 0
    accounts: int = 0
    skipped: int = 0
    raised: int = 0


class InventoryMark(Message):
    """How far the inventory had come: the newest row of its audit."""

    audit_sequence: int
