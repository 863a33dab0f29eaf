"""The purchase activity with a real inventory: every bad day ends with at most one sale, and says where it stands."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.messages import PurchaseResult
from activities.ports import SendGate
from activities.rulings import Rulings
from domain.errors import EvercertError, Misconfigured, NotSent, NotYet, Refused, Unavailable
from domain.inventory import ActRecord, ActState, Environment
from domain.seller import Money, Placement, SellerOrder
from tests.activities.desk import Desk, twice
from tests.activities.shop import AWAY, LOST, REJECTED_TOKEN, Shop
from tests.adapters.inventory_support import NOW, event, order


async def refusal(desk: Desk, **changes: Any) -> EvercertError:
    with pytest.raises(EvercertError) as caught:
        await desk.buy(**changes)
    return caught.value


async def test_a_plain_purchase(desk: Desk) -> None:
    result = await desk.buy()
    assert (result.outcome, result.seller_order_id, result.adopted) == ("placed", "9900000", False)
    assert (len(desk.shop.sold), desk.shop.finds) == (1, 1)
    assert await desk.trail() == ["purchase.reserved", "purchase.sending", "purchase.placed"]


async def test_twice_purchase(desk: Desk) -> None:
    first, second = await twice(desk.buyer().purchase, desk.given)
    assert (second.outcome, second.seller_order_id) == ("placed", first.seller_order_id)
    assert desk.shop.posts == 1


async def test_an_answer_lost_after_the_sale_is_found_again(desk: Desk) -> None:
    desk.shop.after_sale = LOST
    assert (await refusal(desk)).code == "purchase-looking"
    result = await desk.buy_until_settled()
    assert (result.outcome, result.adopted, len(desk.shop.sold), desk.shop.posts) == ("placed", True, 1, 1)
    assert (await desk.trail())[-1] == "purchase.adopted"


async def test_an_answer_lost_before_the_sale_ends_in_doubt_and_never_posts_again(desk: Desk) -> None:
    desk.shop.before_sale = LOST
    await refusal(desk)
    result = await desk.buy_until_settled()
    assert (result.outcome, result.code) == ("in-doubt", "purchase-in-doubt")
    assert (len(desk.shop.sold), desk.shop.posts) == (0, 1)
    assert desk.clock.at - NOW >= timedelta(minutes=60)


async def test_a_sale_that_shows_up_after_forty_minutes_is_adopted(desk: Desk) -> None:
    desk.shop.after_sale, desk.shop.shows_after = LOST, timedelta(minutes=40)
    await refusal(desk)
    result = await desk.buy_until_settled()
    assert (result.outcome, result.adopted, len(desk.shop.sold)) == ("placed", True, 1)
    assert desk.clock.at - NOW >= timedelta(minutes=40)


async def test_a_sale_that_shows_up_after_the_window_is_adopted_when_a_person_asks(desk: Desk) -> None:
    desk.shop.after_sale, desk.shop.shows_after = LOST, timedelta(hours=3)
    await refusal(desk)
    assert (await desk.buy_until_settled()).outcome == "in-doubt"
    desk.clock.move(hours=3)
    result = await desk.buy(person_asks=True)
    assert (result.outcome, result.adopted, len(desk.shop.sold)) == ("placed", True, 1)


@pytest.mark.parametrize("mode", ["accept", "reject", "return"])
async def test_a_crash_after_the_sale_sells_once_in_every_mode(desk: Desk, mode: str) -> None:
    class Crash(BaseException):
        """A worker that dies: nothing after it runs."""

    desk.shop.repeated = mode
    original = desk.shop.sell

    def sell_and_die(*args: str) -> Any:
        original(*args)
        raise Crash

    desk.shop.sell = sell_and_die  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        await desk.buy()
    desk.shop.sell = original  # type: ignore[method-assign]
    assert await desk.state() is ActState.SENDING
    result = await desk.buy_until_settled()
    assert (result.outcome, result.adopted, len(desk.shop.sold)) == ("placed", True, 1)


async def test_nothing_left_the_process_so_the_purchase_is_tried_again(desk: Desk) -> None:
    desk.shop.before_post = lambda: desk.clock.move(seconds=31)  # the process was frozen past its deadline
    with pytest.raises(NotSent):
        await desk.buy()
    assert (await desk.state(), desk.shop.posts) == (ActState.RESERVED, 0)
    desk.shop.before_post = lambda: None
    assert (await desk.buy()).outcome == "placed"


async def test_the_intention_is_committed_before_anything_is_sent(desk: Desk) -> None:
    seen: list[ActRecord] = []

    class Watched(Shop):
        async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
            seen.append(await desk.act())  # by another connection: what is not committed does not show
            return await Shop.place(desk.shop, placement, gate)

    await desk.buy(Watched(desk.clock))
    assert [(row.state, row.send_deadline) for row in seen] == [(ActState.SENDING, NOW + timedelta(seconds=30))]
    assert seen[0].body_hash and seen[0].sender


@pytest.mark.parametrize("code", ["order-parameters-refused", "product-refused"])
async def test_what_the_seller_would_not_take_is_never_posted(desk: Desk, code: str) -> None:
    desk.shop.on_validate = Refused(code, "the seller says no")
    result = await desk.buy()
    assert (result.outcome, result.code, desk.shop.posts) == ("rejected", code, 0)
    assert "purchase.sending" not in await desk.trail()


@pytest.mark.parametrize(("asks_gate", "state"), [(False, ActState.RESERVED), (True, ActState.SENDING)])
async def test_a_shutdown_before_the_first_byte_leaves_nothing_in_doubt(
    desk: Desk, asks_gate: bool, state: ActState
) -> None:
    entered = asyncio.Event()

    class Connecting(Shop):
        async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
            if asks_gate:
                gate.may_send()
            entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    work = asyncio.create_task(desk.buy(Connecting(desk.clock)))
    await entered.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await desk.state() is state


async def test_a_live_seller_gets_a_quarter_of_an_hour_whatever_is_set(desk: Desk) -> None:
    account = await desk.inventory.account("sandbox")
    assert account is not None
    hasty = account.model_copy(update={"visibility_minutes": 1})
    live = hasty.model_copy(update={"environment": Environment.LIVE})
    assert account.window == timedelta(minutes=60)
    assert hasty.window == timedelta(minutes=1)
    assert live.window == timedelta(minutes=15)


async def test_a_clock_that_jumps_shuts_the_gate(desk: Desk) -> None:
    desk.clock.is_drifting = True
    with pytest.raises(NotSent):
        await desk.buy()
    assert desk.shop.posts == 0


async def test_a_frozen_attempt_that_wakes_after_a_ruling_sends_nothing(desk: Desk) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    class Frozen(Shop):
        async def place(self, placement: Any, gate: Any) -> Any:
            entered.set()
            await go.wait()
            return await Shop.place(desk.shop, placement, gate)

    frozen = asyncio.create_task(desk.buy(Frozen(desk.clock)))
    await entered.wait()
    desk.clock.move(minutes=62)
    assert (await desk.buy()).outcome == "in-doubt"
    await desk.rule("not-placed")
    assert (await desk.buy()).outcome == "placed"
    go.set()
    with pytest.raises((NotSent, NotYet)):
        await frozen
    assert (len(desk.shop.sold), desk.shop.posts) == (1, 1)
    assert await desk.state() is ActState.PLACED


async def test_two_attempts_at_once_sell_once(desk: Desk) -> None:
    results = await asyncio.gather(desk.buy(), desk.buy(), desk.buy(), return_exceptions=True)
    assert len(desk.shop.sold) == 1
    assert any(isinstance(r, PurchaseResult) and r.outcome == "placed" for r in results)
    assert all(isinstance(r, PurchaseResult | NotYet) for r in results)
    assert (await desk.buy()).outcome == "placed"


async def test_an_unknown_shape_of_answer_pauses_all_buying(desk: Desk) -> None:
    desk.shop.on_find = Unavailable("seller-answer-changed", "the answer has a shape that is not known")
    error = await refusal(desk)
    assert isinstance(error, Misconfigured)
    assert error.code == "seller-answer-changed"
    account = await desk.inventory.account("sandbox")
    assert account is not None and account.parked_code == "seller-answer-changed"
    desk.shop.on_find = None
    assert (await refusal(desk)).code == "account-parked"
    assert desk.shop.posts == 0


async def test_payment_required_waits_for_a_person_and_then_buys(desk: Desk) -> None:
    desk.shop.before_sale = Refused("seller-payment-required", "the balance is too low")
    result = await desk.buy()
    assert (result.outcome, result.code) == ("needs-person", "seller-payment-required")
    assert (await desk.buy()).outcome == "needs-person"
    assert desk.shop.posts == 1
    desk.shop.before_sale = None
    assert (await desk.buy(person_asks=True)).outcome == "placed"
    assert len(desk.shop.sold) == 1


async def test_a_token_rejected_between_look_up_and_post_parks_the_account(desk: Desk) -> None:
    desk.shop.before_sale = REJECTED_TOKEN
    assert (await refusal(desk)).code == "auth-rejected"
    assert await desk.state() is ActState.RESERVED
    account = await desk.inventory.account("sandbox")
    assert account is not None and account.parked_code == "auth-rejected"
    await desk.inventory.release_account("sandbox", event("sandbox", "account.released", "1"))
    desk.shop.before_sale = None
    assert (await desk.buy()).outcome == "placed"


@pytest.mark.parametrize("code", ["order-parameters-refused", "product-refused"])
async def test_definite_refusals_end_without_a_sale(desk: Desk, code: str) -> None:
    desk.shop.before_sale = Refused(code, "the seller says no")
    result = await desk.buy()
    assert (result.outcome, result.code, await desk.state()) == ("rejected", code, ActState.REJECTED)


async def test_a_price_above_the_limit_buys_nothing(desk: Desk) -> None:
    desk.shop.price = Decimal("9.99")  # risen since the check
    result = await desk.buy(max_price=Decimal("8.00"))
    assert (result.outcome, result.code, desk.shop.posts) == ("rejected", "price-over-limit", 0)


async def test_a_charge_that_differs_is_kept_and_flagged(desk: Desk) -> None:
    desk.shop.charges = Decimal("70.10")
    result = await desk.buy()
    assert (result.outcome, result.code, result.charged) == ("placed", "price-differs", Money(amount=Decimal("70.10")))


async def test_another_order_under_our_reference_calls_a_person(desk: Desk) -> None:
    desk.shop.sell(desk.wanted.order_id, "essentialssl", "www.other.test")
    result = await desk.buy()
    assert (result.outcome, result.code, desk.shop.posts) == ("needs-person", "order-not-ours", 0)


async def test_a_list_match_without_our_id_is_named_and_never_adopted(desk: Desk) -> None:
    desk.shop.before_sale = LOST
    await refusal(desk)
    desk.shop.sell("", "positivessl", "www.example.test")  # somebody bought the same in the seller's panel
    result = await desk.buy_until_settled()
    assert result.outcome == "in-doubt"
    assert "9900000" in result.message
    ruled = await desk.rule("placed", "9900000")
    assert (ruled.outcome, ruled.adopted) == ("placed", True)


async def test_what_the_list_shows_under_our_id_is_adopted(desk: Desk) -> None:
    desk.shop.after_sale = LOST
    await refusal(desk)
    by_id = desk.shop.find

    async def lagging(*, seller_order_id: str = "", custom_order_id: str = "") -> Any:
        return None if custom_order_id else await by_id(seller_order_id=seller_order_id)

    desk.shop.find = lagging  # type: ignore[method-assign]
    result = await desk.buy_until_settled()
    assert (result.outcome, result.adopted, len(desk.shop.sold)) == ("placed", True, 1)


async def test_the_seller_away_means_wait_not_buy(desk: Desk) -> None:
    desk.shop.on_find = AWAY
    assert (await refusal(desk)).code == "seller-unreachable"
    shown = await desk.inventory.order(desk.wanted.order_id)
    assert shown is not None and "could not look" in shown.look
    assert desk.shop.posts == 0


async def test_a_spent_budget_of_calls_is_waited_for_before_anything_is_asked_or_sent(desk: Desk) -> None:
    await desk.inventory.hold_account_until("sandbox", NOW + timedelta(seconds=20))
    error = await refusal(desk)
    assert (type(error), error.code, error.retry_after) == (NotYet, "rate-limited", timedelta(seconds=20))
    assert (desk.shop.finds, desk.shop.posts, await desk.trail()) == (0, 0, [])
    assert (await desk.buy_until_settled()).outcome == "placed"


async def test_another_run_may_not_touch_the_purchase(desk: Desk) -> None:
    await desk.buy()
    stranger = desk.given.run.model_copy(update={"first_run_id": "run-2"})
    error = await refusal(desk, run=stranger)
    assert error.code == "not-owner"


async def test_an_act_of_another_run_is_left_alone(desk: Desk) -> None:
    """The order is in our hands and its purchase is not: half of a take-over, or of a copy put back."""
    price = Money(amount=Decimal("7.10"))
    owner = "issue-9/run-9"
    await desk.inventory.reserve(
        desk.wanted.order_id, fingerprint=None, owner=owner, price=price, body_hash="", now=NOW
    )
    assert (await refusal(desk)).code == "not-owner"
    assert (desk.shop.posts, (await desk.act()).owner, await desk.state()) == (0, owner, ActState.RESERVED)


async def test_the_seller_is_told_the_order_s_own_id_by_every_attempt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    place = desk.shop.place

    async def heard(placement: Placement, gate: SendGate) -> SellerOrder:
        told.append(placement.order_id)
        return await place(placement, gate)

    monkeypatch.setattr(desk.shop, "place", heard)
    desk.shop.before_post = lambda: desk.clock.move(seconds=31)  # the first comes too late to send anything
    with pytest.raises(NotSent):
        await desk.buy()
    desk.shop.before_post = lambda: None
    assert (await desk.buy()).outcome == "placed"
    assert told == [desk.wanted.order_id] * 2


async def test_the_database_lost_between_answer_and_commit(desk: Desk) -> None:
    change = desk.inventory.change_act

    async def lost(act_id: str, **changes: Any) -> Any:
        if changes["to"] is ActState.PLACED:
            raise Unavailable("inventory-unavailable", "the inventory does not answer")
        return await change(act_id, **changes)

    desk.inventory.change_act = lost  # type: ignore[method-assign]
    assert (await refusal(desk)).code == "inventory-unavailable"
    desk.inventory.change_act = change  # type: ignore[method-assign]
    result = await desk.buy_until_settled()
    assert (result.outcome, result.adopted, len(desk.shop.sold)) == ("placed", True, 1)


async def test_a_sale_shown_under_another_name_is_looked_for_again_not_bought_again(desk: Desk) -> None:
    desk.shop.after_sale = LOST
    await refusal(desk)
    desk.shop.alter(product="essentialssl")
    assert (await desk.buy_until_settled()).code == "order-not-ours"
    desk.shop.shows_after = timedelta(days=1)  # and then it is not shown at all
    result = await desk.buy_until_settled(person_asks=True)
    assert (result.outcome, desk.shop.posts) == ("in-doubt", 1)


# rulings


async def in_doubt(desk: Desk) -> None:
    desk.shop.before_sale = LOST
    await refusal(desk)
    assert (await desk.buy_until_settled()).outcome == "in-doubt"
    desk.shop.before_sale = None


async def ruling_refused(desk: Desk, outcome: str, number: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        await desk.rule(outcome, number)
    return caught.value.code


async def test_not_placed_buys_once_and_only_after_the_window(desk: Desk) -> None:
    await in_doubt(desk)
    before = await desk.act()
    assert (await desk.rule("not-placed")).outcome == "reserved"
    assert (await desk.act()).fence == before.fence + 1
    assert (await desk.buy()).outcome == "placed"
    assert len(desk.shop.sold) == 1


@pytest.mark.parametrize("code", ["order-parameters-refused", "product-refused"])
async def test_a_refusal_after_a_ruling_does_not_tell_what_became_of_the_first_post(desk: Desk, code: str) -> None:
    await in_doubt(desk)
    await desk.rule("not-placed")
    desk.shop.before_sale = Refused(code, "the seller says no")
    assert (await refusal(desk)).code == "purchase-looking"
    assert await desk.state() is ActState.SENDING
    result = await desk.buy_until_settled()
    assert (result.outcome, desk.shop.posts) == ("in-doubt", 2)


@pytest.mark.parametrize("shown", ["by id and by list", "by list alone"])
async def test_not_placed_is_refused_while_the_seller_shows_the_order(desk: Desk, shown: str) -> None:
    await in_doubt(desk)
    desk.shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    if shown == "by list alone":

        async def nothing(*, seller_order_id: str = "", custom_order_id: str = "") -> None:
            return None

        desk.shop.find = nothing  # type: ignore[method-assign]
    assert await ruling_refused(desk, "not-placed") == "seller-shows-order"


async def test_not_placed_is_refused_before_the_window_is_over(desk: Desk) -> None:
    await in_doubt(desk)
    desk.clock.at = NOW + timedelta(minutes=30)
    assert await ruling_refused(desk, "not-placed") == "too-early-to-tell"


async def test_placed_is_refused_for_what_is_not_ours(desk: Desk) -> None:
    await in_doubt(desk)
    other = order(2, name="www.other.test")
    await desk.inventory.open_order(other, NOW)
    foreign = desk.shop.sell(other.order_id, "positivessl", "www.other.test")
    wrong_name = desk.shop.sell("", "positivessl", "www.third.test")
    assert await ruling_refused(desk, "placed", "123") == "seller-order-unknown"
    assert await ruling_refused(desk, "placed", foreign.seller_order_id) == "order-not-ours"
    assert await ruling_refused(desk, "placed", wrong_name.seller_order_id) == "order-not-ours"
    assert await desk.state() is ActState.IN_DOUBT


async def test_placed_is_refused_for_an_order_adopted_by_another(desk: Desk) -> None:
    await in_doubt(desk)
    taken = desk.shop.sell("", "positivessl", "www.example.test")
    other = order(2, name="www.other.test")
    await desk.inventory.open_order(other, NOW)
    act = await desk.inventory.reserve(
        other.order_id, fingerprint=None, owner="o", price=Money(amount=Decimal(1)), body_hash="", now=NOW
    )
    await desk.inventory.change_act(
        act.act_id, seen=act.state, fence=act.fence, to=ActState.PLACED,
        changes=act.model_copy(update={"seller_order_id": taken.seller_order_id}), event=event(other.order_id), now=NOW,
    )  # fmt: skip
    assert await ruling_refused(desk, "placed", taken.seller_order_id) == "seller-order-taken"


@pytest.mark.parametrize("outcome", ["placed", "not-placed", "abandon"])
async def test_twice_resolve_purchase(desk: Desk, outcome: str) -> None:
    await in_doubt(desk)
    found = None
    if outcome == "placed":
        found = desk.shop.sell("", "positivessl", "www.example.test").seller_order_id
    work = Rulings(desk.inventory, desk.shop, desk.clock)
    first, second = await twice(work.resolve_purchase, desk.ruling(outcome, found))
    assert first == second
    trail = await desk.trail()
    assert trail.count(f"purchase.ruled-{outcome}") == 1


async def test_a_ruling_is_repeated_only_while_nothing_came_after_it(desk: Desk) -> None:
    await in_doubt(desk)
    await desk.rule("not-placed")
    desk.shop.before_post = lambda: desk.clock.move(seconds=31)
    with pytest.raises(NotSent):
        await desk.buy()  # the purchase goes on, and is back where the ruling left it
    assert await ruling_refused(desk, "not-placed") == "nothing-to-resolve"


async def test_of_two_rulings_at_once_one_is_taken(desk: Desk) -> None:
    await in_doubt(desk)
    found = desk.shop.sell("", "positivessl", "www.example.test")
    results = await asyncio.gather(
        desk.rule("placed", found.seller_order_id), desk.rule("abandon"), return_exceptions=True
    )
    assert sum(isinstance(r, PurchaseResult) for r in results) == 1
    assert sum(isinstance(r, Refused | NotYet) for r in results) == 1


async def test_abandon_stops_looking(desk: Desk) -> None:
    await in_doubt(desk)
    assert (await desk.rule("abandon")).outcome == "abandoned"
    assert (await desk.rule("abandon")).outcome == "abandoned"
    result = await desk.buy()
    assert (result.outcome, result.code) == ("abandoned", "purchase-abandoned")
    assert desk.shop.posts == 1


async def test_nothing_is_ruled_about_a_settled_purchase(desk: Desk) -> None:
    await desk.buy()
    assert await ruling_refused(desk, "not-placed") == "nothing-to-resolve"
    assert await ruling_refused(desk, "abandon") == "nothing-to-resolve"
