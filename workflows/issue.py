"""``IssueCertificate``: a new order, from the request to a version in the inventory."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        CheckActivities,
        OwnershipActivities,
    )
    from activities.messages import (
        CheckInput,
        CheckResult,
        PreparedKey,
        Quote,
        Recorded,
        RunRef,
        SellerRef,
        TakeOverInput,
    )
    from domain import ids
    from domain.order import OrderState
    from domain.request import OrderRequest
    from workflows import options
    from workflows.messages import OrderResult

from workflows.buying import Buying
from workflows.details import money
from workflows.proving import Proving
from workflows.run_state import RunState
from workflows.steps import NOT_OWNER, CancelAsked, TermOver, drop, refusal

_EMPTY_INPUT = (
    "the input is empty: give one JSON object, for example "
    '{"account": "sandbox", "product": "positivessl", "common_name": "www.example.test", "months": 12, '
    '"dcv": {"method": "dns", "dns_account": "sandbox"}}'
)
_ENDS = {"term-over": OrderState.EXPIRED, "purchase-abandoned": OrderState.ABANDONED}
"""How a run that fails has ended; anything else was refused before it cost money."""


_PATIENCE_WHEN_REFUSED = timedelta(seconds=15)


@workflow.defn(name="IssueCertificate")
class IssueCertificate(Buying, Proving):
    """One order. The story is told by :meth:`_story`; what people may do meanwhile is inherited."""

    @workflow.init
    def __init__(self, request: OrderRequest | None = None) -> None:
        info = workflow.info()
        made = ids.order_id(info.namespace, info.workflow_id, info.first_execution_run_id)
        order_id = request.resume_order if request and request.resume_order else made
        account = request.account if request else ""
        super().__init__(
            RunRef(
                order_id=order_id,
                workflow_id=info.workflow_id,
                first_run_id=info.first_execution_run_id,
                account=account,
            ),
            RunState(
                "issue",
                order_id=order_id,
                account=account,
                product=request.product if request else "",
                name=request.common_name if request else "",
            ),
        )

        self._opening: asyncio.Task[CheckResult] | None = None

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        """Order one certificate. Input: one object, see ``domain.request.OrderRequest``.

        Returns:
            The version that is now current, or the quote of a rehearsal.

        Raises:
            ApplicationError: refused before anything was bought (type is the code), given up, or the term is over.
            asyncio.CancelledError: cancelled before anything was bought, or refunded.
        """
        if request is None:
            raise ApplicationError(_EMPTY_INPUT, type="input-empty", non_retryable=True)
        try:
            result = await self._guarded(asyncio.create_task(self._story(request)))
        except ApplicationError as error:
            if error.type != NOT_OWNER:
                await self._end_badly(_ENDS.get(error.type or "", OrderState.REJECTED), error.type or "", error.message)
            raise
        except CancelAsked:
            reason = self._cancel_reason or workflow.cancellation_reason() or ""
            refunded = "refunded" if self._steps.has_sent else "nothing was bought"
            await self._end_badly(OrderState.CANCELLED, "", f"{refunded}{f': {reason}' if reason else ''}")
            raise asyncio.CancelledError from None
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _guarded(self, story: "asyncio.Task[OrderResult]") -> OrderResult:
        """Await the story; a cancel, by whichever door, is noted and taken by the story at its next safe point."""
        while True:
            try:
                return await asyncio.shield(story)
            except CancelAsked:
                await self._until_temporal_is_asked()
                raise
            except asyncio.CancelledError:
                if story.done() or workflow.cancellation_reason() is None:
                    raise
                self._take_cancel()

    async def _until_temporal_is_asked(self) -> None:
        """Wait for the native cancel: only a run that Temporal was asked to cancel can end as cancelled."""
        if workflow.cancellation_reason() is None:
            try:
                await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
            except asyncio.CancelledError:
                return

    async def _end_badly(self, state: OrderState, code: str, message: str) -> None:
        self._state.enter(state, detail=message, code=code)
        await self._steps.note(state, detail=message, code=code)
        await workflow.wait_condition(workflow.all_handlers_finished)

    # the story

    async def _story(self, request: OrderRequest) -> OrderResult:
        if request.resume_order:
            await self._take_over(request)
        names, quote = await self._check(request)
        if request.dry_run:
            assert quote is not None
            return await self._rehearsed(request, quote)
        key = await self._prepare_key(request, names)
        placed = await self._purchase(request, names, quote, key)
        seller = SellerRef(run=self._run, seller_order_id=placed.seller_order_id, names=names)
        try:
            recorded = await self._prove_or_refund(request, seller, key)
        except TermOver:
            await self._withdraw(request, names)
            raise ApplicationError(
                "the paid term is over and no certificate was issued", type="term-over", non_retryable=True
            ) from None
        await self._withdraw(request, names)
        return await self._issued(recorded, quote)

    async def _issued(self, recorded: Recorded, quote: Quote | None) -> OrderResult:
        self._state.not_after = recorded.not_after
        self._state.enter(
            OrderState.ISSUED, detail=f"version {recorded.version}, serial {recorded.serial}, key {recorded.key_id}"
        )
        await self._steps.note(OrderState.ISSUED, detail=f"version {recorded.version} is current")
        return OrderResult(
            order_id=self._run.order_id,
            state=OrderState.ISSUED.value,
            seller_order_id=self._state.seller_order_id,
            price=self._state.price,
            leaf_days=quote.leaf_days if quote else 0,
            leaves_needed=quote.leaves_needed if quote else 0,
            certificate_id=recorded.certificate_id,
            version=recorded.version,
            serial=recorded.serial,
            fingerprint=recorded.fingerprint,
            not_before=recorded.not_before,
            not_after=recorded.not_after,
            key_id=recorded.key_id,
        )

    async def _take_over(self, request: OrderRequest) -> None:
        await self._steps.take(
            OrderState.CHECKING,
            lambda: workflow.execute_activity_method(
                OwnershipActivities.take_over,
                TakeOverInput(run=self._run, request=request),
                **options.told(options.INVENTORY, f"Take over order {self._run.order_id}, whose run is lost"),
            ),
        )

    async def _prove_or_refund(self, request: OrderRequest, seller: SellerRef, key: PreparedKey) -> Recorded:
        """Go on to the certificate; a cancel turns to the refund, and back if a person says that there is none.

        Raises:
            CancelAsked: refunded.
        """
        while True:
            try:
                return await self._prove_and_collect(request, seller, key)
            except CancelAsked:
                if await self._refunded(seller):
                    await self._withdraw(request, seller.names)
                    raise
                self._steps.cancel_asked = False
                self._state.cancel_note = "not refunded, so the order goes on"

    async def _check(self, request: OrderRequest) -> tuple[tuple[str, ...], Quote | None]:
        """Run all checks together and join what they found, so that a person mends everything at once."""
        continued = workflow.info().continued_run_id is not None
        try:
            results = await self._steps.take(
                OrderState.CHECKING,
                lambda: self._run_checks(CheckInput(run=self._run, request=request), continued=continued),
            )
        except CancelAsked:
            await self._until_opened()
            raise
        self._state.names = results[0].names or self._state.names
        findings = tuple(finding for result in results for finding in result.findings)
        quote = next((result.quote for result in results if result.quote is not None), None)
        if findings and not results[0].is_sent:
            raise refusal(findings)
        if quote is None:  # sent by an earlier run: catalogue and policy have no say any more
            return results[0].names, None
        self._state.price = quote.price
        self._state.term_text = (
            f"for {request.months} months; a leaf lives {quote.leaf_days} days today, "
            f"the term needs {quote.leaves_needed}"
        )
        return results[0].names, quote

    async def _until_opened(self) -> None:
        """Stop the check that opens the order's row, and wait for that: opened after the end it would look like a lost one."""
        opening = self._opening
        if opening is None or opening.done() or not workflow.patched("cancel-after-opening"):
            return
        drop(opening)
        await workflow.wait_condition(opening.done)

    async def _run_checks(self, given: CheckInput, *, continued: bool) -> list[CheckResult]:
        name = given.request.common_name
        checks = [
            workflow.execute_activity_method(
                CheckActivities.check_request,
                given,
                **options.told(options.OPENING, f"Check the request for {name}: names, accounts, other orders"),
            )
        ]
        if not continued:
            checks += [
                workflow.execute_activity_method(
                    CheckActivities.check_offer,
                    given,
                    **options.told(
                        options.SELLER_READ,
                        f"Ask the seller: {given.request.product} for {given.request.months} months, and its price",
                    ),
                ),
                workflow.execute_activity_method(
                    CheckActivities.check_zones,
                    given,
                    **options.told(options.DNS, f"Try to write into the DNS zone of {name}"),
                ),
            ]
        tasks = [asyncio.create_task(check) for check in checks]
        self._opening = tasks[0]
        return await self._joined(tasks)

    async def _joined(self, checks: "list[asyncio.Task[CheckResult]]") -> list[CheckResult]:
        """Await all checks; a request that is refused anyway does not wait for a seller or name server that is away.

        The first one opens the order's row: whatever another one meets has to be shown there, so it comes first.
        """
        await workflow.wait_condition(checks[0].done)
        if checks[0].result().findings:
            try:
                await workflow.wait_condition(
                    lambda: all(check.done() for check in checks),
                    timeout=_PATIENCE_WHEN_REFUSED,
                    timeout_summary="Wait for the other checks, so that all findings come together",
                )
            except TimeoutError:
                for check in checks:
                    if not check.done():
                        drop(check)
                return [check.result() for check in checks if check.done()]
        return list(await asyncio.gather(*checks))

    async def _rehearsed(self, request: OrderRequest, quote: Quote) -> OrderResult:
        detail = f"{request.product} would cost {money(quote.price)}; nothing was bought"
        self._state.enter(OrderState.DRY_RUN, detail=detail)
        await self._steps.note(OrderState.DRY_RUN, detail=detail)
        return OrderResult(
            order_id=self._run.order_id,
            state=OrderState.DRY_RUN.value,
            price=quote.price,
            leaf_days=quote.leaf_days,
            leaves_needed=quote.leaves_needed,
        )
