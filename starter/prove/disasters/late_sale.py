"""A sale shows up at the seller after a person gave the order up, or ruled that it was not placed: the chance that is left.

The seller loses its answer and hides the sale. What the person rules is right by all that can be seen; what follows is
found by ``SyncOrders`` and told by an alert. Ruled *not placed*, the order buys again: a seller that takes a known id for a
new order has then sold twice, and that is what this case expects to be told. One that refuses the id, or answers with the
first order, has not.
"""

import asyncio

from domain.errors import EvercertError
from domain.request import ResolvePurchase
from starter.client import StartedOrder
from starter.prove.case import Repeated
from starter.prove.lane import LOOK_SECONDS
from starter.prove.moments import require
from starter.prove.trial import Trial
from starter.prove.verdict import Expects

_PERSON = "prove"
_NOT_PLACED = "not-placed, "
PLACES = ("abandon", *(f"{_NOT_PLACED}{repeated}" for repeated in Repeated))


async def late_sale(trial: Trial) -> None:
    """Lose and hide a sale, let a person rule, show the sale, and let ``SyncOrders`` look."""
    outcome, _, repeated = trial.case.at.partition(", ")
    is_given_up = outcome == "abandon"
    if is_given_up:
        trial.expects = Expects.ORPHAN_TOLD
    elif repeated == Repeated.ACCEPT:
        trial.expects = Expects.DOUBLE_TOLD
    await trial.set_scene()
    if repeated:
        await trial.lane.switch(duplicate_custom_order_id=repeated)
    await trial.lane.fault("drop_after_sale", times=1)
    await trial.lane.hide_sales()
    worker = await trial.lane.start_worker()
    started = await trial.order()
    await trial.lane.until(started, lambda it: it.error_code == "purchase-in-doubt")
    await _rule(trial, started, outcome)
    if not is_given_up:
        # The second purchase leaves while the first sale is hidden.
        await _until_posted_again(trial)
        await worker.until_quiet()
        await trial.lane.heal()
    await trial.finish()
    await trial.lane.heal()
    await trial.lane.client.wait_for_sync(await trial.lane.client.sync())
    require(trial, holds=await trial.lane.sold(trial.name) != [], otherwise="the seller never sold")


async def _rule(trial: Trial, started: StartedOrder, outcome: str) -> None:
    """Rule as a person may who sees nothing at the seller; refused until the run waits for it."""
    ruling = ResolvePurchase.model_validate({"by": _PERSON, "reason": "the seller shows nothing", "outcome": outcome})
    while True:
        record = await trial.lane.record(started)
        assert record is not None
        try:
            if (await trial.lane.client.resolve_purchase(record, ruling)).done:
                trial.persons.append(f"purchase-in-doubt: {outcome}")
                return
        except EvercertError:
            await asyncio.sleep(LOOK_SECONDS)


async def _until_posted_again(trial: Trial) -> None:
    """Wait until a second purchase has reached the seller, whatever that made of it."""
    while True:
        entries = (await trial.lane.tell_sandbox("GET", "journal?kind=request"))["entries"]
        if sum(it["endpoint"] == "order/neworder" and trial.name in str(it["body"]) for it in entries) > 1:
            return
        await asyncio.sleep(LOOK_SECONDS)
