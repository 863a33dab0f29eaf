"""Opening the database: SQLite by default, PostgreSQL by its address alone.

SQLite's driver starts transactions late and on its own; that is switched off, so that a writer holds the write lock from
its first statement (``BEGIN IMMEDIATE``) and nothing it has read can be changed under it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from activities.adapters.inventory.database_file import watch_file
from activities.adapters.inventory.failures import bad_url, own_words
from activities.adapters.inventory.postgresql import postgresql_engine
from activities.adapters.inventory.sqlite_driver import BEGINNINGS, open_connection

BUSY_SECONDS = 10
_CONNECTIONS = 15
_WRITES = "evercert_writes"
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a committed `sending` must survive a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # else REPLACE would delete audit rows past their trigger
)


class Database:
    """An open engine and the two ways of using it. Each way is one transaction, ended when the block is left."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        # PostgreSQL would show each statement what others have committed by then; SQLite needs not be told.
        steady = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._readers = async_sessionmaker(engine.execution_options(**steady), expire_on_commit=False)
        writing = engine.execution_options(**{_WRITES: True})
        self._writers = async_sessionmaker(writing, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session that sees one state of the database."""
        async with _transaction(self._readers()) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Give a session whose changes are kept, all of them, when the block ends without an error.

        Nothing but the database may be awaited inside: other writers stand in line.
        """
        async with _transaction(self._writers()) as session:
            yield session

    async def aclose(self) -> None:
        """Close all connections."""
        # Shielded: a cancelled shutdown would leave the driver's threads behind.
        await asyncio.shield(self.engine.dispose())


@asynccontextmanager
async def _transaction(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Commit when the block ends well, roll back when it does not, and let the connection go in either case."""
    with own_words():
        try:
            yield session
            await session.commit()
        except BaseException:
            async with session:  # which closes it, also while this task is being cancelled
                raise
        # Nothing is open any more, so nothing is awaited: SQLAlchemy's own way makes a task of each end.
        session.sync_session.close()


def read_url(url: str) -> URL:
    """Read a database address and choose its asynchronous driver.

    Raises:
        Misconfigured: ``db-url-invalid``; the address is not quoted, since it may hold a password.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise bad_url() from None
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or ":memory:" in parsed.database or parsed.host:
        raise bad_url()
    return parsed.set(drivername="sqlite+aiosqlite")


def sqlite_file(url: URL) -> Path | None:
    """Return where the database file is, or None for a server."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(url.database or "").absolute()


def make_engine(url: URL) -> AsyncEngine:
    """Return an engine; nothing is opened yet. A missing SQLite file is an error, never silently a new database."""
    path = sqlite_file(url)
    if path is None:
        return postgresql_engine(url)
    address = URL.create(url.drivername, database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = create_async_engine(
        address,
        hide_parameters=True,
        connect_args={"async_creator_fn": open_connection},
        # As many as the default allows at most, but kept: to open one takes a thread and five pragmas.
        pool_size=_CONNECTIONS,
        max_overflow=0,
    )
    event.listen(engine.sync_engine, "connect", _prepare_connection)
    event.listen(engine.sync_engine, "begin", _begin)
    watch_file(engine, path)
    return engine


class _DriverConnection(Protocol):
    """What is used of the driver's connection, as SQLAlchemy presents it."""

    isolation_level: str | None

    def cursor(self) -> Any: ...


def _prepare_connection(connection: _DriverConnection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(BEGINNINGS[1] if writes else BEGINNINGS[0])


def writing_engine(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine for connections that write from their first statement on."""
    return engine.execution_options(**{_WRITES: True})
