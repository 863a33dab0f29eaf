"""The schema: migrations that agree with the tables, one at a time, and no work on another schema."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from activities.adapters.inventory import open_inventory, schema_state, upgrade
from activities.adapters.inventory.engine import Database, make_engine, read_url, writing_engine
from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.tables import Base
from domain.errors import EvercertError, InvariantBroken, Misconfigured
from domain.inventory import Installation
from tests.adapters.inventory_support import NOW, Databases, event, order


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


async def by_hand(url: str, *statements: str) -> None:
    """Change a database as its administrator could."""
    engine = make_engine(read_url(url))
    with writing_engine(engine).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def tables(url: str) -> set[str]:
    engine = make_engine(read_url(url))
    with engine.connect() as connection:
        found = inspect(connection).get_table_names()
    engine.dispose()
    return set(found)


async def test_migrations_make_the_tables_that_the_code_declares(databases: Databases) -> None:
    engine = make_engine(read_url(await databases.fresh()))

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    with engine.connect() as connection:
        assert differences(connection) == []
        connection.execute(text("DROP INDEX uq_seller_act_open"))  # … and a difference would be seen
        assert differences(connection) != []
    engine.dispose()


async def test_upgrades_at_the_same_time_make_one_database(databases: Databases) -> None:
    url = await databases.empty()
    assert not (await schema_state(url)).ok
    lines: list[str] = []
    await asyncio.gather(*(upgrade(url, lines.append) for _ in range(4)))
    assert sum("goes from nothing" in line for line in lines) == 1
    assert (await schema_state(url)).ok
    inventory = await open_inventory(url)
    first = await inventory.installation()
    await upgrade(url, quiet)
    assert await inventory.installation() == first
    assert len(first.installation_id) == 32
    await inventory.aclose()


@pytest.mark.parametrize("revision", ["9999", "000a"])
async def test_a_schema_of_another_release_is_refused(databases: Databases, revision: str) -> None:
    url = await databases.fresh()
    await by_hand(url, f"UPDATE alembic_version SET version_num = '{revision}'")
    for attempt in (open_inventory(url), upgrade(url, quiet)):
        with pytest.raises(Misconfigured, match="db-upgrade-needed: The inventory database was made by a newer"):
            await attempt


async def test_a_schema_that_changes_under_an_open_inventory_is_noticed(databases: Databases) -> None:
    url = await databases.fresh()
    async with await open_inventory(url) as inventory:
        await by_hand(url, "DROP TABLE certificate_version", "UPDATE alembic_version SET version_num = 'x'")
        with pytest.raises(Misconfigured, match="db-upgrade-needed"):
            await inventory.versions("crt_x")
        with pytest.raises(Misconfigured, match="db-upgrade-needed"):
            await inventory.installation()


async def test_a_migration_that_breaks_leaves_nothing_behind(databases: Databases) -> None:
    url = await databases.empty(is_there=True)
    await by_hand(url, "CREATE TABLE seller_act (in_the_way TEXT)")
    with pytest.raises(EvercertError):
        await upgrade(url, quiet)
    assert await tables(url) == {"seller_act"}


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:hunter2@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "postgresql://u:hunter2@h:port/d",
    ],
)
async def test_addresses_of_no_use_are_refused_unquoted(url: str) -> None:
    with pytest.raises(Misconfigured, match="db-url-invalid") as caught:
        await open_inventory(url)
    assert "hunter2" not in str(caught.value)


async def test_the_installation_is_bound_once(databases: Databases) -> None:
    async with databases.inventory() as inventory:
        first = await inventory.bind_installation(namespace="evercert", cluster_id="", key_check=b"\1", now=NOW)
        second = await inventory.bind_installation(namespace="other", cluster_id="c", key_check=b"\2", now=NOW)
        assert (first.namespace, first.cluster_id, first.key_check) == ("evercert", "", b"\1")
        assert (second.namespace, second.cluster_id, second.key_check) == ("evercert", "c", b"\1")
        assert await inventory.bind_installation(namespace="x", cluster_id="y", key_check=b"z", now=NOW) == second
        told = await inventory.audit(subject=first.installation_id)
        assert [entry.kind for entry in told] == ["installation.bound"] * 2
        assert isinstance(second, Installation)
        assert second.audit_sequence == 2


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET by = 'nobody'", "DELETE FROM audit_event"])
async def test_the_audit_cannot_be_changed(databases: Databases, statement: str) -> None:
    url = await databases.fresh()
    async with await open_inventory(url) as inventory:
        await inventory.append_audit(event("a"))
        before = await inventory.audit()
        with pytest.raises(DBAPIError, match="neither changed nor deleted"):
            await by_hand(url, statement)
        with pytest.raises(RuleBroken), inventory._db.writing() as session:
            session.execute(text(statement))
        assert await inventory.audit() == before


async def test_audit_rows_come_oldest_first_and_once(databases: Databases) -> None:
    async with databases.inventory() as inventory:
        told = [event("a", occasion=str(number)) for number in range(5)]
        for entry in [*told, *told]:
            await inventory.append_audit(entry)
        await inventory.append_audit(event("b"))
        assert await inventory.audit(subject="a") == tuple(told)
        assert await inventory.audit(subject="a", limit=2) == tuple(told[-2:])
        assert len(await inventory.audit()) == 6


async def test_what_fails_in_the_middle_leaves_no_trace(databases: Databases) -> None:
    """A process killed between two statements is the same to the database as this error."""
    database = Database(make_engine(read_url(await databases.fresh())))

    async def killed() -> None:
        with database.writing() as session:
            session.execute(text("UPDATE installation SET namespace = 'half'"))
            raise InvariantBroken("test", "killed here")

    with pytest.raises(InvariantBroken):
        await killed()
    with database.reading() as session:
        assert session.scalar(text("SELECT namespace FROM installation")) == ""
    await database.aclose()


async def test_a_cancelled_writer_gives_the_lock_back(databases: Databases) -> None:
    async with databases.inventory() as inventory:
        tasks = [asyncio.create_task(inventory.open_order(order(number), NOW)) for number in range(6)]
        for step, task in enumerate(tasks):
            for _ in range(step * 3):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in range(6):
            await inventory.open_order(order(number), NOW)
        assert len(await inventory.orders()) == 6
