"""HTTP on a listener of our own, which can be closed and opened again while the process runs."""

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from deploy.sandbox.drops import DroppableProtocol

_BACKLOG = 128
_GRACE_SECONDS = 0.3


class WebServer:
    """uvicorn's HTTP protocol behind a listener of our own, so that it can be closed and opened at will."""

    def __init__(self, app: Starlette, host: str) -> None:
        self._host = host
        self._config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, ws="none"
        )
        self._config.load()
        self._connections = ServerState()
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[asyncio.Server] | None = None
        self.port = 0

    @property
    def is_open(self) -> bool:
        """Whether the listener takes connections."""
        return self._socket is not None

    async def start(self, port: int) -> None:
        """Bind; port 0 takes a free one."""
        self.port = port
        self.open_again()
        assert self._accepting is not None
        await self._accepting

    def open_again(self) -> None:
        """Listen; connections are taken from this moment on."""
        # With the protocol named, asyncio turns Nagle's algorithm off; without, each answer would wait 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self.port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self._socket, self.port = listener, listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._accepting = asyncio.ensure_future(loop.create_server(self._protocol, sock=listener, backlog=_BACKLOG))

    def refuse(self) -> None:
        """Close the listener; idle connections end, requests under way are finished."""
        if self._accepting is not None and self._accepting.done():
            self._accepting.result().close()
        elif self._accepting is not None:
            self._accepting.cancel()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._accepting = None
        for connection in list(self._connections.connections):
            connection.shutdown()

    async def close(self) -> None:
        """Close the listener and all connections; what is under way gets a short grace."""
        self.refuse()
        tasks = set(self._connections.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
        for task in self._connections.tasks:
            task.cancel()

    def _protocol(self) -> DroppableProtocol:
        return DroppableProtocol(config=self._config, server_state=self._connections, app_state={})
