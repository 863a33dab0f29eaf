"""An inventory that cannot be used for a while, in the midst of an order."""

import asyncio
from contextlib import AbstractAsyncContextManager

from starter.prove.lane import LOOK_SECONDS
from starter.prove.moments import Moment, bring, let_go, require, require_same_run, until_told
from starter.prove.trial import Trial

INVENTORY = ("inventory-unavailable",)
MOMENTS = (
    Moment.CHECKING,
    Moment.RESERVED,
    Moment.ANSWER_HELD,
    Moment.PLACED,
    Moment.RECORDING,
)
_TELLINGS = 300  # looks at what the run shows, before another sentence than the expected one is taken for its last word


async def suffer(
    trial: Trial,
    moment: Moment,
    outage: AbstractAsyncContextManager[None],
    *,
    words: str = "",
    seconds: float = 0.0,
) -> None:
    """Bring an order to a moment, let it go on while the outage lasts until the run tells of it, and to its end after that.

    Args:
        trial: the case.
        moment: when the outage begins.
        outage: lasts as long as its block.
        words: stand in the sentence that the run shows.
        seconds: the outage lasts so much longer than until it was told.
    """
    worker = await bring(trial, moment)
    async with outage:
        await let_go(trial, worker)
        told = await _told(trial, words)
        require(trial, holds=words in told, otherwise=f"the wait was told as {told!r}, not as {words!r}")
        await asyncio.sleep(seconds)
    await trial.finish()
    require(trial, holds=not worker.ended.is_set(), otherwise="the worker did not outlive the outage")
    await require_same_run(trial)


async def _told(trial: Trial, words: str) -> str:
    """Return the sentence that the run shows, as soon as it has the words; one that goes on without them is returned, too.

    The first try may have lost its session in the middle, and tells of that.
    """
    told = ""
    for _ in range(_TELLINGS):
        told = await until_told(trial, INVENTORY)
        if words in told:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return told
