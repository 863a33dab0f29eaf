"""Inventories of their own, on either database, and the rows that most tests begin with."""

import itertools
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

import pytest

from activities.adapters.inventory import SqlInventory, open_inventory, upgrade
from domain import ids, purchase
from domain.inventory import ActRecord, ActState, AuditEvent, NewOrder, NewVersion
from domain.seller import Money
from starter.prove.postgres import PrivatePostgres

NOW = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
PRICE = Money(amount=Decimal("7.10"))


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
ON_BOTH = pytest.mark.parametrize("backend", BACKENDS, indirect=True)
"""For tests of other parts that run on SQLite alone unless they say so: these run on PostgreSQL, too."""


class Databases(ABC):
    """Makes databases of one kind, each used by one test."""

    kind: str

    @abstractmethod
    async def empty(self, *, is_there: bool = False) -> str:
        """Return the address of a database that nobody has touched; on SQLite a file only where it must be there."""

    @abstractmethod
    async def fresh(self) -> str:
        """Return the address of an upgraded, empty database: a copy, for migrating anew would be most of a test's time."""

    @abstractmethod
    async def drop(self) -> None:
        """Take away all that was made."""

    @asynccontextmanager
    async def inventory(self) -> AsyncIterator[SqlInventory]:
        async with await open_inventory(await self.fresh()) as inventory:
            yield inventory


class SqliteDatabases(Databases):
    """Files, each in a folder of its own."""

    kind = "sqlite"
    _template = b""

    def __init__(self, make_folder: Callable[[], Path]) -> None:
        self._make_folder = make_folder

    async def empty(self, *, is_there: bool = False) -> str:
        path = self._make_folder() / "inventory.db"
        if is_there:
            path.touch()
        return f"sqlite:///{path}"

    async def fresh(self) -> str:
        path = self._make_folder() / "inventory.db"
        url = f"sqlite:///{path}"
        if self._template:
            path.write_bytes(self._template)
        else:
            await upgrade(url, lambda _: None)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            SqliteDatabases._template = path.read_bytes()
        return url

    async def drop(self) -> None:
        """The folders are pytest's to remove."""


class PostgresDatabases(Databases):
    """Databases of a running server; the first one becomes the template of all others."""

    kind = "postgresql"
    _numbers = itertools.count(1)
    _prepared: ClassVar[WeakSet[PrivatePostgres]] = WeakSet()

    def __init__(self, server: PrivatePostgres) -> None:
        self.server = server
        self._made: list[str] = []

    async def empty(self, *, is_there: bool = False) -> str:
        return await self._new("template1")

    async def fresh(self) -> str:
        if self.server not in self._prepared:
            await upgrade(await self.server.new_database("inventory"), lambda _: None)
            self._prepared.add(self.server)
        return await self._new("inventory")

    async def drop(self) -> None:
        async with self.server.session() as cursor:
            while self._made:
                await cursor.execute(f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")

    async def _new(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self._made.append(name)
        return await self.server.new_database(name, template=template)


async def fresh_database(directory: Path) -> str:
    """Return the address of an upgraded, empty SQLite file."""
    return await SqliteDatabases(lambda: directory).fresh()


@asynccontextmanager
async def fresh_inventory(directory: Path) -> AsyncIterator[SqlInventory]:
    async with SqliteDatabases(lambda: directory).inventory() as inventory:
        yield inventory


def order(number: int = 1, *, name: str = "www.example.test", request_id: str = "", digest: str = "d") -> NewOrder:
    workflow_id = f"issue-{number}"
    return NewOrder(
        order_id=ids.order_id("evercert", workflow_id, "run-1"),
        workflow_id=workflow_id,
        run_id="run-1",
        account="sandbox",
        product="positivessl",
        common_name=name,
        names=(name,),
        months=12,
        dns_account="sandbox",
        request_id=request_id,
        request_digest=digest,
        requested_by="someone",
        request={"account": "sandbox", "sans": ["a", 1, None]},
    )


def fingerprint(of: NewOrder) -> str:
    return purchase.fingerprint(account=of.account, product=of.product, names=of.names)


async def reserved(inventory: SqlInventory, wanted: NewOrder, *, owner: str = "issue/run-1") -> ActRecord:
    await inventory.open_order(wanted, NOW)
    return await inventory.reserve(
        wanted.order_id, fingerprint=fingerprint(wanted), owner=owner, price=PRICE, body_hash="hash", now=NOW
    )


def event(subject: str, kind: str = "test.done", occasion: str = "") -> AuditEvent:
    return AuditEvent(event_id=ids.event_id(subject, kind, occasion), kind=kind, subject=subject, at=NOW)


async def moved(
    inventory: SqlInventory, act: ActRecord, to: ActState, *, changes: ActRecord | None = None
) -> ActRecord | None:
    """Change an act as somebody who saw it like this."""
    told = event(act.order_id, f"purchase.{to.value}", str(act.fence))
    return await inventory.change_act(
        act.act_id, seen=act.state, fence=act.fence, to=to, changes=changes, event=told, now=at(1)
    )


def version(of: NewOrder, serial: str, *, problems: tuple[str, ...] = ()) -> NewVersion:
    return NewVersion(
        order_id=of.order_id,
        certificate_id=ids.certificate_id(of.order_id),
        key_id=ids.key_id(of.order_id, 1),
        leaf="leaf",
        chain="chain",
        serial=serial,
        fingerprint=serial.lower(),
        spki_sha256="spki",
        names=of.names,
        issuer="An Issuer",
        not_before=NOW,
        not_after=NOW + timedelta(days=199),
        problems=problems,
    )
