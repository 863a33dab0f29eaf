"""The purchase: follows the decision table of ``domain.purchase`` and decides nothing itself."""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from activities.act_changes import ActChanges
from activities.interface import PurchaseActivities
from activities.messages import PurchaseInput, PurchaseResult, RunRef
from activities.order_view import OrderView
from activities.ports import Clock, Inventory, Seller, Sellers, SendGate, Watermarks
from activities.seller_calls import SellerCalls
from activities.seller_lists import ListTooLong
from activities.sending import Sending
from domain import ids, purchase
from domain.errors import Ambiguous, EvercertError, InvariantBroken, NotSent, NotYet, Refused
from domain.inventory import ActRecord, ActState
from domain.order import OrderState
from domain.purchase import Decision, Sight, Step
from domain.seller import Money, Placement, SellerOrder


class Purchase(PurchaseActivities):
    """Implements :class:`PurchaseActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, watermarks: Watermarks, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._acts = ActChanges(inventory, clock)
        self._sending = Sending(inventory, watermarks, clock)

    @activity.defn(name="purchase")
    async def purchase(self, given: PurchaseInput) -> PurchaseResult:
        """Buy the order, at most once.

        The intention is a committed row before anything is sent; the seller is asked for our own reference before every
        step. Twice, also at the same time or after a crash: whoever finds the row in ``sending`` looks and never posts.
        """
        await self._view.enter(given.run, OrderState.PURCHASING)
        placement = await placement_of(self._inventory, given)
        account = await self._calls.account(given.run.account)
        window = account.window
        async with self._calls.open(given.run, account) as seller:
            act = await self._reserve(given, placement, seller)
            if isinstance(act, PurchaseResult):
                return act
            seen, found, looked_at = Sight.NOT_LOOKED, None, await self._clock.now()
            while True:
                decision = purchase.decide(
                    act, seen, now=await self._clock.now(), window=window, person_asks=given.person_asks
                )
                match decision.step:
                    case Step.LOOK:
                        looked_at = await self._clock.now()
                        found = await self._calls.look(given.run, seller, act, placement)
                        seen = purchase.sight(found, placement)
                    case Step.SEND:
                        return await self._send(given, placement, seller, act, looked_at)
                    case Step.REOPEN:
                        act = await self._acts.change(act, decision.to, "purchase.reopened")
                        given = given.model_copy(update={"person_asks": False})
                        seen = Sight.NOT_LOOKED
                    case Step.ADOPT:
                        assert found is not None
                        return await self._placed(act, found, adopted=act.state is not ActState.RESERVED)
                    case _:
                        result = await self._settle(given.run, act, decision)
                        if result.code != "purchase-in-doubt":
                            return result
                        return await self._with_candidates(given.run, result, seller, act, placement)

    async def _settle(self, run: RunRef, act: ActRecord, decision: Decision) -> PurchaseResult:
        """Turn the decisions that end this attempt into a result, or into a later look."""
        if decision.step is Step.WAIT:
            await self._view.look(run, f"{decision.why} (order {act.order_id})", next_in=decision.wait)
            raise NotYet(decision.code, decision.why, retry_after=decision.wait)
        if decision.step is Step.DOUBT:
            act = await self._acts.change(act, ActState.IN_DOUBT, "purchase.in-doubt", code=decision.code)
        elif decision.step is Step.CALL_PERSON:
            act = await self._acts.change(act, ActState.NEEDS_PERSON, "purchase.needs-person", code=decision.code)
        return await self._result(act, decision.why)

    async def _with_candidates(
        self, run: RunRef, result: PurchaseResult, seller: Seller, act: ActRecord, placement: Placement
    ) -> PurchaseResult:
        """Name the orders that may be ours but do not say so: a person looks at them, nothing adopts them."""
        try:
            listed = await self._calls.listed_since(seller, act, run.account)
        except ListTooLong as error:
            return result.model_copy(update={"message": f"{result.message}. Not looked for by name: {error.message}"})
        found = purchase.candidates(listed, placement)
        if not found:
            return result
        return result.model_copy(
            update={"message": f"{result.message}. Equal orders without our reference: {', '.join(found[:5])}"}
        )

    async def _result(self, act: ActRecord, why: str, *, adopted: bool = False) -> PurchaseResult:
        order = await self._inventory.order(act.order_id)
        return PurchaseResult(
            outcome=act.state.value,
            seller_order_id=act.seller_order_id,
            adopted=adopted,
            charged=act.charged,
            code=act.error_code,
            message=_SENTENCES.get(act.error_code, why),
            placed_at=act.changed_at if act.state is ActState.PLACED else None,
            until=order.until if order is not None else None,
        )

    async def _reserve(self, given: PurchaseInput, placement: Placement, seller: Seller) -> ActRecord | PurchaseResult:
        """Return the act, writing the intention first if there is none; a result when it may not be bought."""
        act = await self._inventory.act(given.run.order_id)
        if act is not None:
            if act.owner != given.run.owner:
                raise Refused("not-owner", "another run owns this purchase; this one stops before any call")
            return act
        price = await self._price_now(given, seller)
        if given.max_price is not None and price.amount > given.max_price:
            return PurchaseResult(
                outcome=ActState.REJECTED.value,
                code="price-over-limit",
                message=f"the seller asks {price.currency} {price.amount:.2f}, more than the highest price allowed",
                next_step="raise max_price, or choose another product or term.",
            )
        mark = None
        if not given.allow_duplicate:
            mark = purchase.fingerprint(account=given.run.account, product=given.product, names=given.names)
        try:
            return await self._inventory.reserve(
                given.run.order_id,
                fingerprint=mark,
                owner=given.run.owner,
                price=price,
                body_hash=purchase.body_hash(placement),
                now=await self._clock.now(),
            )
        except EvercertError as error:
            if error.code in ("duplicate-order", "already-issued", "request-id-reused", "request-id-taken"):
                return PurchaseResult(
                    outcome=ActState.REJECTED.value,
                    code=error.code,
                    message=error.message,
                    next_step=error.next_step,
                )
            raise

    async def _price_now(self, given: PurchaseInput, seller: Seller) -> Money:
        """Read the price just before reserving, and store it with its time."""
        products = await seller.products(given.product)
        await self._inventory.save_products(given.run.account, products)
        product = next((product for product in products if product.code == given.product), None)
        term = product.term(given.months) if product is not None else None
        if product is None or term is None:
            raise Refused("validity-not-sold", f"{given.product} is not sold for {given.months} months any more")
        return Money(amount=term.price, currency=product.currency)

    async def _send(
        self, given: PurchaseInput, placement: Placement, seller: Seller, act: ActRecord, looked_at: datetime
    ) -> PurchaseResult:
        """Validate, commit ``sending``, post once. The only place from which a purchase leaves."""
        try:
            await seller.validate(placement)
        except Refused as error:
            return await self._definitely_refused(act, error)
        act = await self._sending.begin(act, given.run.account, "purchase", looked_at=looked_at)
        assert act.send_deadline is not None
        gate = _WatchedGate(self._clock.send_gate(act.send_deadline))
        try:
            found = await seller.place(placement, gate)
        except NotSent:
            await self._acts.change(act, ActState.RESERVED, "purchase.not-sent")
            raise
        except asyncio.CancelledError:
            # A shutdown, or a cancel; where the gate was not even asked, surely nothing has left.
            if not gate.was_asked:
                await self._acts.change(act, ActState.RESERVED, "purchase.not-sent")
            raise
        except Refused as error:
            return await self._definitely_refused(act, error)
        except Ambiguous as error:
            # Never again from here: the next attempt finds ``sending`` and looks.
            await self._view.look(given.run, error.message, next_in=timedelta(seconds=purchase.FIRST_LOOK_SECONDS))
            raise _looking(error.message) from None
        return await self._placed(act, found, adopted=False)

    async def _definitely_refused(self, act: ActRecord, error: Refused) -> PurchaseResult:
        """A refusal from before an order existed: account, payment, or the parameters."""
        if error.code == "auth-rejected":
            if act.state is ActState.SENDING:
                await self._acts.change(act, ActState.RESERVED, "purchase.not-taken", code=error.code)
            raise error
        if error.code == "seller-payment-required":
            act = await self._acts.change(act, ActState.NEEDS_PERSON, "purchase.needs-person", code=error.code)
            return (await self._result(act, error.message)).model_copy(update={"message": error.message})
        if act.state is ActState.SENDING and await self._was_ruled(act):
            # This post was refused; what became of an earlier one is a person's word, not the seller's.
            raise _looking(error.message)
        act = await self._acts.change(act, ActState.REJECTED, "purchase.rejected", code=error.code)
        result = await self._result(act, error.message)
        return result.model_copy(update={"message": error.message, "next_step": error.next_step})

    async def _was_ruled(self, act: ActRecord) -> bool:
        """Tell whether a person has ruled *not placed*: then an earlier post may still have been taken."""
        rows = await self._inventory.audit(subject=act.order_id)
        return any(row.kind == "purchase.ruled-not-placed" for row in rows)

    async def _placed(self, act: ActRecord, found: SellerOrder, *, adopted: bool) -> PurchaseResult:
        charged = found.amount or act.price
        act = await self._acts.change(
            act,
            ActState.PLACED,
            "purchase.adopted" if adopted else "purchase.placed",
            seller_order_id=found.seller_order_id,
            charged=charged,
            code="price-differs" if act.price and charged and charged.amount != act.price.amount else "",
        )
        await self._view.placed(act.order_id, found, charged)
        return await self._result(act, "placed", adopted=adopted)


class _WatchedGate:
    """A gate that remembers whether it was asked: the first byte follows that question, and never comes before it."""

    def __init__(self, gate: SendGate) -> None:
        self._gate = gate
        self.was_asked = False

    def may_send(self) -> bool:
        self.was_asked = True
        return self._gate.may_send()


def _looking(why: str) -> NotYet:
    return NotYet("purchase-looking", why, retry_after=timedelta(seconds=purchase.FIRST_LOOK_SECONDS))


async def placement_of(inventory: Inventory, given: PurchaseInput) -> Placement:
    """Return what is sent to buy this order: always the same, however often it is asked for."""
    key = await inventory.key(given.key_id)
    if key is None:
        raise InvariantBroken("key-missing", "the key of this order is not in the inventory")
    return Placement(
        order_id=given.run.order_id,
        product=given.product,
        vendor=given.vendor,
        months=given.months,
        common_name=given.names[0],
        csr=key.csr,
        server_count=given.server_count,
        server_type=given.server_type,
        # Fixed by the order: a repeated look must describe the same body; letters and digits, at most 20.
        unique_value=ids.digest(given.run.order_id)[:20],
    )


_SENTENCES = {
    "purchase-in-doubt": "the seller's answer was lost and the seller shows no order of ours; it may or may not "
    "have been bought. Do not order again: evercert order check looks again",
    "purchase-abandoned": "a person gave the purchase up; whether it was bought is not known, so the money counts as spent",
    "order-not-ours": "the seller shows another order under our reference; nothing was adopted",
}
