"""How commands reach the world: the inventory with its adapters, the engine, and the clock.

One value holds them all, so that a test puts fakes in their place. Everything heavy is imported when a door is opened.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from temporalio.client import Client

    from activities.adapters.build import Adapters
    from activities.ports import DnsPublisher, DnsPublishers, Inventory, KeyVault, Seller, Sellers
    from domain.inventory import AccountRecord, AuditEvent, DnsAccountRecord, Installation, OrderRecord
    from domain.request import Act, ExtendDeadline, OrderRequest, ResolvePurchase
    from starter.binding import Doubt, Person
    from starter.client import StartedSync
    from starter.history import RunHistory
    from starter.settings import Settings
    from workflows.messages import SyncResult


class Opened(Protocol):
    """The adapters that commands use."""

    @property
    def inventory(self) -> "Inventory":
        """The inventory."""
        ...

    @property
    def vault(self) -> "KeyVault":
        """Seals secrets."""
        ...

    @property
    def sellers(self) -> "Sellers":
        """Opens seller accounts."""
        ...

    @property
    def publishers(self) -> "DnsPublishers":
        """Opens DNS accounts."""
        ...


class Started(Protocol):
    """What starting an order tells; ``was_running``: an equal call had started it before."""

    @property
    def order_id(self) -> str:
        """The order's id."""
        ...

    @property
    def workflow_id(self) -> str:
        """The run's workflow id."""
        ...

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    @property
    def was_running(self) -> bool:
        """Whether the run was there before."""
        ...


class Acted(Protocol):
    """The engine's answer to an act."""

    @property
    def done(self) -> bool:
        """Whether it was done."""
        ...

    @property
    def message(self) -> str:
        """One sentence."""
        ...


class Engine(Protocol):
    """The typed client of the engine, as far as commands use it."""

    async def order(self, request: "OrderRequest") -> Started:
        """Start an order, or find the one of the same request id."""
        ...

    async def check_now(self, order: "OrderRecord", act: "Act") -> Acted:
        """Have the run look at once."""
        ...

    async def resolve_purchase(self, order: "OrderRecord", act: "ResolvePurchase") -> Acted:
        """Settle a purchase in doubt, or what became of a refund."""
        ...

    async def cancel(self, order: "OrderRecord", act: "Act") -> Acted:
        """Stop the order at its next safe point."""
        ...

    async def extend_deadline(self, order: "OrderRecord", act: "ExtendDeadline") -> Acted:
        """Move the deadline."""
        ...

    async def resume(self, order: "OrderRecord", *, by: str, reason: str = "") -> Started:
        """Start a run that takes up an order whose run is lost."""
        ...

    async def sync(self, request_id: str = "") -> "StartedSync":
        """Start a look at all open orders and all sellers' lists."""
        ...

    async def wait_for_sync(self, started: "StartedSync") -> "SyncResult":
        """Wait for what it found. Raises ``sync-failed``."""
        ...

    async def history(self, order: "OrderRecord") -> "RunHistory":
        """Read the order's newest run: raises ``run-not-found`` or ``engine-unreachable``."""
        ...


SELLER_TOKEN_PURPOSE = "seller-token"  # noqa: S105 - the purpose's name, no secret
"""Purpose under which the adapters expect an account's token to be sealed."""
TSIG_SECRET_PURPOSE = "dns-tsig"  # noqa: S105 - the same
"""Purpose under which the adapters expect a DNS account's secret to be sealed."""


