"""An inventory of the release before, with an order in flight: no worker touches it before it was upgraded.

There is no way back in the migrations, so the old inventory is a database that is made at the revision before the head, and
filled with the rows of the lane's own, as far as that revision has their columns.
"""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, func, make_url, select

from activities.adapters.build import make_previous_schema
from starter.prove.case import Database
from starter.prove.databases import file_of, files_of, rename_database, server_of
from starter.prove.moments import Moment, bring, require, require_same_run
from starter.prove.trial import Trial

MOMENTS = (Moment.RESERVED, Moment.PLACED, Moment.AWAITING)
_VERSION = "alembic_version"
_FILL = f"import sys; from {__name__} import fill; fill(*sys.argv[1:])"


async def old_schema(trial: Trial) -> None:
    """Take the inventory back by a revision, see a worker refuse it, upgrade it as a person does, and go on."""
    first = await bring(trial, Moment(trial.case.at))
    await first.kill()
    await trial.lane.heal()
    await trial.lane.close_inventory()
    await _take_back(trial)
    refused = await trial.lane.start_worker()
    if not refused.ended.is_set():
        raise RuntimeError("a worker polls with an inventory of an older release")
    code, said = await _command(trial, "worker", "run")
    for words in ("db-upgrade-needed", "evercert db upgrade"):
        require(trial, holds=code != 0 and words in said, otherwise=f"the worker that refused did not say {words}")
    code, said = await _command(trial, "db", "upgrade")
    require(trial, holds=code == 0, otherwise=f"evercert db upgrade: {said[-300:]}")
    await trial.lane.reopen_inventory()
    await trial.lane.start_worker()
    await trial.finish()
    await require_same_run(trial)


async def _command(trial: Trial, *words: str) -> tuple[int, str]:
    """Run a command as a person does, and return its exit code and what it said to people."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter.cli", *words),
        env=trial.lane.stack.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode or 0, said.decode()


async def _take_back(trial: Trial) -> None:
    lane = trial.lane
    if trial.case.database is Database.POSTGRESQL:
        newer, name = f"{lane.options.database_name}_newer", lane.options.database_name
        await rename_database(lane, name, newer)
        old = await server_of(lane).new_database(name)
        await _fill_elsewhere(server_of(lane).address(newer), old)
        return
    file = file_of(lane)
    away = file.parent / "newer"
    away.mkdir()
    for part in files_of(lane):
        part.rename(away / part.name)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    await _fill_elsewhere(str(away / file.name), str(file))


async def _fill_elsewhere(newer: str, older: str) -> None:
    """Fill in a process of its own: Alembic serves one database of a process at a time, and lanes open beside this."""
    filling = await asyncio.create_subprocess_exec(sys.executable, "-c", _FILL, newer, older)
    if await filling.wait() != 0:
        raise RuntimeError("the older database could not be made")


def fill(newer: str, older: str) -> None:
    """Make the older database of the newer one: two addresses of PostgreSQL, or two files."""
    if newer.startswith("postgresql"):
        _fill_database(newer, older)
    else:
        _fill_file(Path(newer), Path(older))


def _fill_file(newer: Path, older: Path) -> None:
    """Make the older file and copy into it what it has room for."""
    engine = create_engine(f"sqlite:///{older}")
    with engine.begin() as connection:
        make_previous_schema(connection)
    engine.dispose()
    with closing(sqlite3.connect(older, isolation_level=None)) as here:
        here.execute("ATTACH ? AS newer", (str(newer),))
        tables = here.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (table,) in [row for row in tables.fetchall() if row != (_VERSION,)]:
            columns = ", ".join(f'"{name}"' for (_, name, *_) in here.execute(f'PRAGMA main.table_info("{table}")'))
            here.execute(f'DELETE FROM main."{table}"')  # noqa: S608
            here.execute(f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM newer."{table}"')  # noqa: S608


def _fill_database(newer: str, older: str) -> None:
    """Make the older database and copy into it what it has room for."""
    source, target = (create_engine(make_url(it).set(drivername="postgresql+psycopg")) for it in (newer, older))
    with source.connect() as reading, target.begin() as writing:
        make_previous_schema(writing)
        there, here = MetaData(), MetaData()
        there.reflect(reading)
        here.reflect(writing)
        for table in [it for it in here.sorted_tables if it.name != _VERSION]:
            columns: list[Any] = [there.tables[table.name].columns[column.name] for column in table.columns]
            if writing.execute(table.select().limit(1)).first() is not None:  # what the migrations have put there
                writing.execute(table.delete())
            for row in reading.execute(select(*columns)).mappings():
                writing.execute(table.insert().values(**row))
            _count_on(writing, table)
    source.dispose()
    target.dispose()


def _count_on(writing: Connection, table: Table) -> None:
    """Let numbers that the database gives begin above those that were copied."""
    for column in table.primary_key.columns:
        if counter := writing.scalar(select(func.pg_get_serial_sequence(table.name, column.name))):
            writing.execute(select(func.setval(counter, select(func.max(column)).scalar_subquery())))
