"""A peer of bare sockets that does to a connection whatever a test asks for, and remembers every byte it got."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Behaviour: TypeAlias = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    body: bytes = b""

    async def read_head(self) -> None:
        self.head = await self.reader.readuntil(b"\r\n\r\n")

    async def read_body(self) -> None:
        lines = self.head.decode().lower().split("\r\n")
        size = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        self.body = await self.reader.readexactly(size)

    async def read_all(self) -> None:
        """Take whatever still comes until the peer closes."""
        self.body += await self.reader.read()

    async def write(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    def abort(self) -> None:
        self.writer.transport.abort()


@dataclass
class RawServer:
    url: str
    exchanges: list[Exchange] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[bytes]:
        return [exchange.body for exchange in self.exchanges]


def response(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def answering(body: bytes, status: str = "200 OK", headers: str = "") -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.read_body()
        await exchange.write(response(body, status, headers))

    return behave


@contextlib.asynccontextmanager
async def raw_server(behave: Behaviour) -> AsyncIterator[RawServer]:
    served = RawServer("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = Exchange(reader, writer)
        served.exchanges.append(exchange)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await behave(exchange)
        writer.close()
        served.finished.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()


class Gate:
    """A gate that counts how often it was asked."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open
        self.asked = 0

    def may_send(self) -> bool:
        self.asked += 1
        return self.is_open
