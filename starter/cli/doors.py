"""How commands reach the world: the inventory with its adapters, the engine, and the clock.

One value holds all three, so that a test puts fakes in their place. Everything heavy is imported when a door is opened.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from domain.errors import Unavailable

if TYPE_CHECKING:
    from activities.ports import DnsPublishers, Inventory, KeyVault, Sellers
    from domain.request import Act, OrderRequest
    from starter.settings import Settings


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
    def dns_publishers(self) -> "DnsPublishers":
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
    def ui_url(self) -> str:
        """The run's page in the Temporal Web UI, or ``""``."""
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
        """Start an order, or find the running one of the same request id."""
        ...

    async def check_now(self, ref: str, act: "Act") -> Acted:
        """Have the run look at once."""
        ...

    async def export_key(self, certificate: str, version: int, reason: str, by: str) -> bytes:
        """Return the private key of a version as PEM; audited."""
        ...


@dataclass(frozen=True)
class Doors:
    """The ways out of a command."""

    adapters: Callable[["Settings"], AbstractAsyncContextManager[Opened]]
    engine: Callable[["Settings"], AbstractAsyncContextManager[Engine]]
    now: Callable[[], datetime]


@asynccontextmanager
async def _open_adapters(settings: "Settings") -> AsyncIterator[Opened]:
    from activities.adapters.build import AdapterSettings, open_adapters

    wanted = AdapterSettings(
        inventory_url=settings.inventory_url, master_key=settings.master_key, base_dir=settings.base_dir
    )
    async with open_adapters(wanted) as adapters:
        yield adapters


@asynccontextmanager
async def _connect(settings: "Settings") -> AsyncIterator[Engine]:
    from starter.client import EvercertClient

    try:
        connection = EvercertClient.connect(settings)
        client = await connection.__aenter__()
    except RuntimeError as error:  # what the SDK raises when nobody answers
        raise Unavailable("engine-unreachable", "No Temporal server answers at the configured address.") from error
    try:
        yield client
    finally:
        await connection.__aexit__(None, None, None)


REAL = Doors(adapters=_open_adapters, engine=_connect, now=lambda: datetime.now(UTC))
doors = REAL
"""The doors in use; a test puts its own here."""
