"""The workflow sandbox guards as the SDK's does, and compiles once what it executes for each run."""

import asyncio
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

import pytest
import temporalio.workflow
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import domain.order
import workflows.issue
from starter.converter import data_converter
from starter.plugin import WORKFLOWS, evercert_plugin
from starter.workflow_sandbox import WorkflowSandbox
from tests.replay.replaying import replay
from tests.replay.unsteady import ByTheClock

_PASSED = ("domain", "activities", "structlog", "workflows.messages", "workflows.options")


def prepared() -> WorkflowSandbox:
    """Return a sandbox that has checked our workflows, as a worker's has when it polls."""
    sandbox = WorkflowSandbox(restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED))
    for one in WORKFLOWS:
        sandbox.prepare_workflow(temporalio.workflow._Definition.must_from_class(one))
    return sandbox


def modules_of_a_run(sandbox: WorkflowSandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Return the modules that a new run executes or is given."""
    made: list[Any] = []
    create = SandboxedWorkflowRunner.create_instance

    def watched(self: SandboxedWorkflowRunner, details: WorkflowInstanceDetails) -> WorkflowInstance:
        made.append(create(self, details))
        return made[0]  # type: ignore[no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr(SandboxedWorkflowRunner, "create_instance", watched)
        sandbox.prepare_workflow(temporalio.workflow._Definition.must_from_class(workflows.issue.IssueCertificate))
    return dict(made[0].importer.new_modules)


async def test_a_run_that_looks_at_the_clock_is_refused() -> None:
    outcomes = await replay(["plain_order"], [ByTheClock])
    assert "time.time" in str(outcomes["plain_order"])


async def test_each_run_has_logic_of_its_own_and_shares_what_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = prepared()
    one, other = (modules_of_a_run(sandbox, monkeypatch) for _ in range(2))
    for name in ("workflows.issue", "workflows.steps", "workflows.run_state"):
        assert one[name] is not other[name]
        assert one[name] is not sys.modules[name]
    assert one["domain.order"] is other["domain.order"] is domain.order


async def test_a_run_executes_code_that_was_compiled_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox, compiled = prepared(), list[str]()
    to_code = importlib.machinery.SourceFileLoader.get_code

    def watched(self: importlib.machinery.SourceFileLoader, name: str) -> Any:
        compiled.append(name)
        return to_code(self, name)

    monkeypatch.setattr(importlib.machinery.SourceFileLoader, "get_code", watched)
    one, other = (modules_of_a_run(sandbox, monkeypatch) for _ in range(2))
    assert [name for name in compiled if name.startswith("workflows.")] == []
    code = [run["workflows.issue"].IssueCertificate.run.__code__ for run in (one, other)]
    assert code[0] is code[1]
    assert one["workflows.issue"].__spec__ is not other["workflows.issue"].__spec__


def test_what_is_found_elsewhere_is_left_to_python() -> None:
    async def prepare() -> None:
        prepared()

    asyncio.run(prepare())
    (finder,) = [it for it in sys.meta_path if type(it).__name__ == "_CompiledModules"]
    assert finder.find_spec("domain.order", None) is None
    assert finder.find_spec("workflows.nothing", workflows.__path__) is None
    found = finder.find_spec("workflows.issue", workflows.__path__)
    assert found is not None
    assert found.origin == workflows.issue.__file__


def test_nothing_of_the_converter_takes_a_context() -> None:
    """The sandbox answers that there is none; who adds such a codec has to let it answer again."""
    contexts = (
        WorkflowSerializationContext(namespace="n", workflow_id="w"),
        ActivitySerializationContext(
            namespace="n",
            workflow_id="w",
            workflow_type="t",
            activity_type="a",
            activity_id="1",
            activity_task_queue="q",
            is_local=False,
        ),
    )
    assert all(data_converter.with_context(context) is data_converter for context in contexts)
    assert data_converter.external_storage is None


def test_a_runner_that_is_no_sandbox_stays_as_it_is() -> None:
    runner = UnsandboxedWorkflowRunner()
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, plugins=[evercert_plugin()])
    assert replayer.config(active_config=True)["workflow_runner"] is runner


def test_a_sandbox_that_is_given_keeps_what_it_passes_through() -> None:
    given = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("tests"))
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=given, plugins=[evercert_plugin()])
    runner = replayer.config(active_config=True)["workflow_runner"]
    assert isinstance(runner, WorkflowSandbox)
    assert {"tests", *_PASSED} <= runner.restrictions.passthrough_modules
