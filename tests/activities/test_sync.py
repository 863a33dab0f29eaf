"""Looking after lost orders and unknown sales: what is concluded from whole lists alone, and repeated without harm."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities import sync as activities
from activities.messages import Compared, CompareInput, OrphanSearch, OrphansFound, SyncTally
from activities.order_runs import TakenUp
from activities.sync import Sync
from domain import ids, sync
from domain.errors import EvercertError, InvalidRequest, Misconfigured, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord, ActState, Environment, OrderChange, OrderRecord
from domain.seller import SellerOrder, SellerState
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import LOST, Shop
from tests.adapters.inventory_support import NOW, PRICE, event, order

STRANGER = ids.order_id("evercert", "nowhere", "run-1")
GIVEN = CompareInput(account="sandbox")


@dataclass
class FakeRuns:
    """Temporal as far as it matters here: which workflows are alive, who takes up which order, who was nudged."""

    alive: set[str] = field(default_factory=set)
    taken: dict[str, str] = field(default_factory=dict)
    nudged: list[str] = field(default_factory=list)
    refusals: dict[str, EvercertError] = field(default_factory=dict)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)

    async def is_alive(self, workflow_id: str, run_id: str) -> bool:
        return workflow_id in self.alive

    async def was_cancelled(self, workflow_id: str, run_id: str) -> bool:
        return workflow_id in self.cancelled

    async def is_attended(self, order: OrderRecord) -> bool:
        return order.workflow_id in self.alive or order.order_id in self.taken

    async def take_up(self, order: OrderRecord, *, by: str, reason: str) -> TakenUp:
        if order.order_id in self.refusals:
            raise self.refusals[order.order_id]
        self.reasons.append((by, reason))
        was_running = order.order_id in self.taken
        workflow_id = self.taken.setdefault(order.order_id, ids.resume_workflow_id(order.order_id, 1))
        return TakenUp(workflow_id, "run-9", was_running)

    async def nudge(self, workflow_id: str) -> None:
        self.nudged.append(workflow_id)


@dataclass
class ListingShop(Shop):
    """A shop whose list has pages and bad days."""

    page_size: int = 100
    on_page: dict[int, EvercertError] = field(default_factory=dict)
    knows_pages: bool = True
    is_locked: bool = False
    hides: set[str] = field(default_factory=set)
    asked_since: list[datetime] = field(default_factory=list)

    async def check_credentials(self) -> None:
        if self.is_locked:
            raise Refused("auth-rejected", "the token is turned down")

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        self.asked_since.append(since)
        if self.is_locked:
            return ()  # as some do
        if page in self.on_page:
            raise self.on_page[page]
        rows = [row for row in await super().list_orders(since=since) if row.seller_order_id not in self.hides]
        begin = (page - 1) * self.page_size if self.knows_pages else 0
        return tuple(rows[begin : begin + self.page_size])


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def shop(desk: Desk) -> ListingShop:
    desk.shop = ListingShop(desk.clock)
    return desk.shop


def work(desk: Desk, runs: FakeRuns) -> Sync:
    return Sync(desk.inventory, desk.shop, runs, desk.clock)


async def compared(desk: Desk, runs: FakeRuns) -> Compared:
    return await run(work(desk, runs).compare_account, GIVEN)


async def alerts(desk: Desk, **more: Any) -> list[tuple[str, str]]:
    return sorted((it.kind.value, it.seller_order_id) for it in await desk.inventory.alerts(**more))


async def compared_at(desk: Desk) -> datetime | None:
    account = await desk.inventory.account("sandbox")
    assert account is not None
    return account.compared_at


# orders whose run is lost


async def test_twice_find_orphans(desk: Desk, runs: FakeRuns) -> None:
    first, second = await twice(work(desk, runs).find_orphans, OrphanSearch())
    lost = desk.wanted.order_id
    assert first == OrphansFound(looked_at=1, taken_up=(lost,))
    assert second == OrphansFound(looked_at=1, under_way=1)
    assert runs.reasons[0] == ("", "its run is closed or unknown at Temporal")
    assert list(runs.taken) == [lost]
    await at_once(work(desk, runs).find_orphans, OrphanSearch())
    assert list(runs.taken) == [lost]


async def test_an_order_in_living_hands_is_left_alone(desk: Desk, runs: FakeRuns) -> None:
    runs.alive.add(desk.wanted.workflow_id)
    assert await run(work(desk, runs).find_orphans, OrphanSearch()) == OrphansFound(looked_at=1)
    assert runs.taken == {}


async def test_an_order_that_ends_while_its_run_is_asked_for_is_not_lost(desk: Desk, runs: FakeRuns) -> None:
    class Ending(FakeRuns):
        async def is_alive(self, workflow_id: str, run_id: str) -> bool:
            await desk.inventory.change_order(desk.wanted.order_id, OrderChange(state="issued"), None, NOW)
            return False

    ending = Ending()
    assert await run(work(desk, ending).find_orphans, OrphanSearch()) == OrphansFound(looked_at=1)
    assert ending.taken == {}


async def test_an_order_opened_after_its_run_was_cancelled_is_ended_and_not_bought(desk: Desk, runs: FakeRuns) -> None:
    runs.cancelled.add(desk.wanted.workflow_id)
    first, second = await twice(work(desk, runs).find_orphans, OrphanSearch())
    assert (first, second) == (OrphansFound(looked_at=1), OrphansFound())
    assert runs.taken == {}
    order = await desk.inventory.order(desk.wanted.order_id)
    assert order is not None
    assert (order.state, order.waiting_for) == ("cancelled", "nobody")
    story = [row.kind for row in await desk.inventory.audit(subject=desk.wanted.order_id)]
    assert story.count("order.cancelled") == 1


async def test_a_cancelled_run_that_had_begun_to_buy_is_taken_up(desk: Desk, runs: FakeRuns) -> None:
    await desk.inventory.reserve(
        desk.wanted.order_id, fingerprint=None, owner="another/run", price=PRICE, body_hash="hash", now=NOW
    )
    runs.cancelled.add(desk.wanted.workflow_id)
    assert (await run(work(desk, runs).find_orphans, OrphanSearch())).taken_up == (desk.wanted.order_id,)


async def test_an_order_that_was_taken_over_meanwhile_is_not_lost(desk: Desk, runs: FakeRuns) -> None:
    class Overtaken(FakeRuns):
        async def is_alive(self, workflow_id: str, run_id: str) -> bool:
            await desk.inventory.take_over(
                desk.wanted.order_id, seen=(desk.wanted.workflow_id, "run-1"), workflow_id="other", run_id="run-7",
                event=event(desk.wanted.order_id, "order.taken-over"), now=NOW,
            )  # fmt: skip
            return False

    assert (await run(work(desk, Overtaken()).find_orphans, OrphanSearch())).taken_up == ()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidRequest("resume-differs", "the stored request is another"), "resume-differs"),
        (Refused("run-alive", "it came back"), ""),
        (Refused("order-ended", "it has ended"), ""),
    ],
)
async def test_an_order_that_cannot_be_taken_up_is_told_and_others_go_on(
    desk: Desk, runs: FakeRuns, error: EvercertError, told: str
) -> None:
    other = order(2, name="b.example.test")
    await desk.inventory.open_order(other, NOW)
    runs.refusals[desk.wanted.order_id] = error
    found = await run(work(desk, runs).find_orphans, OrphanSearch())
    assert found.refused == (((desk.wanted.order_id, told),) if told else ())
    assert found.taken_up == (other.order_id,)


async def test_temporal_out_of_reach_concludes_nothing(desk: Desk) -> None:
    class Away(FakeRuns):
        async def is_alive(self, workflow_id: str, run_id: str) -> bool:
            raise Unavailable("engine-unreachable", "no answer")

    away = Away()
    assert (await refused(run(work(desk, away).find_orphans, OrphanSearch()))).code == "engine-unreachable"
    assert away.taken == {}


async def test_many_orders_come_in_batches(blank_desk: Desk, runs: FakeRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activities, "ORDERS_AT_ONCE", 4)
    for number in range(10):
        await blank_desk.inventory.open_order(order(number), NOW)
    sizes, after = [], ""
    while True:
        found = await run(work(blank_desk, runs).find_orphans, OrphanSearch(after=after))
        sizes.append(found.looked_at)
        if not (after := found.after):
            break
    assert (sizes, len(runs.taken)) == ([4, 4, 2], 10)


# comparing


async def test_twice_compare_account(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    sold = shop.sell(STRANGER, "positivessl", "www.example.test")
    first, second = await twice(work(desk, runs).compare_account, GIVEN)
    alert = ids.alert_id("orphan-sale", "sandbox", sold.seller_order_id)
    assert (first.raised, first.known_alerts, first.listed, first.ours) == ((alert,), 0, 1, 1)
    assert (second.raised, second.known_alerts) == ((), 1)
    assert await alerts(desk) == [("orphan-sale", sold.seller_order_id)]
    kinds = [row.kind for row in await desk.inventory.audit(subject=STRANGER)]
    assert kinds == ["alert.raised"]
    await at_once(work(desk, runs).compare_account, GIVEN)
    assert len(await desk.inventory.audit(subject=STRANGER)) == 1
    assert await compared_at(desk) == NOW


async def test_a_settled_alert_is_not_raised_again(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.sell(STRANGER, "positivessl", "www.example.test")
    (alert_id,) = (await compared(desk, runs)).raised
    await desk.inventory.settle_alert(alert_id, event(STRANGER, "alert.settled"))
    desk.clock.move(minutes=15)
    again = await compared(desk, runs)
    assert (again.raised, await alerts(desk)) == ((), [])
    assert len(await alerts(desk, settled_too=True)) == 1


async def test_own_sales_and_those_of_others_are_no_news(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    await desk.buy_until_settled()
    shop.sell("INV-4711", "positivessl", "other.example.test")
    shop.sell("", "positivessl", "portal.example.test")
    found = await compared(desk, runs)
    assert (found.listed, found.ours, await alerts(desk), runs.nudged) == (3, 1, [], [])


async def test_a_second_sale_under_one_reference_is_a_double_sale(
    desk: Desk, runs: FakeRuns, shop: ListingShop
) -> None:
    await desk.buy_until_settled()
    further = shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    await compared(desk, runs)
    assert await alerts(desk) == [("double-sale", further.seller_order_id)]
    assert await desk.trail("alert") == ["alert.raised"]


async def test_twice_a_purchase_that_a_restored_inventory_forgot(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    """The run had the answer before the copy came, and wrote the number of the sale into the copy."""
    shop.on_validate = Unavailable("seller-unreachable", "away")
    await refused(desk.buy())
    assert await desk.state() is ActState.RESERVED
    sold = shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    change = OrderChange(seller_order_id=sold.seller_order_id, state="issued")
    await desk.inventory.change_order(desk.wanted.order_id, change, None, NOW)
    await twice(work(desk, runs).compare_account, GIVEN)
    act = await desk.inventory.act(desk.wanted.order_id)
    assert act is not None
    assert (act.state, act.seller_order_id) == (ActState.PLACED, sold.seller_order_id)
    assert (await desk.trail("purchase")).count("purchase.adopted") == 1
    assert await alerts(desk) == []


async def test_a_cancelled_and_refunded_order_is_known_as_sold(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    await desk.buy_until_settled()
    shop.alter(state=SellerState.CANCELLED, is_refund_approved=True)
    await desk.inventory.change_order(desk.wanted.order_id, OrderChange(state="cancelled"), None, NOW)
    await compared(desk, runs)
    assert await alerts(desk) == []


async def test_a_sale_of_a_rejected_purchase_is_an_orphan(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.before_sale = Refused("product-refused", "not sold to this account")
    result = await desk.buy_until_settled()
    assert result.outcome == "rejected"
    sold = shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    await compared(desk, runs)
    assert await alerts(desk) == [("orphan-sale", sold.seller_order_id)]


async def test_an_order_in_doubt_that_shows_up_is_woken(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.after_sale, shop.shows_after = LOST, timedelta(hours=3)
    assert (await desk.buy_until_settled()).outcome == "in-doubt"
    await compared(desk, runs)
    assert runs.nudged == []
    desk.clock.move(hours=3)
    found = await compared(desk, runs)
    assert (found.nudged, runs.nudged) == ((desk.wanted.order_id,), [desk.wanted.workflow_id])
    assert await alerts(desk) == []
    assert (await desk.buy(person_asks=True)).outcome == "placed"  # what the woken run does
    assert (await compared(desk, runs)).nudged == ()


@pytest.mark.parametrize("hands", ["none", "own run", "successor"])
async def test_a_sale_of_a_reserved_order_calls_somebody_only_when_no_run_is_there(
    desk: Desk, runs: FakeRuns, shop: ListingShop, hands: str
) -> None:
    shop.on_validate = Unavailable("seller-unreachable", "away")
    await refused(desk.buy())
    assert await desk.state() is ActState.RESERVED
    shop.on_validate = None
    sold = shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    if hands == "own run":
        runs.alive.add(desk.wanted.workflow_id)
    if hands == "successor":
        runs.taken[desk.wanted.order_id] = "resume-1"
    await compared(desk, runs)
    assert await alerts(desk) == []  # reserved a moment ago
    desk.clock.move(hours=2)
    await compared(desk, runs)
    assert await alerts(desk) == ([("orphan-sale", sold.seller_order_id)] if hands == "none" else [])


async def test_the_inventory_is_read_after_the_list(blank_desk: Desk, runs: FakeRuns) -> None:
    """An order is written down before it is bought: one that begins while the list is read is no orphan."""

    class Busy(ListingShop):
        async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
            await blank_desk.inventory.open_order(blank_desk.wanted, NOW)
            return await super().list_orders(since=since, page=page)

    blank_desk.shop = Busy(blank_desk.clock)
    blank_desk.shop.sell(blank_desk.wanted.order_id, "positivessl", "www.example.test")
    found = await compared(blank_desk, runs)
    assert (found.ours, await alerts(blank_desk)) == (1, [])


# nothing follows from a look that failed


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("seller-unreachable", "away"),
        Unavailable("seller-answer-changed", "an unreadable page"),
        Refused("auth-rejected", "the token is turned down"),
    ],
)
async def test_a_list_that_breaks_off_concludes_nothing(
    desk: Desk, runs: FakeRuns, shop: ListingShop, error: EvercertError
) -> None:
    shop.page_size, shop.on_page = 1, {2: error}
    for name in ("a", "b"):
        shop.sell(STRANGER, "positivessl", f"{name}.example.test")
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == error.code
    assert (await alerts(desk), await compared_at(desk)) == ([], None)


async def test_an_empty_list_to_a_bad_credential_proves_nothing_and_parks(
    desk: Desk, runs: FakeRuns, shop: ListingShop
) -> None:
    shop.is_locked = True
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == "auth-rejected"
    assert await compared_at(desk) is None
    error = await refused(run(work(desk, runs).compare_account, GIVEN, attempt=2))
    assert (type(error), error.code, shop.asked_since) == (Misconfigured, "account-parked", [])


async def test_a_list_without_any_of_our_own_purchases_is_not_the_whole_list(
    desk: Desk, runs: FakeRuns, shop: ListingShop
) -> None:
    await desk.buy_until_settled()
    shop.hides.add(shop.sold[0].seller_order_id)
    await compared(desk, runs)  # it may still come
    desk.clock.move(hours=2)
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == "seller-list-incomplete"
    assert await compared_at(desk) == NOW


async def test_a_list_that_never_ends_is_not_compared(
    desk: Desk, runs: FakeRuns, shop: ListingShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "MOST_PAGES", 3)
    shop.page_size = 1
    for number in range(4):
        shop.sell(STRANGER, "positivessl", f"{number}.example.test")
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == "seller-list-too-long"
    assert await alerts(desk) == []


async def test_a_seller_without_pages_is_read_once(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.knows_pages = False
    shop.sell(STRANGER, "positivessl", "www.example.test")
    assert (await compared(desk, runs)).listed == 1
    assert len(shop.asked_since) == 2


async def test_a_list_of_many_pages_is_read_to_its_end(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.page_size = 2
    for number in range(5):
        shop.sell(ids.order_id("evercert", f"nowhere-{number}", "r"), "positivessl", f"{number}.example.test")
    found = await compared(desk, runs)
    assert (found.listed, found.ours, len(found.raised)) == (5, 5, 5)


async def test_a_spent_budget_is_waited_for_between_pages(
    desk: Desk, runs: FakeRuns, shop: ListingShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sell(STRANGER, "positivessl", "www.example.test")
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        desk.clock.move(seconds=seconds)

    free = await spend(desk)
    assert free > NOW
    monkeypatch.setattr(asyncio, "sleep", pause)
    await work(desk, runs)._await_call("sandbox")
    assert len(pauses) == 1
    await spend(desk)
    error = await refused(run(work(desk, runs).compare_account, GIVEN))
    assert (type(error), error.code) == (NotYet, "rate-limited")  # the first call of all is left to the next try


async def spend(desk: Desk) -> datetime:
    while True:
        free = await desk.inventory.take_token("sandbox", desk.clock.at)
        if free is not None:
            return free


# lists that leave our reference out


async def test_where_a_list_shows_no_references_each_unknown_sale_is_looked_up(
    desk: Desk, runs: FakeRuns, shop: ListingShop
) -> None:
    await desk.buy_until_settled()
    shop.lists_reference = False
    sold = shop.sell(STRANGER, "positivessl", "www.example.test")
    shop.sell("", "positivessl", "portal.example.test")
    before = shop.finds
    await compared(desk, runs)
    assert await alerts(desk) == [("orphan-sale", sold.seller_order_id)]
    assert shop.finds - before == 2  # the own one is known by its number
    desk.clock.move(days=3)
    await compared(desk, runs)
    before = shop.finds
    await compared(desk, runs)
    assert shop.finds == before  # compared long ago, so not asked for again


async def test_a_look_up_that_fails_concludes_nothing(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    shop.lists_reference = False
    shop.sell(STRANGER, "positivessl", "www.example.test")
    shop.on_find = Unavailable("seller-unreachable", "away")
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == "seller-unreachable"
    assert (await alerts(desk), await compared_at(desk)) == ([], None)


async def test_a_listed_sale_that_the_seller_does_not_show_concludes_nothing(
    desk: Desk, runs: FakeRuns, shop: ListingShop
) -> None:
    class Forgetful(ListingShop):
        async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
            return None

    desk.shop = forgetful = Forgetful(desk.clock, lists_reference=False)
    forgetful.sell(STRANGER, "positivessl", "www.example.test")
    assert (await refused(run(work(desk, runs).compare_account, GIVEN))).code == "seller-order-missing"
    assert await compared_at(desk) is None


# how far back


async def test_the_list_is_read_from_where_it_was_compared_last(desk: Desk, runs: FakeRuns, shop: ListingShop) -> None:
    await compared(desk, runs)
    desk.clock.move(days=40)
    await compared(desk, runs)
    await compared(desk, runs)
    first, second, third = shop.asked_since
    assert first == NOW - sync.LONGEST_LOOK_BACK
    assert second == NOW - sync.OVERLAP  # 41 days: nobody compared in between
    assert third == NOW - sync.OVERLAP  # the open order is as old


# the rest


async def test_twice_accounts_to_compare(blank_desk: Desk, runs: FakeRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "a", "c"):
        account = AccountRecord(
            name=name, environment=Environment.SANDBOX, base_url="http://127.0.0.1:1/rest", partner_code="1",
            secret_id=f"s-{name}",
        )  # fmt: skip
        await blank_desk.inventory.add_account(account, b"sealed", event(name))
    monkeypatch.setattr(activities, "ACCOUNTS_AT_ONCE", 3)
    first, again = await twice(work(blank_desk, runs).accounts_to_compare, "")
    assert first == again
    assert (first.names, first.after) == (("a", "b", "c"), "c")
    rest = await run(work(blank_desk, runs).accounts_to_compare, first.after)
    assert (rest.names, rest.after) == (("sandbox",), "")


async def test_twice_finish_sync(desk: Desk, runs: FakeRuns) -> None:
    first, again = await twice(work(desk, runs).finish_sync, SyncTally(orders=1))
    assert first == again
    assert first.audit_sequence == len(await all_rows(desk)) > 0


async def all_rows(desk: Desk) -> Sequence[object]:
    return await desk.inventory.audit(limit=100_000)
