"""Endpoints that list: the catalogue, orders, and orders that changed."""

from deploy.sandbox.book import Order
from deploy.sandbox.calls import Call
from deploy.sandbox.catalogue import BY_CODE, PRODUCTS, matches_kind, wire_product
from deploy.sandbox.following import order_answer, query_orders, within
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json, dates


def products(call: Call) -> list[dict[str, Json]]:
    """`product/query`: one product, one kind or all."""
    code, kind = call.request.text("ProductCode").lower(), call.request.number("ProductType")
    if code and code not in BY_CODE:
        raise RefusalError(Code.PRODUCT_UNKNOWN)
    chosen = [product for product in PRODUCTS if code in {"", product.code} and matches_kind(product, kind)]
    return [wire_product(product) for product in chosen]


def orders(call: Call) -> list[dict[str, Json]]:
    """`order/query`: rows like `order/status`, without the orders' tokens."""
    rows = [_row(call, order) for order in query_orders(call.world, call.request)]
    if rows and call.world.faults.strike("duplicate_rows", call.endpoint):
        rows.insert(0, rows[-1])
    return rows


def modified_orders(call: Call) -> dict[str, Json]:
    """`order/getmodifiedorderssummary`: what changed in a span of time, with a total."""
    request = call.request
    since = request.instant("StartDate") or request.instant("ModifiedSinceDate")
    until = request.instant("EndDate")
    found = [order for order in call.world.book if within(order.updated_at, since, until)]
    size, page = request.number("PageSize"), max(request.number("PageNumber", 1), 1)
    shown = found[(page - 1) * size : page * size] if size > 0 else found
    show = _row if call.world.switches.modified_orders == "full" else _summary
    rows: list[Json] = [show(call, order) for order in shown]
    return {"Orders": rows, "TotalOrders": len(found)}


def _row(call: Call, order: Order) -> dict[str, Json]:
    now = call.world.clock.now()
    hidden: dict[str, Json] = dict.fromkeys(("Token", "TokenID", "TokenCode", "TinyOrderLink"), "")
    if call.world.switches.query_custom_order_id == "absent":
        hidden["CustomOrderID"] = ""
    return {**order_answer(order, now, with_proof=order.proof_visible_at <= now), **hidden}


def _summary(call: Call, order: Order) -> dict[str, Json]:
    return {
        "TheSSLStoreOrderID": order.seller_order_id,
        "PartnerOrderID": order.partner_order_id,
        "CustomOrderID": order.custom_order_id,
        "VendorOrderID": order.vendor_order_id,
        "ProductCode": order.product_code,
        "MajorStatus": order.shown_major(call.world.clock.now()),
        "MinorStatus": order.minor,
        **dates("ModifiedDate", order.updated_at),
    }
