"""Replays histories of the corpus with workflow classes of one's choice."""

from collections.abc import AsyncIterator, Iterable

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from starter.plugin import WORKFLOWS, evercert_plugin
from starter.prove.replay import read_history
from starter.stack import NAMESPACE
from tests.replay.recording import files
from tests.replay.registry import REGISTRY

Outcomes = dict[str, Exception | None]
"""What went wrong with each history, by name."""

ORDERS = [entry.name for entry in REGISTRY.history if entry.workflow == "IssueCertificate"]
"""The histories of ``IssueCertificate``."""


def history(name: str) -> WorkflowHistory:
    """Return a history of the corpus."""
    return read_history(files()[name])


async def replay(names: Iterable[str], workflows: Iterable[type] = WORKFLOWS, *, in_sandbox: bool = True) -> Outcomes:
    """Replay histories one after the other."""
    wanted = list(names)
    runner: WorkflowRunner = SandboxedWorkflowRunner() if in_sandbox else UnsandboxedWorkflowRunner()
    # Debug mode: a busy machine, where a step takes seconds, is no deadlock and no difference.
    replayer = Replayer(
        workflows=list(workflows),
        workflow_runner=runner,
        namespace=NAMESPACE,
        plugins=[evercert_plugin()],
        debug_mode=True,
    )

    async def each() -> AsyncIterator[WorkflowHistory]:
        for name in wanted:
            yield history(name)

    async with replayer.workflow_replay_iterator(each()) as results:
        failures = [result.replay_failure async for result in results]
    return dict(zip(wanted, failures, strict=True))


def diverging(outcomes: Outcomes) -> list[str]:
    """Return the histories that the code would lead elsewhere; any other failure is none that a change may cause."""
    strange = {name: error for name, error in outcomes.items() if error and not isinstance(error, NondeterminismError)}
    assert not strange, strange
    return [name for name, error in outcomes.items() if error is not None]
