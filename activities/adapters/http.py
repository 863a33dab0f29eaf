"""The one door through which HTTP leaves Evercert.

A POST that may cost money has to know on which side of the line it failed: before the first byte of the body (nothing
can have been bought) or after it (nobody can tell). So the body is handed over by a generator that asks a gate
immediately before its only chunk and remembers that it began; headers alone place no order. Nothing is retried,
redirected or logged in here, and no exception of the HTTP library, which would carry the body, gets out.
"""

import asyncio
import importlib.util
import json
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from activities.ports import SendGate

if importlib.util.find_spec("sniffio") is None:
    # httpx's transport asks for it at each lock and event of a call, ten times, and Python would search its whole path in vain
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MAX_ANSWER_BYTES = 8 * 1024 * 1024
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
_CONNECTIONS = 20
_KEPT_SECONDS = 30.0
"""How long a connection is kept for the next read; one that the peer closed meanwhile is noticed and not used."""

_LONGEST_PAUSE = timedelta(days=1)
_JSON_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # an answer that unpacks to gigabytes is no answer
    "User-Agent": "evercert/0.1",
}
_GET_HEADERS = {name: text for name, text in _JSON_HEADERS.items() if name != "Content-Type"}


@dataclass(frozen=True)
class HttpAnswer:
    """An answer of whatever status; redirects are answers too.

    Attributes:
        status: HTTP status.
        body: as it came, at most ``MAX_ANSWER_BYTES``.
        retry_after: pause that the peer asks for, at most a day; None where it does not say.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of 2xx."""
        return 200 <= self.status < 300


class HttpFault(Exception):
    """There is no answer. Carries a sentence of ours, never anything of request or answer.

    Attributes:
        began: the first byte of the body may have left; False: surely none did.
        gate_shut: nothing was sent because the gate said no.
        why: what happened, for people.
    """

    def __init__(self, why: str, *, began: bool, gate_shut: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.began = began
        self.gate_shut = gate_shut


class _GateShut(Exception):
    """The gate said no; unwinds the request, which closes the connection."""


class _Body:
    """A body of one chunk that knows whether it began to leave."""

    def __init__(self, content: bytes, gate: SendGate | None) -> None:
        self._content = content
        self._gate = gate
        self.length = len(content)
        self.began = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content once, if the gate is open at this very moment."""
        if self._gate is not None and not self._gate.may_send():
            raise _GateShut
        self.began = True
        yield self._content


def default_trust() -> ssl.SSLContext:
    """Return the trust that the HTTP library brings along, whatever the environment says."""
    return httpx.create_ssl_context(trust_env=False)


class HttpClient:
    """Posts JSON. Reads share a pool of connections; what may cost money gets a fresh one each time.

    Args:
        tls: trust for HTTPS; None: the trust that the HTTP library brings along.
        connect_seconds: longest wait for a connection, TLS included.
        read_seconds: longest silence while waiting for an answer, where a call does not say otherwise.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._tls = tls or default_trust()
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._pool = self._client(keep=_CONNECTIONS)

    def _client(self, *, keep: int) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=keep, keepalive_expiry=_KEPT_SECONDS
        )
        return httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, limits=limits)

    async def post_json(
        self,
        url: str,
        payload: Mapping[str, object],
        *,
        read_seconds: float | None = None,
        gate: SendGate | None = None,
    ) -> HttpAnswer:
        """Post once and return the answer.

        Args:
            url: absolute.
            payload: becomes the JSON body.
            read_seconds: longest silence while waiting for the answer, None: the client's own; the whole call takes at
                most twice that and the connect time-out.
            gate: asked immediately before the body leaves; a gated call gets a connection of its own, because one
                kept open may be closing on the other side just now.

        Raises:
            HttpFault: there is no answer.
        """
        body = _Body(json.dumps(payload).encode("ascii"), gate)
        silence = self._read_seconds if read_seconds is None else read_seconds
        connect = self._connect_seconds
        limits = httpx.Timeout(connect=connect, read=silence, write=silence, pool=connect)
        result = await self._try(url, body, limits, own_connection=gate is not None, longest=connect + 2 * silence)
        if isinstance(result, HttpFault):
            raise result  # outside of any except block: the library's exception must not hang on as context
        return result

    async def get(self, url: str) -> HttpAnswer:
        """Get once, without a body and without credentials; may be repeated at will.

        Raises:
            HttpFault: there is no answer; ``began`` says nothing here, since nothing was to be sent.
        """
        silence, connect = self._read_seconds, self._connect_seconds
        limits = httpx.Timeout(connect=connect, read=silence, write=silence, pool=connect)
        request = self._pool.build_request("GET", url, headers=_GET_HEADERS, timeout=limits)
        result: HttpAnswer | HttpFault
        try:
            async with asyncio.timeout(connect + 2 * silence):
                result = await _read(await self._pool.send(request, stream=True))
        except Exception as error:  # noqa: BLE001 told by its kind; its text may quote anything
            result = HttpFault(_reason(error, began=True), began=True)
        if isinstance(result, HttpFault):
            raise result
        return result

    async def close(self) -> None:
        """Close all kept connections."""
        await self._pool.aclose()

    async def _try(
        self, url: str, body: _Body, limits: httpx.Timeout, *, own_connection: bool, longest: float
    ) -> "HttpAnswer | HttpFault":
        try:
            async with asyncio.timeout(longest):
                if not own_connection:
                    return await _exchange(self._pool, url, body, limits)
                async with self._client(keep=0) as client:
                    return await _exchange(client, url, body, limits)
        except _GateShut:
            return HttpFault("the time for sending was over", began=False, gate_shut=True)
        except Exception as error:  # noqa: BLE001 whatever it is: what matters is whether the body began
            return HttpFault(_reason(error, began=body.began), began=body.began)


