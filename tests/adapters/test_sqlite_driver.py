"""Our edge of SQLite's driver: fewer hand-overs, and nothing that a transaction promises is lost by it."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.inventory.sqlite_driver import QuickConnection, QuickCursor, open_connection


class Counting(QuickConnection):
    """Counts the hand-overs to its thread."""

    calls = 0

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return await super()._execute(fn, *args, **kwargs)


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Counting]:
    def opened() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=True)

    connection = Counting(opened, 64)
    await connection
    try:
        await do(connection, "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)")
        connection.calls = 0
        yield connection
    finally:
        await connection.close()


async def do(connection: QuickConnection, statement: str, parameters: tuple[Any, ...] = ()) -> QuickCursor:
    cursor = connection.cursor()
    await cursor.execute(statement, parameters)
    await cursor.close()
    return cursor


async def test_a_statement_is_one_hand_over_rows_and_counts_included(tmp_path: Path) -> None:
    async with connected(tmp_path / "one.db") as connection:
        added = await do(connection, "INSERT INTO t (b) VALUES ('x') RETURNING a")
        assert (await added.fetchall(), added.description[0][0]) == ([(1,)], "a")
        many = connection.cursor()
        await many.executemany("INSERT INTO t (b) VALUES (?)", [("y",), ("z",)])
        assert many.rowcount == 2
        changed = await do(connection, "UPDATE t SET b = b || '!' WHERE a > ?", (1,))
        assert (changed.rowcount, changed.description, await changed.fetchall()) == (2, None, [])
        assert connection.calls == 3


async def test_a_reader_begins_with_its_first_statement_and_sees_one_state(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    async with connected(path) as reader, connected(path) as writer:
        await do(reader, "PRAGMA journal_mode = WAL")
        reader.calls = 0
        await do(reader, "BEGIN")
        assert (reader.calls, reader.in_transaction) == (0, False)
        assert await (await do(reader, "SELECT count(*) FROM t")).fetchall() == [(0,)]
        assert (reader.calls, reader.in_transaction) == (1, True)
        await do(writer, "INSERT INTO t (b) VALUES ('x')")
        assert await (await do(reader, "SELECT count(*) FROM t")).fetchall() == [(0,)]
        await reader.commit()
        assert await (await do(reader, "SELECT count(*) FROM t")).fetchall() == [(1,)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_transaction_without_a_statement_is_none_and_leaves_nothing_behind(tmp_path: Path, end: str) -> None:
    async with connected(tmp_path / "one.db") as connection:
        await do(connection, "BEGIN")
        await getattr(connection, end)()
        await do(connection, "SELECT 1")
        assert (connection.calls, connection.in_transaction) == (1, False)


async def test_a_writer_has_the_lock_from_its_first_statement_though_that_reads(tmp_path: Path) -> None:
    async with connected(tmp_path / "one.db") as connection:
        await do(connection, "BEGIN IMMEDIATE")
        await do(connection, "SELECT * FROM t")
        assert connection.calls == 1
        with sqlite3.connect(tmp_path / "one.db", timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
        await connection.rollback()
        assert not connection.in_transaction


async def test_who_does_not_get_the_lock_does_nothing(tmp_path: Path) -> None:
    async with connected(tmp_path / "one.db") as connection:
        await do(connection, "PRAGMA busy_timeout = 0")
        with sqlite3.connect(tmp_path / "one.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await do(connection, "BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await do(connection, "INSERT INTO t (b) VALUES ('x')")
            other.execute("ROLLBACK")
        await connection.rollback()
        assert await (await do(connection, "SELECT count(*) FROM t")).fetchall() == [(0,)]


async def test_a_refused_statement_leaves_its_transaction_to_be_rolled_back(tmp_path: Path) -> None:
    async with connected(tmp_path / "one.db") as connection:
        await do(connection, "BEGIN IMMEDIATE")
        await do(connection, "INSERT INTO t (b) VALUES ('x')")
        with pytest.raises(sqlite3.IntegrityError):
            await do(connection, "INSERT INTO t (b) VALUES ('x')")
        await connection.rollback()
        assert await (await do(connection, "SELECT count(*) FROM t")).fetchall() == [(0,)]


async def test_who_is_cancelled_while_the_thread_is_at_work_still_rolls_back(tmp_path: Path) -> None:
    """How the connection looks while its thread has not come to the statement yet must not be relied on."""
    async with connected(tmp_path / "one.db") as connection:
        await connection.create_function("slow", 0, lambda: time.sleep(0.2))
        held = asyncio.create_task(do(connection, "SELECT slow()"))
        begun = asyncio.create_task(_begun(connection))
        await asyncio.sleep(0)
        held.cancel()
        begun.cancel()
        await asyncio.gather(held, begun, return_exceptions=True)
        await connection.rollback()
        await do(connection, "SELECT 1")  # by now the thread has done all that it was given
        assert not connection.in_transaction


async def _begun(connection: QuickConnection) -> None:
    await do(connection, "BEGIN IMMEDIATE")
    await do(connection, "SELECT 1")


async def test_sqlalchemy_opens_what_we_hand_it(tmp_path: Path) -> None:
    connection = await open_connection(str(tmp_path / "one.db"))
    try:
        assert isinstance(connection, QuickConnection)
        assert await (await do(connection, "SELECT 1")).fetchall() == [(1,)]
    finally:
        await connection.close()
