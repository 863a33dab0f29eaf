"""The seller API's outer side: paths, envelopes, error texts, and transport faults."""

import asyncio
import json
import math
import traceback

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from deploy.sandbox.book import Order
from deploy.sandbox.callbacks import Callbacks
from deploy.sandbox.calls import Answer, Call, Endpoint, Shape, referred_ids
from deploy.sandbox.drops import DroppedConnection, PartialResponse
from deploy.sandbox.echoing import echoes, error_page, in_words
from deploy.sandbox.endpoints import ENDPOINTS, authenticate
from deploy.sandbox.following import blank_answer
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json, Members
from deploy.sandbox.world import World

_BIGGEST_BODY = 1_000_000
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_THROTTLED = "<html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>"


class SellerApi:
    """Serves `/rest/…`."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.book.status_changed = Callbacks(world).tell

    async def serve(self, request: Request) -> Response:
        """Answer one request, or do to it what a fault rule says."""
        name = str(request.path_params["path"]).strip("/").lower()
        endpoint = ENDPOINTS.get(name)
        if endpoint is None:
            return self._turned_away(404, Code.ENDPOINT_UNKNOWN)
        if request.method == "GET" and name != "health/status":
            return self._turned_away(405, Code.MALFORMED)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return DroppedConnection()
        members, unreadable = _parsed(body)
        ids = referred_ids(self._world, members)
        broken = await self._break_before(name, ids) or self._echo_before(name, endpoint, members, ids)
        if broken is not None:
            self._note(name, members, None, "broken by a fault")
            return broken
        sales_before = len(self._world.book.sales)
        status, answer, refusal = self._answer(name, endpoint, members, unreadable)
        answer = self._echoed(name, members, ids, answer)
        if self._world.faults.strike("null_message", name, ids):
            self._fault("null_message", name)
            _blank_messages(answer)
        self._note(name, members, refusal, "refused" if refusal else "answered")
        sold = {sale.seller_order_id for sale in self._world.book.sales[sales_before:]}
        if held := self._world.faults.strike("answer_delay", name, ids | sold):
            self._fault("answer_delay", name)
            await asyncio.sleep(held.seconds)
        return self._break_after(name, ids | sold, status, answer, was_sale=bool(sold))

    def _turned_away(self, status: int, code: Code) -> Response:
        return JSONResponse({"AuthResponse": self._auth(Members({}), RefusalError(code))}, status_code=status)

    def _answer(
        self, name: str, endpoint: Endpoint, members: Members, refusal: RefusalError | None
    ) -> tuple[int, Json, RefusalError | None]:
        """Status and body of an answer, and the refusal it tells of."""
        if refusal is None:
            try:
                order = authenticate(self._world, name, members)
                content = endpoint.act(Call(self._world, name, members, order))
                return 200, self._wrapped(endpoint, members, content), None
            except RefusalError as error:
                refusal = error
            except Exception:  # noqa: BLE001 - the real service never answers 500 either; the journal has the traceback
                self._world.journal.note("desk.failed", f"{name} failed", error=traceback.format_exc(limit=-3))
                refusal = RefusalError(Code.INTERNAL)
        return self._world.switches.error_status, self._refused(endpoint, members, refusal), refusal

    def _wrapped(self, endpoint: Endpoint, members: Members, content: Answer) -> Json:
        auth = self._auth(_auth_members(endpoint, members), None)
        shape = endpoint.shape_by(self._world.switches)
        if isinstance(content, list):
            return [{"AuthResponse": auth, **row} for row in content]
        if endpoint.claims_error(self._world.switches):
            auth = {**auth, "isError": True, "Message": None}
        if shape in {"flat", "both"}:
            auth = {**auth, "Message": ["Success"]}
        if shape == "flat":
            return {**auth, **content}
        if shape == "both":
            return {**auth, "AuthResponse": auth, **content}
        return {"AuthResponse": auth, **content}

    def _refused(self, endpoint: Endpoint, members: Members, refusal: RefusalError) -> Json:
        auth = self._auth(_auth_members(endpoint, members), refusal)
        shape: Shape = endpoint.shape_by(self._world.switches)
        match shape:
            case "flat":
                return auth
            case "both":
                return {**auth, "AuthResponse": auth}
            case "array":
                return [{"AuthResponse": auth}]
            case "order":
                return {"AuthResponse": auth, **blank_answer("null")}
            case _:
                return {"AuthResponse": auth}

    def _auth(self, auth: Members, refusal: RefusalError | None) -> dict[str, Json]:
        replay = auth.raw.get("ReplayToken")
        message: list[Json] = [self._error_text(refusal)] if refusal else []
        return {
            "isError": refusal is not None,
            "Message": message,
            "Timestamp": self._world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "ReplayToken": replay if isinstance(replay, str) else None,
            "InvokingPartnerCode": self._world.settings.partner_code,
        }

    def _error_text(self, refusal: RefusalError) -> str:
        match self._world.switches.error_text:
            case "code_and_message":
                return f"ErrorCode:{refusal.code.number}|Message:{refusal.text}"
            case "code_then_text":
                return f"{refusal.code.number} {refusal.text}"
            case _:
                return refusal.text

    async def _break_before(self, name: str, ids: frozenset[str]) -> Response | None:
        """Faults that strike before anything is done."""
        faults = self._world.faults
        if delay := faults.strike("delay", name, ids):
            self._fault("delay", name)
            await asyncio.sleep(delay.seconds)
        if faults.strike("close_unanswered", name, ids):
            self._fault("close_unanswered", name)
            return DroppedConnection()
        if rule := faults.strike("throttled", name, ids):
            self._fault("throttled", name)
            return HTMLResponse(_THROTTLED, status_code=429, headers={"Retry-After": str(math.ceil(rule.seconds))})
        if faults.strike("http_502", name, ids):
            self._fault("http_502", name)
            return HTMLResponse(_BAD_GATEWAY, status_code=502)
        return None

    def _break_after(self, name: str, ids: frozenset[str], status: int, answer: Json, *, was_sale: bool) -> Response:
        """Faults that strike when everything is done and only the answer is missing."""
        faults, content = self._world.faults, json.dumps(answer).encode()
        if was_sale and faults.strike("drop_after_sale", name, ids):
            self._fault("drop_after_sale", name)
            return DroppedConnection()
        if faults.strike("reset_before_body", name, ids):
            self._fault("reset_before_body", name)
            return PartialResponse(status, len(content))
        if faults.strike("truncated_json", name, ids):
            self._fault("truncated_json", name)
            content = content[: max(len(content) // 2, 1)]
        return Response(content, status_code=status, media_type="application/json; charset=utf-8")

    def _echo_before(self, name: str, endpoint: Endpoint, members: Members, ids: frozenset[str]) -> Response | None:
        """Refuse a call with a page or a message that repeats secrets; nothing is done."""
        rule = self._world.faults.strike("echo_secrets", name, ids, lambda it: it.place != "words")
        if rule is None:
            return None
        self._fault("echo_secrets", name)
        order = next(filter(None, map(self._order, ids)), None)
        if rule.place == "page":
            return HTMLResponse(error_page(members, order), status_code=500)
        answer = self._refused(endpoint, members, RefusalError(Code.INTERNAL))
        for envelope in _envelopes(answer):
            envelope["Message"] = list(echoes(members, order))
        return JSONResponse(answer)

    def _echoed(self, name: str, members: Members, ids: frozenset[str], answer: Json) -> Json:
        if not self._world.faults.strike("echo_secrets", name, ids, lambda it: it.place == "words"):
            return answer
        self._fault("echo_secrets", name)
        order = next(filter(None, map(self._order, ids)), None)
        return in_words(answer, " / ".join(reversed(echoes(members, order))))

    def _order(self, order_id: str) -> Order | None:
        return self._world.book.by_id(order_id) or self._world.book.by_custom_id(order_id)

    def _fault(self, fault: str, name: str) -> None:
        self._world.journal.note("fault.applied", f"{fault} on {name}", fault=fault, endpoint=name)

    def _note(self, name: str, members: Members, refusal: RefusalError | None, outcome: str) -> None:
        text = self._error_text(refusal) if refusal else ""
        body: dict[str, Json] = dict(members.raw)
        self._world.journal.note("request", f"{name}: {outcome}", endpoint=name, body=body, error=text)


def _parsed(body: bytes) -> tuple[Members, RefusalError | None]:
    if not body:
        return Members({}), None
    try:
        return Members.parse(body), None
    except RefusalError as refusal:
        return Members({}), refusal


def _blank_messages(answer: Json) -> None:
    """Put null in the place of every `Message`, as the real service was seen to do."""
    for envelope in _envelopes(answer):
        envelope["Message"] = None


def _envelopes(answer: Json) -> list[dict[str, Json]]:
    """Every object of an answer that carries a `Message`."""
    parts = [part for part in (answer if isinstance(answer, list) else [answer]) if isinstance(part, dict)]
    candidates = [*parts, *(part.get("AuthResponse") for part in parts)]
    return [it for it in candidates if isinstance(it, dict) and "Message" in it]


def _auth_members(endpoint: Endpoint, members: Members) -> Members:
    try:
        return endpoint.auth_of(members)
    except RefusalError:
        return members


async def _body(request: Request) -> bytes:
    """The request body; one that is far too big is cut, which makes it malformed."""
    body = b""
    async for chunk in request.stream():
        if len(body) < _BIGGEST_BODY:
            body += chunk
    return body if len(body) <= _BIGGEST_BODY else b"{"
