"""Each guard of the purchase, switched off alone in the running code: the same bad day then sells twice.

A guard whose absence no test notices may be lost in a refactoring. Every row of ``GUARDS`` is a story that ends with one
sale, and the one thing that keeps it from ending with two.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.messages import PurchaseResult
from activities.ports import SendGate
from domain import purchase
from domain.errors import EvercertError, Refused
from domain.inventory import ActRecord, ActState, NewOrder
from domain.purchase import Decision, Sight, Step
from domain.seller import Placement, SellerOrder
from tests.activities.desk import Desk
from tests.activities.shop import LOST, Shop, StandingClock
from tests.adapters.inventory_support import NOW, ON_BOTH, order

Story = Callable[[Desk], Awaitable[None]]
SwitchOff = Callable[[Desk, pytest.MonkeyPatch], None]


class Crash(BaseException):
    """A worker that dies: nothing after it runs."""


class Meeting(Shop):
    """A seller at whose door attempts wait for each other, with the look-up behind them and the sale before them."""

    def __init__(self, clock: StandingClock, many: int) -> None:
        super().__init__(clock)
        self.door = asyncio.Barrier(many)

    async def validate(self, placement: Placement) -> None:
        await self.door.wait()


class Freezing(Shop):
    """A seller on the way to whom an attempt falls asleep: after the commit of ``sending``, before the gate."""

    def __init__(self, real: Shop) -> None:
        super().__init__(real.clock)
        self.real, self.asleep, self.wake = real, asyncio.Event(), asyncio.Event()

    async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
        self.asleep.set()
        await self.wake.wait()
        return await self.real.place(placement, gate)


async def settled(desk: Desk, **changes: Any) -> PurchaseResult:
    """Go on as Temporal and a diligent person would: *not placed* is ruled as soon as that is taken."""
    result = await desk.buy_until_settled(**changes)
    if result.outcome == "in-doubt":
        with suppress(Refused):
            await desk.rule("not-placed")
        result = await desk.buy_until_settled()
    return result


# Stories


async def two_attempts_at_once(desk: Desk) -> None:
    desk.shop = Meeting(desk.clock, 2)
    await asyncio.gather(desk.buy(), desk.buy(), return_exceptions=True)


async def frozen_attempt_wakes_beside_a_sale_that_does_not_show_yet(desk: Desk) -> None:
    asleep, sleeper = await _frozen_until_a_ruling(desk)
    desk.shop.after_sale, desk.shop.shows_after = LOST, timedelta(minutes=10)
    with suppress(EvercertError):
        await desk.buy()
    desk.shop.after_sale = None
    asleep.wake.set()
    await asyncio.gather(sleeper, return_exceptions=True)
    await settled(desk)


async def frozen_attempt_wakes_after_the_order_was_bought(desk: Desk) -> None:
    asleep, sleeper = await _frozen_until_a_ruling(desk)
    assert (await desk.buy()).outcome == "placed"
    asleep.wake.set()
    await asyncio.gather(sleeper, return_exceptions=True)


async def _frozen_until_a_ruling(desk: Desk) -> tuple[Freezing, "asyncio.Task[PurchaseResult]"]:
    asleep = Freezing(desk.shop)
    sleeper = asyncio.create_task(desk.buy(asleep))
    await asleep.asleep.wait()
    desk.clock.move(minutes=62)
    assert (await desk.buy()).outcome == "in-doubt"
    await desk.rule("not-placed")
    return asleep, sleeper


async def crash_after_the_sale(desk: Desk) -> None:
    sell = desk.shop.sell

    def sell_and_die(reference: str, product: str, name: str) -> SellerOrder:
        sell(reference, product, name)
        raise Crash

    desk.shop.sell = sell_and_die  # type: ignore[method-assign]
    with suppress(Crash):
        await desk.buy()
    desk.shop.sell = sell  # type: ignore[method-assign]
    await settled(desk)


async def inventory_that_never_heard_of_its_sale(desk: Desk) -> None:
    """It was restored from a backup of before."""
    desk.shop.sell(desk.wanted.order_id, desk.wanted.product, desk.wanted.common_name)
    await desk.buy()


async def sale_that_shows_up_late(desk: Desk) -> None:
    desk.shop.after_sale, desk.shop.shows_after = LOST, timedelta(minutes=40)
    with suppress(EvercertError):
        await desk.buy()
    desk.shop.after_sale = None
    await settled(desk)


async def sale_that_looks_like_another_order_at_first(desk: Desk) -> None:
    desk.shop.after_sale = LOST
    with suppress(EvercertError):
        await desk.buy()
    desk.shop.after_sale = None
    right = desk.shop.sold[-1]
    desk.shop.alter(product="essentialssl")
    assert (await desk.buy_until_settled()).code == "order-not-ours"
    desk.shop.alter(**right.model_dump(include={"product"}))
    desk.shop.shows_after = timedelta(minutes=30)
    await settled(desk, person_asks=True)


async def equal_orders_of_two_runs(desk: Desk) -> None:
    other = Desk(desk.inventory, desk.clock, desk.shop, order(2))
    await _open_like(desk, other.wanted)
    await desk.buy()
    given = other.given.model_copy(update={"key_id": desk.given.key_id})
    await other.buy(**given.model_dump(include={"key_id"}))


async def _open_like(desk: Desk, wanted: NewOrder) -> None:
    await desk.inventory.open_order(wanted, NOW)


# What is switched off


def _changes(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, of_state: bool) -> None:
    """Let an act be changed whatever its fence is by now, and whatever its state is, too."""
    original = desk.inventory.change_act

    async def change(act_id: str, *, seen: ActState, **rest: Any) -> ActRecord | None:
        while True:
            stands = await desk.act(act_id)
            if stands.state is not seen and not of_state:
                return None
            given = rest | {"fence": stands.fence}
            if (changed := await original(act_id, seen=stands.state, **given)) is not None:
                return changed

    monkeypatch.setattr(desk.inventory, "change_act", change)


def compare_and_set(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second look at what was committed, too: it is there for an exchanged file, and sees this as well."""
    _changes(desk, monkeypatch, of_state=True)

    async def believed(*_: object) -> None:
        return None

    monkeypatch.setattr("activities.sending.Sending._require_commit", believed)


