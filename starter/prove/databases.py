"""What is done to the database of a lane behind Evercert's back."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starter.prove.lane import LOOK_SECONDS, Lane
from starter.prove.postgres import PrivatePostgres

if TYPE_CHECKING:
    from psycopg import AsyncCursor
    from psycopg.sql import Composed

SIDES = ("", "-wal", "-shm")
"""How the names of the files of a SQLite database end."""


def file_of(lane: Lane) -> Path:
    """Return the file of the lane's SQLite inventory."""
    return Path(lane.stack.settings.inventory_url.partition(":///")[2])


def files_of(lane: Lane) -> list[Path]:
    """Return that file and those beside it that belong to it, as far as they are there."""
    file = file_of(lane)
    return [part for side in SIDES if (part := file.with_name(file.name + side)).exists()]


async def copy_files(parts: Iterable[Path], folder: Path) -> None:
    """Copy files as a person does, over what is there.

    By another process: one that closes a file of SQLite loses all locks that its own connections hold on it.
    """
    copying = await asyncio.create_subprocess_exec("cp", "-p", *map(str, parts), str(folder))
    if await copying.wait() != 0:
        raise RuntimeError("the files of the inventory could not be copied")


def server_of(lane: Lane) -> PrivatePostgres:
    """Return the PostgreSQL server of the lane."""
    assert lane.options.postgres is not None
    return lane.options.postgres


@asynccontextmanager
async def session_in(lane: Lane) -> AsyncIterator["AsyncCursor[Any]"]:
    """Give a cursor of the owner in the lane's database; each statement is its own transaction."""
    async with server_of(lane).session(lane.options.database_name) as cursor:
        yield cursor


async def set_readonly(lane: Lane, *, is_readonly: bool) -> None:
    """Let new sessions of the lane's database be read-only, or writing again, and end those that are there."""
    from psycopg import sql

    what = "SET default_transaction_read_only = on" if is_readonly else "RESET default_transaction_read_only"
    async with server_of(lane).session() as cursor:
        await cursor.execute(sql.SQL(f"ALTER DATABASE {{}} {what}").format(sql.Identifier(lane.options.database_name)))
    await end_sessions(lane)


async def end_sessions(lane: Lane) -> None:
    """End all sessions of the lane's database; its clients are not asked."""
    async with server_of(lane).session() as cursor:
        await cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (lane.options.database_name,)
        )


async def rename_database(lane: Lane, name: str, new_name: str) -> None:
    """Rename a database of the lane's server, once its sessions are ended."""
    from psycopg import sql

    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new_name))
    await _insist(lane, statement)


async def copy_database(lane: Lane, name: str) -> None:
    """Copy the lane's database to another one of that name, once its sessions are ended."""
    from psycopg import sql

    names = sql.Identifier(name), sql.Identifier(lane.options.database_name)
    await _insist(lane, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))


async def _insist(lane: Lane, statement: "Composed") -> None:
    """Do what needs a database without sessions, however quickly somebody connects again."""
    from psycopg.errors import ObjectInUse

    while True:
        await end_sessions(lane)
        try:
            async with server_of(lane).session() as cursor:
                await cursor.execute(statement)
                return
        except ObjectInUse:
            await asyncio.sleep(LOOK_SECONDS)
