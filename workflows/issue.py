"""``IssueCertificate``: a new order, from the request to a version in the inventory."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        CheckActivities,
        DcvActivities,
        InventoryActivities,
        IssuanceActivities,
        KeyActivities,
        PurchaseActivities,
    )
    from activities.messages import (
        AwaitInput,
        AwaitResult,
        CheckInput,
        CheckResult,
        Collected,
        CollectInput,
        PreparedKey,
        PrepareKeyInput,
        ProofToPublish,
        PublishInput,
        PurchaseInput,
        PurchaseResult,
        Quote,
        Recorded,
        RecordInput,
        RunRef,
        SellerRef,
        SellerView,
    )
    from domain import ids
    from domain.order import OrderState
    from domain.request import Act, ExtendDeadline, OrderRequest
    from domain.seller import SellerState
    from workflows import options
    from workflows.messages import ActAnswer, Instructions, OrderResult, OrderStatus

from workflows.details import money
from workflows.run_state import RunState
from workflows.search_attributes import cut
from workflows.steps import Steps, TermOver, refusal

_EMPTY_INPUT = (
    "the input is empty: give one JSON object, for example "
    '{"account": "sandbox", "product": "positivessl", "common_name": "www.example.test", "months": 12, '
    '"dcv": {"method": "dns", "dns_account": "sandbox"}}'
)
_NUDGE_GAP = timedelta(seconds=60)
_NUDGES_A_DAY = 20
_DAYS_A_MONTH = 30.4375


@workflow.defn(name="IssueCertificate")
class IssueCertificate:
    """One order. The story is told by :meth:`_story`; everything else is what people may see and do meanwhile."""

    @workflow.init
    def __init__(self, request: OrderRequest | None = None) -> None:
        info = workflow.info()
        order_id = ids.order_id(info.namespace, info.workflow_id, info.first_execution_run_id)
        account = request.account if request else ""
        self._run = RunRef(
            order_id=order_id,
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            account=account,
        )
        self._state = RunState(
            "issue",
            order_id=order_id,
            account=account,
            product=request.product if request else "",
            name=request.common_name if request else "",
        )
        self._steps = Steps(self._run, self._state)
        self._deadline: datetime | None = None
        self._nudges: list[datetime] = []

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        """Order one certificate. Input: one object, see ``domain.request.OrderRequest``.

        Returns:
            The version that is now current, or the quote of a rehearsal.

        Raises:
            ApplicationError: refused before anything was bought (type is the code), or the term is over.
            asyncio.CancelledError: cancelled before anything was sent.
        """
        if request is None:
            raise ApplicationError(_EMPTY_INPUT, type="input-empty", non_retryable=True)
        story = asyncio.create_task(self._story(request))
        try:
            result = await self._guarded(story)
        except ApplicationError as error:
            ended = OrderState.EXPIRED if error.type == "term-over" else OrderState.REJECTED
            await self._end_badly(ended, error.type or "", error.message)
            raise
        except BaseException as error:
            if workflow.cancellation_reason() is None or not is_cancelled_exception(error):
                raise
            await self._end_badly(OrderState.CANCELLED, "", workflow.cancellation_reason() or "")
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _guarded(self, story: "asyncio.Task[OrderResult]") -> OrderResult:
        """Await the story; a native cancel ends it only as long as nothing can have been bought."""
        while True:
            try:
                return await asyncio.shield(story)
            except asyncio.CancelledError:
                if story.done() or workflow.cancellation_reason() is None:
                    raise
                if not self._steps.has_sent:
                    story.cancel()
                    continue
                self._state.cancel_note = (
                    "asked for, but the order may be paid already: it goes on, nothing is refunded by it"
                )
                self._state.show()

    async def _end_badly(self, state: OrderState, code: str, message: str) -> None:
        self._state.enter(state, detail=message, code=code)
        await self._steps.note(state, detail=message, code=code)

    # the story

    async def _story(self, request: OrderRequest) -> OrderResult:
        names, quote = await self._check(request)
        if request.dry_run:
            assert quote is not None
            return await self._rehearsed(request, quote)
        key = await self._prepare_key(request, names)
        try:
            return await self._buy_and_collect(request, names, quote, key)
        except TermOver:
            await self._withdraw(request, names)
            raise ApplicationError(
                "the paid term is over and no certificate was issued", type="term-over", non_retryable=True
            ) from None

    async def _buy_and_collect(
        self, request: OrderRequest, names: tuple[str, ...], quote: Quote | None, key: PreparedKey
    ) -> OrderResult:
        placed = await self._purchase(request, names, quote, key)
        seller = SellerRef(run=self._run, seller_order_id=placed.seller_order_id, names=names)
        recorded = await self._prove_and_collect(request, seller, key)
        await self._withdraw(request, names)
        self._state.not_after = recorded.not_after
        self._state.enter(
            OrderState.ISSUED, detail=f"version {recorded.version}, serial {recorded.serial}, key {recorded.key_id}"
        )
        await self._steps.note(OrderState.ISSUED, detail=f"version {recorded.version} is current")
        return OrderResult(
            order_id=self._run.order_id,
            state=OrderState.ISSUED.value,
            seller_order_id=placed.seller_order_id,
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

    async def _check(self, request: OrderRequest) -> tuple[tuple[str, ...], Quote | None]:
        """Run all checks together and join what they found, so that a person mends everything at once."""
        continued = workflow.info().continued_run_id is not None
        results = await self._steps.take(
            OrderState.CHECKING,
            lambda: self._run_checks(CheckInput(run=self._run, request=request), continued=continued),
        )
        self._state.names = results[0].names or self._state.names
        if continued:  # bought in an earlier run of this chain: catalogue and policy have no say any more
            return results[0].names, None
        findings = tuple(finding for result in results for finding in result.findings)
        if findings:
            raise refusal(findings)
        quote = next(result.quote for result in results if result.quote is not None)
        self._state.price = quote.price
        self._state.term_text = (
            f"for {request.months} months; a leaf lives {quote.leaf_days} days today, "
            f"the term needs {quote.leaves_needed}"
        )
        return results[0].names, quote

    async def _run_checks(self, given: CheckInput, *, continued: bool) -> list[CheckResult]:
        name = given.request.common_name
        checks = [
            workflow.execute_activity_method(
                CheckActivities.check_request,
                given,
                **options.told(options.INVENTORY, f"Check the request for {name}: names, accounts, other orders"),
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
        self._steps.has_sent = True
        while True:
            asked = given.model_copy(update={"person_asks": self._steps.person_asked})
            result = await self._steps.take(
                OrderState.PURCHASING,
                lambda asked=asked: self._buy(asked),  # type: ignore[misc] # bound per turn
            )
            if result.outcome == "placed":
                self._placed(request, result)
                return result
            if result.outcome == "rejected":
                self._steps.has_sent = False
                raise ApplicationError(
                    f"Nothing was bought. {result.message}"
                    + (f" Next: {result.next_step}" if result.next_step else ""),
                    type=result.code,
                    non_retryable=True,
                )
            await self._steps.call_person(result.code, result.message)

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

    async def _prove_and_collect(self, request: OrderRequest, seller: SellerRef, key: PreparedKey) -> Recorded:
        while True:
            proof = await self._read_proof(seller)
            self._state.records = proof.records
            if proof.view.state is not SellerState.ACTIVE:
                await self._publish(request, seller.names, proof)
                if not await self._await_issuance(request, seller, proof.view):
                    continue
            collected = await self._collect(seller, key)
            while collected.problems:
                await self._steps.call_person(
                    "issued-mismatch",
                    "the certificate does not match the order and is in quarantine: " + "; ".join(collected.problems),
                )
                collected = await self._collect(seller, key)
            return await self._record(collected)

    async def _read_proof(self, seller: SellerRef) -> ProofToPublish:
        return await self._steps.take(
            OrderState.READING_PROOF,
            lambda: workflow.execute_activity_method(
                DcvActivities.read_proof,
                seller,
                **options.told(
                    options.SELLER_READ, f"Read what must be published for seller order {seller.seller_order_id}"
                ),
            ),
        )

    async def _publish(self, request: OrderRequest, names: tuple[str, ...], proof: ProofToPublish) -> None:
        given = PublishInput(
            run=self._run, dns_account=request.dcv.dns_account or "", names=names, records=proof.records
        )
        shown = ", ".join(f"{r.record_type} {r.owner}" for r in proof.records)
        await self._steps.take(
            OrderState.PUBLISHING_PROOF,
            lambda: workflow.execute_activity_method(
                DcvActivities.publish_proof,
                given,
                **options.told(options.DNS, cut(f"Publish {shown} and see it at every name server", 200)),
            ),
        )

    async def _await_issuance(self, request: OrderRequest, seller: SellerRef, seen: SellerView | None) -> bool:
        """Wait until the CA has issued. False: the proof to publish is another one now, so publish again."""
        while True:
            if workflow.info().get_current_history_length() > options.CONTINUE_AS_NEW_EVENTS:
                workflow.continue_as_new(request)
            try:
                looked = await self._steps.take(
                    OrderState.AWAITING_ISSUANCE,
                    lambda seen=seen: self._look(seller, seen),  # type: ignore[misc] # bound per turn
                    until=self._deadline,
                )
            except TimeoutError:
                await self._steps.call_person(
                    "issuance-overdue",
                    "the deadline is over and the CA has not issued; the proof value may have expired",
                )
                self._deadline = workflow.now() + timedelta(days=options.PROOF_VALUE_DAYS)
                return False
            if looked is None:  # somebody asked to look at once
                continue
            if looked.view is None:
                await self._steps.note(OrderState.AWAITING_ISSUANCE, detail=looked.message, code=looked.code)
                continue
            before, seen = seen, looked.view
            if seen.state is SellerState.ACTIVE:
                return True
            if seen.state.is_dead:
                await self._steps.call_person(
                    "seller-order-closed", f"the seller shows the order as {seen.status_text}; it was paid"
                )
                seen = None
            elif seen.records and before is not None and seen.records != before.records:
                return False

    async def _look(self, seller: SellerRef, seen: SellerView | None) -> AwaitResult | None:
        assert self._deadline is not None
        poll = workflow.start_activity_method(
            IssuanceActivities.await_issuance,
            AwaitInput(seller=seller, seen=seen),
            **options.told(options.SELLER_POLL, "Wait for the CA to see the proof and to issue"),
        )
        return await self._steps.race(poll, lambda: self._deadline)

    async def _collect(self, seller: SellerRef, key: PreparedKey) -> Collected:
        given = CollectInput(seller=seller, key_id=key.key_id, certificate_id=ids.certificate_id(self._run.order_id))
        return await self._steps.take(
            OrderState.COLLECTING,
            lambda: workflow.execute_activity_method(
                IssuanceActivities.collect,
                given,
                **options.told(options.SELLER_READ, "Download the certificate; verify names, key, chain and dates"),
            ),
        )

    async def _record(self, collected: Collected) -> Recorded:
        return await self._steps.take(
            OrderState.RECORDING,
            lambda: workflow.execute_activity_method(
                InventoryActivities.record,
                RecordInput(run=self._run, serial=collected.serial),
                **options.told(
                    options.INVENTORY,
                    f"Put serial {cut(collected.serial, 40)} into the inventory as the current version",
                ),
            ),
        )

    async def _withdraw(self, request: OrderRequest, names: tuple[str, ...]) -> None:
        """Remove the proof; what cannot be removed within a day is left to a later sweep and never un-issues."""
        self._state.enter(OrderState.WITHDRAWING_PROOF)
        given = PublishInput(
            run=self._run, dns_account=request.dcv.dns_account or "", names=names, records=self._state.records
        )
        try:
            await workflow.execute_activity_method(
                DcvActivities.withdraw_proof,
                given,
                **options.told(options.DNS_AT_END, "Remove exactly the records that we published"),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._state.detail = "the published proof could not be removed within a day and is left in the zone"
        self._state.records = ()

    # what people may do

    @workflow.query(description="What the order waits for, since when, until when, and what would help.")
    def status(self) -> OrderStatus:
        """Return the present status; works while a worker polls, whatever else is down."""
        return self._state.status()

    @workflow.query(description="The DNS records that prove control of the names of this order.")
    def instructions(self) -> Instructions:
        """Return the records that must be visible."""
        return Instructions(order_id=self._run.order_id, records=self._state.records)

    @workflow.update(
        description='Look again at once. Costs nothing. {"by": "you@example.com", "reason": "the zone is mended"}'
    )
    async def check_now(self, act: Act) -> ActAnswer:
        """End the present wait and look; the answer says what is being waited for."""
        self._steps.wake(by_person=True)
        return ActAnswer(done=True, message=f"looking now; state {self._state.state.value}")

    @check_now.validator
    def _may_check_now(self, act: Act) -> None:
        if self._state.state not in (OrderState.AWAITING_ISSUANCE, OrderState.NEEDS_PERSON):
            raise ApplicationError(
                f"nothing to look at: the order is in state {self._state.state.value} and goes on by itself",
                type="nothing-to-check",
                non_retryable=True,
            )

    @workflow.signal(description='As the update check_now, without an answer. {"by": "ci@example.com"}')
    def check_now_signal(self, act: Act) -> None:
        """End the present wait; without effect where there is none."""
        self._steps.wake(by_person=True)

    @workflow.signal(
        description="A hint that something may have changed at the seller; never taken for truth. No payload."
    )
    def nudge(self) -> None:
        """Look soon: nudges within 60 s are one, at most 20 a day wake the run."""
        now = workflow.now()
        self._nudges = [at for at in self._nudges if now - at < timedelta(days=1)]
        if len(self._nudges) < _NUDGES_A_DAY and (not self._nudges or now - self._nudges[-1] >= _NUDGE_GAP):
            self._nudges.append(now)
            self._steps.wake(by_person=False)

    @workflow.update(
        description='Move the deadline of this order. Costs nothing. {"by": "you@example.com", "days": 7, "reason": "vetting"}'
    )
    async def extend_deadline(self, act: ExtendDeadline) -> ActAnswer:
        """Move the deadline by that many days from where it stands, at most to the end of the paid term."""
        return await self._extend(act)

    async def _extend(self, act: ExtendDeadline) -> ActAnswer:
        assert self._deadline is not None
        self._deadline += timedelta(days=act.days)
        if self._steps.term_ends_at is not None:
            self._deadline = min(self._deadline, self._steps.term_ends_at)
        self._state.until = self._deadline
        self._state.show()
        await self._steps.note(
            self._state.state,
            waiting_for=self._state.waiting_for,
            detail=self._state.detail,
            code=self._state.code,
            until=self._deadline,
            by=act.by,
            reason=act.reason,
        )
        return ActAnswer(done=True, message=f"the deadline is now {self._deadline:%Y-%m-%d %H:%M} UTC")

    @extend_deadline.validator
    def _may_extend_deadline(self, act: ExtendDeadline) -> None:
        if self._deadline is None or self._state.state is not OrderState.AWAITING_ISSUANCE:
            raise ApplicationError(
                f"no deadline runs in state {self._state.state.value}", type="no-deadline", non_retryable=True
            )

    @workflow.signal(
        description='As the update extend_deadline, without an answer. {"by": "ci@example.com", "days": 7}'
    )
    async def extend_deadline_signal(self, act: ExtendDeadline) -> None:
        """Move the deadline where one runs."""
        if self._deadline is not None and self._state.state is OrderState.AWAITING_ISSUANCE:
            await self._extend(act)
