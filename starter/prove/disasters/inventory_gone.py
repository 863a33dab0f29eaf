"""The inventory's file is moved away, or PostgreSQL killed, and comes back; the worker stays.

How long it is gone is a part of the place, since nothing in Evercert may depend on it: a few cases are a real ten minutes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starter.prove.case import Database
from starter.prove.databases import file_of, files_of, server_of
from starter.prove.moments import Moment
from starter.prove.outage import MOMENTS, suffer
from starter.prove.trial import Trial

_FOR = " for "
_LONG_SECONDS = 600
LIMIT_SECONDS = 3 * _LONG_SECONDS
"""Tries follow each other at up to ten minutes: an order goes on by itself that long after the inventory is back."""

LONG_PLACES = tuple(f"{moment}{_FOR}{_LONG_SECONDS} s" for moment in (Moment.RESERVED, Moment.ANSWER_HELD))
PLACES = (*MOMENTS, *LONG_PLACES)


async def inventory_gone(trial: Trial) -> None:
    """Take the inventory away until the run tells of it, and for the time of the case; then bring it back."""
    moment, seconds = read_place(trial.case.at)
    gone = _killed_server(trial) if trial.case.database is Database.POSTGRESQL else _moved_file(trial)
    words = "cannot be reached" if trial.case.database is Database.POSTGRESQL else "file or directory is missing"
    await suffer(trial, moment, gone, words=words, seconds=seconds)


def read_place(at: str) -> tuple[Moment, float]:
    """Return moment and length in seconds of a place such as ``reserved`` or ``reserved for 600 s``."""
    moment, _, length = at.partition(_FOR)
    return Moment(moment), float(length.removesuffix(" s") or 0)


@asynccontextmanager
async def _moved_file(trial: Trial) -> AsyncIterator[None]:
    away = file_of(trial.lane).parent / "away"
    away.mkdir()
    parts = files_of(trial.lane)
    for part in parts:
        part.rename(away / part.name)
    try:
        yield
    finally:
        for part in parts:
            (away / part.name).rename(part)
        away.rmdir()


@asynccontextmanager
async def _killed_server(trial: Trial) -> AsyncIterator[None]:
    server = server_of(trial.lane)
    await server.kill()
    try:
        yield
    finally:
        await server.start()
