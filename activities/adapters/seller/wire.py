"""The seller's answers as typed models, in its own words; ``translate.py`` turns them into ours at once.

Member names are compared without case. Unknown members are ignored, which also drops what must not be kept: per-order
tokens (``Token``, ``TokenID``, ``TokenCode``), product logins and enrolment links.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from activities.adapters.seller import reading

Text = Annotated[str, BeforeValidator(reading.text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(reading.texts)]
Flag = Annotated[bool, BeforeValidator(lambda value: reading.flag(value) or False)]
Whole = Annotated[int, BeforeValidator(reading.whole)]


def _object(value: object) -> object:
    return value if isinstance(value, dict | BaseModel) else {}


def _objects(value: object) -> object:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _one_or_more(value: object) -> object:
    return _objects([value] if isinstance(value, dict) else value)


def _objects_or_none(value: object) -> object:
    return _objects(value) if isinstance(value, list) else None


class Wire(BaseModel):
    """Base: every member may be missing or null; ``major_status`` is read from ``MajorStatus`` in any case."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=lambda name: name.replace("_", ""), populate_by_name=False
    )


class DomainVettingWire(Wire):
    """One element of ``DomainAuthVettingStatus``."""

    domain: Text = ""
    dcv_method: Text = ""
    dcv_status: Text = ""
    file_name: Text = ""
    file_contents: Text = ""
    dns_name: Text = ""
    dns_entry: Text = ""


class OrderStatusWire(Wire):
    """``OrderStatus`` of an order."""

    major_status: Text = ""
    minor_status: Text = ""
    domain_auth_vetting_status: Annotated[tuple[DomainVettingWire, ...], BeforeValidator(_objects)] = ()


class OrderWire(Wire):
    """An ``OrderResponse``: the one shape of neworder, status and each row of query."""

    the_ssl_store_order_id: Text = ""
    partner_order_id: Text = ""
    custom_order_id: Text = ""
    vendor_order_id: Text = ""
    refund_request_id: Text = ""
    is_refund_approved: Flag = False
    order_status: Annotated[OrderStatusWire, BeforeValidator(_object)] = OrderStatusWire()
    order_amount: Text = ""
    purchase_date: Text = ""
    purchase_date_in_utc: Text = ""
    certificate_end_date: Text = ""
    certificate_end_date_in_utc: Text = ""
    order_expiry_date: Text = ""
    order_expiry_date_in_utc: Text = ""
    common_name: Text = ""
    dns_names: Texts = ()
    validity: Whole = 0
    product_code: Text = ""
    serial_number: Text = ""
    cname_auth_name: Text = ""
    cname_auth_value: Text = ""
    auth_file_name: Text = ""
    auth_file_content: Text = ""
    approver_email: Texts = ()


class CertificateFileWire(Wire):
    """One file of a download; its name says nothing."""

    file_content: Text = ""


class DownloadWire(Wire):
    """Answer of order/download."""

    the_ssl_store_order_id: Text = ""
    certificates: Annotated[tuple[CertificateFileWire, ...], BeforeValidator(_objects)] = ()


class PriceWire(Wire):
    """One row of ``PricingInfo``: a term and its price as a whole."""

    number_of_months: Whole = 0
    number_of_server: Whole = 0
    price: Text = ""
    srp: Text = ""


class ProductWire(Wire):
    """One element of product/query."""

    product_code: Text = ""
    product_name: Text = ""
    vendor_name: Text = ""
    is_dv_product: Flag = False
    is_ov_product: Flag = False
    is_ev_product: Flag = False
    is_wildcard: Flag = False
    is_wlidcard: Flag = False
    is_san_enable: Flag = False
    max_san: Whole = 0
    is_flex_product: Flag = False
    is_code_signing: Flag = False
    is_scan_product: Flag = False
    currency_code: Text = ""
    pricing_info: Annotated[tuple[PriceWire, ...], BeforeValidator(_objects)] = Field(default=())


class ApproverListWire(Wire):
    """Answer of order/approverlist."""

    approver_email_list: Texts = ()


class AgreementWire(Wire):
    """Answer of order/agreement; which of the two members is filled depends on the release of the service."""

    agreement: Text = ""
    order_agreement: Text = ""


class CsrWire(Wire):
    """Answer of csr; some releases misspell the common name's member."""

    domain_name: Text = ""
    domin_name: Text = ""
    dns_names: Texts = ()
    organization: Text = ""
    country: Text = ""
    md5_hash: Text = ""
    sha1_hash: Text = ""
    sha256: Text = ""
    is_wildcard_csr: Flag = False
    has_bad_extensions: Flag = False


