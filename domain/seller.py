"""How the seller sees an order, in our words: the values that the ``Seller`` port speaks.

Status words that nobody has seen before are kept verbatim and flagged, never guessed (capability S10).
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Base of values that travel in workflow histories: unknown fields are ignored, new ones defaulted."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SellerState(StrEnum):
    """The seller's major status, reduced to what matters; ``UNREADABLE`` for words never seen before."""

    INITIAL = "initial"
    PENDING = "pending"
    ACTIVE = "active"
    REISSUE_PENDING = "reissue-pending"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"

    @property
    def is_dead(self) -> bool:
        """Nothing will be issued any more."""
        return self in (SellerState.CANCELLED, SellerState.EXPIRED, SellerState.REVOKED, SellerState.REJECTED)


class ProofRecord(Message):
    """One DNS record that proves control of one name.

    Attributes:
        name: the ordered name it proves (wildcard label kept).
        record_type: ``CNAME`` or ``TXT``.
        owner: fully qualified owner name, lower case, without trailing dot.
        value: CNAME target (lower case, without trailing dot) or TXT text.
    """

    name: str
    record_type: str
    owner: str
    value: str


class NameProof(Message):
    """What the seller says about the proof of one name.

    Attributes:
        name: the ordered name.
        status: the seller's own word.
        is_validated: the word means that the proof was seen.
    """

    name: str
    status: str
    is_validated: bool


class Money(Message):
    """An amount; never a float."""

    amount: Decimal
    currency: str = "USD"


class SellerOrder(Message):
    """One order as the seller shows it.

    Attributes:
        seller_order_id: ``TheSSLStoreOrderID``, digits.
        custom_order_id: the reference that the caller gave, or ``""``.
        partner_order_id: changes with each reissue.
        vendor_order_id: the CA's number, ``""`` until submitted.
        state: reduced status.
        status_text: major and minor status verbatim, for people.
        product: product code.
        common_name: lower case, or ``""``.
        names: all names, common name first, lower case.
        months: paid term.
        amount: what was charged, or None where the answer had none.
        proof_records: what must be published, de-duplicated; empty while the seller has not told it.
        name_proofs: the CA's view per name.
        serial: of the current certificate, upper-case hex, or ``""``.
        ordered_at, certificate_ends_at, term_ends_at: UTC, None where not told.
        refund_request_id: not empty once a refund was asked for.
        is_refund_approved: the seller agreed to it.
    """

    seller_order_id: str
    custom_order_id: str = ""
    partner_order_id: str = ""
    vendor_order_id: str = ""
    state: SellerState
    status_text: str = ""
    product: str = ""
    common_name: str = ""
    names: tuple[str, ...] = ()
    months: int = 0
    amount: Money | None = None
    proof_records: tuple[ProofRecord, ...] = ()
    name_proofs: tuple[NameProof, ...] = ()
    serial: str = ""
    ordered_at: datetime | None = None
    certificate_ends_at: datetime | None = None
    term_ends_at: datetime | None = None
    refund_request_id: str = ""
    is_refund_approved: bool = False


class Placement(Message):
    """Everything that is sent to buy one order.

    Attributes:
        order_id: ours; becomes the seller's ``CustomOrderID``.
        product: product code.
        vendor: the product's vendor, verbatim: decides hash name and proof keyword.
        months: paid term.
        common_name: A-label form, lower case.
        csr: PEM, one CERTIFICATE REQUEST block, 64-column lines, LF.
        server_count, server_type: passed on unchanged.
        unique_value: at most 20 letters and digits; makes Sectigo's proof token unique.
    """

    order_id: str
    product: str
    vendor: str
    months: int
    common_name: str
    csr: str
    server_count: int = 1
    server_type: str = "Other"
    unique_value: str = ""
