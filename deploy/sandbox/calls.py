"""What every endpoint is made of: a call, the order it is about, and the envelope of its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from deploy.sandbox.book import Order
from deploy.sandbox.following import blank_answer, order_answer
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.settings import Switches
from deploy.sandbox.wire import Json, Members
from deploy.sandbox.world import World

Shape = Literal["object", "order", "flat", "array", "both"]
"""Envelope: `AuthResponse` beside the members, its members at the root, in each row of an array, or at both places."""
Answer: TypeAlias = "dict[str, Json] | list[dict[str, Json]]"


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

    act: Callable[[Call], Answer]
    shape: Shape | Callable[[Switches], Shape]
    credentials: Literal["wrapped", "flat", "either", "none"] = "wrapped"
    """Where the credentials stand: in `AuthRequest`, at the root, wherever they are, or nowhere."""
    is_partner_only: bool = False
    """Whether an order token is no credential here: it is good for its one order and not for the account."""
    claims_error: Callable[[Switches], bool] = lambda switches: False
    """Whether a success calls itself an error."""

    def shape_by(self, switches: Switches) -> Shape:
        """The envelope that the switches ask for."""
        return self.shape(switches) if callable(self.shape) else self.shape

    def auth_of(self, request: Members) -> Members:
        """The object that holds the credentials of a request.

        Raises:
            RefusalError: `AuthRequest` is no object.
        """
        if self.credentials == "flat" or (self.credentials == "either" and not request.raw.get("AuthRequest")):
            return request
        return request.members("AuthRequest")


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


def found(call: Call) -> Order | Literal["", "null"]:
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


def shown(call: Call, order: Order) -> dict[str, Json]:
    """An order as answers show it, proofs in as far as they are known."""
    now = call.world.clock.now()
    foreign = call.world.faults.strike("foreign_proof", call.endpoint, order.ids)
    return order_answer(order, now, with_proof=order.proof_visible_at <= now, foreign=foreign)


def show_after(act: Callable[[Call, Order], None]) -> Callable[[Call], Answer]:
    """An endpoint that does something to an order and shows it; about an unknown order the answer is blank."""

    def serve(call: Call) -> Answer:
        order = found(call)
        if isinstance(order, str):
            return blank_answer(order)
        act(call, order)
        return shown(call, order)

    return serve


def acknowledge(act: Callable[[Call, Order], None]) -> Callable[[Call], Answer]:
    """An endpoint that does something to an order and only says that it did."""

    def serve(call: Call) -> Answer:
        order = found(call)
        if not isinstance(order, str):
            act(call, order)
        return {}

    return serve
