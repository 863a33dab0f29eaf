"""Asking for a refund with a real inventory: the bad days of a purchase, and at most one request each day."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from activities.messages import RefundResult
from activities.refund import ASK_AGAIN_AFTER, Refund
from domain import ids
from domain.errors import Ambiguous, EvercertError, Misconfigured, NotSent, NotYet, Refused, Unavailable
from domain.inventory import ActState
from domain.order import OrderState
from domain.seller import SellerState
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import AWAY, REJECTED_TOKEN
from tests.adapters.inventory_support import NOW, event

LOST = Ambiguous("refund-outcome-unknown", "the connection closed after the request was sent")


@pytest.fixture
async def bought(desk: Desk) -> Desk:
    await desk.buy()
    desk.shop.posts = 0
    return desk


def refunds(desk: Desk) -> Refund:
    return Refund(desk.inventory, desk.shop, desk.watermarks, desk.clock)


async def refund_state(desk: Desk, number: int = 1) -> ActState:
    return (await desk.act(ids.refund_id(desk.wanted.order_id, number))).state


async def refund_trail(desk: Desk) -> list[str]:
    return await desk.trail("refund.")


async def test_twice_request_refund(bought: Desk) -> None:
    first, second = await twice(refunds(bought).request_refund, bought.refund_given())
    assert first == second == RefundResult(outcome="requested", refund_request_id="77")
    assert bought.shop.posts == 1
    assert await refund_trail(bought) == ["refund.reserved", "refund.sending", "refund.requested"]
    assert (await bought.order()).state == OrderState.REFUNDING


async def test_requests_at_once_ask_once(bought: Desk) -> None:
    results = await at_once(refunds(bought).request_refund, bought.refund_given(), times=3)
    assert bought.shop.posts == 1
    assert any(isinstance(result, RefundResult) and result.outcome == "requested" for result in results)
    assert all(isinstance(result, RefundResult | NotYet) for result in results)
    assert (await bought.refund()).outcome == "requested"
    assert bought.shop.posts == 1


async def test_an_answer_lost_after_the_request_was_taken_is_found_again(bought: Desk) -> None:
    bought.shop.after_sale = LOST
    assert (await refused(bought.refund())).code == "refund-looking"
    assert await refund_state(bought) is ActState.SENDING
    assert (await bought.refund_until_settled()).outcome == "requested"
    assert bought.shop.posts == 1


async def test_an_answer_lost_before_ends_in_doubt_and_never_asks_again(bought: Desk) -> None:
    bought.shop.before_sale = LOST
    result = await bought.refund_until_settled()
    assert (result.outcome, result.code) == ("in-doubt", "refund-in-doubt")
    assert "lost" in result.message
    assert bought.clock.at - NOW >= timedelta(minutes=60)
    assert await bought.refund(person_asks=True) == result
    assert bought.shop.posts == 1


async def test_a_request_whose_answer_was_lost_is_looked_for_and_not_repeated(bought: Desk) -> None:
    bought.shop.before_sale = LOST
    for _ in range(3):
        error = await refused(bought.refund())
        assert (error.code, await refund_state(bought), bought.shop.posts) == ("refund-looking", ActState.SENDING, 1)
        bought.clock.move(seconds=10)


async def test_a_request_that_shows_up_while_in_doubt_is_taken_for_ours(bought: Desk) -> None:
    bought.shop.before_sale = LOST
    assert (await bought.refund_until_settled()).outcome == "in-doubt"
    bought.shop.alter(refund_request_id="88")
    assert await bought.refund() == RefundResult(outcome="requested", refund_request_id="88")
    assert bought.shop.posts == 1


async def test_a_crash_after_the_request_asks_once(bought: Desk) -> None:
    class Crash(BaseException):
        """A worker that dies: nothing after it runs."""

    original = bought.shop.request_refund

    async def take_and_die(*args: Any, **given: Any) -> Any:
        await original(*args, **given)
        raise Crash

    bought.shop.request_refund = take_and_die  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await bought.refund()
    bought.shop.request_refund = original  # type: ignore[method-assign]
    assert (await bought.refund_until_settled()).outcome == "requested"
    assert bought.shop.posts == 1


async def test_what_did_not_leave_the_process_is_asked_again(bought: Desk) -> None:
    bought.shop.before_post = lambda: bought.clock.move(seconds=31)
    with pytest.raises(NotSent):
        await bought.refund()
    assert (await refund_state(bought), bought.shop.posts) == (ActState.RESERVED, 0)
    bought.shop.before_post = lambda: None
    assert (await bought.refund()).outcome == "requested"
    assert bought.shop.posts == 1


async def test_a_frozen_request_that_wakes_after_its_deadline_sends_nothing(bought: Desk) -> None:
    entered, go = asyncio.Event(), asyncio.Event()
    original = bought.shop.request_refund

    async def frozen(*args: Any, **given: Any) -> Any:
        entered.set()
        await go.wait()
        return await original(*args, **given)

    bought.shop.request_refund = frozen  # type: ignore[method-assign]
    sleeper = asyncio.create_task(bought.refund())
    await entered.wait()
    bought.clock.move(minutes=62)
    assert (await bought.refund()).outcome == "in-doubt"
    go.set()
    with pytest.raises(NotYet):
        await sleeper
    assert bought.shop.posts == 0
    assert await refund_state(bought) is ActState.IN_DOUBT


async def test_a_refusal_waits_for_a_person_and_says_the_same_twice(bought: Desk) -> None:
    bought.shop.before_sale = Refused("refund-refused", "the seller says: too late")
    first, second = await twice(refunds(bought).request_refund, bought.refund_given())
    assert (first.outcome, first.code) == (second.outcome, second.code) == ("needs-person", "refund-refused")
    assert "lost" not in second.message
    assert bought.shop.posts == 1
    bought.shop.before_sale = None
    assert (await bought.refund(person_asks=True)).outcome == "requested"
    assert bought.shop.posts == 2


async def test_a_person_who_asks_again_repeats_no_request_that_the_seller_shows(bought: Desk) -> None:
    bought.shop.before_sale = Refused("refund-refused", "the seller says: too late")
    await bought.refund()
    bought.shop.before_sale = None
    bought.shop.alter(refund_request_id="99")  # asked for in the seller's portal meanwhile
    assert await bought.refund(person_asks=True) == RefundResult(outcome="requested", refund_request_id="99")
    assert bought.shop.posts == 1


async def test_a_rejected_token_parks_the_account_and_nothing_is_in_doubt(bought: Desk) -> None:
    bought.shop.before_sale = REJECTED_TOKEN
    assert (await refused(bought.refund())).code == "auth-rejected"
    assert await refund_state(bought) is ActState.RESERVED
    error = await refused(bought.refund())
    assert (type(error), error.code) == (Misconfigured, "account-parked")
    await bought.inventory.release_account("sandbox", event("sandbox", "account.released", "1"))
    bought.shop.before_sale = None
    assert (await bought.refund()).outcome == "requested"
    assert bought.shop.posts == 2


async def test_the_seller_away_means_wait_not_ask(bought: Desk) -> None:
    bought.shop.on_find = AWAY
    assert (await refused(bought.refund())).code == "seller-unreachable"
    assert bought.shop.posts == 0
    assert "could not look" in (await bought.order()).look


async def test_the_database_lost_between_answer_and_commit(bought: Desk) -> None:
    change = bought.inventory.change_act

    async def lost(act_id: str, **changes: Any) -> Any:
        if changes["to"] is ActState.PLACED:
            raise Unavailable("inventory-unavailable", "the inventory does not answer")
        return await change(act_id, **changes)

    bought.inventory.change_act = lost  # type: ignore[method-assign]
    assert (await refused(bought.refund())).code == "inventory-unavailable"
    bought.inventory.change_act = change  # type: ignore[method-assign]
    assert (await bought.refund_until_settled()).outcome == "requested"
    assert bought.shop.posts == 1


async def test_no_refund_while_the_purchase_is_in_doubt(desk: Desk) -> None:
    desk.shop.before_sale = Ambiguous("purchase-outcome-unknown", "lost")
    await refused(desk.buy())
    desk.shop.sell("", "positivessl", "www.example.test")
    posts = desk.shop.posts
    assert (await refused(desk.refund())).code == "act-in-progress"
    assert desk.shop.posts == posts


async def test_an_order_that_is_dead_already_is_approved_without_asking(bought: Desk) -> None:
    bought.shop.alter(state=SellerState.CANCELLED)
    assert (await bought.refund()).outcome == "approved"
    assert bought.shop.posts == 0


# waiting for the seller


@pytest.mark.parametrize("facts", [{"is_refund_approved": True}, {"state": SellerState.CANCELLED}])
async def test_twice_await_refund(bought: Desk, facts: dict[str, Any]) -> None:
    await bought.refund()
    bought.shop.alter(**facts)
    first, second = await twice(refunds(bought).await_refund, bought.refund_given())
    assert first == second == RefundResult(outcome="approved", refund_request_id="77")
    assert bought.shop.posts == 1


async def test_polls_at_once_see_the_same(bought: Desk) -> None:
    await bought.refund()
    bought.shop.alter(is_refund_approved=True)
    results = await at_once(refunds(bought).await_refund, bought.refund_given(), times=3)
    assert results == [RefundResult(outcome="approved", refund_request_id="77")] * 3


async def test_an_undecided_refund_is_told_after_a_week(bought: Desk) -> None:
    await bought.refund()
    pauses: list[timedelta] = []

    async def poll() -> RefundResult | EvercertError:
        try:
            return await run(refunds(bought).await_refund, bought.refund_given(), attempt=len(pauses) + 1)
        except NotYet as error:
            return error

    while isinstance(result := await poll(), EvercertError):
        assert result.code == "refund-pending"
        pauses.append(result.retry_after or timedelta())
        bought.clock.at += pauses[-1]
    assert bought.clock.at - NOW >= ASK_AGAIN_AFTER == timedelta(days=7)
    assert (result.outcome, result.code, result.refund_request_id) == ("undecided", "refund-undecided", "77")
    assert (pauses[0], max(pauses)) == (timedelta(seconds=2), timedelta(hours=4))
    assert bought.shop.posts == 1


async def test_the_next_request_is_an_act_of_its_own(bought: Desk) -> None:
    await bought.refund()
    bought.shop.alter(refund_request_id="")  # denied: the seller shows nothing any more
    assert (await bought.refund(number=2)).outcome == "requested"
    assert await refund_state(bought, 2) is ActState.PLACED
    assert bought.shop.posts == 2
