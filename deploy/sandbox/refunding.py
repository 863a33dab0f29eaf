"""Endpoints of the refund: `order/refundrequest` and `order/refundstatus`."""

from deploy.sandbox.book import Order
from deploy.sandbox.calls import Answer, Call, found, referred_order, shown
from deploy.sandbox.following import blank_answer
from deploy.sandbox.refusals import Code, RefusalError


def request_refund(call: Call, order: Order) -> None:
    """Ask once; asking again shows the same request."""
    world = call.world
    if order.refund_request_id:
        return
    if order.major == "Cancelled":
        raise RefusalError(Code.ORDER_STATE, "The order is cancelled already")
    order.refund_request_id = str(world.next_number())
    world.book.save(order, world.clock.now())
    world.journal.note(
        "refund.requested", f"refund asked for order {order.seller_order_id}", order=order.seller_order_id
    )
    if world.switches.refund != "manual":
        world.decide_refund(order, approve=world.switches.refund == "auto")


def show_refund(call: Call) -> Answer:
    """The order of a refund, by the order's or the request's own id."""
    wanted = call.request.text("RefundRequestID")
    if wanted and call.token_order is None and referred_order(call.world, call.request) is None:
        asked = next((order for order in call.world.book if order.refund_request_id == wanted), None)
        if asked is not None:
            return shown(call, asked)
    order = found(call)
    return blank_answer(order) if isinstance(order, str) else shown(call, order)
