"""An inventory of an earlier release comes to this one with everything that was in it."""

import pytest
from alembic import command
from sqlalchemy import Connection, text

from activities.adapters.inventory import open_inventory, run_migrations, schema, schema_state, upgrade
from activities.adapters.inventory.engine import make_engine, read_url, writing_engine
from domain.errors import Misconfigured
from tests.adapters.inventory_support import Databases


async def at_revision(databases: Databases, revision: str) -> str:
    """Make a database as the release made it whose newest migration was this one."""
    url = await databases.empty()

    def migrate(connection: Connection) -> None:
        run_migrations(connection, revision)

    parsed = read_url(url)
    if parsed.get_backend_name() == "sqlite":
        open(parsed.database or "", "x").close()  # noqa: PTH123 an empty file, at once
    engine = make_engine(parsed)
    with writing_engine(engine).begin() as connection:
        migrate(connection)
    engine.dispose()
    return url


@pytest.mark.parametrize("revision", ["0001"])
async def test_an_older_schema_is_refused_and_upgraded_with_its_rows(databases: Databases, revision: str) -> None:
    url = await at_revision(databases, revision)
    engine = make_engine(read_url(url))
    with writing_engine(engine).begin() as connection:
        connection.execute(text("UPDATE installation SET namespace = 'kept'"))
    engine.dispose()
    assert (await schema_state(url)).current == revision
    with pytest.raises(Misconfigured, match="db-upgrade-needed: The inventory database is older"):
        await open_inventory(url)
    await upgrade(url, lambda _: None)
    async with await open_inventory(url) as inventory:
        told = await inventory.installation()
        assert (told.namespace, told.reconcile_since, told.reconcile_reason) == ("kept", None, "")


@pytest.mark.parametrize("revision", ["0001"])
async def test_there_is_no_way_back(databases: Databases, revision: str) -> None:
    url = await at_revision(databases, "0002")
    engine = make_engine(read_url(url))

    def downgrade(connection: Connection) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    with pytest.raises(NotImplementedError, match="restore a backup"), writing_engine(engine).begin() as connection:
        downgrade(connection)
    engine.dispose()
    assert (await schema_state(url)).current == "0002"
