"""Asking the seller to cancel an order and refund it: the same protocol as a purchase, with less at stake.

A request that was taken shows as ``RefundRequestID`` on the order; a denied one cannot be told from a pending one.
"""

from datetime import datetime, timedelta

from temporalio import activity

from activities.act_changes import ActChanges
from activities.interface import RefundActivities
from activities.messages import RefundInput, RefundResult
from activities.order_view import OrderView
from activities.ports import Clock, Inventory, Seller, Sellers, Watermarks
from activities.seller_calls import SellerCalls
from activities.sending import Sending
from domain import cadence, ids, purchase
from domain.errors import Ambiguous, NotSent, NotYet, Refused, Unavailable
from domain.inventory import ActKind, ActRecord, ActState, AuditEvent
from domain.order import OrderState
from domain.purchase import Sight, Step
from domain.seller import SellerOrder

ASK_AGAIN_AFTER = timedelta(days=7)


class Refund(RefundActivities):
    """Implements :class:`RefundActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, watermarks: Watermarks, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._acts = ActChanges(inventory, clock)
        self._sending = Sending(inventory, watermarks, clock)

    @activity.defn(name="request_refund")
    async def request_refund(self, given: RefundInput) -> RefundResult:
        """Ask once. Twice, also after a lost answer: the order is looked at, and nothing is asked again."""
        await self._view.enter(given.run, OrderState.REFUNDING)
        account = await self._calls.account(given.run.account)
        window = account.window
        act = await self._reserve(given)
        async with self._calls.open(given.run, account) as seller:
            looked_at = await self._clock.now()
            found = await self._find(seller, given)
            seen = Sight.OURS if found.refund_request_id or found.state.is_dead else Sight.NOTHING
            now = await self._clock.now()
            decision = purchase.decide(act, seen, now=now, window=window, person_asks=given.person_asks)
            if decision.step is Step.REOPEN:
                # Decided anew: the request may stand at the seller by now, asked for by hand.
                act = await self._acts.change(act, ActState.RESERVED, "refund.reopened")
                decision = purchase.decide(act, seen, now=now, window=window)
            match decision.step:
                case Step.ADOPT:
                    act = await self._acts.change(act, ActState.PLACED, "refund.requested")
                case Step.SEND:
                    return await self._send(given, act, seller, looked_at)
                case Step.WAIT:
                    raise NotYet("refund-looking", "the seller does not show the refund yet", retry_after=decision.wait)
                case Step.DOUBT:
                    act = await self._acts.change(act, ActState.IN_DOUBT, "refund.in-doubt", code="refund-in-doubt")
        return _result(act, found)

    async def _send(self, given: RefundInput, act: ActRecord, seller: Seller, looked_at: datetime) -> RefundResult:
        act = await self._sending.begin(act, given.run.account, "refund", looked_at=looked_at)
        assert act.send_deadline is not None
        try:
            found = await seller.request_refund(
                given.seller_order_id, reason=given.reason, gate=self._clock.send_gate(act.send_deadline)
            )
        except NotSent:
            await self._acts.change(act, ActState.RESERVED, "refund.not-sent")
            raise
        except Refused as error:
            if error.code == "auth-rejected":
                await self._acts.change(act, ActState.RESERVED, "refund.not-taken", code=error.code)
                raise
            act = await self._acts.change(act, ActState.NEEDS_PERSON, "refund.refused", code=error.code)
            return RefundResult(outcome=act.state.value, code=error.code, message=error.message)
        except Ambiguous as error:
            raise NotYet(
                "refund-looking", error.message, retry_after=timedelta(seconds=purchase.FIRST_LOOK_SECONDS)
            ) from None
        act = await self._acts.change(act, ActState.PLACED, "refund.requested")
        return _result(act, found)

    async def _reserve(self, given: RefundInput) -> ActRecord:
        now = await self._clock.now()
        act = ActRecord(
            act_id=ids.refund_id(given.run.order_id, given.number),
            order_id=given.run.order_id,
            kind=ActKind.REFUND,
            state=ActState.RESERVED,
            owner=given.run.owner,
            body_hash=ids.digest({"seller_order_id": given.seller_order_id, "reason": given.reason}),
            seller_order_id=given.seller_order_id,
        )
        event = AuditEvent(
            event_id=ids.event_id(act.act_id, "refund.reserved", "1"),
            kind="refund.reserved",
            subject=act.order_id,
            at=now,
            reason=given.reason,
        )
        return await self._inventory.open_act(act, event, now)

    async def _find(self, seller: Seller, given: RefundInput) -> SellerOrder:
        found = await seller.find(seller_order_id=given.seller_order_id)
        if found is None:
            raise Unavailable("seller-order-missing", "the seller does not show its own order")
        return found

    @activity.defn(name="await_refund")
    async def await_refund(self, given: RefundInput) -> RefundResult:
        """Return when the seller agreed or closed the order, or after a week without a decision. Twice: looked again."""
        if activity.info().attempt == 1:
            await self._view.enter(given.run, OrderState.AWAITING_REFUND)
        else:
            await self._view.require_ownership(given.run)
        async with self._calls.open(given.run) as seller:
            found = await self._find(seller, given)
        if found.is_refund_approved or found.state.is_dead:
            return RefundResult(outcome="approved", refund_request_id=found.refund_request_id)
        waited = max(await self._clock.now() - activity.info().scheduled_time, timedelta())
        if waited >= ASK_AGAIN_AFTER:
            return RefundResult(
                outcome="undecided",
                refund_request_id=found.refund_request_id,
                code="refund-undecided",
                message="the seller has not decided about the refund for a week, or denied it: both look the same",
            )
        pause = cadence.next_look(waited)
        await self._view.look(given.run, "the seller has not decided about the refund", next_in=pause)
        raise NotYet("refund-pending", "the seller has not decided about the refund yet", retry_after=pause)


def _result(act: ActRecord, found: SellerOrder) -> RefundResult:
    if act.state is ActState.PLACED:
        done = found.is_refund_approved or found.state.is_dead
        return RefundResult(outcome="approved" if done else "requested", refund_request_id=found.refund_request_id)
    lost = "the seller's answer to the refund request was lost and the seller does not show it"
    refused = "the seller refused to cancel the order and refund it"
    return RefundResult(
        outcome=act.state.value,
        code=act.error_code,
        message=refused if act.state is ActState.NEEDS_PERSON else lost,
    )
