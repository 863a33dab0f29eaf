"""Looking after what no run looks after: orders whose run is lost, and sales at the seller that nobody here knows of."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from temporalio import activity

from activities.act_changes import ActChanges
from activities.interface import SyncActivities
from activities.messages import (
    AccountPage,
    Compared,
    CompareInput,
    InventoryMark,
    OrphanSearch,
    OrphansFound,
    SyncTally,
)
from activities.order_runs import TakenUp
from activities.ports import Clock, Inventory, Seller, Sellers
from activities.seller_calls import SellerCalls
from activities.seller_lists import ListTooLong, pages
from domain import ids, sync
from domain.errors import InvalidRequest, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord, ActState, AuditEvent, NewAlert, OrderChange, OrderRecord
from domain.order import STATES, OrderState
from domain.seller import SellerOrder

ORDERS_AT_ONCE = 100
ACCOUNTS_AT_ONCE = 100
MOST_PAGES = 1000
"""Pages of a list that are read, of up to 100 sales; a longer list is not compared, and said to be too long."""

_QUESTIONS_AT_ONCE = 10
_NEWEST_ORDERS = 50
_WAITS_FOR_A_CALL = 60
_REASON = "its run is closed or unknown at Temporal"
_CANCELLED = "cancelled before its row was opened; nothing was bought"
_NO_TROUBLE = ("order-ended", "run-alive")  # somebody was faster, or the run came to its end meanwhile
_log = structlog.get_logger(__name__)


class AttendedRuns(Protocol):
    """Knows who works on an order, and has a lost one taken up."""

    async def is_alive(self, workflow_id: str, run_id: str) -> bool:
        """Tell whether any run of that chain is open."""
        ...

    async def was_cancelled(self, workflow_id: str, run_id: str) -> bool:
        """Tell whether that chain of runs has ended as cancelled."""
        ...

    async def is_attended(self, order: OrderRecord) -> bool:
        """Tell whether some run works on the order, or is about to take it up."""
        ...

    async def take_up(self, order: OrderRecord, *, by: str, reason: str) -> TakenUp:
        """Start a run that takes the order up; repeated while it is under way it answers with that one."""
        ...

    async def nudge(self, workflow_id: str) -> None:
        """Hint to a run that it should look."""
        ...


@dataclass
class _Listed:
    """What of a list matters: every number, and the rows that carry our reference or none at all."""

    numbers: set[str] = field(default_factory=set)
    ours: list[SellerOrder] = field(default_factory=list)
    unmarked: list[SellerOrder] = field(default_factory=list)
    shows_references: bool = False

    def add(self, page: Iterable[SellerOrder]) -> None:
        """Take a page in; a row may stand twice."""
        new = [row for row in page if row.seller_order_id not in self.numbers]
        self.numbers.update(row.seller_order_id for row in new)
        self.ours += [row for row in new if sync.reference(row)]
        self.unmarked += [row for row in new if not row.custom_order_id]
        self.shows_references = self.shows_references or any(row.custom_order_id for row in new)


class Sync(SyncActivities):
    """Implements :class:`SyncActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, runs: AttendedRuns, clock: Clock) -> None:
        self._inventory = inventory
        self._runs = runs
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._acts = ActChanges(inventory, clock)

    # orders whose run is lost

    @activity.defn(name="find_orphans")
    async def find_orphans(self, given: OrphanSearch) -> OrphansFound:
        """Look at a batch of open orders and start a run for each whose own is closed or unknown at Temporal.

        That run takes the order over after it has looked twice itself. One that was opened only after its run had been
        cancelled is ended instead. Twice: the runs are under way already, the order is ended.
        """
        orders = await self._inventory.open_orders(after=given.after, limit=ORDERS_AT_ONCE)
        few = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

        async def attend(order: OrderRecord) -> TakenUp | str | None:
            async with few:
                return await self._attend(order)

        came_to = list(zip(orders, await asyncio.gather(*(attend(order) for order in orders)), strict=True))
        taken = [(order.order_id, it) for order, it in came_to if isinstance(it, TakenUp)]
        return OrphansFound(
            looked_at=len(orders),
            after=orders[-1].order_id if len(orders) == ORDERS_AT_ONCE else "",
            taken_up=tuple(order_id for order_id, it in taken if not it.was_running),
            under_way=sum(it.was_running for _, it in taken),
            refused=tuple((order.order_id, it) for order, it in came_to if isinstance(it, str)),
        )

    async def _attend(self, order: OrderRecord) -> TakenUp | str | None:
        """Return the run that takes a lost order up, the code of why there is none, or None where nothing is lost."""
        if await self._runs.is_alive(order.workflow_id, order.run_id):
            return None
        # A run writes the end of its order before it closes: what is still open now was lost.
        now = await self._inventory.order(order.order_id)
        if now is None or STATES[OrderState(now.state)].is_end or now.run_id != order.run_id:
            return None
        is_unbought = await self._inventory.act(now.order_id) is None
        if is_unbought and await self._runs.was_cancelled(now.workflow_id, now.run_id):
            await self._close_cancelled(now)
            return None
        try:
            taken = await self._runs.take_up(now, by="", reason=_REASON)
        except (Refused, InvalidRequest) as error:
            if error.code in _NO_TROUBLE:
                return None
            _log.warning("order.not-taken-up", order=order.order_id, code=error.code)
            return error.code
        if not taken.was_running:
            _log.warning("order.taken-up", order=order.order_id, lost=order.workflow_id, by=taken.workflow_id)
        return taken

    async def _close_cancelled(self, order: OrderRecord) -> None:
        """End an order that was opened after its run had been cancelled, by a worker that slept: nobody wants it bought."""
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(order.order_id, "order.cancelled", order.run_id),
            kind="order.cancelled",
            subject=order.order_id,
            at=now,
            facts={"detail": _CANCELLED},
        )
        change = OrderChange(
            state=OrderState.CANCELLED.value,
            waiting_for=STATES[OrderState.CANCELLED].waiting_for.value,
            detail=_CANCELLED,
            clear_until=True,
        )
        await self._inventory.change_order(order.order_id, change, event, now)
        _log.warning("order.closed-as-cancelled", order=order.order_id)

    # sales that nobody here knows of

    @activity.defn(name="accounts_to_compare")
    async def accounts_to_compare(self, after: str) -> AccountPage:
        """Return the names of seller accounts behind a name, a page of them. Twice: read again."""
        names = [account.name for account in await self._inventory.accounts() if account.name > after]
        page = tuple(sorted(names)[:ACCOUNTS_AT_ONCE])
        return AccountPage(names=page, after=page[-1] if len(names) > len(page) else "")

    @activity.defn(name="compare_account")
    async def compare_account(self, given: CompareInput) -> Compared:
        """Read an account's list, compare it with the inventory, raise alerts and wake the runs of orders in doubt.

        The list is read whole or the attempt fails, and then nothing is concluded. Twice: alerts are there already and
        are only seen again; nudges of one minute are one.
        """
        began = await self._clock.now()
        account = await self._calls.account(given.account)
        oldest = await self._inventory.oldest_open_order(account.name)
        since = sync.list_since(began, compared_at=account.compared_at, oldest_open=oldest)
        listed = await self._read(account, since, began)
        found = await self._compared(account, listed, began)
        raised = [it for it in found.alerts if await self._inventory.raise_alert(it, began)]
        for alert in raised:
            _log.error("alert.raised", kind=alert.kind.value, account=alert.account, order=alert.order_id)
        await self._inventory.account_compared(account.name, at=began, event=_was_awaited(account.name, began))
        return Compared(
            account=account.name,
            since=since,
            listed=len(listed.numbers),
            ours=len(listed.ours),
            raised=tuple(_id(alert) for alert in raised),
            known_alerts=len(found.alerts) - len(raised),
            nudged=found.nudges,
        )

    async def _compared(self, account: AccountRecord, listed: _Listed, now: datetime) -> sync.Comparison:
        """Compare, after the list was read, with the inventory as it is now; wake what is in doubt."""
        references = sorted({sync.reference(row) for row in listed.ours})
        known = {sale.order.order_id: sale for sale in await self._inventory.sales(references)}
        asked = sync.unattended(known.values(), now=now, window=account.window)
        lost = [sale.order.order_id for sale in asked if not await self._runs.is_attended(sale.order)]
        found = sync.compare(listed.ours, known, account=account.name, lost=frozenset(lost))
        for row in found.adoptions:
            await self._adopt(known[sync.reference(row)], row)
        for order_id in found.nudges:
            await self._runs.nudge(known[order_id].order.workflow_id)
        return found

    async def _adopt(self, sale: sync.OrderSale, row: SellerOrder) -> None:
        """Write down a purchase that the inventory has forgotten; changed by its run meanwhile, all is looked at again."""
        assert sale.act is not None
        await self._acts.change(
            sale.act,
            ActState.PLACED,
            "purchase.adopted",
            seller_order_id=row.seller_order_id,
            charged=row.amount or sale.act.price,
        )

    async def _read(self, account: AccountRecord, since: datetime, now: datetime) -> _Listed:
        async with self._calls.open_account(account.name) as seller:
            await seller.check_credentials()  # some answer a bad credential with an empty list
            listed = _Listed()
            try:
                async for page in pages(seller, since, most=MOST_PAGES):
                    listed.add(page)
                    await self._await_call(account.name)
            except ListTooLong:
                raise _too_long(account.name) from None
            bought = await self._bought(account, since, now)
            if bought and not bought & listed.numbers:
                raise _incomplete(account.name)
            is_blind = not listed.shows_references or any(row.seller_order_id in bought for row in listed.unmarked)
            if is_blind:
                listed.ours += await self._looked_up(account, listed.unmarked, seller)
            return listed

    async def _bought(self, account: AccountRecord, since: datetime, now: datetime) -> set[str]:
        """Return numbers of our own newest purchases that the list must show by now, some of them at least."""
        newest = await self._inventory.orders(account=account.name, limit=_NEWEST_ORDERS)
        sales = await self._inventory.sales([order.order_id for order in newest if order.seller_order_id])
        earliest, latest = since + sync.OVERLAP, now - account.window
        return {
            sale.seller_order_id
            for sale in sales
            if sale.act is not None
            and sale.act.state is ActState.PLACED
            and sale.act.changed_at is not None
            and earliest <= sale.act.changed_at <= latest
        }

    async def _looked_up(
        self, account: AccountRecord, unmarked: Iterable[SellerOrder], seller: Seller
    ) -> list[SellerOrder]:
        """Ask for each sale whose row shows no reference, where lists leave references out; known ones need no look.

        What was looked up for an earlier comparison is not asked for again.
        """
        found: list[SellerOrder] = []
        for row in unmarked:
            if _was_compared(row, account):
                continue
            if await self._inventory.order_at_seller(account.name, row.seller_order_id) is not None:
                continue
            await self._await_call(account.name)
            shown = await seller.find(seller_order_id=row.seller_order_id)
            if shown is None:
                raise Unavailable(
                    "seller-order-missing", f"the seller lists order {row.seller_order_id} and does not show it"
                )
            if sync.reference(shown):
                found.append(shown)
        return found

    async def _await_call(self, account: str) -> None:
        """Take a call from the account's budget; a list is read page by page, so one that must wait does so here."""
        for _ in range(_WAITS_FOR_A_CALL):
            try:
                return await self._calls.take_token(account)
            except NotYet as error:
                pause = error.retry_after or timedelta(seconds=1)
            await asyncio.sleep(pause.total_seconds())
        return await self._calls.take_token(account)

    # the end of a run

    @activity.defn(name="finish_sync")
    async def finish_sync(self, given: SyncTally) -> InventoryMark:
        """Log what the run came to, and return the newest row of the audit. Twice: logged and read again."""
        _log.info("sync.finished", **given.model_dump())
        return InventoryMark(audit_sequence=(await self._inventory.installation()).audit_sequence)


def _was_compared(row: SellerOrder, account: AccountRecord) -> bool:
    if row.ordered_at is None or account.compared_at is None:
        return False
    return row.ordered_at < account.compared_at - account.window - sync.OVERLAP


def _id(alert: NewAlert) -> str:
    return ids.alert_id(alert.kind, alert.account, alert.seller_order_id)


def _was_awaited(account: str, at: datetime) -> AuditEvent:
    """Return the audit row for a comparison that purchases have waited for."""
    return AuditEvent(
        event_id=ids.event_id(account, "account.compared", at.isoformat()),
        kind="account.compared",
        subject=account,
        at=at,
    )


def _too_long(account: str) -> Unavailable:
    return Unavailable(
        "seller-list-too-long",
        f"the list of account {account} has more than {MOST_PAGES} pages, so it was not compared",
    )


def _incomplete(account: str) -> Unavailable:
    return Unavailable(
        "seller-list-incomplete",
        f"the list of account {account} shows none of the newest orders that we bought there, so nothing follows from it",
    )
