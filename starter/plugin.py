"""The one plugin that keeps worker, client, replay and tests identical: converter, sandbox, error translation."""

import dataclasses

from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.failures import FailureInterceptor
from starter.converter import data_converter
from workflows.issue import IssueCertificate
from workflows.sync_orders import SyncOrders

WORKFLOWS: tuple[type, ...] = (IssueCertificate, SyncOrders)
"""Every workflow type of Evercert."""

_PASSED = ("domain", "activities", "structlog", "workflows.messages", "workflows.options")


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    """Pass the modules that hold messages through the sandbox: a class loaded twice is two classes."""
    if not isinstance(existing, SandboxedWorkflowRunner):
        return existing or SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED)
        )
    return dataclasses.replace(existing, restrictions=existing.restrictions.with_passthrough_modules(*_PASSED))


def evercert_plugin() -> SimplePlugin:
    """Return a new plugin; give it to the client once: workers and replayers made from that client get it too."""
    return SimplePlugin(
        "evercert",
        data_converter=data_converter,
        interceptors=[FailureInterceptor()],
        workflow_runner=_runner,
    )
