"""Everything on one machine: Temporal, the sandbox, the inventory and a worker, each a process of its own.

Used by ``evercert dev``, ``evercert demo`` and the integration tests. The Temporal server is always a private one, and no
variable or profile of Temporal reaches the processes started here.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from temporalio.client import Client

from activities.adapters.build import (
    SELLER_TOKEN_PURPOSE,
    TSIG_SECRET_PURPOSE,
    Adapters,
    adapter_settings,
    create_master_key,
    open_adapters,
    upgrade_inventory,
)
from domain import ids
from domain.errors import Unavailable
from domain.inventory import AccountRecord, AuditEvent, DnsAccountRecord, Environment
from domain.request import DcvChoice, OrderRequest
from starter.process import ChildProcess
from starter.schedules import provide_schedules
from starter.server import DevServer, find_binary, provision
from starter.settings import Settings, load_settings
from workflows.search_attributes import REGISTRATION

NAMESPACE = "evercert"
ACCOUNT = "sandbox"
# The sandbox's published credentials: they buy nothing but certificates of a root that nobody trusts.
_SANDBOX_PARTNER = "12345678"
_SANDBOX_TOKEN = "sandbox-token"  # noqa: S105
_SANDBOX_TSIG = "ZXZlcmNlcnQtc2FuZGJveC1wdWJsaXNoZWQta2V5LTE="
_JSON = {"Content-Type": "application/json"}
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class StackOptions:
    """What is started, and where.

    Attributes:
        home: folder that everything lives in.
        ui_port: port of the Temporal Web UI; 0 picks a free one, None starts none.
        temporal_port, sandbox_port, dns_port: 0 picks a free one.
        ca_poll_seconds: how often the sandbox's CA looks for proof.
        with_worker: start a worker process too.
        with_schedules: let Temporal start by itself what it should from time to time; tests and proofs start it by hand.
        worker_module: what is run as the worker; a test puts a damaged one here.
        namespace: of Temporal; several stacks may share one server, each in a namespace of its own.
        server: a running server to share, which somebody else stops; None starts one in ``home``.
        inventory_url: address of the inventory; empty: SQLite in ``home``.
        visibility_minutes: how long a sale may take to show up, for the account ``sandbox``.
    """

    home: Path
    ui_port: int | None = 0
    temporal_port: int = 0
    sandbox_port: int = 0
    dns_port: int = 0
    ca_poll_seconds: float = 1.0
    with_worker: bool = True
    with_schedules: bool = False
    worker_module: str = "starter.cli"
    namespace: str = NAMESPACE
    server: DevServer | None = None
    inventory_url: str = ""
    visibility_minutes: int = 60


@dataclass(frozen=True)
class SandboxAddress:
    """Where a running sandbox answers."""

    base_url: str
    control_url: str
    dns_host: str
    dns_port: int
    tsig_name: str


class Stack:
    """The processes of one machine. Use as ``async with Stack(options, say) as stack``.

    Stopping is clean and in order: worker, sandbox, server. A second start in the same home goes on where it was.
    """

    def __init__(self, options: StackOptions, say: Callable[[str], None]) -> None:
        self.options = options
        self._say = say
        self._open = AsyncExitStack()
        self.worker: ChildProcess | None = None
        self.sandbox_process: ChildProcess | None = None

    # the parts, once started
    server: DevServer
    sandbox: SandboxAddress
    settings: Settings

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _start(self) -> None:
        options = self.options
        options.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.server = options.server or await self._start_server()
        await provision(self.server.address, namespace=options.namespace, search_attributes=REGISTRATION)
        self.sandbox = await self._start_sandbox()
        self.settings = load_settings(environ=self.environment())
        await self._prepare_home()
        if options.with_schedules:
            # By its address: the settings of this process may lead to another server.
            await provide_schedules(await Client.connect(self.server.address, namespace=options.namespace))
        if options.with_worker:
            await self.start_worker()

    async def _start_server(self) -> DevServer:
        options = self.options
        binary = await find_binary(self._say)
        server = DevServer(binary, options.home / "temporal", port=options.temporal_port, ui_port=options.ui_port)
        return await self._open.enter_async_context(server)

    def environment(self) -> dict[str, str]:
        """Return the environment of child processes: this home, this server, nothing else of Evercert or Temporal."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TEMPORAL_", "EVERCERT_"))}
        return {
            **kept,
            "EVERCERT_HOME": str(self.options.home),
            "TEMPORAL_ADDRESS": self.server.address,
            "TEMPORAL_NAMESPACE": self.options.namespace,
            "TEMPORAL_CONFIG_FILE": str(self.options.home / "temporal.toml"),
            "EVERCERT_OWN_SERVER": self.server.address,
            "PYTHONUNBUFFERED": "1",
            **({"EVERCERT_PROFILE__DEFAULT__WEB_UI": self.server.ui_url} if self.server.ui_url else {}),
            **(
                {"EVERCERT_PROFILE__DEFAULT__INVENTORY": self.options.inventory_url}
                if self.options.inventory_url
                else {}
            ),
        }

    def exports(self) -> dict[str, str]:
        """Return what another shell needs, so that commands there meet this stack; links of the Web UI included."""
        wanted = ("EVERCERT_HOME", "EVERCERT_PROFILE__DEFAULT__WEB_UI", "EVERCERT_PROFILE__DEFAULT__INVENTORY")
        return {key: it for key, it in self.environment().items() if key in wanted or key.startswith("TEMPORAL_")}

    def adopt_environment(self) -> None:
        """Make this process use the stack too, as its children do."""
        for key in [key for key in os.environ if key.startswith(("TEMPORAL_", "EVERCERT_"))]:
            del os.environ[key]
        os.environ.update(self.environment())

    async def start_sandbox(self) -> None:
        """Start the sandbox again, on its old ports and from its state file, after it was stopped or killed."""
        await self._start_sandbox(self.sandbox)

    async def _start_sandbox(self, before: SandboxAddress | None = None) -> SandboxAddress:
        home = self.options.home / "sandbox"
        home.mkdir(parents=True, exist_ok=True)
        ready = home / "ready.json"
        ready.unlink(missing_ok=True)
        port = _port_of(before.base_url) if before else self.options.sandbox_port
        dns_port = before.dns_port if before else self.options.dns_port
        argv = [
            sys.executable, "-m", "deploy.sandbox", "--port", str(port), "--dns-port", str(dns_port),
            "--state", str(home / "state.db"), "--ready-file", str(ready),
            "--ca-poll-seconds", str(self.options.ca_poll_seconds),
        ]  # fmt: skip
        process = ChildProcess.start(argv, log=home / "log.txt", env=self.environment())
        self.sandbox_process = process
        self._open.push_async_callback(process.stop)
        await _until(ready.exists, process, "sandbox-not-ready", "the sandbox")
        facts = json.loads(ready.read_text())
        return SandboxAddress(
            base_url=facts["base_url"],
            control_url=facts["control_url"],
            dns_host=facts["dns_host"],
            dns_port=int(facts["dns_port"]),
            tsig_name=facts["tsig_name"],
        )

    async def _prepare_home(self) -> None:
        """Make master key, inventory, and the two accounts of the sandbox; what is there stays."""
        (self.options.home / "temporal.toml").touch(mode=0o600)
        key = self.settings.base_dir / "master.key"
        if not key.exists():
            create_master_key(key)
        self.settings.paths.data.mkdir(parents=True, exist_ok=True)
        await upgrade_inventory(self.settings.inventory_url, self.settings.sequence_file)
        async with open_adapters(adapter_settings(self.settings)) as adapters:
            await add_sandbox_accounts(
                adapters, self.sandbox, self.root_certificate(), visibility_minutes=self.options.visibility_minutes
            )

    def root_certificate(self) -> str:
        """Return the sandbox's root, PEM: what its leaves are verified against."""
        with urlopen(f"{self.sandbox.control_url}/pki/root.pem") as answer:  # noqa: S310 loopback, our own process
            return str(answer.read().decode())

    def tell_sandbox(self, method: str, path: str, body: object = None) -> Any:
        """Speak to the sandbox's control API and return what it answers; blocks, so async code calls it in a thread."""
        request = Request(  # noqa: S310 loopback, our own process
            f"{self.sandbox.control_url}/{path}",
            method=method,
            data=None if method == "GET" else json.dumps({} if body is None else body).encode(),
            headers=_JSON,
        )
        with urlopen(request) as answer:  # noqa: S310 the same
            return json.loads(answer.read())

    def control(self, path: str) -> Mapping[str, object]:
        """Read from the sandbox's control API."""
        return dict(self.tell_sandbox("GET", path))

    def strike(self, **rule: object) -> None:
        """Make the sandbox misbehave: one fault rule of its control API."""
        self.tell_sandbox("POST", "faults", rule)

    def clear_faults(self) -> None:
        """Let the sandbox behave again."""
        self.tell_sandbox("DELETE", "faults")

    async def start_worker(self) -> ChildProcess:
        """Start a worker process and wait until it polls."""
        ready = self.options.home / "worker.ready"
        ready.unlink(missing_ok=True)
        argv = [sys.executable, "-m", self.options.worker_module, "worker", "run", "--ready-file", str(ready)]
        process = ChildProcess.start(argv, log=self.options.home / "worker.log", env=self.environment())
        self.worker = process
        self._open.push_async_callback(process.stop)
        await _until(ready.exists, process, "worker-not-ready", "the worker")
        return process


