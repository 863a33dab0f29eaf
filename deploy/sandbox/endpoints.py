"""What each endpoint of the seller API does. How it is reached, wrapped and broken on purpose is `rest.py`."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deploy.sandbox.book import Order
from deploy.sandbox.catalogue import BY_CODE, PRODUCTS, matches_kind, wire_product
from deploy.sandbox.following import blank_answer, download_answer, order_answer, query_orders
from deploy.sandbox.names import approvers, base_domain, checked_name
from deploy.sandbox.ordering import draft_order, place_order
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json, Members
from deploy.sandbox.world import World

Shape = Literal["object", "order", "flat", "array"]


@dataclass(frozen=True)
class Call:
    """One authenticated call."""

    world: World
    endpoint: str
    request: Members
    token_order: Order | None
    """The order whose token the call carries; `None` for the partner's own credentials."""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: what it does and which envelope it answers in."""

    act: Callable[[Call], "dict[str, Json] | list[dict[str, Json]]"]
    shape: Shape
    has_flat_credentials: bool = False
    needs_credentials: bool = True


def authenticate(world: World, endpoint: str, request: Members) -> Order | None:
    """Check the credentials of a call; the order of an order token, if it carries one.

    An order token wins over the partner's pair, also when both are there: otherwise a client that completes a paid
    order would buy another one.

    Raises:
        RefusalError: Unknown partner, token or order token.
    """
    definition = ENDPOINTS[endpoint]
    if not definition.needs_credentials:
        return None
    auth = request if definition.has_flat_credentials else request.members("AuthRequest")
    token = auth.text("Token") or "#!".join(filter(None, (auth.text("TokenID"), auth.text("TokenCode"))))
    if token:
        order = world.book.by_token(token)
        if order is None:
            raise RefusalError(Code.AUTHENTICATION)
        return order
    settings = world.settings
    good = _same(auth.text("PartnerCode"), settings.partner_code) & _same(auth.text("AuthToken"), settings.auth_token)
    if good and world.faults.strike("token_rejected", endpoint, referred_ids(world, request)):
        good = False
    if not good and not (endpoint == "order/query" and world.switches.query_credentials == "ignored"):
        raise RefusalError(Code.AUTHENTICATION)
    return None


def referred_order(world: World, request: Members) -> Order | None:
    """The order that a body refers to: by the seller's id, else by the caller's."""
    seller_id = request.text("TheSSLStoreOrderID")
    return world.book.by_id(seller_id) if seller_id else world.book.by_custom_id(request.text("CustomOrderID"))


def referred_ids(world: World, request: Members) -> frozenset[str]:
    """Every id by which a fault rule may mean this call."""
    try:
        named = {request.text("TheSSLStoreOrderID"), request.text("CustomOrderID")} - {""}
        order = referred_order(world, request)
    except RefusalError:
        return frozenset()
    return order.ids | named if order else frozenset(named)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _health(call: Call) -> dict[str, Json]:
    return {}


def _products(call: Call) -> list[dict[str, Json]]:
    code, kind = call.request.text("ProductCode").lower(), call.request.number("ProductType")
    if code and code not in BY_CODE:
        raise RefusalError(Code.PRODUCT_UNKNOWN)
    chosen = [product for product in PRODUCTS if code in {"", product.code} and matches_kind(product, kind)]
    return [wire_product(product) for product in chosen]


def _approvers(call: Call) -> dict[str, Json]:
    name = checked_name(call.request.text("DomainName"))
    boxes: list[Json] = list(approvers(name))
    return {"ApproverEmailList": boxes, "baseDomainName": base_domain(name)}


def _dry_run(call: Call) -> dict[str, Json]:
    draft_order(call.world, call.request)
    return {}


def _new_order(call: Call) -> dict[str, Json]:
    if call.token_order is not None:
        raise RefusalError(Code.ORDER_STATE, "The order of this token is configured already")
    return _shown(call, place_order(call.world, call.request))


def _status(call: Call) -> dict[str, Json]:
    order = _found(call)
    return blank_answer(order) if isinstance(order, str) else _shown(call, order)


def _query(call: Call) -> list[dict[str, Json]]:
    now = call.world.clock.now()
    hidden = {"Token": "", "TokenID": "", "TokenCode": ""}
    if call.world.switches.query_custom_order_id == "absent":
        hidden["CustomOrderID"] = ""
    orders = query_orders(call.world, call.request)
    return [{**order_answer(o, now, with_proof=o.proof_visible_at <= now), **hidden} for o in orders]


def _download(call: Call) -> dict[str, Json]:
    order = _found(call)
    if isinstance(order, str):
        return {**blank_answer(order), "Certificates": []}
    return download_answer(call.world, call.request, order)


def _refund(call: Call) -> dict[str, Json]:
    order = _found(call)
    if isinstance(order, str):
        return blank_answer(order)
    world = call.world
    if not order.refund_request_id:
        if order.major == "Cancelled":
            raise RefusalError(Code.ORDER_STATE, "The order is cancelled already")
        order.refund_request_id = str(world.next_number())
        world.book.save(order, world.clock.now())
        world.journal.note(
            "refund.requested", f"refund asked for order {order.seller_order_id}", order=order.seller_order_id
        )
        if world.switches.refund != "manual":
            world.decide_refund(order, approve=world.switches.refund == "auto")
    return _shown(call, order)


def _refund_status(call: Call) -> dict[str, Json]:
    wanted = call.request.text("RefundRequestID")
    if wanted and referred_order(call.world, call.request) is None:
        found = next((order for order in call.world.book if order.refund_request_id == wanted), None)
        if found is not None:
            return _shown(call, found)
    order = _found(call)
    return blank_answer(order) if isinstance(order, str) else _shown(call, order)


def _found(call: Call) -> Order | Literal["", "null"]:
    """The order a call is about, as old as lag makes it; for an unknown one the kind of blank answer.

    Raises:
        RefusalError: The order is unknown, and that is an error.
    """
    world, ids = call.world, referred_ids(call.world, call.request)
    order = call.token_order or referred_order(world, call.request)
    lag = world.faults.strike("status_lag", call.endpoint, ids) if order else None
    if order is not None and lag is not None:
        order = world.book.as_of(order, world.clock.now(), lag.seconds)
    rule = world.faults.strike("unknown_order_shape", call.endpoint, ids, lambda r: r.hide or order is None)
    if order is not None and rule is None:
        return order
    shape = rule.shape if rule else world.switches.unknown_order
    if shape == "error":
        raise RefusalError(Code.ORDER_NOT_FOUND)
    return "null" if shape == "null_ids" else ""


def _shown(call: Call, order: Order) -> dict[str, Json]:
    now = call.world.clock.now()
    foreign = call.world.faults.strike("foreign_proof", call.endpoint, order.ids)
    return order_answer(order, now, with_proof=order.proof_visible_at <= now, foreign=foreign)


ENDPOINTS: dict[str, Endpoint] = {
    "health/status": Endpoint(_health, "flat", needs_credentials=False),
    "health/validate": Endpoint(_health, "flat", has_flat_credentials=True),
    "product/query": Endpoint(_products, "array"),
    "order/approverlist": Endpoint(_approvers, "object"),
    "order/validateorderparameters": Endpoint(_dry_run, "object"),
    "order/neworder": Endpoint(_new_order, "order"),
    "order/status": Endpoint(_status, "order"),
    "order/query": Endpoint(_query, "array"),
    "order/download": Endpoint(_download, "object"),
    "order/refundrequest": Endpoint(_refund, "order"),
    "order/refundstatus": Endpoint(_refund_status, "order"),
}
