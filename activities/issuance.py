"""Waiting for the CA and fetching what it issued."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio import activity

from activities.interface import IssuanceActivities
from activities.messages import AwaitInput, AwaitResult, Collected, CollectInput, SellerRef, SellerView
from activities.order_view import OrderView
from activities.ports import X509, Clock, Inventory, Seller, Sellers
from activities.recalling import Recalling
from activities.seller_calls import SellerCalls
from activities.seller_lists import ListTooLong
from domain import cadence, purchase, sync
from domain.errors import InvariantBroken, NotYet, Unavailable
from domain.inventory import OrderChange, OrderRecord
from domain.order import OrderState
from domain.seller import Message, SellerOrder

_log = structlog.get_logger(__name__)


def view_of(found: SellerOrder) -> SellerView:
    """Return what the poll remembers of a seller's order."""
    return SellerView(
        state=found.state,
        status_text=found.status_text,
        name_proofs=found.name_proofs,
        records=found.proof_records,
    )


class FailingLooks(Message):
    """Heartbeat of the poll: since when it could not look, and how many answers made no sense."""

    since: datetime | None = None
    defects: int = 0


@dataclass(frozen=True)
class _Poll:
    waited: timedelta
    pause: timedelta
    failing: FailingLooks


class Issuance(IssuanceActivities):
    """Implements :class:`IssuanceActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, x509: X509, clock: Clock) -> None:
        self._inventory = inventory
        self._x509 = x509
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._sales = Recalling(inventory, clock)

    @activity.defn(name="await_issuance")
    async def await_issuance(self, given: AwaitInput) -> AwaitResult:
        """Return when the seller's view differs from the one seen last, or when looks have failed for six hours.

        Its retries are the poll: *not yet* and *could not look* are told apart by the error. Twice: looked again.
        """
        run = given.seller.run
        now = await self._clock.now()
        poll = _poll(now)
        if activity.info().attempt == 1:
            order: OrderRecord | None = await self._view.enter(run, OrderState.AWAITING_ISSUANCE, until=given.until)
        else:
            order = await self._view.require_ownership(run)
        try:
            found = await self._look(given.seller)
        except (Unavailable, InvariantBroken) as error:
            failing = FailingLooks(
                since=poll.failing.since or now,
                defects=poll.failing.defects + (1 if isinstance(error, InvariantBroken) else 0),
            )
            assert failing.since is not None
            if now - failing.since >= cadence.GIVE_UP_LOOKING or failing.defects >= cadence.DEFECTS_BEFORE_TOLD:
                return AwaitResult(failing_since=failing.since, code=error.code, message=error.message)
            error.retry_after = error.retry_after or poll.pause
            await self._view.look(
                run,
                f"could not look since {failing.since:%Y-%m-%d %H:%M} UTC: {error.message}",
                next_in=error.retry_after,
            )
            activity.heartbeat(failing)  # the last thing done: the pulse repeats older details
            raise
        await self._sales.recall(order, found)
        view = view_of(found)
        if given.seen is None or view != given.seen:
            await self._view.look(run, f"the seller shows {found.status_text}")
            return AwaitResult(view=view)
        await self._view.look(run, f"not issued yet, the seller shows {found.status_text}", next_in=poll.pause)
        if poll.failing != FailingLooks():
            activity.heartbeat(FailingLooks())  # forgotten: this look did not fail
        raise NotYet(
            "issuance-pending",
            f"the seller still shows {found.status_text}; next look in {_in_words(poll.pause)}",
            retry_after=poll.pause,
        )

    async def _look(self, seller_ref: SellerRef) -> SellerOrder:
        async with self._calls.open(seller_ref.run) as seller:
            found = await seller.find(seller_order_id=seller_ref.seller_order_id)
        if found is None:
            raise Unavailable(
                "seller-order-missing",
                f"the seller does not show its own order {seller_ref.seller_order_id}",
                next_step="nothing: looked again; if it stays, ask the seller's support.",
            )
        return found

    @activity.defn(name="collect")
    async def collect(self, given: CollectInput) -> Collected:
        """Download, find our leaf, verify names, key, chain and dates, keep it.

        A leaf that does not match is kept in quarantine with its problems, never as a version. Twice: the same row, by
        order and serial.
        """
        run = given.seller.run
        order = await self._view.enter(run, OrderState.COLLECTING)
        account = await self._calls.account(run.account)
        key = await self._inventory.key(given.key_id)
        if key is None:
            raise InvariantBroken("key-missing", "the key of this order is not in the inventory")
        async with self._calls.open(run, account) as seller:
            pems = await seller.download(given.seller.seller_order_id)
            found = await seller.find(seller_order_id=given.seller.seller_order_id)
            if found is not None:
                await self._sales.recall(order, found)
            others = await self._other_sales(given.seller, seller, order)
        leaf, chain = self._x509.read_issued(pems, spki_sha256=key.spki_sha256)
        now = await self._clock.now()
        roots = (account.trust_roots,) if account.trust_roots else ()
        problems = self._x509.problems(
            leaf, chain, names=given.seller.names, spki_sha256=key.spki_sha256, now=now, roots=roots
        )
        facts = self._x509.describe(leaf, chain).model_copy(
            update={
                "order_id": run.order_id,
                "certificate_id": given.certificate_id,
                "key_id": given.key_id,
                "problems": problems,
            }
        )
        stored = await self._inventory.store_version(facts, now)
        if found is not None and found.term_ends_at is not None:
            change = OrderChange(term_ends_at=found.term_ends_at, status_text=found.status_text)
            await self._inventory.change_order(run.order_id, change, None, now)
        return Collected(
            serial=stored.serial,
            fingerprint=stored.fingerprint,
            not_after=stored.not_after,
            problems=problems,
            other_sales=others,
        )

    async def _other_sales(self, wanted: SellerRef, seller: Seller, order: OrderRecord) -> tuple[str, ...]:
        """Return further orders that the seller lists under our reference, an alert for each: what chance left shows here.

        Only where more than one request may have left, as this inventory knows or as one that was put back may have
        forgotten: the list grows with each order, and ``SyncOrders`` compares all of it anyway. One that is too long to be
        read shows none; the certificate was paid for and is collected all the same.
        """
        act = await self._inventory.act(order.order_id)
        if act is None:
            return ()
        if not purchase.may_be_sold_twice(act) and not await self._calls.was_set_back_since(order.account, order):
            return ()
        try:
            listed = await self._calls.listed_since(seller, act, order.account)
        except ListTooLong as error:
            _log.warning("list.not-read", account=order.account, order=order.order_id, code=error.code)
            return ()
        further = {
            row.seller_order_id: row
            for row in listed
            if sync.reference(row) == order.order_id and row.seller_order_id != wanted.seller_order_id
        }
        now = await self._clock.now()
        for row in further.values():
            await self._inventory.raise_alert(sync.double_sale(order, row, wanted.seller_order_id), now)
        return tuple(sorted(further))


def _poll(now: datetime) -> _Poll:
    info = activity.info()
    details = info.heartbeat_details
    failing = FailingLooks.model_validate(details[0]) if details else FailingLooks()
    waited = max(now - info.scheduled_time, timedelta())
    return _Poll(waited=waited, pause=cadence.next_look(waited), failing=failing)


def _in_words(pause: timedelta) -> str:
    seconds = int(pause.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
