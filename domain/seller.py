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


class FileProof(Message):
    """One file that proves control of one name, as the seller shows it; nothing of it was checked yet.

    Attributes:
        name: the ordered name it proves.
        file_name: the seller's own word, usually a bare file name.
        content: what the file must hold, verbatim.
    """

    name: str
    file_name: str
    content: str


class NameProof(Message):
    """What the seller says about the proof of one name.

    Attributes:
        name: the ordered name.
        status: the seller's own word.
        is_validated: the word means that the proof was seen.
        method: the seller's own word for the method, or ``""``.
    """

    name: str
    status: str
    is_validated: bool
    method: str = ""


class ProofMethod(StrEnum):
    """How control of a name may be proved, in the only words that ``changeapprovermethod`` takes."""

    EMAIL = "EMAIL"
    FILE = "FILE"
    CNAME = "CNAME"


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
        file_proofs: files that must be published, de-duplicated; empty while the seller has not told them.
        approver_emails: who gets approver mails, lower case, the common name's first.
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
    file_proofs: tuple[FileProof, ...] = ()
    approver_emails: tuple[str, ...] = ()


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


class Reissue(Message):
    """Everything that is sent to have an order's certificate issued anew.

    Attributes:
        seller_order_id: the seller's order number, digits.
        partner_order_id: as it was before: a changed one shows that a reissue was taken.
        product, vendor: as in ``Placement``.
        common_name: A-label form, lower case.
        csr: PEM of the new key's request, one block, LF.
        names: all names that the new certificate shall have, common name first.
        add_names, remove_names: what changes against the order's names.
        server_type: passed on unchanged.
        unique_value: at most 20 letters and digits, another one than before.
    """

    seller_order_id: str
    partner_order_id: str = ""
    product: str
    vendor: str
    common_name: str
    csr: str
    names: tuple[str, ...] = ()
    add_names: tuple[str, ...] = ()
    remove_names: tuple[str, ...] = ()
    server_type: str = "Other"
    unique_value: str = ""


class UnknownAnswer(Message):
    """What the seller's answer to a look-up of an order that never existed looks like; no ids, no secrets.

    Attributes:
        is_error: it comes as an error, or as a success about nothing.
        ids: the four id members, each with ``absent``, ``null`` or ``blank``.
        message: the sentence, case folded, digits and references taken out.
        code: the first error code in it, or None.
        is_known: it is one of the shapes that Evercert knew before it ever asked.
    """

    is_error: bool
    ids: tuple[tuple[str, str], ...] = ()
    message: str = ""
    code: int | None = None
    is_known: bool = False

    @property
    def shape(self) -> str:
        """The fingerprint that is stored with the account; equal for equal answers."""
        ids = ",".join(f"{name}={how}" for name, how in self.ids)
        kind = "error" if self.is_error else "success"
        return f"v1 {kind} code={'none' if self.code is None else self.code} ids={ids} message={self.message}"


class CsrFacts(Message):
    """How the seller reads a certificate request; the digests are lower-case hex of its DER, or ``""``."""

    common_name: str
    names: tuple[str, ...] = ()
    organization: str = ""
    country: str = ""
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    is_wildcard: bool = False
    has_bad_extensions: bool = False


class AccountDetail(Message):
    """The reseller account as the seller shows it; ``balance`` is None where it is not told."""

    partner_code: str
    company: str = ""
    balance: Money | None = None
    allows_credit: bool = False


class SellerOrganization(Message):
    """An organisation that the seller has on file; only an active one may be ordered for."""

    organization_id: int
    name: str
    city: str = ""
    country: str = ""
    status: str = ""
    is_active: bool = False


class ModifiedOrder(Message):
    """One row of the list of changed orders: a hint to look, since the row is a summary."""

    seller_order_id: str
    custom_order_id: str = ""
    state: SellerState = SellerState.UNREADABLE
    status_text: str = ""
    modified_at: datetime | None = None


class ModifiedOrders(Message):
    """One page of changed orders; ``total`` over all pages, None where the seller does not tell it."""

    orders: tuple[ModifiedOrder, ...] = ()
    total: int | None = None
