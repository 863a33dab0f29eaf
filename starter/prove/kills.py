"""``kill -9`` of the worker at one boundary, and the undisturbed run that tells which boundaries there are."""

from collections.abc import Sequence
from random import Random

from starter.prove.boundaries import Strike, is_of_an_order
from starter.prove.trial import Trial

AND = " + "
_BLOWS = 3
_CHAINS = 60


async def undisturbed(trial: Trial) -> tuple[str, ...]:
    """Let an order run whole, without a strike; returns the boundaries that it passed, each once, in order."""
    await trial.set_scene()
    worker = await trial.lane.start_worker()
    await trial.order()
    await trial.finish()
    passed = worker.passed
    await worker.stop()
    return tuple(place for place in dict.fromkeys(passed) if is_of_an_order(place))


_SIDES = ("before", "after")
_RULED_AGAIN = tuple(f"resolve_purchase/inventory.audit#1/{side}" for side in _SIDES)
TRIED_AGAIN = (*_RULED_AGAIN, *(f"await_issuance/inventory.order#1/{side}" for side in _SIDES))
"""Passed only by a second try, so that an undisturbed run need not get there: a ruling looks whether the first one was
written, and a look at the seller enters no state that was entered already.
"""

RULED_TWICE = tuple(f"resolve_purchase/inventory.change_act#1/after{AND}{place}" for place in _RULED_AGAIN)


async def kill(trial: Trial) -> None:
    """Kill the worker at the boundary of the case, start another one, and follow the order to its end.

    Of ``a + b + c`` the first worker is killed at *a*, the second one at *b*, the third at *c*.
    """
    await trial.set_scene()
    goes_on = False
    for place in trial.case.at.split(AND):
        worker = await trial.lane.start_worker(Strike(place))
        if trial.started is None:
            await trial.order()
        if not await trial.until_struck(worker, goes_on=goes_on):
            return
        await worker.ended.wait()
        await trial.miss_worker()
        goes_on = True
    last = await trial.lane.start_worker()
    await trial.finish()
    trial.compare(last, goes_on=True)


def chains(boundaries: Sequence[str], dice: Random) -> list[str]:
    """Return places for three kills in a row: each lies in a later activity than the one before, or at a worker's start.

    A later activity is one whose first boundary an undisturbed run passes after the last one of the earlier.
    """
    spans: dict[str, tuple[int, int]] = {}
    for number, place in enumerate(boundaries):
        activity = place.partition("/")[0]
        spans[activity] = (spans.get(activity, (number, 0))[0], number)
    found: list[str] = []
    while len(boundaries) >= _BLOWS and len(found) < _CHAINS:
        chain: list[str] = []
        for number in sorted(dice.sample(range(len(boundaries)), _BLOWS)):
            activity = boundaries[number].partition("/")[0]
            before = chain[-1].partition("/")[0] if chain else ""
            if not before or spans[activity][0] > spans[before][1]:
                chain.append(boundaries[number])
        if len(chain) == _BLOWS:
            found.append(AND.join(chain))
    return found
