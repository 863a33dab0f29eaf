"""Temporal's state is lost with an order in flight: its file is deleted and the server starts anew, as another cluster.

The inventory is then bound to that cluster by itself, nothing is bought before the sellers' lists were compared, and
``SyncOrders`` takes the order up. In the place that ends in *the worker stays* nobody starts the worker anew at once: it goes
on with what it was about, and is started anew once that is done.
"""

from starter.prove.looking import installation_story
from starter.prove.moments import Moment, bring, let_go, require, until_reconciled
from starter.prove.trial import Trial
from starter.server import provision
from workflows.search_attributes import REGISTRATION

_STAYS = ", the worker stays"
PLACES = (
    *(moment.value for moment in (Moment.RESERVED, Moment.SENDING, Moment.ANSWER_HELD, Moment.PLACED, Moment.AWAITING)),
    f"{Moment.SENDING}{_STAYS}",
)
_SURE_SECONDS = 2.0


async def temporal_lost(trial: Trial) -> None:
    """Delete the server's file, and let Evercert find its way without anybody's help."""
    moment, stays, _ = trial.case.at.partition(_STAYS)
    worker = await bring(trial, Moment(moment))
    if not stays:
        await worker.kill()
    await _lose(trial)
    if stays:
        await let_go(trial, worker)
        await worker.until_quiet()
        await worker.kill()
    await trial.lane.heal()
    await trial.lane.start_worker(sure_after_seconds=_SURE_SECONDS)
    await trial.finish()
    # A worker that died on the point of sending leaves what nobody can know; all else needs no person.
    may_ask = trial.case.at == Moment.SENDING
    require(trial, holds=may_ask or not trial.persons, otherwise=f"a person had to help: {', '.join(trial.persons)}")
    await until_reconciled(trial)
    await _require_story(trial)


async def _lose(trial: Trial) -> None:
    stack = trial.lane.stack
    await stack.server.kill()
    for part in (stack.options.home / "temporal").glob("temporal.db*"):
        part.unlink()
    await stack.server.start()
    await provision(stack.server.address, namespace=stack.options.namespace, search_attributes=REGISTRATION)


async def _require_story(trial: Trial) -> None:
    assert trial.started is not None
    told = [*await installation_story(trial.lane)]
    rows = await trial.lane.adapters.inventory.audit(subject=trial.started.order_id)
    told += [row.kind for row in rows]
    for kind in ("installation.rebound", "reconcile.entered", "reconcile.finished", "order.taken-over"):
        require(trial, holds=kind in told, otherwise=f"the audit does not tell of {kind}")
