"""What is common to disasters that freeze a worker: when another one has gone on, and what the woken one then does."""

from starter.prove.boundaries import is_of_an_order
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker

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
