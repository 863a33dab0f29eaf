"""A worker whose clock is wrong by a day: from a boundary on, or from its start, where it is refused."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from starter.prove.boundaries import Blow, Strike
from starter.prove.trial import Trial

FROM_THE_START = "from-the-start"
_DAY = timedelta(days=1).total_seconds()
_PATIENCE_SECONDS = 30.0
_REFUSED = "clock-differs"


def moments(boundaries: Sequence[str], dice: Random) -> list[str]:
    """Return every boundary, and the start with a wrong clock."""
    return [FROM_THE_START, *boundaries]


async def clock(trial: Trial) -> None:
    """Set the worker's clock wrong at the boundary, a day ahead for even seeds and behind for odd ones.

    Who is asked as a person sets it right again; so does whoever sees that nothing goes on.
    """
    await trial.set_scene()
    skew = _DAY if trial.case.seed % 2 == 0 else -_DAY
    wrong = trial.lane.options.home / f"{trial.name}.wrong"
    if trial.case.at == FROM_THE_START:
        await _refused(trial, skew)
        return
    worker = await trial.lane.start_worker(Strike(trial.case.at, Blow.FREEZE), skew_seconds=skew, skew_after=wrong)
    await trial.order()
    if not await trial.until_struck(worker):
        return
    wrong.touch()
    worker.wake()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await trial.finish(also=lambda record: record.waiting_for == "person")
    except TimeoutError:
        assert trial.started is not None
        wrong.unlink()
        await trial.lane.look_at_once(trial.started)
    wrong.unlink(missing_ok=True)
    await trial.finish()


async def _refused(trial: Trial, skew: float) -> None:
    """Start a worker with a wrong clock, which is refused, and then one with the right one."""
    always = trial.lane.options.home
    worker = await trial.lane.start_worker(skew_seconds=skew, skew_after=always)
    if worker.ready.exists():
        trial.troubles.append("a worker whose clock is wrong by a day polls")
        await worker.kill()
    told = [line for line in worker.log.read_text().splitlines() if _REFUSED in line]
    if worker.code == 0 or not told:
        trial.troubles.append(f"a worker whose clock is wrong ended with code {worker.code} and did not say {_REFUSED}")
    await trial.lane.start_worker()
    await trial.order()
    await trial.finish()
