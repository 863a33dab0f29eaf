"""The seller's list is read once for all who ask together, never for one who asks too late, and never in part."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from activities import seller_lists
from activities.ports import Seller
from activities.seller_calls import SellerCalls
from activities.seller_lists import SellerLists, read_whole
from domain.errors import Unavailable
from domain.inventory import ActState
from domain.seller import SellerOrder, SellerState
from tests.activities.desk import Desk, refused
from tests.activities.shop import LOST
from tests.adapters.inventory_support import NOW

SINCE = NOW - timedelta(days=1)


@dataclass
class Counter:
    """A seller that shows its list when it is let, as it is at that moment, and remembers what it was asked.

    Attributes:
        rows: what it sold.
        page_size: rows of a page.
        knows_pages: else each page is the whole list.
        asked: since when and which page, for each question.
        let: set: it answers; cleared: a question waits.
        error: raised instead of an answer.
    """

    rows: list[SellerOrder] = field(default_factory=list)
    page_size: int = 2
    knows_pages: bool = True
    asked: list[tuple[datetime, int]] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    error: Unavailable | None = None

    def __post_init__(self) -> None:
        self.let.set()

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        self.asked.append((since, page))
        rows = list(self.rows)
        await self.let.wait()
        if self.error is not None:
            raise self.error
        if not self.knows_pages:
            return tuple(rows)
        return tuple(rows[(page - 1) * self.page_size : page * self.page_size])

    @property
    def readings(self) -> list[datetime]:
        """Since when each reading wanted to see sales."""
        return [since for since, page in self.asked if page == 1]

    def sell(self, count: int = 1, **facts: Any) -> None:
        for _ in range(count):
            self.rows.append(
                SellerOrder(seller_order_id=str(len(self.rows) + 1), state=SellerState.PENDING, ordered_at=NOW, **facts)
            )

    @property
    def opened(self) -> Seller:
        return cast("Seller", self)


@pytest.fixture
async def counter() -> Counter:
    return Counter()


def asking(lists: SellerLists, counter: Counter, since: datetime = SINCE, account: str = "main") -> Any:
    return asyncio.create_task(lists.read(account, counter.opened, since))


async def under_way(counter: Counter, count: int = 1) -> None:
    """Wait until that many questions were asked."""
    while len(counter.asked) < count:
        await asyncio.sleep(0)


async def test_who_asks_together_reads_once_from_the_earliest_instant(counter: Counter) -> None:
    counter.sell(5)
    lists, earlier = SellerLists(), SINCE - timedelta(days=3)
    seen = await asyncio.gather(*(asking(lists, counter, since) for since in (SINCE, earlier, SINCE)))
    assert [len(rows) for rows in seen] == [5, 5, 5]
    assert counter.readings == [earlier]


async def test_who_asks_later_sees_what_was_sold_before_the_question(counter: Counter) -> None:
    lists = SellerLists()
    counter.let.clear()
    first = asking(lists, counter)
    await under_way(counter)
    counter.sell()
    later = [asking(lists, counter) for _ in range(4)]
    await asyncio.sleep(0.01)
    assert len(counter.asked) == 1
    counter.let.set()
    assert await first == ()
    assert [len(rows) for rows in await asyncio.gather(*later)] == [1, 1, 1, 1]
    assert len(counter.readings) == 2


async def test_a_slow_reading_is_not_waited_for_without_end(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seller_lists, "_LONGEST_REST", 0.01)
    lists = SellerLists()
    counter.let.clear()
    both = [asking(lists, counter)]
    await under_way(counter)
    both.append(asking(lists, counter))
    await under_way(counter, 2)
    counter.let.set()
    assert await asyncio.gather(*both) == [(), ()]


async def test_each_account_is_read_for_itself(counter: Counter) -> None:
    lists = SellerLists()
    await asyncio.gather(asking(lists, counter), asking(lists, counter, account="other"))
    assert len(counter.readings) == 2


async def test_what_goes_wrong_is_told_to_each_as_its_own_and_the_next_reads_anew(counter: Counter) -> None:
    counter.error = Unavailable("seller-throttled", "busy", retry_after=timedelta(seconds=7), why=("HTTP 429",))
    lists = SellerLists()
    errors = await asyncio.gather(*(asking(lists, counter) for _ in range(2)), return_exceptions=True)
    assert [(e.code, e.message, e.why, e.retry_after) for e in errors if isinstance(e, Unavailable)] == [
        ("seller-throttled", "busy", ("HTTP 429",), timedelta(seconds=7))
    ] * 2
    assert len({id(error) for error in (*errors, counter.error)}) == 3
    assert len(counter.readings) == 1
    counter.error = None
    assert await lists.read("main", counter.opened, SINCE) == ()


async def test_who_goes_away_takes_nothing_from_the_others(counter: Counter) -> None:
    lists = SellerLists()
    counter.let.clear()
    gone, staying = asking(lists, counter), asking(lists, counter)
    await under_way(counter)
    gone.cancel()
    await asyncio.wait({gone})
    counter.let.set()
    assert gone.cancelled() and await staying == ()
    assert len(counter.asked) == 1


@pytest.mark.parametrize("has_begun", [True, False])
async def test_a_reading_that_nobody_waits_for_ends_and_is_joined_by_nobody(counter: Counter, has_begun: bool) -> None:
    lists = SellerLists()
    counter.let.clear()
    before = [asking(lists, counter)]
    await under_way(counter)
    if not has_begun:
        before.append(asking(lists, counter))
        await asyncio.sleep(0)
    for task in before:
        task.cancel()
    await asyncio.wait(before)
    counter.let.set()
    counter.sell()
    assert len(await lists.read("main", counter.opened, SINCE)) == 1
    assert len(counter.readings) == 2
    assert len(asyncio.all_tasks()) == 1  # the test itself


async def test_a_list_is_read_to_its_end_or_not_at_all(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seller_lists, "MOST_PAGES", 3)
    counter.sell(4)
    assert len(await read_whole(counter.opened, SINCE)) == 4
    counter.sell()
    assert (await refused(read_whole(counter.opened, SINCE))).code == "seller-list-too-long"


async def test_a_seller_without_pages_is_read_twice_and_no_more(counter: Counter) -> None:
    counter.knows_pages = False
    counter.sell(5)
    assert len(await read_whole(counter.opened, SINCE)) == 5
    assert len(counter.asked) == 2


async def test_what_others_asked_for_is_left_out_unless_it_carries_a_reference(desk: Desk, counter: Counter) -> None:
    await desk.buy()
    act = await desk.act()
    counter.sell()
    counter.sell(custom_order_id="EC-OTHER")
    counter.rows = [row.model_copy(update={"ordered_at": NOW - timedelta(days=5)}) for row in counter.rows]
    counter.sell()
    calls = SellerCalls(desk.inventory, desk.shop, desk.clock)
    joint = await calls.listed_since(counter.opened, act, "sandbox")
    assert [row.seller_order_id for row in joint] == ["2", "3"]
    assert len(await calls.listed_since(counter.opened, act)) == 3


# What follows from a list that is too long


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seller_lists, "MOST_PAGES", 0)


@pytest.mark.usefixtures("endless")
async def test_a_lost_answer_and_a_list_too_long_call_a_person_who_is_told(desk: Desk) -> None:
    desk.shop.before_sale = LOST
    result = await desk.buy_until_settled()
    assert (result.outcome, result.code) == (ActState.IN_DOUBT.value, "purchase-in-doubt")
    assert "was not read to its end" in result.message
    assert desk.shop.posts == 1
    assert (await refused(desk.rule("not-placed"))).code == "seller-list-too-long"
    assert (await desk.state(), desk.shop.posts) == (ActState.IN_DOUBT, 1)


@pytest.mark.usefixtures("endless")
async def test_nothing_is_sent_where_the_list_had_to_show_that_nothing_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_old(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(desk.inventory), "is_look_fresh", is_old)
    assert (await refused(desk.buy())).code == "seller-list-too-long"
    assert (await desk.state(), desk.shop.posts) == (ActState.RESERVED, 0)
