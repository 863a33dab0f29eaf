"""Another process holds the inventory's lock for longer than anybody waits for it (ten seconds)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starter.prove.case import Database
from starter.prove.databases import file_of, session_in
from starter.prove.moments import Moment
from starter.prove.outage import suffer
from starter.prove.trial import Trial

# Ended by the end of its standard input, so that it never outlives a proof.
_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


async def inventory_locked(trial: Trial) -> None:
    """Hold the lock until the run tells of it. Nothing may be written meanwhile, and nothing is lost by it."""
    lock = _locked_tables(trial) if trial.case.database is Database.POSTGRESQL else _locked_file(trial)
    await suffer(trial, Moment(trial.case.at), lock, words="is locked by another process")


@asynccontextmanager
async def _locked_file(trial: Trial) -> AsyncIterator[None]:
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _HOLDER, str(file_of(trial.lane))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        if await holder.stdout.readline() != b"locked\n":
            raise RuntimeError("the lock could not be taken")
        yield
    finally:
        holder.stdin.close()
        await holder.wait()


@asynccontextmanager
async def _locked_tables(trial: Trial) -> AsyncIterator[None]:
    from psycopg import sql

    async with session_in(trial.lane) as cursor:
        await cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = sql.SQL(", ").join(sql.Identifier(name) for (name,) in await cursor.fetchall())
        await cursor.execute("BEGIN")
        await cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
        yield
        await cursor.execute("ROLLBACK")
