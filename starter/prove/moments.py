"""Moments of an order at which a disaster begins: the order is brought there and held until it is let go.

Most are boundaries where the worker freezes (SIGSTOP), in the midst of what it does. Two are held by the seller instead:
the answer to the purchase, and the certificate; the worker is awake then.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from temporalio.client import WorkflowExecutionStatus

from starter.prove.boundaries import Blow, Strike
from starter.prove.lane import LOOK_SECONDS
from starter.prove.looking import installation_story
from starter.prove.trial import Trial
from starter.prove.workers import WatchedWorker

_PURCHASE = "order/neworder"
_ANSWER_SECONDS = 3.0
_SYNC_SECONDS = 5.0
_NOT_ISSUED_SECONDS = 86_400.0


class Moment(StrEnum):
    """Where an order stands; the value is the ``at`` of a case."""

    CHECKING = "checking"
    RESERVED = "reserved"
    """The intention is committed, nothing was sent."""
    SENDING = "sending"
    """Committed and kept outside of the inventory; the request is about to leave."""
    ANSWER_HELD = "answer-held"
    """The seller has sold and does not answer yet."""
    PLACED = "placed"
    """The sale was just written down."""
    PUBLISHING = "publishing"
    AWAITING = "awaiting"
    RECORDING = "recording"


ALL = tuple(moment.value for moment in Moment)

BOUNDARIES = {
    Moment.CHECKING: "check_offer/seller.products#1/before",
    Moment.RESERVED: "purchase/inventory.reserve#1/after",
    Moment.SENDING: "purchase/inventory.act#2/after",
    Moment.PLACED: "purchase/inventory.change_act#2/after",
    Moment.PUBLISHING: "publish_proof/dns.publish#1/after",
    Moment.RECORDING: "record/inventory.make_current#1/before",
}


async def bring(
    trial: Trial,
    moment: Moment,
    *,
    answer_seconds: float = _ANSWER_SECONDS,
    skew_seconds: float = 0.0,
    skew_after: Path | None = None,
) -> WatchedWorker:
    """Start a worker and an order, and bring it to a moment, where it stays until :func:`let_go`.

    Args:
        trial: the case; its scene is set here.
        moment: to come to.
        answer_seconds: for how long the seller holds its answer, for ``ANSWER_HELD``.
        skew_seconds: the worker's clock is off by so much once the next file exists.
        skew_after: that file.

    Returns:
        The worker: frozen, or waiting for the seller.

    Raises:
        RuntimeError: the order never came there.
    """
    await trial.set_scene()
    at = BOUNDARIES.get(moment)
    if moment is Moment.ANSWER_HELD:
        await trial.lane.fault("answer_delay", endpoint=_PURCHASE, seconds=answer_seconds, times=1)
    elif moment is Moment.AWAITING:
        await hold_certificate(trial)
    worker = await trial.lane.start_worker(
        Strike(at, Blow.FREEZE) if at else None, skew_seconds=skew_seconds, skew_after=skew_after
    )
    await trial.order()
    if at is not None:
        if not await trial.until_struck(worker):
            raise RuntimeError(f"the order never came to {moment}")
        await asyncio.sleep(LOOK_SECONDS)  # its trace is written just before it stops
    elif moment is Moment.ANSWER_HELD:
        while not await trial.lane.sold(trial.name):  # noqa: ASYNC110 - the seller announces no sale
            await asyncio.sleep(LOOK_SECONDS)
    else:
        await until_awaiting(trial)
    return worker


async def hold_certificate(trial: Trial) -> None:
    """Let the CA issue nothing until the seller is healed."""
    await trial.lane.fault("issue_delay", seconds=_NOT_ISSUED_SECONDS)


async def until_awaiting(trial: Trial) -> None:
    """Wait until the order has looked for its certificate and seen none."""
    assert trial.started is not None
    await trial.lane.until(trial.started, lambda it: it.look.startswith("not issued yet"))


async def let_go(trial: Trial, worker: WatchedWorker, *, looks: bool = True) -> None:
    """Let an order go on from where it was held. Repeating it changes nothing.

    Args:
        trial: the case.
        worker: that was returned when the order was brought there.
        looks: let the CA be looked at now instead of at the next minute; needs Temporal.
    """
    worker.wake()
    await trial.lane.heal()
    assert trial.started is not None
    if looks and trial.case.at.startswith(Moment.AWAITING):
        await trial.lane.look_at_once(trial.started)


async def until_told(trial: Trial, codes: tuple[str, ...], *, also: Callable[[], bool] = lambda: False) -> str:
    """Wait until the run shows a failing activity with one of these codes, as the Web UI would; returns its sentence.

    An order that is over before is a trouble of the case: nobody was told.

    Args:
        trial: the case.
        codes: of errors; one is enough.
        also: ends the wait before.
    """
    assert trial.started is not None
    run = trial.lane.run_of(trial.started)
    while not also():
        described = await run.describe()
        for pending in described.raw_description.pending_activities:
            failure = pending.last_failure
            if failure.application_failure_info.type in codes:
                return str(failure.message)
        if described.status is not WorkflowExecutionStatus.RUNNING:
            trial.troubles.append(f"nobody was told of {' or '.join(codes)}")
            return ""
        await asyncio.sleep(LOOK_SECONDS)
    return ""


def require(trial: Trial, *, holds: bool, otherwise: str) -> None:
    """Note a trouble of the case unless something holds."""
    if not holds:
        trial.troubles.append(otherwise)


async def require_same_run(trial: Trial) -> None:
    """Note a trouble when another run than the order's own brought it to its end."""
    assert trial.started is not None
    record = await trial.lane.record(trial.started)
    own = (trial.started.workflow_id, trial.started.run_id)
    require(
        trial,
        holds=record is not None and (record.workflow_id, record.run_id) == own,
        otherwise="another run than its own ended the order",
    )


async def until_reconciled(trial: Trial) -> None:
    """Wait until all accounts were compared; ``SyncOrders`` is started as its schedule does every 15 minutes."""
    while "reconcile.finished" not in await installation_story(trial.lane):
        await trial.lane.client.wait_for_sync(await trial.lane.client.sync())
        await asyncio.sleep(_SYNC_SECONDS)
