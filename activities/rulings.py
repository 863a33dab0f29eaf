"""A person settles a purchase that Evercert cannot tell about: the ruling is checked outside and written once."""

from collections.abc import Awaitable
from typing import TypeVar

from temporalio import activity

from activities.act_changes import ActChanges
from activities.interface import RulingActivities
from activities.messages import PurchaseResult, ResolveInput
from activities.order_view import OrderView
from activities.ports import Clock, Inventory, Seller, Sellers
from activities.purchase import placement_of
from activities.seller_calls import SellerCalls
from domain import ids, purchase, ruling
from domain.errors import InvariantBroken, Misconfigured, Refused, Unavailable
from domain.inventory import ActRecord, ActState
from domain.seller import Placement, SellerOrder

Seen = TypeVar("Seen")


class Rulings(RulingActivities):
    """Implements :class:`RulingActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._acts = ActChanges(inventory, clock)

    @activity.defn(name="resolve_purchase")
    async def resolve_purchase(self, given: ResolveInput) -> PurchaseResult:
        """Take a ruling, or refuse it with the reason; every change is compare-and-set with its audit row.

        Twice: the second run finds the act ruled as asked and gives the same answer. Two rulings at once: one wins.
        """
        run = given.purchase.run
        await self._view.require_ownership(run)
        placement = await placement_of(self._inventory, given.purchase)
        act = await self._inventory.act(run.order_id)
        if act is None:
            raise Refused("nothing-to-resolve", "nothing was sent to the seller yet, so there is nothing to rule about")
        if await self._is_ruled(act, given):
            return _result(act)
        if (refused := ruling.refuse_any(act)) is not None:
            raise refused
        async with self._calls.open(run) as seller:
            match given.ruling.outcome:
                case "placed":
                    return await self._placed(given, act, placement, seller)
                case "not-placed":
                    return await self._not_placed(given, act, placement, seller)
                case "abandon":
                    return _result(await self._rule(given, act, ActState.ABANDONED, code="purchase-abandoned"))
                case _:
                    raise Refused("nothing-to-resolve", "no refund was asked for, so there is nothing to rule about it")

    async def _is_ruled(self, act: ActRecord, given: ResolveInput) -> bool:
        """Tell whether the act stands as this ruling left it, so that a repeat is answered and not refused."""
        outcome = given.ruling.outcome
        if outcome == "placed":
            number = ruling.plain_number(given.ruling.seller_order_id)
            return act.state is ActState.PLACED and act.seller_order_id == number
        if outcome == "abandon":
            return act.state is ActState.ABANDONED
        if outcome != "not-placed" or act.state is not ActState.RESERVED:
            return False
        # A reserved act may be so for other reasons: only where the ruling was its last change was it ruled.
        ruled = ids.event_id(act.act_id, _kind(given), str(act.fence - 1))
        return any(row.event_id == ruled for row in await self._inventory.audit(subject=act.order_id))

    async def _placed(
        self, given: ResolveInput, act: ActRecord, placement: Placement, seller: Seller
    ) -> PurchaseResult:
        number = ruling.plain_number(given.ruling.seller_order_id)
        found = await _understood(seller.find(seller_order_id=number)) if number else None
        holder = await self._inventory.order_at_seller(given.purchase.run.account, number)
        other = holder.order_id if holder is not None and holder.order_id != act.order_id else ""
        refused = ruling.refuse_placed(found, placement, holder=other)
        if refused is not None:
            raise refused
        if found is None:
            raise InvariantBroken("internal-error", "a ruling without an order was let through")
        changed = await self._adopt(given, act, found)
        return _result(changed)

    async def _adopt(self, given: ResolveInput, act: ActRecord, found: SellerOrder) -> ActRecord:
        charged = found.amount or act.price
        changed = await self._rule(given, act, ActState.PLACED, seller_order_id=found.seller_order_id, charged=charged)
        await self._view.placed(act.order_id, found, charged)
        return changed

    async def _not_placed(
        self, given: ResolveInput, act: ActRecord, placement: Placement, seller: Seller
    ) -> PurchaseResult:
        account = await self._calls.account(given.purchase.run.account)
        found = await _understood(seller.find(custom_order_id=placement.order_id))
        rows = await _understood(self._calls.listed_since(seller, act))
        listed = purchase.listed_as_ours(rows, placement)
        refused = ruling.refuse_not_placed(
            act,
            by_id=purchase.sight(found, placement),
            listed=listed is not None,
            now=await self._clock.now(),
            window=account.window,
        )
        if refused is not None:
            raise refused
        return _result(await self._rule(given, act, ActState.RESERVED))

    async def _rule(
        self, given: ResolveInput, act: ActRecord, to: ActState, *, code: str = "", **changes: object
    ) -> ActRecord:
        return await self._acts.change(
            act, to, _kind(given), code=code, by=given.ruling.by, reason=given.ruling.reason, **changes
        )


async def _understood(look: Awaitable[Seen]) -> Seen:
    """Return what a look for a ruling saw; an answer that nobody understands proves nothing, and asking again is no help.

    The account is not parked for it: the number that a person typed may be the reason.
    """
    try:
        return await look
    except Unavailable as error:
        if error.code != "seller-answer-changed":
            raise
        raise Misconfigured(
            error.code,
            f"{error.message}; nothing was ruled",
            next_step="look the order up at the seller; if its answers changed: evercert account check NAME",
        ) from None


def _kind(given: ResolveInput) -> str:
    return f"purchase.ruled-{given.ruling.outcome}"


def _result(act: ActRecord) -> PurchaseResult:
    return PurchaseResult(
        outcome=act.state.value,
        seller_order_id=act.seller_order_id,
        adopted=act.state is ActState.PLACED,
        charged=act.charged,
        code=act.error_code,
        placed_at=act.changed_at if act.state is ActState.PLACED else None,
    )
