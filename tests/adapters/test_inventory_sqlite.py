"""What is true of SQLite alone: one file, one writer at a time, and settings of each connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from activities.adapters.inventory import open_inventory, schema_state, upgrade
from activities.adapters.inventory.engine import Database, make_engine, read_url
from domain.errors import Misconfigured, Unavailable
from tests.adapters.inventory_support import NOW, event, fresh_database, fresh_inventory, order


@contextmanager
def raw(url: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(read_url(url).database or "")) as connection:
        yield connection


async def test_a_new_file_and_its_folder_are_for_us_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'inventory.db'}"
    await upgrade(url, lambda _: None)
    assert (tmp_path / "new" / "inventory.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


async def test_every_connection_is_durable_and_checks_its_keys(tmp_path: Path) -> None:
    database = Database(make_engine(read_url(await fresh_database(tmp_path))))
    with database.reading() as one, database.reading() as two:
        for session in (one, two):
            found = [
                session.scalar(text(f"PRAGMA {name}"))
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
        with database.reading() as session:
            session.execute(text("SELECT * FROM order_"))
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        with database.writing() as session:
            session.execute(text("SELECT * FROM order_"))
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
    await database.aclose()


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
    with pytest.raises(Unavailable, match="cannot be opened"), Database(engine).writing() as session:
        session.connection()
    assert not (tmp_path / "inventory.db").exists()
    (tmp_path / "inventory.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="is not a database file"):
        await open_inventory(url)
    engine.dispose()


async def test_a_full_disk_is_unavailable_and_nothing_of_the_row_is_told(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        with inventory._db.writing() as session:
            pages = session.scalar(text("PRAGMA page_count"))
            session.execute(text(f"PRAGMA max_page_count = {pages}"))
        big = order().model_copy(update={"reason": "a-private-remark" * 100_000})
        with pytest.raises(Unavailable, match="has no room left") as caught:
            await inventory.open_order(big, NOW)
        assert "a-private-remark" not in str(caught.value)
        assert await inventory.orders() == ()


async def test_a_missing_database_is_named_with_the_command_and_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'absent.db'}"
    with pytest.raises(Misconfigured, match="db-upgrade-needed") as caught:
        await open_inventory(url)
    assert caught.value.next_step == "evercert db upgrade"
    assert not (await schema_state(url)).ok
    assert list(tmp_path.iterdir()) == []


async def test_not_even_a_replacing_insert_gets_past_the_guard_of_the_audit(tmp_path: Path) -> None:
    async with fresh_inventory(tmp_path) as inventory:
        await inventory.append_audit(event("a"))
        before = await inventory.audit()
        with raw(f"sqlite:///{tmp_path / 'inventory.db'}") as connection:
            connection.execute("PRAGMA recursive_triggers = ON")
            with pytest.raises(sqlite3.IntegrityError, match="neither changed nor deleted"):
                connection.execute("REPLACE INTO audit_event SELECT * FROM audit_event")
        assert await inventory.audit() == before
