"""What the seller answers for an order that nobody ever placed: recognised, never guessed.

Taking any other answer for *not found* could buy twice. So the shape of that one answer is learnt once per account and
compared ever after; before it was learnt, three shapes count that public clients and the sandbox are known to meet.
"""

import re
import secrets

from activities.adapters.seller.errors import Meaning, SellerError, plain
from activities.adapters.seller.wire import Envelope, OrderWire
from domain.seller import UnknownAnswer

_IDS = ("TheSSLStoreOrderID", "CustomOrderID", "PartnerOrderID", "VendorOrderID")
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_REFERENCE_LENGTH = 26
_LONGEST_MESSAGE = 160
_OPAQUE = re.compile(r"\S*(?:\d|#!)\S*")
_POSSIBLE = (Meaning.UNKNOWN_ORDER, Meaning.OTHER)


def never_used() -> str:
    """Return a reference of our own form that no order has: 130 bits of chance."""
    return "EC-" + "".join(secrets.choice(_BASE32) for _ in range(_REFERENCE_LENGTH))


def describe(envelope: Envelope, error: SellerError, asked: tuple[str, ...]) -> UnknownAnswer | None:
    """Return the shape of an answer that may mean *unknown order*; None for one that cannot.

    One that shows an id or a status cannot, nor an error about something else, nor one that says nothing at all: any
    failure of the seller could look like it.

    Args:
        envelope: the answer.
        error: what its messages say.
        asked: the references that were asked for; a message may repeat them.
    """
    if envelope.is_error is None or envelope.is_array or len(envelope.rows) != 1:
        return None
    row = envelope.rows[0]
    wire = OrderWire.model_validate(row)
    if not _is_blank(wire, asked):
        return None
    ids = tuple((name, _presence(row, name.lower())) for name in _IDS)
    if not envelope.is_error:
        is_known = "thesslstoreorderid" in row and not wire.custom_order_id
        return UnknownAnswer(is_error=False, ids=ids, is_known=is_known)
    message = _normalised(error.words, asked)
    if error.meaning not in _POSSIBLE or any(it.meaning not in _POSSIBLE for it in error.rows) or not message:
        return None
    code = error.codes[0] if error.codes else None
    return UnknownAnswer(is_error=True, ids=ids, message=message, code=code, is_known=error.is_unknown_order)


def _is_blank(wire: OrderWire, asked: tuple[str, ...]) -> bool:
    """Tell whether an answer speaks of no order at all; an echo of the reference asked for is no order either.

    The seller's own number is never an echo: an answer that carries it shows an order.
    """
    echoed = wire.custom_order_id in ("", *asked)
    ids = (wire.the_ssl_store_order_id, wire.partner_order_id, wire.vendor_order_id)
    words = (wire.order_status.major_status, wire.order_status.minor_status, wire.product_code, wire.common_name)
    return echoed and not any((*ids, *words))


def _presence(row: dict[str, object], name: str) -> str:
    if name not in row:
        return "absent"
    value = row[name]
    if value is None:
        return "null"
    return "echo" if value else "blank"


def _normalised(words: tuple[str, ...], asked: tuple[str, ...]) -> str:
    """Return the sentences without what differs from call to call: references, numbers, trace ids."""
    shown = []
    for word in words:
        for reference in asked:
            if reference:
                word = re.sub(re.escape(reference), "#", word, flags=re.IGNORECASE)  # noqa: PLW2901 step by step
        shown.append(" ".join(_OPAQUE.sub("#", plain(word)).split()))
    text = " / ".join(it for it in shown if it.strip("# "))
    return "".join(char if char.isprintable() else "?" for char in text)[:_LONGEST_MESSAGE]
