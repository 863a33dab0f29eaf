"""A copy of the inventory, taken between reservation and sale, is put back after the sale, without any restore command.

The copy has never heard of the purchase. Evercert notices by the sequence file beside the master key, buys nothing before
the seller's list was compared, and adopts the sale. A place says which files were copied, when the copy is put back, and
whether the worker is stopped for it or goes on; *hidden* is a seller that shows the sale only later.
"""

import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from itertools import product

from starter.prove.boundaries import Blow, Strike
from starter.prove.case import Database
from starter.prove.databases import copy_database, copy_files, file_of, files_of, rename_database
from starter.prove.moments import (
    BOUNDARIES,
    Moment,
    bring,
    hold_certificate,
    let_go,
    require,
    until_awaiting,
    until_reconciled,
)
from starter.prove.trial import Trial
from starter.prove.verdict import Expects

_HIDDEN = "hidden"
_SURE_SECONDS = 2.0
_STARTED_OVER = "terminated, taken up anew"
_STOPPED, _RUNNING = "stopped", "running"
_LATER = (Moment.PLACED, Moment.AWAITING, Moment.RECORDING)


@dataclass(frozen=True)
class Place:
    """What a place says.

    Attributes:
        files: ``file`` alone, or ``all``: the log and its index, too. A database server has one way only.
        moment: when the copy is put back.
        how: ``stopped`` or ``running``.
        is_hidden: the seller hides the sale until the wait for the comparison was told.
    """

    files: str
    moment: Moment
    how: str
    is_hidden: bool = False

    def __str__(self) -> str:
        words = (self.files, self.moment.value, self.how, *((_HIDDEN,) if self.is_hidden else ()))
        return " ".join(words)


def read_place(at: str) -> Place:
    """Return what a place such as ``file placed stopped hidden`` says."""
    files, moment, how, *rest = at.split()
    return Place(files, Moment(moment), how, rest == [_HIDDEN])


def _places(*files: str) -> tuple[str, ...]:
    return tuple(
        str(Place(copied, moment, how, is_hidden))
        for copied, moment, how, is_hidden in (
            *product(files, _LATER, (_STOPPED,), (False,)),
            *product(files, (Moment.PLACED,), (_STOPPED,), (True,)),
            *product(files[-1:], (Moment.PLACED,), (_RUNNING,), (False,)),
        )
    )


PLACES = _places("file", "all")
PLACES_OF_SERVERS = _places("all")


async def inventory_restored(trial: Trial) -> None:
    """Copy, let the order be sold, put the copy back, and let Evercert find the sale."""
    place = read_place(trial.case.at)
    trial.expects = Expects.FORGOTTEN
    first = await bring(trial, Moment.RESERVED)
    store = _Store(trial, place)
    await store.copy()
    await first.kill()
    if place.moment is Moment.AWAITING:
        await hold_certificate(trial)
    at = BOUNDARIES.get(place.moment)
    worker = await trial.lane.start_worker(Strike(at, Blow.FREEZE) if at else None)
    assert trial.started is not None
    if at is None:
        await until_awaiting(trial)
    elif not await trial.until_struck(worker, goes_on=True):
        return
    if place.is_hidden:
        await trial.lane.hide_sales()
    if place.how == _STOPPED:
        await worker.kill()
    await store.put_back()
    if place.how == _RUNNING:
        worker.wake()
        await worker.until_quiet()
        await worker.kill()
    await trial.lane.start_worker(sure_after_seconds=_SURE_SECONDS)
    if place.is_hidden:
        await _until_awaited(trial)
    await let_go(trial, worker)
    is_collected = place.moment is Moment.RECORDING
    if is_collected:
        await _start_over(trial)
    await trial.finish()
    await until_reconciled(trial)
    others = [act for act in trial.persons if act != _STARTED_OVER]
    require(trial, holds=not others, otherwise=f"a person had to help: {', '.join(others)}")


async def _start_over(trial: Trial) -> None:
    """Do what a person does for a run whose collected version is forgotten: it cannot collect again, another run can.

    The run is terminated, and ``SyncOrders`` takes its order up; that buys nothing.
    """
    assert trial.started is not None
    await trial.lane.until(trial.started, lambda it: it.waiting_for == "person")
    await trial.lane.run_of(trial.started).terminate("its version is forgotten; the order is taken up anew")
    trial.persons.append(_STARTED_OVER)
    await trial.lane.client.wait_for_sync(await trial.lane.client.sync())


async def _until_awaited(trial: Trial) -> None:
    """Wait until the order says that it waits for the comparison."""
    assert trial.started is not None
    record = await trial.lane.until(
        trial.started, lambda it: it.error_code == "reconcile-first" or it.state == "issued"
    )
    require(trial, holds=record.waiting_for == "account", otherwise="the wait for the comparison was not told")


class _Store:
    """The copy of a case."""

    def __init__(self, trial: Trial, place: Place) -> None:
        self._lane = trial.lane
        self._place = place
        self._folder = trial.lane.options.home / "copy"
        self._copied = f"{trial.lane.options.database_name}_copy"

    async def copy(self) -> None:
        """Copy the inventory as it is now. The worker stands still."""
        if self._lane.options.database is Database.POSTGRESQL:
            await self._copy_database()
            return
        file = file_of(self._lane)
        if self._place.files == "file":
            with contextlib.closing(sqlite3.connect(file)) as connection:  # as happens by itself now and then
                connection.execute("PRAGMA wal_checkpoint(FULL)")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        await copy_files(files_of(self._lane) if self._place.files == "all" else [file], self._folder)

    async def put_back(self) -> None:
        """Put the copy where the inventory was."""
        await self._lane.close_inventory()
        if self._lane.options.database is Database.POSTGRESQL:
            await self._put_database_back()
        else:
            for part in files_of(self._lane):
                part.unlink()
            await copy_files(self._folder.iterdir(), file_of(self._lane).parent)
        await self._lane.reopen_inventory()

    async def _copy_database(self) -> None:
        await self._lane.close_inventory()
        await copy_database(self._lane, self._copied)
        await self._lane.reopen_inventory()

    async def _put_database_back(self) -> None:
        now = self._lane.options.database_name
        await rename_database(self._lane, now, f"{now}_newer")
        await rename_database(self._lane, self._copied, now)