async def _exchange(
    client: httpx.AsyncClient, url: str, body: _Body, limits: httpx.Timeout
) -> "HttpAnswer | HttpFault":
    request = client.build_request(
        "POST",
        url,
        content=body.chunks(),
        headers={**_JSON_HEADERS, "Content-Length": str(body.length)},
        timeout=limits,
    )
    response = await client.send(request, stream=True)
    if not body.began:
        await response.aclose()
        return HttpFault("the peer answered before the request was sent", began=False)
    return await _read(response)


async def _read(response: httpx.Response) -> "HttpAnswer | HttpFault":
    """Read an answer whole, within bounds, and let go of its connection."""
    try:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return HttpFault("the answer is packed in a way that was not asked for", began=True)
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                return HttpFault("the answer is too long", began=True)
        return HttpAnswer(response.status_code, bytes(content), _retry_after(response.headers))
    finally:
        await response.aclose()


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read Retry-After (RFC 9110 section 10.2.3): seconds, or an instant compared with the answer's own Date."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return min(timedelta(seconds=int(text)), _LONGEST_PAUSE)
    at = _http_date(text)
    if at is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max(at - now, timedelta(0)), _LONGEST_PAUSE)


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection within the time-out"),
    (httpx.ConnectError, "no connection: refused, name not found, or TLS failed"),
    (httpx.PoolTimeout, "all connections were busy"),
    (httpx.ReadTimeout, "no answer within the time-out"),
    (httpx.WriteTimeout, "the request could not be handed over within the time-out"),
    (httpx.RemoteProtocolError, "the connection was closed without a whole answer"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.InvalidURL, "the address cannot be used"),
    (httpx.UnsupportedProtocol, "the address cannot be used"),
    (TimeoutError, "the answer did not end within the time-out"),
)


def _reason(error: Exception, *, began: bool) -> str:
    text = next((text for kind, text in _REASONS if isinstance(error, kind)), "the exchange failed")
    return f"{text} ({'after' if began else 'before'} the request was sent)"
