"""The budget of calls as activities meet it: a short *not yet* before anything is done, and the seller's own pause for all."""

from datetime import timedelta

import pytest

from activities.checks import Checks
from activities.messages import CheckInput
from domain.errors import NotYet, Unavailable
from domain.inventory import ActState
from domain.request import OrderRequest
from tests.activities.desk import Desk, refused, run
from tests.adapters.inventory_support import NOW, event

PAUSE = timedelta(seconds=30)


async def spend(desk: Desk) -> None:
    while await desk.inventory.take_token("sandbox", desk.clock.at) is None:
        pass


async def test_without_a_token_nothing_is_reserved_or_sent(desk: Desk) -> None:
    await spend(desk)
    error = await refused(desk.buy())
    assert isinstance(error, NotYet) and error.code == "rate-limited"
    assert error.retry_after is not None and error.retry_after <= timedelta(seconds=1)
    assert (desk.shop.posts, desk.shop.finds) == (0, 0)
    assert await desk.inventory.act(desk.wanted.order_id) is None
    desk.clock.at += error.retry_after
    await desk.buy()
    assert desk.shop.posts == 1 and await desk.state() is ActState.PLACED


async def test_a_plain_order_needs_few_tokens(desk: Desk) -> None:
    await desk.buy()
    spent = 0
    while await desk.inventory.take_token("sandbox", desk.clock.at) is None:
        spent += 1
    assert spent == 99


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (PAUSE, PAUSE),
        (timedelta(hours=20), timedelta(hours=1)),
    ],
)
async def test_a_pause_that_the_seller_asks_for_holds_every_order(
    desk: Desk, asked: timedelta, held: timedelta
) -> None:
    desk.shop.on_find = Unavailable("seller-throttled", "the seller asks to come back later", retry_after=asked)
    assert (await refused(desk.buy())).code == "seller-throttled"
    desk.shop.on_find = None
    finds = desk.shop.finds
    error = await refused(desk.buy())
    assert (error.code, error.retry_after) == ("rate-limited", held)
    assert desk.shop.finds == finds
    desk.clock.at += held
    await desk.buy()
    assert desk.shop.posts == 1


async def test_a_seller_that_is_merely_away_holds_nobody(desk: Desk) -> None:
    desk.shop.on_find = Unavailable("seller-unreachable", "nobody answers")
    assert (await refused(desk.buy())).code == "seller-unreachable"
    desk.shop.on_find = None
    await desk.buy()
    assert desk.shop.posts == 1


async def test_other_accounts_go_on(desk: Desk) -> None:
    account = await desk.inventory.account("sandbox")
    assert account is not None
    other = account.model_copy(update={"name": "other", "secret_id": "s2"})
    await desk.inventory.add_account(other, b"sealed", event("other"))
    await desk.inventory.hold_account_until("other", NOW + PAUSE)
    await desk.buy()
    assert desk.shop.posts == 1


async def test_reads_take_tokens_too(blank_desk: Desk) -> None:
    request = OrderRequest.model_validate(
        {
            "account": "sandbox",
            "product": "positivessl",
            "common_name": "www.example.test",
            "months": 12,
            "dcv": {"method": "dns", "dns_account": "sandbox"},
        }
    )
    await blank_desk.inventory.open_order(blank_desk.wanted, NOW)
    work = Checks(blank_desk.inventory, blank_desk.shop, None, blank_desk.clock)  # type: ignore[arg-type]  # asks no DNS
    given = CheckInput(request=request, run=blank_desk.run)
    await spend(blank_desk)
    error = await refused(run(work.check_offer, given))
    assert error.code == "rate-limited" and await blank_desk.inventory.products("sandbox") == ()
