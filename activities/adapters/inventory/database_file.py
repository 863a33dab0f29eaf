"""The file of a SQLite inventory, and what may become of it while it is open.

A file may be replaced while it is open, by a restored copy. A connection to the old one would go on writing into a file
without a name, so each use of a pooled connection compares, and a replaced file is opened anew. A copy that is laid over
the file (``cp``) cannot be told by that; ``file_sequence`` does.
"""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import quote, unquote

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from domain.errors import Misconfigured, Unavailable

MEND = (
    "stop all workers, copy the file you restore from once more, remove the files beside it that end in -wal and -shm "
    "unless they were copied with it, start again"
)
_FILE = "evercert_file"
_TORN_READS, _TORN_SECONDS = 3, 0.1
_Identity = tuple[int, int] | None


class _PoolEntry(Protocol):
    """What is used of SQLAlchemy's entry of a pooled connection."""

    info: dict[Any, Any]


def file_of(engine: Engine) -> Path | None:
    """Return the file that an engine of ours opens, or None for a server."""
    if engine.url.get_backend_name() != "sqlite":
        return None
    return Path(unquote((engine.url.database or "").removeprefix("file:")))


def watch_file(engine: Engine, path: Path) -> None:
    """Let no pooled connection be used that belongs to a file which is not there any more."""
    opened: list[_Identity] = []

    def before_connect(_dialect: object, entry: _PoolEntry, _args: object, _named: object) -> None:
        there = _identity(path)
        if there is not None:  # one that is gone for a while may come back, and is then the one that it was
            if opened and there != opened[-1] and _has_log(path):
                raise _replaced()
            _require_writable(path)
            opened[:] = [there]
        entry.info[_FILE] = there

    def at_checkout(_connection: object, entry: _PoolEntry, _proxy: object) -> None:
        # Looked at before it was opened: a file replaced in between is opened once more, never trusted wrongly.
        if entry.info.get(_FILE) != _identity(path):
            raise InvalidatePoolError

    event.listen(engine, "do_connect", before_connect)
    event.listen(engine, "checkout", at_checkout)


def _require_writable(path: Path) -> None:
    """Refuse a file that may only be read: SQLite would open it, and all of this process's connections would stay so."""
    # The folder too: SQLite makes its side files there.
    parts = [path.parent, *(part for side in ("", "-wal", "-shm") if (part := Path(f"{path}{side}")).exists())]
    if not all(os.access(part, os.W_OK) for part in parts):
        raise Unavailable(
            "inventory-unavailable",
            "The inventory database is read-only for this user.",
            next_step="give this user the right to write its file, the files beside it and their folder",
        )


def _identity(path: Path) -> _Identity:
    try:
        facts = os.stat(path)  # noqa: PTH116 once for each transaction, and half the time
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _has_log(path: Path) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False


def _replaced() -> Unavailable:
    return Unavailable(
        "inventory-torn",
        "The inventory's file was replaced while this process had it open, and a log lies beside it that may be of the other.",
        next_step=MEND,
    )


async def require_own_log(path: Path, least: int) -> None:
    """Refuse a file that was set back while the newer one's log lies beside it: opened together they would be mixed.

    Nothing is opened in place: file and log are tried as copies.

    Args:
        path: the file.
        least: the newest audit row that the file, its log left out, is known to have held.

    Raises:
        Misconfigured: ``inventory-torn``.
    """
    if not _has_log(path):
        return
    found = await file_sequence(path, least)
    if found is not None and found < least and not await asyncio.to_thread(_fit, path):
        raise Misconfigured(
            "inventory-torn",
            "The inventory's file was put back to an earlier state, and the log beside it is of the newer one.",
            next_step=MEND,
        )


def _fit(path: Path) -> bool:
    """Tell whether file and log make one whole database."""
    with TemporaryDirectory(prefix="evercert-") as folder:
        copy = Path(folder, "inventory.db")
        shutil.copyfile(path, copy)
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        try:
            with closing(sqlite3.connect(copy)) as connection:
                return connection.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
        except sqlite3.Error:
            return False


async def file_sequence(path: Path, least: int = 0) -> int | None:
    """Return the newest audit row that the file itself holds, its log left out; None when that cannot be read.

    The log brings what is newer. Laid over a file in use, an older copy keeps the newer one's log, and looks current. While
    the log is written into the file a read may see halves, so one that finds less than ``least`` is repeated.
    """
    most: int | None = None
    for again in range(_TORN_READS):
        if again:
            await asyncio.sleep(_TORN_SECONDS)
        try:
            found = await asyncio.to_thread(_newest_in_file, path)
        except sqlite3.Error:
            continue
        most = max(found, most or 0)
        if most >= least:
            break
    return most


def _newest_in_file(path: Path) -> int:
    # `immutable` leaves the log alone, and takes no lock.
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as connection:
        (newest,) = connection.execute("SELECT max(sequence) FROM audit_event").fetchone()
    return int(newest or 0)
