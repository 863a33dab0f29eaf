"""Connections that die: answers which are no answers.

uvicorn hides the socket from applications. `DroppableProtocol` passes the transport along with each request, so that a
response may end the connection instead of answering.
"""

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "sandbox.transport"


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 whose requests know their transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application of this connection."""
        super().connection_made(transport)
        application = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await application(scope, receive, send)

        self.app = with_transport


class DroppedConnection(Response):
    """Closes the connection without a single byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End the connection and wait until the server has noticed."""
        await _reset(scope, receive)


class PartialResponse(Response):
    """Sends the head of an answer, then resets the connection before its body."""

    def __init__(self, status: int, size: int) -> None:
        super().__init__(status_code=status, media_type="application/json; charset=utf-8")
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send status and headers, then end the connection."""
        headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % self._size)]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await _reset(scope, receive)


async def _reset(scope: Scope, receive: Receive) -> None:
    transport = scope.get(_TRANSPORT)
    if transport is None:
        raise RuntimeError("this server cannot drop connections")
    raw = transport.get_extra_info("socket")
    if raw is not None:  # a reset, not an orderly end: what a crashed peer looks like
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
