"""What is common to disasters that freeze a worker: when another one has gone on, and what the woken one then does."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from starter.prove.boundaries import is_of_an_order
from starter.prove.lane import LOOK_SECONDS
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker

_HELD_LOOKS = 12
_LOOKED = "purchase/inventory.write_look#1/after"


def has_gone_on(worker: WatchedWorker, at: str) -> bool:
    """Tell whether a worker has taken up what another one was frozen in, and come at least as far.

    It passes the same boundary, or goes on to another activity where what was committed already is not done again. A
    purchase that may have been sent is gone on with by looking for it.
    """
    passed = worker.passed
    activity = at.partition("/")[0]
    if activity == "start" or at in passed or _LOOKED in passed:
        return True
    doing = [place.partition("/")[0] for place in passed if is_of_an_order(place)]
    return activity in doing and any(it != activity for it in doing[doing.index(activity) :])


async def goes_on(trial: Trial, enough: Callable[[], bool] = lambda: False) -> bool:
    """Follow the order while a worker is frozen; False when that one must be woken first, since it holds a lock.

    A process that is frozen in the middle of a transaction on SQLite keeps everybody from writing, and so it should: half a
    transaction is nobody's.

    Args:
        trial: whose order is followed.
        enough: ends the following before the end of the order; asked whether or not there is a row of it yet.
    """
    following = asyncio.create_task(trial.finish())
    stopped = asyncio.create_task(_until(enough))
    held = asyncio.create_task(_until_held(trial))
    tasks = (following, stopped, held)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if following in done:
        await following
    return following in done or stopped in done


async def _until(enough: Callable[[], bool]) -> None:
    while True:
        if enough():
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _until_held(trial: Trial) -> None:
    """Wait until the inventory's file has been locked for longer than anybody who is awake would lock it."""
    file, seen = trial.lane.options.home / "data" / "inventory.db", 0
    while seen < _HELD_LOOKS:
        await asyncio.sleep(1)
        seen = seen + 1 if await asyncio.to_thread(_is_locked, file) else 0


def _is_locked(file: Path) -> bool:
    if not file.exists():
        return False
    with contextlib.closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


async def end(trial: Trial, *workers: WatchedWorker) -> None:
    """Let workers come to rest and end by themselves; one that cannot is a trouble."""
    for worker in workers:
        await worker.until_quiet()
        await worker.stop()
        if worker.code != 0:
            trial.troubles.append(f"a worker that was asked to end ended with code {worker.code}")


async def wake_after_the_end(trial: Trial, worker: WatchedWorker) -> None:
    """Wake a worker that slept through the rest of its order: it must not change anything any more."""
    before = await trial.facts()
    worker.wake()
    await end(trial, worker)
    after = await trial.facts()
    for name, value in vars(before).items():
        if name != "troubles" and getattr(after, name) != value:
            trial.troubles.append(f"the woken worker changed {name}: {value} became {getattr(after, name)}")
