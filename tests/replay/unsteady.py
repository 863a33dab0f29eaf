"""A workflow that looks at the machine's clock, as none may; in a file of its own, since the sandbox imports it anew."""

import time

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.request import OrderRequest
    from workflows.messages import OrderResult

from workflows.issue import IssueCertificate


@workflow.defn(name="IssueCertificate")
class ByTheClock(IssueCertificate):
    """Does the same, at a time that no replay knows."""

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderResult:
        time.time()
        return await super().run(request)
