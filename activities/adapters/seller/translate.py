"""From the seller's words to ours: orders, catalogue, certificates."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from activities.adapters.seller import reading
from activities.adapters.seller.credential import bounded
from activities.adapters.seller.proof import file_proofs, host, name_proofs, proof_records
from activities.adapters.seller.wire import ModifiedOrderWire, OrderWire, PriceWire, ProductWire
from domain.product import Product, ProductTerm
from domain.seller import ModifiedOrder, SellerOrder, SellerState

_STATES: dict[str, SellerState] = {
    "initial": SellerState.INITIAL,
    "pending": SellerState.PENDING,
    "active": SellerState.ACTIVE,
    "cancelled": SellerState.CANCELLED,
    "canceled": SellerState.CANCELLED,
    "refunded": SellerState.CANCELLED,
    "expired": SellerState.EXPIRED,
    "revoked": SellerState.REVOKED,
    "rejected": SellerState.REJECTED,
}
_PENDING_REISSUE = "PENDING_REISSUE"
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")
_SERIAL = re.compile(r"[0-9A-F]{1,64}")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_ORDER_ID = re.compile(r"[0-9]{1,20}")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST_REFERENCE = 100


def is_order_id(text: str) -> bool:
    """Tell whether the text can be the seller's order number: digits."""
    return _ORDER_ID.fullmatch(text) is not None


def is_serial(text: str) -> bool:
    """Tell whether the text is a serial number as ours are written: upper-case hex, no leading zeros."""
    return _SERIAL.fullmatch(text) is not None


def state_of(major: str, minor: str) -> SellerState:
    """Reduce the status words; ``Active`` with ``PENDING_REISSUE`` still shows the *old* certificate."""
    state = _STATES.get(major.strip().casefold(), SellerState.UNREADABLE)
    is_pending_reissue = re.sub(r"[\s-]+", "_", minor.strip()).upper() == _PENDING_REISSUE
    return SellerState.REISSUE_PENDING if state is SellerState.ACTIVE and is_pending_reissue else state


def order_of(wire: OrderWire) -> SellerOrder:
    """Translate an order; what cannot be read is empty or None, never guessed."""
    common_name, names = _names(wire)
    status = wire.order_status
    words = " / ".join(word for word in (status.major_status, status.minor_status) if word)
    return SellerOrder(
        seller_order_id=wire.the_ssl_store_order_id,
        custom_order_id=wire.custom_order_id[:_LONGEST_REFERENCE],
        partner_order_id=wire.partner_order_id[:_LONGEST_REFERENCE],
        vendor_order_id=wire.vendor_order_id[:_LONGEST_REFERENCE],
        state=state_of(status.major_status, status.minor_status),
        status_text=bounded(words),
        product=wire.product_code[:_LONGEST_REFERENCE],
        common_name=common_name,
        names=names,
        months=max(wire.validity, 0),
        amount=reading.money(wire.order_amount),
        proof_records=proof_records(wire, names),
        name_proofs=name_proofs(wire, names),
        serial=_serial(wire.serial_number),
        ordered_at=_date(wire.purchase_date_in_utc, wire.purchase_date),
        certificate_ends_at=_date(wire.certificate_end_date_in_utc, wire.certificate_end_date),
        term_ends_at=_date(wire.order_expiry_date_in_utc, wire.order_expiry_date),
        refund_request_id=wire.refund_request_id[:_LONGEST_REFERENCE],
        is_refund_approved=wire.is_refund_approved,
        file_proofs=file_proofs(wire, names),
        approver_emails=mailboxes(wire.approver_email),
    )


def mailboxes(texts: Iterable[str]) -> tuple[str, ...]:
    """Return what is an address, lower case, once; lists hold empty items, and keywords such as ``DNS`` in their place."""
    return tuple(dict.fromkeys(text.lower() for text in texts if _MAILBOX.fullmatch(text)))


def modified_order_of(wire: ModifiedOrderWire) -> ModifiedOrder:
    """Translate a row of the list of changed orders."""
    major = wire.order_status.major_status or wire.major_status
    minor = wire.order_status.minor_status or wire.minor_status
    in_utc = wire.modified_date_in_utc or wire.last_modified_date_in_utc
    return ModifiedOrder(
        seller_order_id=wire.the_ssl_store_order_id,
        custom_order_id=wire.custom_order_id[:_LONGEST_REFERENCE],
        state=state_of(major, minor),
        status_text=bounded(" / ".join(word for word in (major, minor) if word)),
        modified_at=_date(in_utc, wire.modified_date),
    )


def _names(wire: OrderWire) -> tuple[str, tuple[str, ...]]:
    """Common name and all names; an unconfigured order carries a label that is no name, and then the SANs count."""
    told = [host(name) for name in (wire.common_name, *wire.dns_names)]
    names = tuple(dict.fromkeys(name for name in told if _NAME.fullmatch(name)))
    return (names[0] if names else ""), names


def _date(in_utc: str, local: str) -> datetime | None:
    """Prefer the UTC twin; the other is in the service's own unknown zone and counts only if it says one."""
    return reading.instant(in_utc) or reading.zoned_instant(local)


def _serial(text: str) -> str:
    plain = re.sub(r"[\s:]", "", text).upper().removeprefix("0X").lstrip("0")
    return plain if _SERIAL.fullmatch(plain) else ""


def product_of(wire: ProductWire, read_at: datetime) -> Product:
    """Translate one product of the catalogue; the flags decide on the level, not ``ProductType``."""
    currency = wire.currency_code.upper()
    return Product(
        code=wire.product_code,
        name=bounded(wire.product_name),
        vendor=wire.vendor_name,
        level=_level(wire),
        is_wildcard=wire.is_wildcard or wire.is_wlidcard,
        max_sans=max(wire.max_san, 0) if wire.is_san_enable or wire.is_flex_product else 0,
        currency=currency if _CURRENCY.fullmatch(currency) else "USD",
        terms=_terms(wire.pricing_info),
        read_at=read_at,
    )


def _level(wire: ProductWire) -> str:
    if wire.is_code_signing or wire.is_scan_product:
        return "other"
    if wire.is_ev_product:
        return "ev"
    if wire.is_ov_product:
        return "ov"
    return "dv" if wire.is_dv_product else "other"


def _terms(rows: Iterable[PriceWire]) -> tuple[ProductTerm, ...]:
    """Return the terms, shortest first; of several rows for one term the one for the fewest servers."""
    terms: dict[int, ProductTerm] = {}
    for row in sorted(rows, key=lambda row: row.number_of_server):
        price = _price(row.price)
        if row.number_of_months > 0 and price is not None:
            term = ProductTerm(months=row.number_of_months, price=price, list_price=_price(row.srp))
            terms.setdefault(row.number_of_months, term)
    return tuple(terms[months] for months in sorted(terms))


def _price(text: str) -> Decimal | None:
    amount = reading.money(text)
    return amount.amount if amount else None


def certificates_of(contents: Iterable[str]) -> tuple[str, ...]:
    """Return every CERTIFICATE block of the files once, with LF, in no useful order."""
    blocks = (match[1] for content in contents for match in _CERTIFICATE.finditer(content))
    bodies = dict.fromkeys("".join(block.split()) for block in blocks)
    return tuple(_armoured(body) for body in bodies)


def _armoured(body: str) -> str:
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
