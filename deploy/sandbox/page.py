"""The page at `/`: what goes on, and a few buttons. Works without script; its posts carry a token of this page's own."""

import hmac
import secrets
from urllib.parse import parse_qs

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.sandbox.book import Order
from deploy.sandbox.control_guard import ControlError, check_host, first_problem
from deploy.sandbox.dashboard import Dashboard
from deploy.sandbox.faults import Rule
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.markup import SAFE_HEADERS, escape, page
from deploy.sandbox.world import World

_TITLE = "Evercert sandbox"
_BIGGEST_FORM = 10_000
_TOKEN_BYTES = 24


class Page:
    """Serves `/` and takes its forms at `/page`."""

    def __init__(self, world: World, desk: IssuingDesk) -> None:
        self._world = world
        self._desk = desk
        # A page of another origin can post here but cannot read this token (and /control takes no forms at all).
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)

    def routes(self) -> list[Route]:
        """Both routes."""
        return [Route("/", self._show, methods=["GET"]), Route("/page", self._act, methods=["POST"])]

    async def _show(self, request: Request) -> Response:
        try:
            check_host(request)
        except ControlError as error:
            return _problem(error)
        return HTMLResponse(page(_TITLE, Dashboard(self._world, self._token).render()), headers=SAFE_HEADERS)

    async def _act(self, request: Request) -> Response:
        try:
            check_host(request)
            self._do(await _form(request))
        except ControlError as error:
            return _problem(error)
        return RedirectResponse("/", status_code=303)

    def _do(self, form: dict[str, str]) -> None:
        if not hmac.compare_digest(form.get("token", "").encode(), self._token.encode()):
            raise ControlError(403, "This form is not from this page, or the sandbox was started again: reload.")
        match form.get("act"):
            case "fault-on":
                self._add_fault(form)
            case "fault-off":
                self._world.faults.clear(form.get("fault"))
            case "prove":
                self._desk.accept_all(self._order(form))
            case "cancel":
                order = self._order(form)
                if order.major != "Cancelled":
                    self._world.cancel(order, "cancelled on the page")
            case "refund" | "refuse" as word:
                order = self._order(form)
                if not order.refund_request_id or order.refund_approved:
                    raise ControlError(409, "No refund of this order waits for a decision.")
                self._world.decide_refund(order, approve=word == "refund")
            case _:
                raise ControlError(400, "There is no such button.")

    def _add_fault(self, form: dict[str, str]) -> None:
        members = {name: form[name] for name in ("fault", "endpoint", "order", "seconds", "times") if form.get(name)}
        try:
            self._world.faults.add(Rule.model_validate(members))
        except ValidationError as error:
            raise ControlError(400, first_problem(error)) from error

    def _order(self, form: dict[str, str]) -> Order:
        order = self._world.book.by_id(form.get("order", ""))
        if order is None:
            raise ControlError(404, "There is no such order.")
        return order


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    if len(body) > _BIGGEST_FORM:
        raise ControlError(413, "The form is too big.")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=50)
    except ValueError as error:
        raise ControlError(400, "This is no form.") from error
    return {name: values[-1].strip() for name, values in fields.items()}


def _problem(error: ControlError) -> Response:
    body = f'<p>{escape(error)}</p><p><a href="/">Back</a></p>'
    return HTMLResponse(page(_TITLE, body), error.status, headers=SAFE_HEADERS)
