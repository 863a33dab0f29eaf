"""Who may use the control API: JSON from loopback, and nobody's web page.

A page on another origin must not reach it: writes need `Content-Type: application/json`, which a browser does not send
across origins unasked, and the `Host` header must be a loopback name, which foils DNS rebinding.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.sandbox.wire import Json

_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
_BIGGEST_BODY = 200_000
Body = TypeVar("Body", bound=BaseModel)
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class ControlError(Exception):
    """A control request that cannot be served; becomes a 4xx answer with one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


def guarded(handler: Handler) -> Handler:
    """Put a handler behind the checks of origin and content type, and turn its refusals into answers."""

    async def guarded(request: Request) -> Response:
        try:
            _check_origin(request)
            return await handler(request)
        except ControlError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)

    return guarded


def check_host(request: Request) -> None:
    """Refuse a `Host` that is no loopback name.

    Raises:
        ControlError: It is another name.
    """
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in _LOOPBACK:
        raise ControlError(403, "the Host header must be a loopback name")


def _check_origin(request: Request) -> None:
    check_host(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method != "GET" and kind != "application/json":
        raise ControlError(415, "writes need Content-Type: application/json")


async def json_body(request: Request) -> Json:
    """The JSON body of a request; an empty one is an empty object.

    Raises:
        ControlError: It is not JSON or too big.
    """
    body = await request.body()
    if len(body) > _BIGGEST_BODY:
        raise ControlError(413, "the body is too big")
    try:
        parsed: Json = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ControlError(400, "the body is not JSON") from error
    return parsed


async def read_body(request: Request, model: type[Body]) -> Body:
    """The JSON body of a request as a model.

    Raises:
        ControlError: It is not JSON, too big or of another shape.
    """
    try:
        return model.model_validate(await json_body(request))
    except ValidationError as error:
        raise ControlError(400, first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a body, without its value."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
