"""A whole sandbox in one object: sockets, name server, CA and clock, for tests and for `python -m deploy.sandbox`."""

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from deploy.sandbox.app import build_app
from deploy.sandbox.book import Sale
from deploy.sandbox.clock import SandboxClock
from deploy.sandbox.dcv import ProofLooker
from deploy.sandbox.dns import NameServer, Responder, tsig_key
from deploy.sandbox.drops import DroppableProtocol
from deploy.sandbox.faults import Rule
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.settings import SandboxSettings, Switches
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World

_BACKLOG = 128
_GRACE_SECONDS = 0.3


class Sandbox:
    """The outside world on loopback; `async with Sandbox(settings) as box`."""

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.state = World(self.settings)
        key = tsig_key(self.settings.tsig_name, self.settings.tsig_secret)
        self._names = NameServer(Responder(self.state.zones, key, self._note_update))
        self._web: WebServer | None = None
        self._desk: IssuingDesk | None = None
        self._rounds: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Address of the seller API, without a trailing slash."""
        return f"{self._address}/rest"

    @property
    def control_url(self) -> str:
        """Address of the control API, without a trailing slash."""
        return f"{self._address}/control"

    @property
    def dns_host(self) -> str:
        """Address of the name server."""
        return self.settings.host

    @property
    def dns_port(self) -> int:
        """UDP and TCP port of the name server."""
        return self._names.port

    @property
    def tsig_name(self) -> str:
        """Name of the update key."""
        return self.settings.tsig_name

    @property
    def tsig_secret(self) -> str:
        """Base64 secret of the update key."""
        return self.settings.tsig_secret

    @property
    def root_pem(self) -> str:
        """The root certificate that tests trust."""
        return self.state.ca.root.pem

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock."""
        return self.state.clock

    @property
    def desk(self) -> IssuingDesk:
        """The CA's desk; `await box.desk.round()` looks at all pending orders now."""
        assert self._desk is not None
        return self._desk

    def sales(self) -> list[Sale]:
        """The ledger so far."""
        return list(self.state.book.sales)

    def add_fault(self, fault: str, **params: Json) -> None:
        """Put a fault rule into force; parameters as in `faults.Rule`.

        Raises:
            pydantic.ValidationError: No such fault or parameter.
        """
        self.state.faults.add(Rule.model_validate({"fault": fault, **params}))

    def clear_faults(self) -> None:
        """Lift every fault rule."""
        self.state.faults.clear()

    def switch(self, **changes: Json) -> Switches:
        """Change switches by name.

        Raises:
            pydantic.ValidationError: No such switch or value.
        """
        return self.state.switch(changes)

    async def start(self) -> None:
        """Bind all sockets and start the CA's rounds.

        Raises:
            OSError: A port is taken.
        """
        await self._names.start(self.settings.host, self.settings.dns_port)
        host, port = self.settings.resolver or (self.dns_host, self.dns_port)
        self._desk = IssuingDesk(self.state, ProofLooker(host, port))
        self._web = WebServer(build_app(self.state, self._desk), self.settings.host)
        try:
            await self._web.start(self.settings.port)
        except OSError:
            await self._names.close()
            raise
        self.state.found_ca(self._address)
        self.state.faults.changed = self._listen_or_refuse
        self._rounds = asyncio.create_task(self._desk.run())

    async def close(self) -> None:
        """Stop the CA, close all sockets and the state file."""
        self.state.faults.changed = lambda: None
        if self._rounds is not None:
            self._rounds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rounds
        if self._web is not None:
            await self._web.close()
        await self._names.close()
        self.state.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _address(self) -> str:
        assert self._web is not None
        return f"http://{self.settings.host}:{self._web.port}"

    def _listen_or_refuse(self) -> None:
        """Close the listener while a `refuse_connections` rule is in force; each such rule ends by itself."""
        assert self._web is not None
        rules = [rule for rule in self.state.faults.rules() if rule.fault == "refuse_connections"]
        if rules and self._web.is_open:
            self.state.journal.note("fault.applied", f"connections are refused for {rules[0].seconds:g} s")
            self._web.refuse()
            loop = asyncio.get_running_loop()
            loop.call_later(rules[0].seconds, self.state.faults.clear, "refuse_connections")
        elif not rules and not self._web.is_open:
            self._web.open_again()

    def _note_update(self, rcode: str, names: list[str]) -> None:
        self.state.journal.note(
            "dns.updated", f"DNS update {rcode}: {', '.join(names)}", rcode=rcode, names=list(names)
        )


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
