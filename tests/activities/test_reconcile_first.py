"""An inventory that was set back buys nothing again; and nothing leaves that is not kept outside of it first."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from activities.messages import PurchaseResult
from activities.ownership import Ownership
from activities.ports import SendGate
from activities.sending import Doubts
from domain import ids
from domain.errors import Misconfigured, NotYet, Unavailable
from domain.inventory import ActRecord, ActState, AuditEvent
from domain.reconcile import Watermark
from domain.seller import Placement, SellerOrder
from tests.activities.desk import Desk, refused, run, twice
from tests.activities.shop import AWAY, Shop
from tests.activities.test_ownership import FakeRuns
from tests.adapters.inventory_support import event

SHOWS_AFTER = timedelta(minutes=40)
FULL = Unavailable("sequence-unavailable", "the disk is full")
FOREIGN = Misconfigured("sequence-foreign", "of another inventory", next_step="look")


class Copy:
    """A copy of the inventory's file, and putting it back as a careful person does: by rename, the log removed."""

    def __init__(self, path: Path, name: str = "copy.db") -> None:
        self.path, self.file = path, path.with_name(name)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        shutil.copyfile(path, self.file)

    def put_back(self) -> None:
        for side in ("-wal", "-shm"):
            Path(f"{self.path}{side}").unlink(missing_ok=True)
        shutil.copyfile(self.file, new := self.path.with_name("new.db"))
        new.replace(self.path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.db"


async def reserved_copy(desk: Desk, path: Path) -> Copy:
    """Write the intention to buy, and take a copy of the inventory at that moment."""
    desk.shop.on_validate = AWAY
    assert (await refused(desk.buy())).code == AWAY.code
    desk.shop.on_validate = None
    assert await desk.state() is ActState.RESERVED
    return Copy(path)


async def bought_and_set_back(desk: Desk, path: Path) -> None:
    """Buy after the copy was taken; the seller shows its sale late, and the inventory forgets it at once."""
    copy = await reserved_copy(desk, path)
    desk.shop.shows_after = SHOWS_AFTER
    assert (await desk.buy()).outcome == "placed"
    copy.put_back()
    assert await desk.state() is ActState.RESERVED


async def compare(desk: Desk) -> bool:
    """What ``SyncOrders`` tells of a whole list that it began to read just now."""
    told = AuditEvent(
        event_id=ids.event_id("sandbox", "account.compared", desk.clock.at.isoformat()),
        kind="account.compared",
        subject="sandbox",
        at=desk.clock.at,
    )
    return await desk.inventory.account_compared("sandbox", at=desk.clock.at, event=told)


async def story(desk: Desk, *words: str) -> list[str]:
    return [row.kind for row in await desk.inventory.audit() if any(word in row.kind for word in words)]


async def test_an_inventory_that_was_set_back_adopts_its_sale_and_buys_nothing(desk: Desk, path: Path) -> None:
    await bought_and_set_back(desk, path)
    for _ in range(3):
        error = await refused(desk.buy())
        assert (type(error), error.code) == (Misconfigured, "reconcile-first")
        assert "row" in error.message and "SyncOrders" in error.next_step
    assert not await compare(desk), "the list of now may not show it yet"
    assert (await refused(desk.buy())).code == "reconcile-first"
    desk.clock.move(minutes=61)
    assert await compare(desk)
    result = await desk.buy()
    assert (result.outcome, len(desk.shop.sold), desk.shop.posts) == ("placed", 1, 1)
    assert await story(desk, "reconcile") == ["reconcile.entered", "reconcile.finished"]


async def test_without_holding_it_against_the_mark_it_buys_twice(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.sending.set_back", lambda *_: None)
    await bought_and_set_back(desk, path)
    await desk.buy()
    assert len(desk.shop.sold) == 2


async def test_without_the_window_it_buys_twice(desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that was read at once is no comparison: the sale does not stand in it yet."""
    monkeypatch.setattr("activities.sending.Reason.sent_before", lambda *_: None)
    await bought_and_set_back(desk, path)
    assert (await refused(desk.buy())).code == "reconcile-first"
    assert await compare(desk)
    await desk.buy()
    assert len(desk.shop.sold) == 2


async def look(desk: Desk) -> str:
    """What a look finds, as the kind of its reason; it is entered, as a worker does."""
    doubts = Doubts(desk.inventory, desk.watermarks, desk.clock)
    standing, reason = await doubts.look()
    if reason is None:
        return ""
    await doubts.enter(reason, standing)
    return reason.kind


async def test_the_same_copy_put_back_again_is_noticed_again(desk: Desk, path: Path) -> None:
    copy = await reserved_copy(desk, path)
    await desk.buy()
    for _ in range(3):
        copy.put_back()
        assert await look(desk) == "behind"
        assert await look(desk) == "", "once entered it is known, also to other workers"
        desk.clock.move(minutes=61)
        assert await compare(desk)


async def test_a_newer_inventory_put_back_after_the_older_one_went_on_is_noticed(desk: Desk, path: Path) -> None:
    """Numbers alone would not tell: the newer one has come further than the older one since."""
    older = await reserved_copy(desk, path)
    for number in range(50):
        await desk.inventory.append_audit(event("x", occasion=str(number)))
    newer = Copy(path, "newer.db")
    older.put_back()
    assert (await desk.buy()).outcome == "placed"
    newer.put_back()
    assert desk.watermarks.mark is not None
    assert (await desk.inventory.standing()).newest > desk.watermarks.mark.sequence
    assert await look(desk) == "behind"


class Slow(Shop):
    """A seller whose check of the parameters takes as long as a test wants, with the look-up behind it."""

    def __init__(self, real: Shop) -> None:
        super().__init__(real.clock)
        self.real, self.asleep, self.wake = real, asyncio.Event(), asyncio.Event()

    async def find(self, **given: str) -> SellerOrder | None:
        return await self.real.find(**given)

    async def validate(self, placement: Placement) -> None:
        self.asleep.set()
        await self.wake.wait()

    async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
        return await self.real.place(placement, gate)


async def looked_too_early(desk: Desk, path: Path) -> PurchaseResult | BaseException:
    """An attempt looks before the sale shows, and stands still until all was compared."""
    await bought_and_set_back(desk, path)
    assert (await refused(desk.buy())).code == "reconcile-first"
    slow = Slow(desk.shop)
    sleeper = asyncio.create_task(desk.buy(slow))
    await slow.asleep.wait()
    desk.clock.move(minutes=61)
    assert await compare(desk)
    slow.wake.set()
    (result,) = await asyncio.gather(sleeper, return_exceptions=True)
    return result


async def test_an_attempt_that_looked_before_the_sale_showed_looks_again(desk: Desk, path: Path) -> None:
    result = await looked_too_early(desk, path)
    assert isinstance(result, NotYet) and result.code == "purchase-overtaken"
    assert (await desk.buy()).outcome == "placed"
    assert len(desk.shop.sold) == 1


async def test_without_asking_when_it_looked_it_buys_twice(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def whenever(*_: object) -> bool:
        return True

    monkeypatch.setattr(desk.inventory, "is_look_fresh", whenever)
    await looked_too_early(desk, path)
    assert len(desk.shop.sold) == 2


class ListsOnly(Shop):
    """A seller that shows a sale in its list, and under our reference not yet."""

    async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
        return None if custom_order_id else await super().find(seller_order_id=seller_order_id)


async def test_what_was_forgotten_is_looked_for_by_list_too(desk: Desk, path: Path) -> None:
    """As after a lost answer: the list may know it where the reference does not."""
    desk.shop = ListsOnly(desk.clock)
    await bought_and_set_back(desk, path)
    assert (await refused(desk.buy())).code == "reconcile-first"
    desk.clock.move(minutes=61)
    assert await compare(desk)
    assert (await desk.buy()).outcome == "placed"
    assert (len(desk.shop.sold), desk.shop.posts) == (1, 1)


# exchanged at the worst moment


async def test_exchanged_between_the_look_and_the_commit_nothing_leaves(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = await reserved_copy(desk, path)
    desk.shop.shows_after = SHOWS_AFTER
    await desk.buy()
    await _another_reservation_of(desk, copy, monkeypatch)
    assert len(desk.shop.sold) == 1
    assert await desk.inventory.reconcile_pending("sandbox")


async def _another_reservation_of(desk: Desk, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt hold the older act in its hands while the file is exchanged under it."""
    await _forget(desk)
    original = desk.inventory.change_act

    async def exchanged_just_before(act_id: str, **given: Any) -> ActRecord | None:
        if given["to"] is ActState.SENDING:
            copy.put_back()
        return await original(act_id, **given)

    monkeypatch.setattr(desk.inventory, "change_act", exchanged_just_before)
    error = await refused(desk.buy())
    assert error.code == "reconcile-first"
    assert await desk.state() is ActState.RESERVED
    assert (await desk.trail("not-sent")) == ["purchase.not-sent"]


async def _forget(desk: Desk) -> None:
    """Bring the act to what it was when the copy was taken, in a history of its own that the mark knows of."""
    with desk.inventory._db.writing() as session:
        session.execute(text("UPDATE seller_act SET state = 'reserved', fence = 0, seller_order_id = ''"))


async def test_exchanged_between_the_commit_and_the_request_nothing_leaves(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = await reserved_copy(desk, path)
    keep = desk.watermarks.keep

    async def exchanged_just_after(mark: Watermark) -> None:
        await keep(mark)
        if mark.sent_until is not None:
            copy.put_back()

    monkeypatch.setattr(desk.watermarks, "keep", exchanged_just_after)
    error = await refused(desk.buy())
    assert error.code == "purchase-overtaken"
    assert desk.shop.posts == 0
    monkeypatch.undo()
    assert (await refused(desk.buy())).code == "reconcile-first"


async def test_a_copy_laid_over_the_file_in_use_lets_nothing_leave(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log makes it look current. The worker does not go on by itself: it must be started anew with whole files."""
    await desk.buy_until_settled()
    assert desk.watermarks.mark is not None
    kept = desk.watermarks.mark.model_copy(update={"file_sequence": 10_000})
    desk.watermarks.mark = kept
    await _forget(desk)
    desk.shop.shows_after = SHOWS_AFTER
    error = await refused(desk.buy())
    assert (type(error), error.code) == (Unavailable, "inventory-torn")
    assert (len(desk.shop.sold), await desk.state()) == (1, ActState.RESERVED)


# what is kept outside


async def test_it_is_kept_outside_before_the_request_leaves(desk: Desk) -> None:
    seen: list[Watermark | None] = []
    desk.shop.before_post = lambda: seen.append(desk.watermarks.mark)
    await desk.buy()
    (mark,) = seen
    act = await desk.act()
    assert mark is not None and mark.sent_until == act.send_deadline
    rows = {row.event_id: row.kind for row in await desk.inventory.audit()}
    assert rows[mark.event_id] == "purchase.sending"


@pytest.mark.parametrize("where", ["on_keep", "on_read"])
async def test_where_it_cannot_be_kept_nothing_leaves_and_later_it_does(desk: Desk, where: str) -> None:
    await Doubts(desk.inventory, desk.watermarks, desk.clock).look()
    setattr(desk.watermarks, where, FULL)
    for _ in range(2):
        error = await refused(desk.buy())
        assert (type(error), error.code, error.message) == (Unavailable, "sequence-unavailable", "the disk is full")
        assert (desk.shop.posts, await desk.state()) == (0, ActState.RESERVED)
    setattr(desk.watermarks, where, None)
    assert (await desk.buy()).outcome == "placed"
    assert desk.shop.posts == 1


async def test_what_a_worker_refuses_to_start_for_lets_an_order_wait_and_not_fail(desk: Desk) -> None:
    desk.watermarks.on_read = FOREIGN
    error = await refused(desk.buy())
    assert (type(error), error.code, error.next_step) == (Unavailable, "sequence-foreign", "look")
    assert error.retry_after is not None
    assert desk.shop.posts == 0


async def test_where_nothing_is_kept_yet_it_is_made_and_told(desk: Desk) -> None:
    assert (await desk.buy()).outcome == "placed"
    assert await story(desk, "sequence", "reconcile") == ["sequence.begun"]
    doubts = Doubts(desk.inventory, desk.watermarks, desk.clock)
    for _ in range(2):
        assert (await doubts.look())[1] is None
    assert await story(desk, "sequence") == ["sequence.begun"]


async def test_cancelled_before_the_request_it_is_reserved_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(_: Watermark) -> None:
        raise asyncio.CancelledError

    await Doubts(desk.inventory, desk.watermarks, desk.clock).look()
    monkeypatch.setattr(desk.watermarks, "keep", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await desk.buy()
    assert (desk.shop.posts, await desk.state()) == (0, ActState.RESERVED)


# every act


async def enter(desk: Desk) -> None:
    told = AuditEvent(event_id="evt_entered", kind="reconcile.entered", subject="i", at=desk.clock.at)
    sent_until = desk.clock.at + timedelta(seconds=30)
    await desk.inventory.require_reconcile("restored", since=desk.clock.at, event=told, sent_until=sent_until)


async def test_no_refund_is_asked_for_meanwhile(desk: Desk) -> None:
    await desk.buy()
    await enter(desk)
    for _ in range(2):
        assert (await refused(desk.refund())).code == "reconcile-first"
    act = await desk.act(ids.refund_id(desk.wanted.order_id, 1))
    assert act.state is ActState.RESERVED
    assert desk.shop.sold[-1].refund_request_id == ""
    desk.clock.move(minutes=61)
    await compare(desk)
    assert (await desk.refund()).outcome == "requested"


async def test_the_run_waits_until_its_account_was_compared_and_asks_for_it(desk: Desk) -> None:
    runs = FakeRuns()
    work = Ownership(desk.inventory, runs, runs, desk.clock)
    await enter(desk)
    for _ in range(2):
        error = await refused(run(work.await_account, desk.run))
        assert (type(error), error.code) == (NotYet, "reconcile-first")
        assert error.retry_after == timedelta(minutes=1)
    assert runs.comparisons == 0, "a list of now would not count"
    desk.clock.move(minutes=60, seconds=20)
    assert (await refused(run(work.await_account, desk.run))).retry_after == timedelta(seconds=10)
    desk.clock.move(seconds=10)
    for _ in range(2):
        await refused(run(work.await_account, desk.run))
    assert runs.comparisons == 2
    await compare(desk)
    assert await twice(work.await_account, desk.run) == (None, None)