def fence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _changes(desk, monkeypatch, of_state=False)


class OpenGate:
    """Lets everything out."""

    def may_send(self) -> bool:
        return True


def deadline(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.clock, "send_gate", lambda _: OpenGate())


def look_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(**_: str) -> None:
        return None

    async def nothing_listed(*, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        return ()

    monkeypatch.setattr(desk.shop, "find", nothing)
    monkeypatch.setattr(desk.shop, "list_orders", nothing_listed)


def visibility_window(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.inventory.account

    async def impatient(name: str) -> Any:
        found = await account(name)
        return found and found.model_copy(update={"visibility_minutes": 0})

    monkeypatch.setattr(desk.inventory, "account", impatient)


def _decisions(monkeypatch: pytest.MonkeyPatch, other: Callable[[ActRecord, Decision], Decision]) -> None:
    decide = purchase.decide

    def changed(act: ActRecord, seen: Sight, **given: Any) -> Decision:
        return other(act, decide(act, seen, **given))

    monkeypatch.setattr(purchase, "decide", changed)


def who_finds_sending_never_posts(_: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _decisions(
        monkeypatch, lambda act, decided: replace(decided, step=Step.SEND) if decided.step is Step.WAIT else decided
    )


def what_may_have_been_sent_is_not_reserved_again(_: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _decisions(monkeypatch, lambda act, decided: replace(decided, to=ActState.RESERVED))


def open_fingerprint(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = desk.inventory.reserve

    async def without(order_id: str, *, fingerprint: str | None, **rest: Any) -> ActRecord:
        return await reserve(order_id, fingerprint=None, **rest)

    monkeypatch.setattr(desk.inventory, "reserve", without)


@dataclass(frozen=True)
class Guard:
    """What keeps the sales of a story at one."""

    switch_off: SwitchOff
    story: Story

    def __str__(self) -> str:
        return f"{self.switch_off.__name__}-{self.story.__name__}"


GUARDS = [
    Guard(compare_and_set, two_attempts_at_once),
    Guard(fence, frozen_attempt_wakes_beside_a_sale_that_does_not_show_yet),
    Guard(deadline, frozen_attempt_wakes_after_the_order_was_bought),
    Guard(look_up, crash_after_the_sale),
    Guard(look_up, inventory_that_never_heard_of_its_sale),
    Guard(visibility_window, sale_that_shows_up_late),
    Guard(who_finds_sending_never_posts, sale_that_shows_up_late),
    Guard(what_may_have_been_sent_is_not_reserved_again, sale_that_looks_like_another_order_at_first),
    Guard(open_fingerprint, equal_orders_of_two_runs),
]


@ON_BOTH
@pytest.mark.parametrize("guard", GUARDS, ids=str)
async def test_with_its_guard_a_bad_day_sells_once(desk: Desk, guard: Guard) -> None:
    await guard.story(desk)
    assert len(desk.shop.sold) == 1
    assert await desk.state() is ActState.PLACED


@ON_BOTH
@pytest.mark.parametrize("guard", GUARDS, ids=str)
async def test_without_it_the_same_day_sells_twice(desk: Desk, guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.switch_off(desk, monkeypatch)
    await guard.story(desk)
    assert len(desk.shop.sold) == 2
