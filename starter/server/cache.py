"""Evercert's folder for what can be fetched again, shared by all checkouts of one user."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from domain.errors import Misconfigured

_LOOK_SECONDS = 0.25

Progress = Callable[[str], None]
"""Takes one line for people about what is going on."""


def cache_dir() -> Path:
    """Return ``$XDG_CACHE_HOME/evercert``, on every system, since the scripts in deploy/ use the same folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification wants relative paths ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "evercert"


@asynccontextmanager
async def exclusively(lock: Path, progress: Progress, waiting: str) -> AsyncIterator[None]:
    """Hold a lock file against all other processes of this machine; a process that dies lets go of it.

    Args:
        lock: the file, made if needed and left in place.
        progress: told ``waiting`` once when somebody else holds the lock.
        waiting: one line for people.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        told = False
        while not try_lock(descriptor):
            if not told:
                progress(waiting)
                told = True
            await asyncio.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file if nobody else has it; it is held until every copy of it is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def require_free_space(folder: Path, wanted_bytes: int, what_for: str) -> None:
    """Refuse to begin what would fill the disk.

    Raises:
        Misconfigured: ``disk-too-small``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free >= wanted_bytes:
        return
    raise Misconfigured(
        "disk-too-small",
        f"{what_for} needs {_gigabytes(wanted_bytes)} on the disk of {folder}, and {_gigabytes(free)} are free",
        next_step="Free some space, or set XDG_CACHE_HOME to a folder on a larger disk.",
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
