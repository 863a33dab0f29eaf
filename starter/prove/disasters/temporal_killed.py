"""Temporal's server is killed (``kill -9``) in the midst of an order and started again; the worker stays."""

import asyncio

from starter.prove.looking import installation_story
from starter.prove.moments import Moment, bring, let_go, require, require_same_run
from starter.prove.trial import Trial

MOMENTS = (
    Moment.CHECKING,
    Moment.SENDING,
    Moment.ANSWER_HELD,
    Moment.PUBLISHING,
    Moment.AWAITING,
    Moment.RECORDING,
)
_AWAY_SECONDS = 2.0
_MISSED_SECONDS = 12.0
"""Longer than a heartbeat may stay out: the purchase is then given to a second attempt while the first still waits."""
_ANSWER_SECONDS = 20.0


async def temporal_killed(trial: Trial) -> None:
    """Kill the server, let the worker go on without it for a while, and start it again on its file."""
    moment = Moment(trial.case.at)
    worker = await bring(trial, moment, answer_seconds=_ANSWER_SECONDS)
    server = trial.lane.stack.server
    await server.kill()
    if moment is not Moment.ANSWER_HELD:
        await let_go(trial, worker, looks=False)
    await asyncio.sleep(_MISSED_SECONDS if moment is Moment.ANSWER_HELD else _AWAY_SECONDS)
    await server.start()
    await let_go(trial, worker)
    await trial.finish()
    require(trial, holds=not worker.ended.is_set(), otherwise="the worker did not outlive the server's crash")
    await require_same_run(trial)
    doubts = [kind for kind in await installation_story(trial.lane) if kind.startswith("reconcile.")]
    require(trial, holds=not doubts, otherwise=f"the same server came back, and there is {doubts}")
