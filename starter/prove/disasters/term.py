"""``SIGTERM`` in the middle of a step: a plain shutdown, which never needs a person."""

from domain.inventory import ActState
from starter.prove.boundaries import Blow, Strike
from starter.prove.trial import Trial

_DOUBT = "purchase.in-doubt"


async def term(trial: Trial) -> None:
    """Let the worker be asked to end at the boundary; it ends by itself, and a second one goes on without a person."""
    await trial.set_scene()
    worker = await trial.lane.start_worker(Strike(trial.case.at, Blow.TERM))
    started = await trial.order()
    inventory = trial.lane.adapters.inventory
    if await trial.until_struck(worker):
        await worker.ended.wait()
        if worker.code != 0:
            trial.troubles.append(f"a worker that was asked to end ended with code {worker.code}")
        act = await inventory.act(started.order_id)
        if act is not None and act.state is ActState.SENDING:
            trial.troubles.append("the worker ended with its purchase half done")
        await trial.lane.start_worker()
    await trial.finish()
    if trial.persons:
        trial.troubles.append(f"a plain shutdown needed a person: {', '.join(trial.persons)}")
    if any(row.kind == _DOUBT for row in await inventory.audit(subject=started.order_id)):
        trial.troubles.append("a plain shutdown left a purchase in doubt")
