"""How activities call the seller: never for a parked account, and telling the order's row when the seller is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.messages import RunRef
from activities.order_view import OrderView
from activities.ports import Clock, Inventory, Seller, Sellers
from activities.seller_lists import ListTooLong, SellerLists, read_whole
from domain import ids, purchase
from domain.errors import EvercertError, InvalidRequest, Misconfigured, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord, ActRecord, ActState, AuditEvent, OrderRecord
from domain.seller import Placement, SellerOrder

_LIST_BEFORE = timedelta(days=1)
_LONGEST_HOLD = timedelta(hours=1)  # a seller that asks for more is asked once an hour whether it means it
_SHORTEST_WAIT = timedelta(milliseconds=50)


class SellerCalls:
    """Opens the seller for the account of a run."""

    def __init__(self, inventory: Inventory, sellers: Sellers, clock: Clock) -> None:
        self._inventory = inventory
        self._sellers = sellers
        self._clock = clock
        self._view = OrderView(inventory, clock)
        self._lists = SellerLists()

    async def account(self, name: str) -> AccountRecord:
        """Return the account.

        Raises:
            InvalidRequest: ``account-not-found``.
            Misconfigured: ``account-parked``: an administrator has to give it a good token first.
        """
        account = await self._inventory.account(name)
        if account is None:
            raise InvalidRequest("account-not-found", "no such seller account", next_step="evercert account list")
        return _working(account)

    @asynccontextmanager
    async def open(self, run: RunRef, account: AccountRecord | None = None) -> AsyncIterator[Seller]:
        """Open the seller for one activity of an order, whose row tells when the seller is away.

        Args:
            run: the order's.
            account: its record, where the activity has just read it; None: read here.

        Raises:
            NotYet: ``rate-limited``: the account's budget of calls, shared by all workers, is spent for the moment.
        """
        try:
            async with self.open_account(account or run.account) as seller:
                yield seller
        except Unavailable as error:
            await self._view.look(run, f"could not look: {error.message}")
            raise

    @asynccontextmanager
    async def open_account(self, account: str | AccountRecord) -> AsyncIterator[Seller]:
        """Open the seller for one activity that belongs to no order; a rejected token parks the account for all.

        Raises:
            NotYet: as ``open``.
        """
        record = await self.account(account) if isinstance(account, str) else _working(account)
        name = record.name
        await self.take_token(name)
        try:
            yield await self._sellers.open(record)
        except Refused as error:
            if error.code == "auth-rejected":
                await self._park(name, error)
            raise
        except Unavailable as error:
            if error.code == "seller-throttled" and error.retry_after is not None:
                pause = min(error.retry_after, _LONGEST_HOLD)
                await self._inventory.hold_account_until(name, await self._clock.now() + pause)
            raise

    async def take_token(self, account: str) -> None:
        """Take one call from the account's budget. Raises ``NotYet('rate-limited')``."""
        now = await self._clock.now()
        free_at = await self._inventory.take_token(account, now)
        if free_at is not None:
            raise NotYet(
                "rate-limited",
                f"the calls that account {account} may make are used up until {free_at:%H:%M:%S} UTC",
                retry_after=max(free_at - now, _SHORTEST_WAIT),
            )

    async def look(self, run: RunRef, seller: Seller, act: ActRecord, placement: Placement) -> SellerOrder | None:
        """Look for our order: by our reference, and once something may have been sent, by list too.

        An answer of a shape that nobody knows pauses all buying of the account (``seller-answer-changed``): taking it for
        *not found* could buy twice, taking it for *found* could lose an order. A list that is too long to be read shows
        nothing: once something was sent, that leads to waiting and to a person; before, nothing may be sent upon it.
        """
        try:
            found = await seller.find(custom_order_id=placement.order_id)
            if found is not None or not await self._may_have_been_sent(run.account, act):
                return found
            listed = purchase.listed_as_ours(await self.listed_since(seller, act, run.account), placement)
            return None if listed is None else await seller.find(seller_order_id=listed.seller_order_id)
        except ListTooLong:
            if act.state is ActState.RESERVED:
                raise
            return None
        except Unavailable as error:
            if error.code == "seller-answer-changed":
                await self._park(run.account, error)
                raise Misconfigured(
                    error.code,
                    f"{error.message}; nothing is bought with account {run.account} until this is understood",
                    next_step=f"look at the seller's answer, then: evercert account check {run.account}",
                ) from None
            raise

    async def _may_have_been_sent(self, account: str, act: ActRecord) -> bool:
        """Tell whether the act may stand at the seller: it says so, or the inventory was set back since its order began."""
        if act.state is not ActState.RESERVED:
            return True
        order = await self._inventory.order(act.order_id)
        return order is not None and await self.was_set_back_since(account, order)

    async def was_set_back_since(self, account: str, order: OrderRecord) -> bool:
        """Tell whether the inventory may have forgotten what was sent for an order: it was set back since that began."""
        return not await self._inventory.is_look_fresh(account, order.created_at)

    async def listed_since(self, seller: Seller, act: ActRecord, account: str | None = None) -> tuple[SellerOrder, ...]:
        """Return the seller's list from the day before the act was written, whole; the list is a copy that lags.

        Args:
            seller: opened for the account of the act.
            act: whose sale is looked for.
            account: its account: the list may be read together with others who want it now. None: read for this act alone.

        Raises:
            ListTooLong: what was not read to its end must never count as *not listed*.
        """
        since = (act.send_deadline or act.changed_at or await self._clock.now()) - _LIST_BEFORE
        if account is None:
            return await read_whole(seller, since)
        rows = await self._lists.read(account, seller, since)
        # Those who read along may have asked for older ones; what carries a reference can only be the order's own.
        return tuple(row for row in rows if row.custom_order_id or row.ordered_at is None or row.ordered_at >= since)

    async def _park(self, name: str, error: EvercertError) -> None:
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(name, "account.parked", now.isoformat()),
            kind="account.parked",
            subject=name,
            at=now,
            facts={"code": error.code},
        )
        await self._inventory.park_account(name, error.code, event)


def _working(account: AccountRecord) -> AccountRecord:
    """Return the account; raise ``Misconfigured('account-parked')`` for one that is parked."""
    if account.parked_code:
        raise Misconfigured(
            "account-parked",
            f"seller account {account.name} is parked since {account.parked_at:%Y-%m-%d %H:%M} UTC: "
            f"{account.parked_code}",
            next_step=f"give it a good token, then: evercert account check {account.name}",
        )
    return account
