"""Spending money, once, and asking for it back: steps shared by the workflows that buy."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        KeyActivities,
        PurchaseActivities,
        RefundActivities,
    )
    from activities.messages import (
        PreparedKey,
        PrepareKeyInput,
        PurchaseInput,
        PurchaseResult,
        Quote,
        RefundInput,
        RefundResult,
        SellerRef,
    )
    from domain.order import OrderState
    from domain.request import OrderRequest
    from workflows import options

from workflows.details import money
from workflows.order_run import OrderRun
from workflows.search_attributes import cut
from workflows.steps import CANCEL_AT_ONCE, CancelAsked

_DAYS_A_MONTH = 30.4375


class Buying(OrderRun):
    """Key, purchase, and refund of an order."""

    async def _prepare_key(self, request: OrderRequest, names: tuple[str, ...]) -> PreparedKey:
        size = request.key.size or (256 if request.key.algorithm == "ecdsa" else 2048)
        given = PrepareKeyInput(run=self._run, names=names, algorithm=request.key.algorithm, size=size)
        return await self._steps.take(
            OrderState.PREPARING_KEY,
            lambda: workflow.execute_activity_method(
                KeyActivities.prepare_key,
                given,
                **options.told(
                    options.KEYS, f"Make and seal an {request.key.algorithm.upper()}-{size} key and its CSR"
                ),
            ),
        )

    async def _purchase(
        self, request: OrderRequest, names: tuple[str, ...], quote: Quote | None, key: PreparedKey
    ) -> PurchaseResult:
        given = PurchaseInput(
            run=self._run,
            product=request.product,
            vendor=quote.vendor if quote else "",
            months=request.months,
            names=names,
            key_id=key.key_id,
            server_count=request.server_count,
            server_type=request.server_type,
            quoted=quote.price if quote else None,
            max_price=request.max_price,
            allow_duplicate=request.allow_duplicate,
        )
        if self._steps.cancel_asked and workflow.patched(CANCEL_AT_ONCE):
            raise CancelAsked  # it came together with the key
        self._steps.has_sent = True
        while True:
            asked = given.model_copy(update={"person_asks": self._steps.person_asked})
            result = await self._steps.take(
                OrderState.PURCHASING,
                lambda asked=asked: self._buy(asked),  # type: ignore[misc] # bound per turn
                may_cancel=False,
            )
            if result.outcome == "placed":
                self._placed(request, result)
                return result
            await self._not_placed(given, result)

    async def _not_placed(self, given: PurchaseInput, result: PurchaseResult) -> None:
        """End the run where nothing will be bought; else wait for the person who has to act.

        Raises:
            ApplicationError: rejected, or given up.
            CancelAsked: nothing was bought, and nothing shall be.
        """
        if result.outcome in ("rejected", "abandoned"):
            self._steps.has_sent = result.outcome == "abandoned"
            before = "Nothing was bought. " if result.outcome == "rejected" else ""
            after = f" Next: {result.next_step}" if result.next_step else ""
            raise ApplicationError(f"{before}{result.message}{after}", type=result.code, non_retryable=True)
        is_open = result.outcome == "in-doubt" or result.code == "order-not-ours"
        if not is_open:
            self._steps.has_sent = False  # the seller refused before an order existed
        self._in_doubt = given
        try:
            await self._steps.call_person(result.code, result.message, may_cancel=not is_open)
        finally:
            self._in_doubt = None
        if self._steps.cancel_asked and not is_open:
            raise CancelAsked
        self._steps.has_sent = True

    async def _buy(self, given: PurchaseInput) -> PurchaseResult:
        price = f" for {money(given.quoted)}" if given.quoted else ""
        return await workflow.execute_activity_method(
            PurchaseActivities.purchase,
            given,
            **options.told(options.SELLER_ACT, f"Buy {given.product} for {given.names[0]}{price}, at most once"),
        )

    def _placed(self, request: OrderRequest, placed: PurchaseResult) -> None:
        at = placed.placed_at or workflow.now()
        self._state.seller_order_id = placed.seller_order_id
        self._state.price = placed.charged or self._state.price
        self._deadline = placed.until or at + timedelta(days=options.PROOF_VALUE_DAYS)
        self._steps.term_ends_at = at + timedelta(days=request.months * _DAYS_A_MONTH)

    async def _refunded(self, seller: SellerRef) -> bool:
        """Ask the seller for the refund until it is granted (True) or a person says that there is none (False)."""
        given = RefundInput(
            run=self._run,
            seller_order_id=seller.seller_order_id,
            reason=cut(self._cancel_reason or workflow.cancellation_reason() or "no longer needed", 200),
        )
        self._refund_ruling = ""
        while not self._refund_ruling:
            asked = given.model_copy(update={"person_asks": self._steps.person_asked})
            result = await self._steps.take(
                OrderState.REFUNDING,
                lambda asked=asked: self._ask_for_refund(asked),  # type: ignore[misc] # bound per turn
                may_cancel=False,
            )
            if result.outcome == "requested":
                awaited = await self._steps.take(
                    OrderState.AWAITING_REFUND, lambda: self._await_refund(given), may_cancel=False
                )
                if awaited is None:  # somebody ruled, or asked to look at once
                    continue
                result = awaited
            if result.outcome == "approved":
                return True
            await self._steps.call_person(result.code, result.message, may_cancel=False)
        return self._refund_ruling == "refunded"

    async def _ask_for_refund(self, given: RefundInput) -> RefundResult:
        return await workflow.execute_activity_method(
            RefundActivities.request_refund,
            given,
            **options.told(
                options.SELLER_ACT, f"Ask the seller to cancel order {given.seller_order_id} and refund it, once"
            ),
        )

    async def _await_refund(self, given: RefundInput) -> RefundResult | None:
        poll = workflow.start_activity_method(
            RefundActivities.await_refund,
            given,
            **options.told(options.SELLER_POLL, "Wait for the seller's decision about the refund"),
        )
        return await self._steps.race(poll, lambda: self._steps.term_ends_at)
