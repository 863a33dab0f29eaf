"""The schema: which version a database has, and bringing it to this release's.

Upgrades run one at a time: concurrent migrations race on either database. A worker never upgrades; it refuses to start
and names the command.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, text

from activities.adapters.inventory.engine import in_thread, make_engine, read_url, sqlite_file, writing_engine
from activities.adapters.inventory.failures import own_words, upgrade_needed
from domain.errors import Misconfigured

Progress = Callable[[str], None]

_ADVISORY_LOCK = 0x45564552  # "EVER"; only PostgreSQL knows it
_WAITING = "another upgrade is under way; waiting for it"
_WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class SchemaState:
    """Where a database stands.

    Attributes:
        current: revision of the database; None for one without tables, or without a file.
        head: revision that this release needs.
        is_known: this release knows ``current`` or it is None.
    """

    current: str | None
    head: str
    is_known: bool = True

    @property
    def ok(self) -> bool:
        """Tell whether this release can work with it."""
        return self.current == self.head

    def require(self) -> None:
        """Raise ``Misconfigured('db-upgrade-needed')`` unless it can be worked with."""
        if not self.is_known:
            raise _too_new()
        if self.current is None:
            raise upgrade_needed("There is no inventory database yet, or it is empty.")
        if not self.ok:
            raise upgrade_needed("The inventory database is older than this release.")


async def schema_state(url: str) -> SchemaState:
    """Look which revision a database has; changes nothing.

    Raises:
        Misconfigured: ``db-url-invalid``.
        Unavailable: ``inventory-unavailable``.
    """
    parsed = read_url(url)
    path = sqlite_file(parsed)
    if path is not None and not path.exists():
        return _state(None)
    engine = make_engine(parsed)
    with ThreadPoolExecutor(1) as thread:
        return await in_thread(thread, lambda: _look(engine))


def _look(engine: Engine) -> SchemaState:
    try:
        with own_words(), engine.connect() as connection:
            return state_of(connection)
    finally:
        engine.dispose()


def state_of(connection: Connection) -> SchemaState:
    """Look which revision the database of a connection has."""
    return _state(MigrationContext.configure(connection).get_current_revision())


async def upgrade(url: str, progress: Progress) -> None:
    """Bring a database to this release's schema, making it first where there is none. Repeating changes nothing.

    Args:
        url: SQLAlchemy address.
        progress: told what is being done, one sentence each; called in another thread, one call at a time.

    Raises:
        Misconfigured: ``db-upgrade-needed`` when a newer release has made the schema; nothing is changed then.
        Unavailable: ``inventory-unavailable``.
    """
    parsed = read_url(url)
    with own_words():
        async with _upgrade_lock(parsed, progress):
            engine = make_engine(parsed)
            with ThreadPoolExecutor(1) as thread:
                try:
                    await _upgrade_in(thread, engine, progress)
                finally:
                    await in_thread(thread, engine.dispose)


async def _upgrade_in(thread: Executor, engine: Engine, progress: Progress) -> None:
    connection = await in_thread(thread, writing_engine(engine).connect)
    try:
        if connection.dialect.name == "postgresql":
            await _advisory_lock(thread, connection, progress)
        await in_thread(thread, lambda: _upgrade(connection, progress))
    finally:
        await in_thread(thread, connection.close)


def _upgrade(connection: Connection, progress: Progress) -> None:
    state = state_of(connection)
    if not state.is_known:
        raise _too_new()
    if state.ok:
        progress(f"the inventory schema is up to date ({state.head})")
        return
    progress(f"the inventory schema goes from {state.current or 'nothing'} to {state.head}")
    run_migrations(connection)
    connection.commit()
    progress("the inventory schema is up to date")


async def _advisory_lock(thread: Executor, connection: Connection, progress: Progress) -> None:
    """Take the lock; it ends with the transaction, so that a killed upgrade leaves none behind.

    Asked for again and again: waiting for it would end after the time that sessions of ours wait for a lock.
    """
    lock = text("SELECT pg_try_advisory_xact_lock(:key)")
    is_told = False
    while not await in_thread(thread, lambda: connection.scalar(lock, {"key": _ADVISORY_LOCK})):
        if not is_told:
            progress(_WAITING)
        is_told = True
        await asyncio.sleep(_WAIT_SECONDS)


def run_migrations(connection: Connection, to: str = "head") -> None:
    """Bring the database of a connection to a revision, in the transaction of that connection."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def previous_revision() -> str:
    """Return the revision before the newest one of this release."""
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    assert head is not None
    before = scripts.get_revision(head).down_revision
    assert isinstance(before, str)
    return before


def _config() -> Config:
    config = Config()
    location = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _state(current: str | None) -> SchemaState:
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    assert head is not None
    if current is None:
        return SchemaState(None, head)
    try:
        is_known = scripts.get_revision(current) is not None
    except CommandError:
        is_known = False
    return SchemaState(current, head, is_known)


@asynccontextmanager
async def _upgrade_lock(url: URL, progress: Progress) -> AsyncIterator[None]:
    """Hold the lock file beside a SQLite database, and make that database where there is none."""
    path = sqlite_file(url)
    if path is None:
        yield
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(path.name + ".upgrade-lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        await _lock(descriptor, progress)
        # For us alone: sealed keys live in it. SQLite gives its side files the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        yield
    finally:
        os.close(descriptor)


async def _lock(descriptor: int, progress: Progress) -> None:
    """Take the lock; it ends with the descriptor, so that a killed upgrade leaves none behind."""
    is_told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not is_told:
                progress(_WAITING)
            is_told = True
            await asyncio.sleep(_WAIT_SECONDS)
        else:
            return


def _too_new() -> Misconfigured:
    return upgrade_needed(
        "The inventory database was made by a newer release.",
        next_step="install the release that made it; this one changed nothing",
    )
