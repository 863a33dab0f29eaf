"""The inventory's files cannot grow any more, and then can again.

A disk cannot be filled without harming others. PostgreSQL gets a small one of its own, where Linux lets it; what room its
tables have left within their pages is used up, too, and an open look keeps old rows, so that no page gets room again. Below
SQLite what the system refuses is the same: no file of the worker may grow beyond the end of the inventory's log
(``RLIMIT_FSIZE``), under a running worker, and a reader keeps that log from being begun anew.
"""

import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starter.prove.case import Case, Database
from starter.prove.databases import file_of, server_of, session_in
from starter.prove.moments import Moment, bring, let_go, require, require_same_run, until_told
from starter.prove.outage import INVENTORY, suffer
from starter.prove.small_disk import small_disk_unavailable
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker

DISK_MEBIBYTES = 160
_PIECES = (4000, 1000, 250, 60, 1)
_FILLER = (
    "INSERT INTO audit_event (event_id, kind, subject, at, by, claim, reason, facts) "
    "VALUES (gen_random_uuid()::text, 'prove.filler', 'prove', now(), 'prove', 'claimed', %s, '{}')"
)


def unavailable(case: Case) -> str:
    """Tell why a case cannot be run here; empty when it can."""
    if case.database is Database.POSTGRESQL:
        return small_disk_unavailable()
    return "" if sys.platform == "linux" else "only Linux lets a running process be limited from outside"


async def inventory_full(trial: Trial) -> None:
    """Let nothing be added to the inventory until the run tells of it; the purchase goes on after that, once."""
    moment = Moment(trial.case.at)
    if trial.case.database is Database.POSTGRESQL:
        await suffer(trial, moment, _full_disk(trial), words="has no room left on its disk")
    else:
        await _outgrow(trial, moment)


@asynccontextmanager
async def _full_disk(trial: Trial) -> AsyncIterator[None]:
    from psycopg.errors import DiskFull

    async with session_in(trial.lane) as looking, session_in(trial.lane) as filling:
        await looking.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await looking.execute("SELECT count(*) FROM audit_event")
        # The log of a database grows by whole files, made ahead: there is one with room, or the server would go down.
        await filling.execute("SELECT pg_switch_wal()")
        await filling.execute(_FILLER, ("the new file of the log is begun",))
        with server_of(trial.lane).full_disk():
            for length in _PIECES:
                with contextlib.suppress(DiskFull):
                    while True:
                        await filling.execute(_FILLER, ("x" * length,))
            yield


async def _outgrow(trial: Trial, moment: Moment) -> None:
    worker = await bring(trial, moment)
    async with _cannot_grow(trial, worker):
        await let_go(trial, worker)
        told = await until_told(trial, INVENTORY)
        require(trial, holds="cannot be read or written" in told, otherwise=f"the wait was told as {told!r}")
    await trial.finish()
    require(trial, holds=not worker.ended.is_set(), otherwise="the worker did not outlive it")
    await require_same_run(trial)


@asynccontextmanager
async def _cannot_grow(trial: Trial, worker: WatchedWorker) -> AsyncIterator[None]:
    import resource

    file = file_of(trial.lane)
    log = file.with_name(file.name + "-wal")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM audit_event").fetchone()
        end = log.stat().st_size
        own = max(worker.trace.stat().st_size, worker.log.stat().st_size)
        if own > end // 2:
            raise RuntimeError("the log of the inventory is too short to limit that alone")
        before = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (end, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, before)
