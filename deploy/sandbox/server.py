"""A whole sandbox in one object: sockets, name server, CA and clock, for tests and for `python -m deploy.sandbox`."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from deploy.sandbox.app import build_app
from deploy.sandbox.book import Sale
from deploy.sandbox.clock import SandboxClock
from deploy.sandbox.dcv import ProofLooker
from deploy.sandbox.dns import NameServer, Responder, tsig_key
from deploy.sandbox.faults import Rule
from deploy.sandbox.files import FileFetcher, web_app
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.mail import Postman
from deploy.sandbox.mail_desk import MailDesk
from deploy.sandbox.resolver import Resolver
from deploy.sandbox.settings import SandboxSettings, Switches
from deploy.sandbox.smtp import MailSink
from deploy.sandbox.web_server import WebServer
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World

_WEB_PORT, _SMTP_PORT = 8580, 8525


class Sandbox:
    """The outside world on loopback; `async with Sandbox(settings) as box`."""

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.state = World(self.settings)
        key = tsig_key(self.settings.tsig_name, self.settings.tsig_secret)
        self._files: WebServer | None = None
        self._sink = MailSink(self.state.take_mail)
        self._fetcher: FileFetcher | None = None
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
    def web_port(self) -> int:
        """TCP port of the web root with proof files."""
        assert self._files is not None
        return self._files.port

    @property
    def smtp_port(self) -> int:
        """TCP port of the mail sink."""
        return self._sink.port

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
        try:
            await self._open_sockets()
        except BaseException:
            await self._close_sockets()
            raise
        self.state.found_ca(self._address)
        self.state.faults.changed = self._listen_or_refuse
        self._rounds = asyncio.create_task(self.desk.run())

    async def close(self) -> None:
        """Stop the CA, close all sockets and the state file."""
        self.state.faults.changed = lambda: None
        if self._rounds is not None:
            self._rounds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rounds
        await self._close_sockets()
        self.state.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _open_sockets(self) -> None:
        settings = self.settings
        await self._names.start(settings.host, settings.dns_port)
        self._files = WebServer(web_app(self.state.files), settings.host)
        await self._files.start(settings.companion_port(settings.web_port, _WEB_PORT))
        resolver = Resolver(*(settings.resolver or (self.dns_host, self.dns_port)))
        self._fetcher = FileFetcher(*(settings.web_address or (settings.host, self.web_port)))
        await self._sink.start(settings.host, settings.companion_port(settings.smtp_port, _SMTP_PORT))
        mails = MailDesk(self.state, Postman(settings.host, self.smtp_port))
        self._desk = IssuingDesk(self.state, ProofLooker(resolver, self._fetcher), resolver, mails)
        self._web = WebServer(build_app(self.state, self._desk), settings.host)
        await self._web.start(settings.port)

    async def _close_sockets(self) -> None:
        for server in (self._web, self._files):
            if server is not None:
                await server.close()
        await self._sink.close()
        if self._fetcher is not None:
            await self._fetcher.close()
        await self._names.close()

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
