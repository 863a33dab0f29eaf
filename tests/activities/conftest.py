"""An order on a desk of its own, with a real inventory, for each test of an activity."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain import ids
from domain.inventory import AccountRecord, Environment, KeyRecord
from tests.activities.desk import Desk
from tests.activities.shop import Shop, StandingClock
from tests.adapters.inventory_support import NOW, Databases, PostgresDatabases, SqliteDatabases, event, order


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """SQLite, unless a module says ``ON_BOTH``."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return SqliteDatabases(lambda: tmp_path)
    return PostgresDatabases(request.getfixturevalue("postgres_server"))


@pytest.fixture
async def blank_desk(backend: Databases) -> AsyncIterator[Desk]:
    """An account, and a request of which nothing is known yet."""
    async with backend.inventory() as inventory:
        clock = StandingClock()
        account = AccountRecord(
            name="sandbox",
            environment=Environment.SANDBOX,
            base_url="http://127.0.0.1:1/rest",
            partner_code="1",
            secret_id="s",
        )
        await inventory.add_account(account, b"sealed", event("sandbox"))
        yield Desk(inventory, clock, Shop(clock), order())
    await backend.drop()


@pytest.fixture
async def open_desk(blank_desk: Desk) -> Desk:
    """An order that is checked; it has no key yet."""
    await blank_desk.inventory.open_order(blank_desk.wanted, NOW)
    return blank_desk


@pytest.fixture
async def desk(open_desk: Desk) -> Desk:
    """An order that is checked, with its key made, about to be bought."""
    wanted = open_desk.wanted
    key = KeyRecord(
        key_id=ids.key_id(wanted.order_id, 1),
        order_id=wanted.order_id,
        algorithm="ecdsa",
        size=256,
        csr="CSR",
        spki_sha256="ab",
    )
    await open_desk.inventory.put_key(key, b"sealed", NOW)
    return open_desk