def smallest_request(name: str, **changes: object) -> OrderRequest:
    """Return the smallest order of the sandbox for a name, with other fields where they are given."""
    fields = {
        "account": ACCOUNT,
        "product": "positivessl",
        "common_name": name,
        "months": 12,
        "dcv": DcvChoice(method="dns", dns_account=ACCOUNT),
        **changes,
    }
    return OrderRequest.model_validate(fields)


async def add_sandbox_accounts(
    adapters: Adapters, sandbox: SandboxAddress, root: str, *, visibility_minutes: int = 60
) -> None:
    """Add the seller account and the DNS account of a sandbox, both called ``sandbox``, unless they are there."""
    now = await adapters.clock.now()
    if await adapters.inventory.account(ACCOUNT) is None:
        account = AccountRecord(
            name=ACCOUNT,
            environment=Environment.SANDBOX,
            base_url=sandbox.base_url,
            partner_code=_SANDBOX_PARTNER,
            secret_id=f"account/{ACCOUNT}",
            visibility_minutes=visibility_minutes,
            contact_email="admin@example.test",
            trust_roots=root,
        )
        sealed = adapters.vault.seal(_SANDBOX_TOKEN.encode(), row_id=account.secret_id, purpose=SELLER_TOKEN_PURPOSE)
        event = AuditEvent(
            event_id=ids.event_id(ACCOUNT, "account.added", "1"), kind="account.added", subject=ACCOUNT, at=now
        )
        await adapters.inventory.add_account(account, sealed, event)
    if await adapters.inventory.dns_account(ACCOUNT) is None:
        dns_account = DnsAccountRecord(
            name=ACCOUNT,
            server=sandbox.dns_host,
            port=sandbox.dns_port,
            zones=("test",),
            tsig_name=sandbox.tsig_name,
            secret_id=f"dns-account/{ACCOUNT}",
            environment=Environment.SANDBOX,
        )
        sealed = adapters.vault.seal(_SANDBOX_TSIG.encode(), row_id=dns_account.secret_id, purpose=TSIG_SECRET_PURPOSE)
        event = AuditEvent(
            event_id=ids.event_id(ACCOUNT, "dns-account.added", "1"),
            kind="dns-account.added",
            subject=ACCOUNT,
            at=now,
        )
        await adapters.inventory.add_dns_account(dns_account, sealed, event)


def _port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", 1)[0])


async def _until(done: Callable[[], bool], process: ChildProcess, code: str, what: str) -> None:
    """Wait until a child is ready; its own last words when it ends before."""
    for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
        if done():
            return
        if not process.running:
            break
        await asyncio.sleep(_POLL_SECONDS)
    raise Unavailable(
        code,
        f"{what} did not start",
        why=tuple(process.tail(3).splitlines()),
        next_step=f"its log is {process.log}",
    )
