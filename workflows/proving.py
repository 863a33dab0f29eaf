"""From a placed order to a version in the inventory: prove, wait, collect, record, clean up."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        DcvActivities,
        InventoryActivities,
        IssuanceActivities,
    )
    from activities.messages import (
        AwaitInput,
        AwaitResult,
        Collected,
        CollectInput,
        PreparedKey,
        ProofToPublish,
        PublishInput,
        Recorded,
        RecordInput,
        SellerRef,
        SellerView,
    )
    from domain import ids
    from domain.order import OrderState
    from domain.request import OrderRequest
    from domain.seller import SellerState
    from workflows import options

from workflows.order_run import OrderRun
from workflows.search_attributes import cut
from workflows.steps import CancelAsked


class Proving(OrderRun):
    """Proof of control and what follows from it; shared by orders, renewals and reissues."""

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
            if collected.other_sales:
                await self._tell_double_sale(collected)
            return await self._record(collected)

    async def _tell_double_sale(self, collected: Collected) -> None:
        """Tell of money spent twice; the certificate is good, so the order goes on."""
        numbers = ", ".join(collected.other_sales[:5])
        detail = (
            f"the seller lists further orders under our reference: {numbers}; have them cancelled and refunded there"
        )
        self._state.alert = f"double-sale: {detail}"
        await self._steps.note(OrderState.COLLECTING, detail=detail, code="double-sale", kind="order.double-sale")

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
            AwaitInput(seller=seller, seen=seen, until=self._deadline),
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
        """Put the version into the inventory; a cancel by any door comes too late for that.

        Raises:
            CancelAsked: it came before, together with what was collected.
        """
        if self._steps.cancel_asked and workflow.patched("cancel-before-record"):
            raise CancelAsked
        try:
            return await self._steps.take(OrderState.RECORDING, lambda: self._put(collected))
        except CancelAsked:
            if not workflow.patched("record-whole"):
                raise
            return await self._steps.take(OrderState.RECORDING, lambda: self._put(collected), may_cancel=False)

    async def _put(self, collected: Collected) -> Recorded:
        return await workflow.execute_activity_method(
            InventoryActivities.record,
            RecordInput(run=self._run, serial=collected.serial),
            **options.told(
                options.INVENTORY,
                f"Put serial {cut(collected.serial, 40)} into the inventory as the current version",
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
