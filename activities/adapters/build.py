"""From settings to adapters: the one place that knows every implementation of the ports.

``starter`` and ``worker.py`` come here and reach no adapter's inside.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from activities.adapters.clock import SystemClock
from activities.adapters.dns import SECRET_PURPOSE_DNS_TSIG, AuthoritativeResolver, PublisherDirectory
from activities.adapters.http import CONNECT_SECONDS, READ_SECONDS, HttpClient
from activities.adapters.inventory import (
    SqlInventory,
    open_inventory,
    previous_revision,
    require_own_log,
    run_migrations,
    schema_state,
    upgrade,
)
from activities.adapters.seller import SECRET_PURPOSE_SELLER_TOKEN, SellerDirectory
from activities.adapters.vault import (
    EnvelopeVault,
    KeyEncryptionKey,
    create_kek_file,
    kek_from_text,
    key_check,
    load_kek,
    verify_key_check,
)
from activities.adapters.watermark_file import WatermarkFile
from activities.adapters.x509 import CryptographyX509
from activities.ports import (
    X509,
    Clock,
    DnsPublisher,
    DnsPublishers,
    DnsResolver,
    Inventory,
    KeyVault,
    Seller,
    Sellers,
    Watermarks,
)
from domain.errors import EvercertError, Misconfigured
from domain.inventory import AccountRecord, DnsAccountRecord, Installation

SELLER_TOKEN_PURPOSE = SECRET_PURPOSE_SELLER_TOKEN
TSIG_SECRET_PURPOSE = SECRET_PURPOSE_DNS_TSIG


class HttpPatience(Protocol):
    """How long outgoing HTTP waits, in seconds."""

    @property
    def connect_seconds(self) -> float:
        """Longest wait for a connection."""
        ...

    @property
    def read_seconds(self) -> float:
        """Longest silence while waiting for an answer."""
        ...


class StartSettings(Protocol):
    """The part of the settings that adapters need (``starter.settings.Settings`` has it)."""

    @property
    def inventory_url(self) -> str:
        """SQLAlchemy address of the inventory."""
        ...

    @property
    def master_key(self) -> str:
        """Reference to the master key: ``file:PATH`` or ``env:NAME``."""
        ...

    @property
    def base_dir(self) -> Path:
        """Where relative paths start."""
        ...

    @property
    def sequence_file(self) -> Path:
        """Where it is kept how far the inventory was when something was last sent."""
        ...

    @property
    def http(self) -> HttpPatience:
        """How long outgoing HTTP waits."""
        ...


@dataclass(frozen=True)
class AdapterSettings:
    """What adapters need; the address may hold a password."""

    inventory_url: str
    master_key: KeyEncryptionKey
    sequence_file: Path
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS

    def __repr__(self) -> str:
        return f"AdapterSettings(master_key={self.master_key!r})"


@dataclass(frozen=True)
class Adapters:
    """Every port, open."""

    inventory: SqlInventory
    watermarks: Watermarks
    vault: KeyVault
    sellers: Sellers
    publishers: DnsPublishers
    resolver: DnsResolver
    x509: X509
    clock: Clock
    installation: Installation


def adapter_settings(settings: StartSettings) -> AdapterSettings:
    """Resolve the references of the settings.

    Raises:
        Misconfigured: ``master-key-missing`` and its like.
    """
    return AdapterSettings(
        settings.inventory_url,
        _master_key(settings),
        settings.sequence_file,
        connect_seconds=settings.http.connect_seconds,
        read_seconds=settings.http.read_seconds,
    )


def _master_key(settings: StartSettings) -> KeyEncryptionKey:
    kind, _, name = settings.master_key.partition(":")
    if kind != "env":
        return load_kek(settings.master_key, settings.base_dir)
    text = os.environ.get(name, "")  # noqa: TID251 the setting itself names the variable
    if not text:
        raise Misconfigured(
            "master-key-missing", f"variable {name} of the master key is empty", next_step="set it, or evercert init"
        )
    return kek_from_text(text)


@asynccontextmanager
async def open_adapters(settings: AdapterSettings, clock: Clock | None = None) -> AsyncIterator[Adapters]:
    """Open everything for the time of a block.

    The first opening binds the inventory to the master key; later ones verify it, before anything is sealed or opened.

    Raises:
        Misconfigured: ``db-upgrade-needed``, ``master-key-wrong``, ``inventory-torn``.
        Unavailable: ``inventory-unavailable``.
    """
    ticking: Clock = clock or SystemClock()
    watermarks = WatermarkFile(settings.sequence_file)
    await _require_own_log(settings.inventory_url, watermarks)
    inventory = await open_inventory(settings.inventory_url)
    http = HttpClient(connect_seconds=settings.connect_seconds, read_seconds=settings.read_seconds)
    try:
        installation = await bind_master_key(inventory, settings.master_key, ticking)
        vault = EnvelopeVault(settings.master_key, installation.installation_id)
        yield Adapters(
            inventory=inventory,
            watermarks=watermarks,
            vault=vault,
            sellers=SellerDirectory(inventory, vault, http, ticking),
            publishers=PublisherDirectory(inventory, vault),
            resolver=AuthoritativeResolver(inventory),
            x509=CryptographyX509(),
            clock=ticking,
            installation=installation,
        )
    finally:
        await http.close()
        await inventory.aclose()


async def _require_own_log(url: str, watermarks: Watermarks) -> None:
    """Look, before SQLite does, whether a file that was put back lies beside a log that is not its own."""
    try:
        mark = await watermarks.read()
    except EvercertError:
        return  # told by whoever needs it; commands that send nothing go on
    if mark is not None:
        await require_own_log(url, mark.file_sequence)


async def bind_master_key(inventory: Inventory, kek: KeyEncryptionKey, clock: Clock) -> Installation:
    """Write the key-check value of a new inventory, or verify the one that is there."""
    installation = await inventory.installation()
    if not installation.key_check:
        installation = await inventory.bind_installation(
            namespace="",
            cluster_id="",
            key_check=key_check(kek, installation.installation_id),
            now=await clock.now(),
        )
    verify_key_check(kek, installation.installation_id, installation.key_check)
    return installation


@asynccontextmanager
async def open_seller(settings: AdapterSettings, account: AccountRecord, token: str) -> AsyncIterator[Seller]:
    """Open an account that is not saved yet, to try its credential."""
    async with open_adapters(settings) as adapters:
        assert isinstance(adapters.sellers, SellerDirectory)
        yield adapters.sellers.open_unsaved(account, token)


@asynccontextmanager
async def open_publisher(
    settings: AdapterSettings, account: DnsAccountRecord, secret: str
) -> AsyncIterator[DnsPublisher]:
    """Open a DNS account that is not saved yet, to try it."""
    async with open_adapters(settings) as adapters:
        assert isinstance(adapters.publishers, PublisherDirectory)
        yield await adapters.publishers.open_unsaved(account, secret.encode())


def system_clock(wall: Callable[[], datetime]) -> Clock:
    """Return a clock of this machine whose wall clock is another one, as a proof needs to show what a wrong one does."""
    return SystemClock(wall)


def create_master_key(path: Path) -> None:
    """Write a new master key to a file that is not there yet, readable by its owner only."""
    create_kek_file(path)


def make_previous_schema(connection: Connection) -> None:
    """Bring an empty database to the schema before this release's newest, as one who shows an upgrade needs it."""
    run_migrations(connection, previous_revision())


async def upgrade_inventory(url: str, sequence_file: Path) -> str:
    """Bring the schema up to date; returns what was done, in words, or ``""``. Raises as :func:`open_adapters`."""
    await _require_own_log(url, WatermarkFile(sequence_file))
    done: list[str] = []
    await upgrade(url, done.append)
    return "; ".join(done)


async def check_inventory_schema(url: str, sequence_file: Path) -> str:
    """Return what is wrong with the schema, or ``""``. Raises as :func:`open_adapters`: even to read opens the file."""
    await _require_own_log(url, WatermarkFile(sequence_file))
    state = await schema_state(url)
    return "" if state.ok else f"the schema is at {state.current or 'nothing'}, this release needs {state.head}"
