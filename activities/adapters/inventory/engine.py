"""Opening the database: SQLite by default, PostgreSQL by its address alone.

A transaction is one call into a thread and no more: what it reads and writes is decided there, in plain functions, so that
nothing else can be awaited inside it. Asynchronous drivers were tried first: SQLAlchemy pays for each of their statements
several times over, which was two fifths of a worker's time.

SQLite's driver starts transactions late and on its own; that is switched off, so that a writer holds the write lock from
its first statement (``BEGIN IMMEDIATE``) and nothing it has read can be changed under it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker

from activities.adapters.inventory.database_file import watch_file
from activities.adapters.inventory.failures import bad_url, own_words
from activities.adapters.inventory.postgresql import postgresql_engine

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
T = TypeVar("T")
Given = TypeVar("Given", Connection, Session)


class Database:
    """An open engine and the two ways of using it. Each call is one transaction.

    One that is cancelled while it waits comes back when the transaction is over, either way: what it does next finds the
    database as it will stay.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        is_file = engine.dialect.name == "sqlite"
        # PostgreSQL would show each statement what others have committed by then; SQLite needs not be told.
        steady = {} if is_file else {"isolation_level": "REPEATABLE READ"}
        self._readers = engine.execution_options(**steady)
        self._writers = sessionmaker(writing_engine(engine), expire_on_commit=False)
        # A file has one writer at a time. Those of this process stand in line here, each let in as the one before it
        # leaves; at the file's own lock they would sleep and look again.
        writing = 1 if is_file else _CONNECTIONS // 2
        self._write_threads = ThreadPoolExecutor(writing, thread_name_prefix="inventory-write")
        self._read_threads = ThreadPoolExecutor(_CONNECTIONS // 2, thread_name_prefix="inventory-read")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database, in this thread."""
        with own_words(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are kept, all of them, when the block ends without an error, in this thread.

        Nothing but the database may be waited for inside: other writers stand in line.
        """
        with own_words(), self._writers.begin() as session:
            yield session

    async def read(self, act: Callable[[Connection], T]) -> T:
        """Return what an act returns that reads, in one transaction and a thread."""
        return await in_thread(self._read_threads, lambda: _given(self.reading(), act))

    async def write(self, act: Callable[[Session], T]) -> T:
        """Return what an act returns that writes, in one transaction and a thread; nothing is kept when it raises."""
        return await in_thread(self._write_threads, lambda: _given(self.writing(), act))

    async def aclose(self) -> None:
        """Let what is under way end, and close all connections."""
        await asyncio.shield(asyncio.to_thread(self._close))

    def _close(self) -> None:
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self.engine.dispose()


def _given(opened: AbstractContextManager[Given], act: Callable[[Given], T]) -> T:
    with opened as given:
        return act(given)


async def in_thread(threads: Executor, act: Callable[[], T]) -> T:
    """Do something in a thread; a cancel is passed on only when it is over, or when it will surely not begin."""
    doing = threads.submit(act)
    done = asyncio.wrap_future(doing)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        while not doing.cancel() and not done.done():
            try:
                await asyncio.wait([done])
            except asyncio.CancelledError:
                continue  # a second one changes nothing: the first is passed on in any case
        if done.done() and not done.cancelled():
            done.exception()  # looked at: nobody else will
        raise


def read_url(url: str) -> URL:
    """Read a database address and choose its driver.

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
    return parsed.set(drivername="sqlite+pysqlite")


def sqlite_file(url: URL) -> Path | None:
    """Return where the database file is, or None for a server."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(url.database or "").absolute()


def make_engine(url: URL) -> Engine:
    """Return an engine; nothing is opened yet. A missing SQLite file is an error, never silently a new database."""
    path = sqlite_file(url)
    if path is None:
        return postgresql_engine(url)
    address = URL.create(url.drivername, database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(
        address,
        hide_parameters=True,
        # A connection serves whichever thread takes it from the pool, one at a time.
        connect_args={"check_same_thread": False},
        pool_size=_CONNECTIONS,
        max_overflow=0,
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    watch_file(engine, path)
    return engine


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # Past SQLAlchemy, to whom it would be a statement like any other: this is said before each of ours.
    driver: sqlite3.Connection | None = connection.connection.driver_connection
    assert driver is not None
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()


def writing_engine(engine: Engine) -> Engine:
    """Return the same engine for connections that write from their first statement on."""
    return engine.execution_options(**{_WRITES: True})
