"""The inventory's files cannot grow any more, and then can again.

A disk cannot be filled without harming others, or a small one mounted without privileges. What the system refuses here is
the same: no file of the worker may grow beyond the end of the inventory's log (``RLIMIT_FSIZE``), under a running worker,
and a reader keeps that log from being begun anew. PostgreSQL is left out: its server would need a disk of its own.
"""

import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starter.prove.case import Case
from starter.prove.databases import file_of
from starter.prove.moments import Moment, bring, let_go, require, require_same_run, until_told
from starter.prove.outage import INVENTORY
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker


def unavailable(case: Case) -> str:
    """Tell why a case cannot be run here; empty when it can."""
    del case
    return "" if sys.platform == "linux" else "only Linux lets a running process be limited from outside"


async def inventory_full(trial: Trial) -> None:
    """Let nothing be added to the inventory until the run tells of it; the purchase goes on after that, once."""
    worker = await bring(trial, Moment(trial.case.at))
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
