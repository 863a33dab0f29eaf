"""Rulings of a person with a real inventory: each that cannot be right is refused with its reason and changes nothing.

What is ruled rightly, and what follows from it, is in ``test_purchase``.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from activities.messages import PurchaseResult, ResolveInput
from activities.ports import Seller
from activities.rulings import Rulings
from domain.errors import EvercertError, Misconfigured, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord, ActState, Environment
from domain.seller import Money
from tests.activities.desk import Desk, refused, run
from tests.activities.shop import AWAY, LOST, Shop
from tests.adapters.inventory_support import NOW, event, order

CHANGED = Unavailable("seller-answer-changed", "the answer has a shape that is not known")


@pytest.fixture
async def doubt(desk: Desk) -> Desk:
    """A purchase whose answer was lost and which the seller does not show, an hour later."""
    desk.shop.before_sale = LOST
    await refused(desk.buy())
    assert (await desk.buy_until_settled()).outcome == "in-doubt"
    desk.shop.before_sale = None
    return desk


async def stands(desk: Desk, outcome: str, number: str | None = None) -> EvercertError:
    """Rule, be refused, and see that nothing was changed by it: not the act, not the order, not the trail."""
    before = await desk.act(), await desk.order(), await desk.trail(), desk.shop.posts
    error = await refused(desk.rule(outcome, number))
    assert (await desk.act(), await desk.order(), await desk.trail(), desk.shop.posts) == before
    return error


@dataclass
class Street:
    """A seller of its own for each account."""

    shops: dict[str, Shop]

    async def open(self, account: str | AccountRecord) -> Seller:
        return cast("Seller", self.shops[account if isinstance(account, str) else account.name])


async def second_account(desk: Desk) -> Shop:
    """Another account at another seller, under whose counter equal numbers mean other orders."""
    account = AccountRecord(
        name="main",
        environment=Environment.SANDBOX,
        base_url="http://127.0.0.1:2/rest",
        partner_code="2",
        secret_id="t",
    )
    await desk.inventory.add_account(account, b"sealed", event("main"))
    return Shop(desk.clock)


async def adopted(desk: Desk, number: str, account: str = "sandbox") -> str:
    """Another order of ours that has a number at the seller already."""
    other = order(2, name="www.other.test").model_copy(update={"account": account})
    await desk.inventory.open_order(other, NOW)
    act = await desk.inventory.reserve(
        other.order_id, fingerprint=None, owner="o", price=Money(amount=Decimal(1)), body_hash="", now=NOW
    )
    changes = act.model_copy(update={"seller_order_id": number})
    await desk.inventory.change_act(
        act.act_id, seen=act.state, fence=act.fence, to=ActState.PLACED, changes=changes,
        event=event(other.order_id), now=NOW,
    )  # fmt: skip
    return other.order_id


# placed


async def test_a_number_of_another_account_is_not_known_in_ours(doubt: Desk) -> None:
    elsewhere = await second_account(doubt)
    sold = elsewhere.sell("", "positivessl", "www.example.test")
    work = Rulings(doubt.inventory, cast("Any", Street({"sandbox": doubt.shop, "main": elsewhere})), doubt.clock)
    error = await refused(run(work.resolve_purchase, doubt.ruling("placed", sold.seller_order_id)))
    assert (type(error), error.code) == (Refused, "seller-order-unknown")
    assert elsewhere.finds == 0
    assert await doubt.state() is ActState.IN_DOUBT


async def test_an_equal_number_of_ours_in_another_account_is_another_order(doubt: Desk) -> None:
    await second_account(doubt)
    sold = doubt.shop.sell("", "positivessl", "www.example.test")
    await adopted(doubt, sold.seller_order_id, account="main")
    assert (await doubt.rule("placed", sold.seller_order_id)).outcome == "placed"


@pytest.mark.parametrize("reference", ["", "ours", "EC-SOMEBODY-ELSE"])
@pytest.mark.parametrize(("product", "name"), [("positivessl", "www.other.test"), ("essentialssl", "www.example.test")])
async def test_an_order_of_another_name_or_product_is_refused(
    doubt: Desk, reference: str, product: str, name: str
) -> None:
    own = doubt.wanted.order_id if reference == "ours" else reference
    sold = doubt.shop.sell(own, product, name)
    assert (await stands(doubt, "placed", sold.seller_order_id)).code == "order-not-ours"


async def test_an_equal_order_under_another_reference_is_refused(doubt: Desk) -> None:
    sold = doubt.shop.sell(order(2).order_id, "positivessl", "www.example.test")
    assert (await stands(doubt, "placed", sold.seller_order_id)).code == "order-not-ours"


@pytest.mark.parametrize("zeros", ["", "000"])
async def test_an_order_that_another_has_adopted_is_refused_and_named(doubt: Desk, zeros: str) -> None:
    sold = doubt.shop.sell("", "positivessl", "www.example.test")
    holder = await adopted(doubt, sold.seller_order_id)
    error = await stands(doubt, "placed", zeros + sold.seller_order_id)
    assert error.code == "seller-order-taken"
    assert holder in error.message


async def test_zeros_in_front_of_a_number_do_not_matter(doubt: Desk) -> None:
    sold = doubt.shop.sell("", "positivessl", "www.example.test")
    first = await doubt.rule("placed", f"00{sold.seller_order_id}")
    assert (first.outcome, first.seller_order_id) == ("placed", sold.seller_order_id)
    assert await doubt.rule("placed", sold.seller_order_id) == first
    assert await doubt.rule("placed", f"0{sold.seller_order_id}") == first


@pytest.mark.parametrize("number", ["0", "00000000000000000000"])
async def test_nought_is_no_number_and_nobody_is_asked(doubt: Desk, number: str) -> None:
    finds = doubt.shop.finds
    assert (await stands(doubt, "placed", number)).code == "seller-order-unknown"
    assert doubt.shop.finds == finds


async def test_the_greatest_number_is_not_known(doubt: Desk) -> None:
    assert (await stands(doubt, "placed", "9" * 20)).code == "seller-order-unknown"


# not placed


async def test_not_placed_is_refused_before_deadline_and_window_are_over(
    doubt: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In doubt after an hour; an administrator has given the seller three meanwhile."""
    account = doubt.inventory.account

    async def slow(name: str) -> Any:
        found = await account(name)
        return found and found.model_copy(update={"visibility_minutes": 180})

    monkeypatch.setattr(doubt.inventory, "account", slow)
    act = await doubt.act()
    assert act.send_deadline is not None
    over_at = act.send_deadline + timedelta(hours=3)
    for at in (doubt.clock.at, over_at - timedelta(seconds=1)):
        doubt.clock.at = at
        error = await stands(doubt, "not-placed")
        assert (error.code, error.next_step) == ("too-early-to-tell", "rule again after that time.")
        assert f"{over_at:%H:%M} UTC" in error.message
    doubt.clock.at = over_at
    assert (await doubt.rule("not-placed")).outcome == "reserved"


