"""A run that has bought, with an inventory that was put back to before: the sale is written down again, once."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from activities.dcv import Dcv
from activities.issuance import Issuance
from activities.messages import AwaitInput, CollectInput, SellerRef
from activities.recalling import Recalling
from domain import ids
from domain.errors import EvercertError, NotYet, Unavailable
from domain.inventory import ActState
from domain.seller import SellerOrder
from tests.activities.desk import Desk, refused, run

Step = Callable[[Desk, SellerRef], Awaitable[Any]]


@pytest.fixture
async def sold(desk: Desk) -> SellerOrder:
    """The order is reserved here, as in a copy from before the purchase, and sold at the seller."""
    desk.shop.on_validate = Unavailable("seller-unreachable", "away")
    await refused(desk.buy())
    desk.shop.on_validate = None
    return desk.shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")


async def reads_proof(desk: Desk, given: SellerRef) -> None:
    await run(Dcv(desk.inventory, desk.shop, None, None, desk.clock).read_proof, given)  # type: ignore[arg-type]


async def awaits(desk: Desk, given: SellerRef) -> None:
    await run(Issuance(desk.inventory, desk.shop, None, desk.clock).await_issuance, AwaitInput(seller=given))  # type: ignore[arg-type]


async def collects(desk: Desk, given: SellerRef) -> None:
    desk.shop.leaves = ("not looked at",)
    wanted = CollectInput(seller=given, key_id=ids.key_id(desk.wanted.order_id, 1), certificate_id="crt_1")
    await run(Issuance(desk.inventory, desk.shop, None, desk.clock).collect, wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [reads_proof, awaits, collects])
async def test_every_step_behind_the_purchase_recalls_the_sale(desk: Desk, sold: SellerOrder, step: Step) -> None:
    given = SellerRef(run=desk.run, seller_order_id=sold.seller_order_id, names=desk.wanted.names)
    for _ in range(2):
        with suppress(EvercertError, AttributeError):  # what the step itself comes to is no matter here
            await step(desk, given)
    await require_recalled(desk, sold)


async def test_twice_and_what_is_known_is_left_alone(desk: Desk, sold: SellerOrder) -> None:
    recalling = Recalling(desk.inventory, desk.clock)
    before = await desk.inventory.order(desk.wanted.order_id)
    await recalling.recall(before, sold)
    with pytest.raises(NotYet, match="another attempt"):
        await overtaken(desk, sold)
    other = sold.model_copy(update={"seller_order_id": "4711"})
    await recalling.recall(await desk.inventory.order(desk.wanted.order_id), other)
    await recalling.recall(None, other)
    await require_recalled(desk, sold)


async def overtaken(desk: Desk, sold: SellerOrder) -> None:
    """Recall from what was seen before somebody else did."""
    recalling = Recalling(desk.inventory, desk.clock)
    act = await desk.inventory.act(desk.wanted.order_id)
    assert act is not None
    stale = act.model_copy(update={"state": ActState.RESERVED, "fence": act.fence - 1})
    await recalling._acts.change(stale, ActState.PLACED, "purchase.adopted", seller_order_id=sold.seller_order_id)


async def require_recalled(desk: Desk, sold: SellerOrder) -> None:
    order = await desk.inventory.order(desk.wanted.order_id)
    act = await desk.inventory.act(desk.wanted.order_id)
    assert order is not None
    assert act is not None
    assert (order.seller_order_id, act.state, act.seller_order_id) == (
        sold.seller_order_id,
        ActState.PLACED,
        sold.seller_order_id,
    )
    assert (await desk.trail("purchase")).count("purchase.adopted") == 1
