"""Changes of the order of commands as somebody may make them: bare, gated by a patch, or harmless.

In a file of its own, since Temporal's workflow sandbox imports it anew.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interface import InventoryActivities
    from activities.messages import Collected, Recorded, RecordInput
    from domain.request import OrderRequest
    from workflows import options
    from workflows.messages import OrderResult

from workflows.issue import IssueCertificate


@workflow.defn(name="IssueCertificate")
class OneStepMore(IssueCertificate):
    """Waits before it begins."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        await workflow.sleep(timedelta(seconds=1), summary="A step that no history has")
        return await super().run(request)


@workflow.defn(name="IssueCertificate")
class OneStepMorePatched(IssueCertificate):
    """The same for new runs only."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        if workflow.patched("wait-before-begin"):
            await workflow.sleep(timedelta(seconds=1), summary="A step that old histories do not have")
        return await super().run(request)


@workflow.defn(name="IssueCertificate")
class OneStepLess(IssueCertificate):
    """Forgets to take the proof away."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        return await super().run(request)

    async def _withdraw(self, *given: Any, **named: Any) -> None:
        return


@workflow.defn(name="IssueCertificate")
class OneStepLessPatched(IssueCertificate):
    """The same for new runs only."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        return await super().run(request)

    async def _withdraw(self, *given: Any, **named: Any) -> None:
        if not workflow.patched("leave-the-proof"):
            await super()._withdraw(*given, **named)


@workflow.defn(name="IssueCertificate")
class OrderSwapped(IssueCertificate):
    """Tells that the order is issued before the proof is taken away."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        return await super().run(request)

    async def _withdraw(self, *given: Any, **named: Any) -> None:
        self._put_off = given

    async def _issued(self, *given: Any, **named: Any) -> OrderResult:
        result = await super()._issued(*given, **named)
        await super()._withdraw(*self._put_off)
        return result


@workflow.defn(name="IssueCertificate")
class OrderSwappedPatched(OrderSwapped):
    """The same for new runs only."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        return await super().run(request)

    async def _withdraw(self, *given: Any, **named: Any) -> None:
        self._is_new = workflow.patched("issued-before-withdrawn")
        await (super()._withdraw if self._is_new else IssueCertificate._withdraw.__get__(self))(*given, **named)

    async def _issued(self, *given: Any, **named: Any) -> OrderResult:
        issued = super()._issued if self._is_new else IssueCertificate._issued.__get__(self)
        return await issued(*given, **named)


@workflow.defn(name="IssueCertificate")
class NoDeadline(IssueCertificate):
    """Waits for the CA without a timer."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        race = self._steps.race
        self._steps.race = lambda work, deadline: race(work, lambda: None)  # type: ignore[method-assign]
        return await super().run(request)


@workflow.defn(name="IssueCertificate")
class OtherWords(IssueCertificate):
    """Says in other words, and with other options, what it does: that is no change of commands."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        return await super().run(request)

    async def _put(self, collected: Collected) -> Recorded:
        config = options.told(options.INVENTORY, "Other words")
        config["start_to_close_timeout"] = timedelta(minutes=9)
        return await workflow.execute_activity_method(
            InventoryActivities.record, RecordInput(run=self._run, serial=collected.serial), **config
        )
