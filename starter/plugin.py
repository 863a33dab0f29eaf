"""The one plugin that keeps worker, client, replay and tests identical: converter, sandbox, error translation."""

from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.failures import FailureInterceptor
from starter.converter import data_converter
from starter.workflow_sandbox import WorkflowSandbox
from workflows.issue import IssueCertificate
from workflows.sync_orders import SyncOrders

WORKFLOWS: tuple[type, ...] = (IssueCertificate, SyncOrders)
"""Every workflow type of Evercert."""

_PASSED = ("domain", "activities", "structlog", "workflows.messages", "workflows.options")


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    """Pass the modules that hold messages through the sandbox: a class loaded twice is two classes."""
    if existing is not None and not isinstance(existing, SandboxedWorkflowRunner):
        return existing
    given = existing or SandboxedWorkflowRunner()
    return WorkflowSandbox(
        restrictions=given.restrictions.with_passthrough_modules(*_PASSED), runner_class=given.runner_class
    )


def evercert_plugin() -> SimplePlugin:
    """Return a new plugin; give it to the client once: workers and replayers made from that client get it too."""
    return SimplePlugin(
        "evercert",
        data_converter=data_converter,
        interceptors=[FailureInterceptor()],
        workflow_runner=_runner,
    )
