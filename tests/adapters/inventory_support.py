"""Inventories on files of their own, and the rows that most tests begin with."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from activities.adapters.inventory import SqlInventory, open_inventory, upgrade
from domain import ids, purchase
from domain.inventory import ActRecord, ActState, AuditEvent, NewOrder, NewVersion
from domain.seller import Money

NOW = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
PRICE = Money(amount=Decimal("7.10"))


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


_template: list[bytes] = []


async def fresh_database(directory: Path) -> str:
    """Write a copy of an upgraded, empty database: migrating anew for each test would be most of their time."""
    path = directory / "inventory.db"
    url = f"sqlite:///{path}"
    if _template:
        path.write_bytes(_template[0])
    else:
        await upgrade(url, lambda _: None)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _template.append(path.read_bytes())
    return url


@asynccontextmanager
async def fresh_inventory(directory: Path) -> AsyncIterator[SqlInventory]:
    inventory = await open_inventory(await fresh_database(directory))
    async with inventory:
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
