"""The control API: what a test or a person may see and set from outside. JSON, loopback only."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.sandbox.book import Order
from deploy.sandbox.control_guard import ControlError, Handler, first_problem, guarded, json_body, read_body
from deploy.sandbox.faults import Rule
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World


class ClockChange(BaseModel):
    """Body of `POST /control/clock`: exactly one of these."""

    model_config = ConfigDict(extra="forbid")

    now: datetime | None = None
    """Jump to this instant and run on."""
    freeze: datetime | bool | None = None
    """Stand still at this instant, or (`true`) now."""
    advance_seconds: float | None = None
    """Move by so much; a frozen clock stays frozen."""
    follow_system: bool | None = None
    """Back to the system clock."""


class RefundDecision(BaseModel):
    """Body of `POST /control/orders/{id}/refund`."""

    model_config = ConfigDict(extra="forbid")

    approve: bool


class Cancellation(BaseModel):
    """Body of `POST /control/orders/{id}/cancel`: the CA rejects the order."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="rejected by the CA", max_length=200)


class ControlApi:
    """Serves `/control/…`."""

    def __init__(self, world: World, desk: IssuingDesk) -> None:
        self._world = world
        self._desk = desk

    def routes(self) -> list[Route]:
        """Routes, each behind the guard."""
        table: list[tuple[str, str, Handler]] = [
            ("/ledger", "GET", self._ledger),
            ("/journal", "GET", self._journal),
            ("/clock", "GET", self._clock),
            ("/clock", "POST", self._set_clock),
            ("/faults", "GET", self._faults),
            ("/faults", "POST", self._add_faults),
            ("/faults", "DELETE", self._clear_faults),
            ("/switches", "GET", self._switches),
            ("/switches", "POST", self._set_switches),
            ("/orders", "GET", self._orders),
            ("/orders/{order}/refund", "POST", self._refund),
            ("/orders/{order}/cancel", "POST", self._cancel),
            ("/orders/{order}/validate", "POST", self._validate),
            ("/dns", "GET", self._dns),
            ("/pki/root.pem", "GET", self._root),
            ("/pki/intermediates.pem", "GET", self._intermediates),
            ("/reset", "POST", self._reset),
        ]
        return [Route(f"/control{path}", guarded(handler), methods=[method]) for path, method, handler in table]

    async def _ledger(self, request: Request) -> Response:
        sales = [sale.model_dump(mode="json") for sale in self._world.book.sales]
        return JSONResponse({"count": len(sales), "sales": sales})

    async def _journal(self, request: Request) -> Response:
        asked = request.query_params
        after = asked.get("after", "0")
        if not after.isdecimal():
            raise ControlError(400, "after must be the number of an entry")
        entries = self._world.journal.entries(asked.get("kind"), int(after))
        return JSONResponse({"entries": [entry.wire() for entry in entries]})

    async def _clock(self, request: Request) -> Response:
        clock = self._world.clock
        return JSONResponse(
            {
                "now": clock.now().isoformat(),
                "frozen": clock.is_frozen,
                "offset_seconds": round(clock.offset_seconds, 3),
            }
        )

    async def _set_clock(self, request: Request) -> Response:
        change, clock = await read_body(request, ClockChange), self._world.clock
        if len(change.model_fields_set) != 1:
            raise ControlError(400, "say exactly one of now, freeze, advance_seconds, follow_system")
        try:
            if change.now is not None:
                clock.set(change.now)
            elif change.advance_seconds is not None:
                clock.advance(change.advance_seconds)
            elif change.follow_system:
                clock.follow_system()
            elif change.freeze:
                clock.freeze(change.freeze if isinstance(change.freeze, datetime) else None)
        except ValueError as error:
            raise ControlError(400, str(error)) from error
        self._world.journal.note("clock.changed", f"the clock says {clock.now().isoformat()}")
        return await self._clock(request)

    async def _faults(self, request: Request) -> Response:
        return JSONResponse({"faults": [rule.model_dump(mode="json") for rule in self._world.faults.rules()]})

    async def _add_faults(self, request: Request) -> Response:
        raw = await json_body(request)
        try:
            rules = [Rule.model_validate(item) for item in (raw if isinstance(raw, list) else [raw])]
        except ValidationError as error:
            raise ControlError(400, first_problem(error)) from error
        for rule in rules:
            self._world.faults.add(rule)
        return await self._faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._world.faults.clear(request.query_params.get("fault"))
        return await self._faults(request)

    async def _switches(self, request: Request) -> Response:
        return JSONResponse(self._world.switches.model_dump(mode="json"))

    async def _set_switches(self, request: Request) -> Response:
        raw = await json_body(request)
        if not isinstance(raw, dict):
            raise ControlError(400, "the body must be an object of switches")
        try:
            self._world.switch(raw)
        except ValidationError as error:
            raise ControlError(400, first_problem(error)) from error
        self._world.journal.note("switches.changed", f"switches changed: {', '.join(sorted(raw))}")
        return await self._switches(request)

    async def _orders(self, request: Request) -> Response:
        return JSONResponse({"orders": [_summary(order) for order in self._world.book]})

    async def _refund(self, request: Request) -> Response:
        order, decision = self._order(request), await read_body(request, RefundDecision)
        if not order.refund_request_id or order.refund_approved:
            raise ControlError(409, "no refund of this order waits for a decision")
        self._world.decide_refund(order, approve=decision.approve)
        return JSONResponse(_summary(order))

    async def _cancel(self, request: Request) -> Response:
        order, cancellation = self._order(request), await read_body(request, Cancellation)
        if order.major == "Cancelled":
            raise ControlError(409, "the order is cancelled already")
        self._world.cancel(order, cancellation.reason)
        return JSONResponse(_summary(order))

    async def _validate(self, request: Request) -> Response:
        order = self._order(request)
        if order.major != "Pending":
            raise ControlError(409, "the order waits for no proof")
        self._desk.accept_all(order)
        return JSONResponse(_summary(order))

    async def _dns(self, request: Request) -> Response:
        serial = self._world.zones[0].serial
        return JSONResponse({"serial": serial, "records": self._world.records()})

    async def _root(self, request: Request) -> Response:
        return PlainTextResponse(self._world.ca.root.pem, media_type="application/x-pem-file")

    async def _intermediates(self, request: Request) -> Response:
        pems = "".join(issuer.pem for issuer in self._world.ca.intermediates.values())
        return PlainTextResponse(pems, media_type="application/x-pem-file")

    async def _reset(self, request: Request) -> Response:
        self._world.reset()
        return JSONResponse({"reset": True})

    def _order(self, request: Request) -> Order:
        wanted = str(request.path_params["order"])
        order = self._world.book.by_id(wanted) or self._world.book.by_custom_id(wanted)
        if order is None:
            raise ControlError(404, "no such order")
        return order


def _summary(order: Order) -> dict[str, Json]:
    proofs: list[Json] = [
        {
            "name": proof.name,
            "method": proof.method,
            "record_name": proof.record_name,
            "record_value": proof.record_value,
            "validated": proof.validated_at is not None,
            "last_result": proof.last_result,
        }
        for proof in order.proofs
    ]
    amount: Decimal = order.amount
    names: list[Json] = list(order.names)
    return {
        "seller_order_id": order.seller_order_id,
        "custom_order_id": order.custom_order_id,
        "product": order.product_code,
        "names": names,
        "major": order.major,
        "minor": order.minor,
        "amount": f"{amount:.2f}",
        "placed_at": order.placed_at.isoformat(),
        "expires_at": order.expires_at.isoformat(),
        "serial": order.leaf.serial if order.leaf else None,
        "not_after": order.leaf.not_after.isoformat() if order.leaf else None,
        "revoked": bool(order.leaf and order.leaf.revoked_at),
        "refund_request_id": order.refund_request_id,
        "refund_approved": order.refund_approved,
        "proofs": proofs,
    }