@dataclass(frozen=True)
class Doors:
    """The ways out of a command.

    Attributes:
        adapters: opens the inventory and the rest.
        engine: connects to Temporal; raises ``engine-unreachable``.
        try_seller: opens an account that is not saved yet, with its plain token.
        try_publisher: opens a DNS account that is not saved yet, with its plain secret.
        export_key: writes the audit row, then returns the private key (PKCS#8 DER).
        create_key: writes a new master key to a file that is not there yet.
        upgrade: brings the inventory's schema up to date; returns what was done, in words.
        schema: returns what is wrong with the schema, or ``""``.
        temporal: connects a bare Temporal client.
        doubt: tells whether the inventory may have lost something; changes nothing.
        reconcile: lets nothing be bought before the sellers' lists were compared.
        rebind: binds the inventory to the cluster that answers; whether it was another before.
        now: the present instant, UTC.
        pause: waits that many seconds.
    """

    adapters: Callable[["Settings"], AbstractAsyncContextManager[Opened]]
    engine: Callable[["Settings"], AbstractAsyncContextManager[Engine]]
    try_seller: Callable[["Settings", "AccountRecord", str], AbstractAsyncContextManager["Seller"]]
    try_publisher: Callable[["Settings", "DnsAccountRecord", str], AbstractAsyncContextManager["DnsPublisher"]]
    export_key: Callable[[Opened, str, "AuditEvent"], Awaitable[bytes]]
    create_key: Callable[[Path], None]
    upgrade: Callable[["Settings"], Awaitable[str]]
    schema: Callable[["Settings"], Awaitable[str]]
    temporal: Callable[["Settings"], Awaitable["Client"]]
    doubt: Callable[["Settings"], Awaitable["Doubt"]]
    reconcile: Callable[["Settings", "Person"], Awaitable["Installation"]]
    rebind: Callable[["Settings", "Person"], Awaitable[bool]]
    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]


@asynccontextmanager
async def _open_adapters(settings: "Settings") -> AsyncIterator[Opened]:
    from activities.adapters.build import adapter_settings, open_adapters

    async with open_adapters(adapter_settings(settings)) as adapters:
        yield adapters


@asynccontextmanager
async def _connect(settings: "Settings") -> AsyncIterator[Engine]:
    from starter.client import EvercertClient

    async with EvercertClient.connect(settings) as client:
        yield client


@asynccontextmanager
async def _try_seller(settings: "Settings", account: "AccountRecord", token: str) -> AsyncIterator["Seller"]:
    from activities.adapters.build import adapter_settings, open_seller

    async with open_seller(adapter_settings(settings), account, token) as seller:
        yield seller


@asynccontextmanager
async def _try_publisher(
    settings: "Settings", account: "DnsAccountRecord", secret: str
) -> AsyncIterator["DnsPublisher"]:
    from activities.adapters.build import adapter_settings, open_publisher

    async with open_publisher(adapter_settings(settings), account, secret) as publisher:
        yield publisher


async def _export_key(adapters: Opened, key_id: str, event: "AuditEvent") -> bytes:
    from starter.client import export_key

    return await export_key(cast("Adapters", adapters), key_id, event)


def _create_key(path: Path) -> None:
    from activities.adapters.build import create_master_key

    create_master_key(path)


async def _upgrade(settings: "Settings") -> str:
    from activities.adapters.build import upgrade_inventory

    return await upgrade_inventory(settings.inventory_url, settings.sequence_file)


async def _schema(settings: "Settings") -> str:
    from activities.adapters.build import check_inventory_schema

    return await check_inventory_schema(settings.inventory_url, settings.sequence_file)


async def _temporal(settings: "Settings") -> "Client":
    from starter.client import connect_temporal

    return await connect_temporal(settings)


async def _doubt(settings: "Settings") -> "Doubt":
    from starter.binding import look

    async with _open_adapters(settings) as adapters:
        return await look(cast("Adapters", adapters))


async def _reconcile(settings: "Settings", person: "Person") -> "Installation":
    from starter.binding import by_hand

    async with _open_adapters(settings) as adapters:
        return await by_hand(cast("Adapters", adapters), person)


async def _rebind(settings: "Settings", person: "Person") -> bool:
    from starter.binding import bind

    client = await _temporal(settings)
    async with _open_adapters(settings) as adapters:
        return await bind(client, cast("Adapters", adapters), person=person)


REAL = Doors(
    adapters=_open_adapters,
    engine=_connect,
    try_seller=_try_seller,
    try_publisher=_try_publisher,
    export_key=_export_key,
    create_key=_create_key,
    upgrade=_upgrade,
    schema=_schema,
    temporal=_temporal,
    doubt=_doubt,
    reconcile=_reconcile,
    rebind=_rebind,
    now=lambda: datetime.now(UTC),
    pause=asyncio.sleep,
)
doors = REAL
"""The doors in use; a test puts its own here."""
