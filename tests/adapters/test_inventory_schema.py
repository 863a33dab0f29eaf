"""The schema: migrations that agree with the tables, one at a time, and no work on another schema."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from activities.adapters.inventory import open_inventory, schema_state, upgrade
from activities.adapters.inventory.engine import Database, make_engine, read_url
from activities.adapters.inventory.tables import Base
from domain.errors import EvercertError, InvariantBroken, Misconfigured, Unavailable
from domain.inventory import Installation
from tests.adapters.inventory_support import NOW, event, fresh_database, fresh_inventory, order


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


@contextmanager
def raw(url: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(read_url(url).database or "")) as connection:
        yield connection


async def test_migrations_make_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    engine = make_engine(read_url(await fresh_database(tmp_path)))

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(text("DROP INDEX uq_seller_act_open"))  # … and a difference would be seen
        assert await connection.run_sync(differences) != []
    await engine.dispose()


async def test_a_missing_database_is_named_with_the_command_and_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'absent.db'}"
    with pytest.raises(Misconfigured, match="db-upgrade-needed") as caught:
        await open_inventory(url)
    assert caught.value.next_step == "evercert db upgrade"
    assert not (await schema_state(url)).ok
    assert list(tmp_path.iterdir()) == []


async def test_upgrades_at_the_same_time_make_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'inventory.db'}"
    lines: list[str] = []
    await asyncio.gather(*(upgrade(url, lines.append) for _ in range(4)))
    assert sum("goes from nothing" in line for line in lines) == 1
    assert (await schema_state(url)).ok
    assert (tmp_path / "new" / "inventory.db").stat().st_mode & 0o777 == 0o600
    inventory = await open_inventory(url)
    first = await inventory.installation()
    await upgrade(url, quiet)
    assert await inventory.installation() == first
    assert len(first.installation_id) == 32
    await inventory.aclose()


@pytest.mark.parametrize("revision", ["9999", "000a"])
async def test_a_schema_of_another_release_is_refused(tmp_path: Path, revision: str) -> None:
    url = await fresh_database(tmp_path)
    with raw(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    for attempt in (open_inventory(url), upgrade(url, quiet)):
        with pytest.raises(Misconfigured, match="db-upgrade-needed: The inventory database was made by a newer"):
            await attempt


async def test_a_schema_that_changes_under_an_open_inventory_is_noticed(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        with raw(f"sqlite:///{tmp_path / 'inventory.db'}") as connection:
            connection.execute("DROP TABLE certificate_version")
            connection.execute("UPDATE alembic_version SET version_num = 'x'")
            connection.commit()
        with pytest.raises(Misconfigured, match="db-upgrade-needed"):
            await inventory.versions("crt_x")
        with pytest.raises(Misconfigured, match="db-upgrade-needed"):
            await inventory.installation()


async def test_a_migration_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    with raw(url) as connection:
        connection.execute("CREATE TABLE seller_act (in_the_way TEXT)")
    with pytest.raises(EvercertError):
        await upgrade(url, quiet)
    with raw(url) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"seller_act"}


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://u:hunter2@h/d", "sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:"]
)
async def test_addresses_of_no_use_are_refused_unquoted(url: str) -> None:
    with pytest.raises(Misconfigured, match="db-url-invalid") as caught:
        await open_inventory(url)
    assert "hunter2" not in str(caught.value)


async def test_every_connection_is_durable_and_checks_its_keys(tmp_path: Path) -> None:
    database = Database(make_engine(read_url(await fresh_database(tmp_path))))
    async with database.reading() as one, database.reading() as two:
        for session in (one, two):
            found = [
                await session.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            ]
            assert found == ["wal", 2, 10_000, 1]
    await database.aclose()


async def test_a_writer_holds_the_lock_from_its_beginning_and_a_reader_does_not(tmp_path: Path) -> None:
    url = await fresh_database(tmp_path)
    database = Database(make_engine(read_url(url)))
    with raw(url) as other:
        other.execute("PRAGMA busy_timeout = 0")
        other.isolation_level = None
        async with database.reading() as session:
            await session.execute(text("SELECT * FROM order_"))
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        async with database.writing() as session:
            await session.connection()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
    await database.aclose()


async def test_the_installation_is_bound_once(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
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
async def test_the_audit_cannot_be_changed(tmp_path: Path, statement: str) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        await inventory.append_audit(event("a"))
        before = await inventory.audit()
        with raw(f"sqlite:///{tmp_path / 'inventory.db'}") as connection:
            with pytest.raises(sqlite3.IntegrityError, match="neither changed nor deleted"):
                connection.execute(statement)
            connection.execute("PRAGMA recursive_triggers = ON")
            with pytest.raises(sqlite3.IntegrityError, match="neither changed nor deleted"):
                connection.execute("REPLACE INTO audit_event SELECT * FROM audit_event")
        assert await inventory.audit() == before


async def test_audit_rows_come_oldest_first_and_once(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        told = [event("a", occasion=str(number)) for number in range(5)]
        for entry in [*told, *told]:
            await inventory.append_audit(entry)
        await inventory.append_audit(event("b"))
        assert await inventory.audit(subject="a") == tuple(told)
        assert await inventory.audit(subject="a", limit=2) == tuple(told[-2:])
        assert len(await inventory.audit()) == 6


async def test_what_fails_in_the_middle_leaves_no_trace(tmp_path: Path) -> None:
    """A process killed between two statements is the same to the database as this error."""
    database = Database(make_engine(read_url(await fresh_database(tmp_path))))

    async def killed() -> None:
        async with database.writing() as session:
            await session.execute(text("UPDATE installation SET namespace = 'half'"))
            raise InvariantBroken("test", "killed here")

    with pytest.raises(InvariantBroken):
        await killed()
    async with database.reading() as session:
        assert await session.scalar(text("SELECT namespace FROM installation")) == ""
    await database.aclose()


async def test_a_cancelled_writer_gives_the_lock_back(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        tasks = [asyncio.create_task(inventory.open_order(order(number), NOW)) for number in range(6)]
        for step, task in enumerate(tasks):
            for _ in range(step * 3):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in range(6):
            await inventory.open_order(order(number), NOW)
        assert len(await inventory.orders()) == 6


async def test_a_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.adapters.inventory.engine._PRAGMAS", ("PRAGMA busy_timeout = 10",))
    async with fresh_inventory(tmp_path) as inventory:
        with raw(f"sqlite:///{tmp_path / 'inventory.db'}") as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="inventory-unavailable: The inventory database is locked") as caught:
                await inventory.open_order(order(), NOW)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_vanished_damaged_or_full_database_is_unavailable(tmp_path: Path) -> None:
    url = await fresh_database(tmp_path)
    engine = make_engine(read_url(url))
    (tmp_path / "inventory.db").unlink()
    with pytest.raises(Unavailable, match="cannot be opened"):
        async with Database(engine).writing() as session:
            await session.connection()
    assert not (tmp_path / "inventory.db").exists()
    (tmp_path / "inventory.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="is not a database file"):
        await open_inventory(url)
    await engine.dispose()


async def test_a_full_disk_is_unavailable_and_nothing_of_the_row_is_told(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        async with inventory._db.writing() as session:
            pages = await session.scalar(text("PRAGMA page_count"))
            await session.execute(text(f"PRAGMA max_page_count = {pages}"))
        big = order().model_copy(update={"reason": "a-private-remark" * 100_000})
        with pytest.raises(Unavailable, match="has no room left") as caught:
            await inventory.open_order(big, NOW)
        assert "a-private-remark" not in str(caught.value)
        assert await inventory.orders() == ()
