"""The inventory cannot be written any more, and then can again.

On PostgreSQL the database is made read-only and its sessions are ended, as a fail-over to a standby does; the worker stays.
On SQLite the right to write file and folder is taken away while no worker runs, since one that is open keeps what the
system granted it; a worker that starts meanwhile refuses and says why. Root is refused nothing, so that this worker gives
up the privilege to pass permissions first.
"""

import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from starter.prove.case import Case, Database
from starter.prove.databases import file_of, files_of, set_readonly
from starter.prove.moments import Moment, bring, require, require_same_run
from starter.prove.outage import suffer
from starter.prove.trial import Trial


def unavailable(case: Case) -> str:
    """Tell why a case cannot be run here; empty when it can."""
    if case.database is Database.SQLITE and os.geteuid() == 0 and sys.platform != "linux":
        return "root is refused nothing, and only Linux lets a worker of root give that up"
    return ""


async def inventory_readonly(trial: Trial) -> None:
    """Take the right to write away, let it be told, and give it back."""
    if trial.case.database is Database.POSTGRESQL:
        await suffer(trial, Moment(trial.case.at), _readonly_database(trial), words="is read-only")
    else:
        await _readonly_file(trial)


@asynccontextmanager
async def _readonly_database(trial: Trial) -> AsyncIterator[None]:
    await set_readonly(trial.lane, is_readonly=True)
    try:
        yield
    finally:
        await set_readonly(trial.lane, is_readonly=False)


async def _readonly_file(trial: Trial) -> None:
    first = await bring(trial, Moment(trial.case.at))
    await first.kill()
    await trial.lane.heal()
    with _may_only_read([*files_of(trial.lane), file_of(trial.lane).parent]):
        refused = await trial.lane.start_worker(obeys_permissions=True)
        require(trial, holds=refused.ended.is_set(), otherwise="a worker polls that cannot write")
        said = refused.log.read_text()
        require(trial, holds="is read-only for this user" in said, otherwise="the worker did not say why it refuses")
    await trial.lane.start_worker()
    await trial.finish()
    await require_same_run(trial)


@contextmanager
def _may_only_read(paths: Sequence[Path]) -> Iterator[None]:
    before = [(path, path.stat().st_mode) for path in paths]
    for path, mode in before:
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in reversed(before):
            path.chmod(mode)
