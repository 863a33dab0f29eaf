"""The inventory's tests run once on each database."""

from collections.abc import AsyncIterator

import pytest

from activities.adapters.inventory import SqlInventory
from starter.prove.postgres import PrivatePostgres
from tests.adapters.inventory_support import BACKENDS, Databases, PostgresDatabases, SqliteDatabases


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    if request.param == "sqlite":
        return SqliteDatabases(lambda: tmp_path_factory.mktemp("inventory"))
    # Asked for here, so that no server is started where only SQLite is wanted.
    return PostgresDatabases(request.getfixturevalue("postgres_server"))


@pytest.fixture
async def databases(backend: Databases) -> AsyncIterator[Databases]:
    """Each test that takes this runs on SQLite and on PostgreSQL."""
    yield backend
    await backend.drop()


@pytest.fixture
async def on_postgresql(postgres_server: PrivatePostgres) -> AsyncIterator[PostgresDatabases]:
    """What is true of PostgreSQL alone; its tests carry the marker ``postgres``."""
    databases = PostgresDatabases(postgres_server)
    yield databases
    await databases.drop()


@pytest.fixture
async def inventory(databases: Databases) -> AsyncIterator[SqlInventory]:
    async with databases.inventory() as opened:
        yield opened
