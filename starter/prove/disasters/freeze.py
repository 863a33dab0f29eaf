"""A worker that is frozen in the middle of its work, and wakes when another one has long gone on with it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from starter.prove.boundaries import Blow, Strike
from starter.prove.case import Repeated
from starter.prove.disasters.waking import end, goes_on, has_gone_on, wake_after_the_end
from starter.prove.trial import Trial
from starter.prove.verdict import Expects
from starter.prove.workers import WatchedWorker

_SENDING = ("purchase/inventory.change_act#1/after", "purchase/inventory.change_act#2/before")
"""Between these two a purchase may be on its way."""
_LEFT_TO_CHANCE = "purchase/gate.may_send#1/after"
"""Between this and the first byte, some microseconds later, nothing looks at the clock any more: whoever sleeps here and
wakes when a person has ruled sends all the same. A seller that takes a known id for a new order then sells twice, and that
must be told."""


def sending(boundaries: Sequence[str], dice: Random) -> list[str]:
    """Return the boundaries from the commit of the intention to the commit of what came of it."""
    if not all(place in boundaries for place in _SENDING):
        return []
    first, last = (boundaries.index(place) for place in _SENDING)
    return list(boundaries[first : last + 1])


async def freeze(trial: Trial) -> None:
    """Freeze the worker; wake it when a second one has gone on or, by one seed in four, when the order is over."""
    frozen = await _frozen(trial)
    if frozen is None:
        return
    first, second = frozen
    at = trial.case.at
    if trial.case.seed % 4 == 3 and await goes_on(trial):
        await _wake_at_last(trial, first)
    else:
        await goes_on(trial, lambda: has_gone_on(second, at))
        first.wake()
        await trial.finish()
        await end(trial, first)
    await end(trial, second)


async def freeze_late(trial: Trial) -> None:
    """Freeze the worker while its purchase may leave; wake it when the order is over and its send deadline, too."""
    frozen = await _frozen(trial)
    if frozen is None:
        return
    first, second = frozen
    assert trial.started is not None
    act = await trial.lane.adapters.inventory.act(trial.started.order_id)
    await trial.finish()
    if act is None or act.send_deadline is None:
        trial.troubles.append("was frozen before a deadline was written")
    else:
        await asyncio.sleep(max((act.send_deadline - datetime.now(UTC)).total_seconds(), 0.0))
    await _wake_at_last(trial, first)
    await end(trial, second)


async def _wake_at_last(trial: Trial, worker: WatchedWorker) -> None:
    """Wake a worker when its order is over: it changes nothing, or the chance that is left is told."""
    if trial.case.at != _LEFT_TO_CHANCE:
        await wake_after_the_end(trial, worker)
        return
    before = await trial.facts()
    worker.wake()
    await end(trial, worker)
    await trial.lane.client.wait_for_sync(await trial.lane.client.sync())
    has_left = (await trial.facts()).posts > before.posts  # the seller may have hung up meanwhile
    if has_left and trial.case.repeated is Repeated.ACCEPT:
        trial.expects = Expects.DOUBLE_TOLD


async def _frozen(trial: Trial) -> tuple[WatchedWorker, WatchedWorker] | None:
    """Return the frozen worker and the one that goes on.

    A process that is frozen in the middle of a transaction on SQLite lets no other one start: it is woken for that.
    """
    await trial.set_scene()
    first = await trial.lane.start_worker(Strike(trial.case.at, Blow.FREEZE), is_lean=True)
    await trial.order()
    if not await trial.until_struck(first):
        return None
    second = await trial.lane.start_worker()
    if second.ended.is_set():
        first.wake()
        second = await trial.lane.start_worker()
    return first, second
