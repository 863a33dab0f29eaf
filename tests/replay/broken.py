"""Changes of the order of commands that no release may contain: what the replay tests must notice.

In a file of its own, since Temporal's workflow sandbox imports it anew.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.request import OrderRequest
    from workflows.messages import OrderResult

from workflows.issue import IssueCertificate


@workflow.defn(name="IssueCertificate")
class OneStepMore(IssueCertificate):
    """Waits before it begins."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        """Sleep, then go the right way."""
        await workflow.sleep(timedelta(seconds=1), summary="A step that no history has")
        return await super().run(request)


@workflow.defn(name="IssueCertificate")
class OneStepLess(IssueCertificate):
    """Forgets to take the proof away."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        """Go the right way, but for that."""
        return await super().run(request)

    async def _withdraw(self, *given: Any, **named: Any) -> None:
        """Do nothing."""
