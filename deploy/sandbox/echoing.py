"""A seller that repeats what it should keep to itself: the credential of a request, the token and link of an order."""

import base64
import html

from deploy.sandbox.book import Order
from deploy.sandbox.following import enrollment_link
from deploy.sandbox.wire import Json, Members

_FREE_WORDS = {"MinorStatus", "ProductName", "VendorOrderID", "PollStatus"}
"""Members of answers that hold free text and that nothing depends on."""


def error_page(members: Members, order: Order | None) -> str:
    """A page of a broken server that shows the request it broke on."""
    shown = html.escape(" | ".join(echoes(members, order)), quote=False)
    return f"<html><head><title>500</title></head><body><h1>Server Error</h1><pre>{shown}</pre></body></html>"


def echoes(members: Members, order: Order | None) -> tuple[str, str]:
    """Two sentences, one with the credential and one with the secrets of the order, if there is one."""
    auth = _credential(members)
    partner, token = auth.text("PartnerCode"), auth.text("AuthToken")
    basic = base64.b64encode(f"{partner}:{token}".encode()).decode()
    about_order = (
        f"order token {order.token_id}#!{order.token_code}, code {order.token_code}, link {enrollment_link(order)}"
        if order
        else "no order"
    )
    return f"call of {partner} with token {token}, Authorization: Basic {basic}", about_order


def in_words(answer: Json, words: str) -> Json:
    """A copy of an answer whose free texts say these words."""
    if isinstance(answer, list):
        return [in_words(item, words) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: words if name in _FREE_WORDS else in_words(value, words) for name, value in answer.items()}


def secrets_of(order: Order) -> dict[str, Json]:
    """What an order's answers carry and nobody else may see."""
    return {
        "seller_order_id": order.seller_order_id,
        "custom_order_id": order.custom_order_id,
        "token": f"{order.token_id}#!{order.token_code}",
        "token_code": order.token_code,
        "link": enrollment_link(order),
    }


def _credential(members: Members) -> Members:
    nested = members.raw.get("AuthRequest")
    return Members(nested) if isinstance(nested, dict) else members
