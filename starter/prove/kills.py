"""``kill -9`` of the worker at one boundary, and the undisturbed run that tells which boundaries there are."""

from starter.prove.boundaries import Strike, is_of_an_order
from starter.prove.trial import Trial


async def undisturbed(trial: Trial) -> tuple[str, ...]:
    """Let an order run whole, without a strike; returns the boundaries that it passed, each once, in order."""
    await trial.set_scene()
    worker = await trial.lane.start_worker()
    await trial.order()
    await trial.finish()
    passed = worker.passed
    trial.compare(worker)
    await worker.stop()
    return tuple(place for place in dict.fromkeys(passed) if is_of_an_order(place))


async def kill(trial: Trial) -> None:
    """Kill the worker at the boundary of the case, start another one, and follow the order to its end."""
    await trial.set_scene()
    worker = await trial.lane.start_worker(Strike(trial.case.at))
    await trial.order()
    if await trial.until_struck(worker):
        await worker.ended.wait()
        await trial.lane.start_worker()
    await trial.finish()