class AccountWire(Wire):
    """Answer of user/accountdetail."""

    partner_code: Text = ""
    company_name: Text = ""
    account_balance: Text = ""
    currency_code: Text = ""
    allow_credit: Flag = False


class OrganizationWire(Wire):
    """One element of ``OrganizationList``; spelling as recorded, with a small d in the id."""

    tss_organization_id: Whole = 0
    name: Text = ""
    city: Text = ""
    country: Text = ""
    status: Text = ""


class OrganizationListWire(Wire):
    """Answer of digicert/organizationlist."""

    organization_list: Annotated[tuple[OrganizationWire, ...], BeforeValidator(_objects)] = ()


class DomainDetailWire(Wire):
    """``dcvDetails`` of one name; record values and file contents are not read."""

    domain_name: Text = ""
    dcv_method: Text = ""
    dcv_status: Text = ""


class DomainValidationWire(Wire):
    """One element of ``validations``, whose members are spelled with underscores."""

    type: Text = ""
    status: Text = ""
    dcv_status: Text = Field(default="", validation_alias=AliasChoices("dcv_status", "dcvstatus"))


class DomainInfoWire(Wire):
    """Answer of digicert/getdomaininfo; nobody recorded whether the details are an object or a list."""

    dcv_details: Annotated[tuple[DomainDetailWire, ...], BeforeValidator(_one_or_more)] = ()
    validations: Annotated[tuple[DomainValidationWire, ...], BeforeValidator(_one_or_more)] = ()


class ModifiedOrderWire(Wire):
    """One element of the changed orders, whose shape nobody recorded: the status stands nested or at the root."""

    the_ssl_store_order_id: Text = ""
    custom_order_id: Text = ""
    order_status: Annotated[OrderStatusWire, BeforeValidator(_object)] = OrderStatusWire()
    major_status: Text = ""
    minor_status: Text = ""
    modified_date: Text = ""
    modified_date_in_utc: Text = ""
    last_modified_date_in_utc: Text = ""


class ModifiedListWire(Wire):
    """Answer of order/getmodifiedorderssummary, the only list with a total."""

    orders: Annotated[tuple[ModifiedOrderWire, ...] | None, BeforeValidator(_objects_or_none)] = None
    total_orders: Text = ""


class Envelope(BaseModel):
    """What every answer says about itself, whichever of the three shapes it has.

    Attributes:
        is_error: None when the answer does not say.
        messages: the seller's own words.
        rows: the object, or the objects of an array, member names in lower case.
        is_array: the answer was an array.
        is_from_fallback: another address than the account's own gave it.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    is_error: bool | None
    messages: tuple[str, ...] = ()
    rows: tuple[dict[str, object], ...] = Field(default=(), repr=False)
    is_array: bool = False
    is_from_fallback: bool = False


def read_envelope(body: bytes, hidden: Callable[[reading.Json], reading.Json] = lambda it: it) -> Envelope | None:
    """Read an answer; None when it is no JSON object or array of objects.

    Args:
        body: as it came.
        hidden: returns what was parsed without what must not be seen.


    ``AuthResponse`` inside an object, its members at the root, or an array whose elements carry it. An empty array is
    a success. In an array an error of any element counts.
    """
    parsed = hidden(reading.parse_json(body))
    if isinstance(parsed, dict):
        return Envelope(is_error=_is_error(parsed), messages=_messages(parsed), rows=(dict(parsed),))
    if not isinstance(parsed, list) or not all(isinstance(item, dict) for item in parsed):
        return None
    rows = tuple(dict(item) for item in parsed if isinstance(item, dict))
    verdicts = [_is_error(row) for row in rows]
    is_error = True if True in verdicts else None if None in verdicts else False
    words = tuple(word for row, bad in zip(rows, verdicts, strict=True) if bad for word in _messages(row))
    return Envelope(is_error=is_error, messages=words, rows=rows, is_array=True)


def _auth(row: dict[str, reading.Json] | dict[str, object]) -> dict[str, object]:
    nested = row.get("authresponse")
    return dict(nested) if isinstance(nested, dict) else dict(row)


def _is_error(row: dict[str, reading.Json] | dict[str, object]) -> bool | None:
    return reading.flag(_auth(row).get("iserror"))


def _messages(row: dict[str, reading.Json] | dict[str, object]) -> tuple[str, ...]:
    message = _auth(row).get("message")
    items = message if isinstance(message, list) else [message]
    return tuple(word for word in (reading.text(item) for item in items) if word)
