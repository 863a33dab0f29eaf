"""Two equal orders at the same moment: under two request ids one of them is refused, under one they are one."""

import asyncio
from collections.abc import Sequence
from random import Random

from domain.inventory import OrderRecord
from domain.order import OrderState
from starter.client import StartedOrder
from starter.prove.boundaries import Strike
from starter.prove.kills import AND
from starter.prove.trial import Trial

TWO_IDS = "two-ids"
ONE_ID = "one-id"
_KILLS = 10


def twin_places(boundaries: Sequence[str], dice: Random) -> list[str]:
    """Return both kinds of twins, undisturbed and with the worker killed at some boundaries where money is near."""
    near = [place for place in boundaries if place.startswith(("check_request/", "prepare_key/", "purchase/"))]
    struck = dice.sample(near, min(_KILLS, len(near)))
    return [TWO_IDS, ONE_ID, *(f"{kind}{AND}{place}" for place in struck for kind in (TWO_IDS, ONE_ID))]


async def twins(trial: Trial) -> None:
    """Order twice at once, kill the worker where the case wants it, and see what became of both."""
    kind, _, place = trial.case.at.partition(AND)
    await trial.set_scene()
    worker = await trial.lane.start_worker(Strike(place) if place else None)
    request_ids = ("twin-1", "twin-2" if kind == TWO_IDS else "twin-1")
    names = [f"{trial.name}-{request_id}" for request_id in request_ids]
    orders = await asyncio.gather(*(trial.lane.order(trial.name, request_id=name) for name in names))
    trial.started = orders[0]
    if place and await trial.until_struck(worker, over=_all_over(trial, orders)):
        await worker.ended.wait()
        for order in orders:
            trial.started = order
            await trial.miss_worker()
        await trial.lane.start_worker()
    await _all_over(trial, orders)
    if kind == ONE_ID:
        _compare_one(trial, orders)
    else:
        await _compare_two(trial, orders, is_disturbed=bool(place))


async def _all_over(trial: Trial, orders: Sequence[StartedOrder]) -> None:
    for order in orders:
        trial.started = order
        await trial.finish()


def _compare_one(trial: Trial, orders: Sequence[StartedOrder]) -> None:
    told = {(order.order_id, order.workflow_id, order.run_id) for order in orders}
    if len(told) != 1:
        trial.troubles.append(f"one request id led to {len(told)} runs: {sorted(told)}")


async def _compare_two(trial: Trial, orders: Sequence[StartedOrder], *, is_disturbed: bool) -> None:
    records = [await trial.lane.record(order) for order in orders]
    won = [number for number, it in enumerate(records) if it is not None and it.state == OrderState.ISSUED]
    if len(won) != 1:
        states = [it.state if it is not None else "no row" for it in records]
        trial.troubles.append(f"of two equal orders at once {len(won)} were issued: {', '.join(states)}")
        return
    trial.started, refused = orders[won[0]], records[1 - won[0]]
    assert refused is not None
    codes = ("duplicate-order", "already-issued") if is_disturbed else ("duplicate-order",)
    trial.troubles += _about_the_refused(refused, orders[won[0]].order_id, codes)


def _about_the_refused(refused: OrderRecord, other: str, codes: Sequence[str]) -> list[str]:
    found = []
    if refused.state != OrderState.REJECTED or refused.error_code not in codes:
        found.append(f"the second of two equal orders is {refused.state} ({refused.error_code or 'without a code'})")
    if other not in refused.detail:
        found.append(f"the refusal does not name the other order: {refused.detail}")
    if refused.seller_order_id:
        found.append(f"the refused order has number {refused.seller_order_id}")
    return found