async def test_not_placed_is_refused_while_another_order_hides_ours(desk: Desk) -> None:
    """The seller showed our reference with another product; then nothing. The window has hardly begun."""
    desk.shop.after_sale = LOST
    await refused(desk.buy())
    desk.shop.alter(product="essentialssl")
    assert (await desk.buy_until_settled()).code == "order-not-ours"
    assert (await stands(desk, "not-placed")).code == "seller-shows-order"
    desk.shop.shows_after = timedelta(days=1)
    assert (await stands(desk, "not-placed")).code == "too-early-to-tell"


@pytest.mark.parametrize("shown", ["by id alone", "by list alone"])
async def test_not_placed_is_refused_while_the_seller_shows_the_order(
    doubt: Desk, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    doubt.shop.sell(doubt.wanted.order_id, "positivessl", "www.example.test")

    async def nothing_found(**_: str) -> None:
        return None

    async def nothing_listed(**_: object) -> tuple[()]:
        return ()

    if shown == "by id alone":
        monkeypatch.setattr(doubt.shop, "list_orders", nothing_listed)
    else:
        monkeypatch.setattr(doubt.shop, "find", nothing_found)
    error = await stands(doubt, "not-placed")
    assert (error.code, error.next_step) == (
        "seller-shows-order",
        f"evercert order check {doubt.wanted.order_id} adopts it",
    )


# an answer that proves nothing


@pytest.mark.parametrize(("outcome", "number"), [("placed", "9900000"), ("not-placed", None)])
async def test_a_ruling_waits_for_a_seller_that_is_away(doubt: Desk, outcome: str, number: str | None) -> None:
    doubt.shop.on_find = AWAY
    act = await doubt.act()
    error = await refused(doubt.rule(outcome, number))
    assert (type(error), error.code) == (Unavailable, "seller-unreachable")
    assert await doubt.act() == act


@pytest.mark.parametrize(("outcome", "number"), [("placed", "9900000"), ("not-placed", None)])
async def test_an_answer_that_nobody_understands_rules_nothing_and_parks_nobody(
    doubt: Desk, outcome: str, number: str | None
) -> None:
    doubt.shop.on_find = CHANGED
    error = await stands(doubt, outcome, number)
    assert (type(error), error.code) == (Misconfigured, "seller-answer-changed")  # told at once, not asked again
    account = await doubt.inventory.account("sandbox")
    assert account is not None and account.parked_code == ""


async def test_a_list_that_nobody_understands_rules_nothing(doubt: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def garbled(**_: object) -> tuple[()]:
        raise Unavailable(CHANGED.code, CHANGED.message)

    monkeypatch.setattr(doubt.shop, "list_orders", garbled)
    assert (await stands(doubt, "not-placed")).code == "seller-answer-changed"


async def test_with_a_parked_account_nothing_is_ruled(doubt: Desk) -> None:
    await doubt.inventory.park_account("sandbox", "auth-rejected", event("sandbox", "account.parked"))
    assert (await stands(doubt, "not-placed")).code == "account-parked"


# nothing to rule about, or not for this run


async def test_nothing_is_ruled_before_anything_was_reserved(desk: Desk) -> None:
    assert (await refused(desk.rule("abandon"))).code == "nothing-to-resolve"


async def test_nothing_is_ruled_while_the_purchase_is_looked_for(desk: Desk) -> None:
    desk.shop.before_sale = LOST
    await refused(desk.buy())
    for outcome, number in (("not-placed", None), ("abandon", None), ("placed", "9900000")):
        error = await stands(desk, outcome, number)
        assert (error.code, "is sending" in error.message) == ("nothing-to-resolve", True)


@pytest.mark.parametrize("outcome", ["refunded", "not-refunded"])
async def test_a_refund_is_not_ruled_about_here(doubt: Desk, outcome: str) -> None:
    assert (await stands(doubt, outcome)).code == "nothing-to-resolve"


async def test_another_run_may_not_rule(doubt: Desk) -> None:
    ruling = doubt.ruling("abandon")
    stranger = ruling.purchase.run.model_copy(update={"first_run_id": "run-2"})
    given = ruling.model_copy(update={"purchase": ruling.purchase.model_copy(update={"run": stranger})})
    work = Rulings(doubt.inventory, doubt.shop, doubt.clock)
    assert (await refused(run(work.resolve_purchase, given))).code == "not-owner"
    assert await doubt.state() is ActState.IN_DOUBT


# two at once

PAIRS = [("placed", "abandon"), ("abandon", "not-placed"), ("not-placed", "placed")]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
async def test_of_two_rulings_at_once_one_wins_and_the_other_is_told_what_won(
    doubt: Desk, monkeypatch: pytest.MonkeyPatch, pair: tuple[str, str]
) -> None:
    """Both have looked and found their ruling right before either is written down."""
    sold = doubt.shop.sell("", "positivessl", "www.example.test")
    given = [doubt.ruling(it, sold.seller_order_id if it == "placed" else None) for it in pair]
    door = asyncio.Barrier(2)
    change = doubt.inventory.change_act

    async def meet(*acts: Any, **changes: Any) -> Any:
        await door.wait()
        return await change(*acts, **changes)

    async def rule(it: ResolveInput) -> PurchaseResult:
        return await run(Rulings(doubt.inventory, doubt.shop, doubt.clock).resolve_purchase, it)

    with monkeypatch.context() as patch:
        patch.setattr(doubt.inventory, "change_act", meet)
        told = await asyncio.gather(*map(rule, given), return_exceptions=True)
    (won,) = [number for number, it in enumerate(told) if isinstance(it, PurchaseResult)]
    assert isinstance(told[1 - won], NotYet)  # Temporal asks again
    again = await refused(rule(given[1 - won]))
    assert again.code == "nothing-to-resolve"
    assert (await doubt.state()).value in again.message
    assert await rule(given[won]) == told[won]
    ruled = [kind for kind in await doubt.trail() if "ruled" in kind]
    assert ruled == [f"purchase.ruled-{given[won].ruling.outcome}"]
