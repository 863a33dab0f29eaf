"""The seller is away for a day: its process killed, or its connections refused, at a named moment.

Temporal's timers run in real time here, so the day passes in seconds: while the seller is away its clock and the worker's
are set a day ahead. The waits of twenty days, timers of Temporal included, are shown by the time-skipping tests
(tests/workflows). What is shown here besides the one sale: the run says all the while that it could not look, and goes on
by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from domain.inventory import OrderRecord
from starter.prove.lane import LOOK_SECONDS
from starter.prove.moments import Moment, bring, require, require_same_run
from starter.prove.trial import Trial

_DAY_SECONDS = 86_400.0
_KILLED, _REFUSING = ", killed", ", refusing"
_REFUSED_SECONDS = 8.0
_MOMENTS = (
    Moment.CHECKING,
    Moment.RESERVED,
    Moment.SENDING,
    Moment.ANSWER_HELD,
    Moment.PLACED,
    Moment.AWAITING,
)
PLACES = (
    *(f"{moment}{_KILLED}" for moment in _MOMENTS),
    # A seller that refuses new connections still answers on the one that is open.
    *(f"{moment}{_REFUSING}" for moment in _MOMENTS if moment is not Moment.ANSWER_HELD),
)


async def seller_away(trial: Trial) -> None:
    """Take the seller away, let a day pass and be told, and let it come back."""
    day_over = trial.lane.options.home / f"day-over-{trial.name}"
    is_killed = trial.case.at.endswith(_KILLED)
    moment = Moment(trial.case.at.partition(",")[0])
    worker = await bring(trial, moment, skew_seconds=_DAY_SECONDS if is_killed else 0.0, skew_after=day_over)
    async with _killed(trial, day_over) if is_killed else _refusing(trial):
        worker.wake()
        await _until_told(trial, moment)
    await trial.lane.heal()
    await trial.finish()
    require(trial, holds=not worker.ended.is_set(), otherwise="the worker did not outlive the seller's absence")
    await require_same_run(trial)
    if is_killed:
        await trial.lane.tell_sandbox("POST", "clock", {"follow_system": True})


@asynccontextmanager
async def _killed(trial: Trial, day_over: Path) -> AsyncIterator[None]:
    stack = trial.lane.stack
    assert stack.sandbox_process is not None
    await stack.sandbox_process.kill()
    try:
        yield
        day_over.touch()  # noqa: ASYNC240 - one empty file
    finally:
        await stack.start_sandbox()
    await trial.lane.tell_sandbox("POST", "clock", {"advance_seconds": _DAY_SECONDS})


@asynccontextmanager
async def _refusing(trial: Trial) -> AsyncIterator[None]:
    """Refuse all connections; the control API is refused too, so that the end is agreed beforehand."""
    await trial.lane.fault("refuse_connections", seconds=_REFUSED_SECONDS)
    yield
    while True:
        try:
            await trial.lane.tell_sandbox("GET", "clock")
        except OSError:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return


async def _until_told(trial: Trial, moment: Moment) -> None:
    """Wait until the order's row says that the seller could not be asked, and the run itself whom it waits for."""
    assert trial.started is not None

    def is_told(record: OrderRecord) -> bool:
        return record.look.startswith("could not look")

    if moment is Moment.AWAITING:
        await trial.lane.look_at_once(trial.started)
    record = await trial.lane.until(trial.started, is_told)
    status = await trial.lane.client.status(record)
    wanted = "ca" if moment is Moment.AWAITING else "nobody" if moment is Moment.CHECKING else "seller"
    require(
        trial,
        holds=status.waiting_for == wanted,
        otherwise=f"the run says that it waits for {status.waiting_for}, not for {wanted}",
    )
    require(trial, holds="could not be" in record.look, otherwise=f"the look was told as {record.look!r}")
