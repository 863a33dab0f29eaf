"""The SDK's sandbox for workflow code, without two things that it does over and over to no effect.

Its guard is untouched: the modules that hold workflow logic are executed anew for every run, under its restrictions. But:

* Where byte code is not kept in files (a read-only installation, ``PYTHONDONTWRITEBYTECODE``), Python compiled those modules
  for every run: two thirds of what a new run cost. And where files were replaced under a running worker, new logic met old
  activities. Here a process compiles each of them once, when it starts.
* The SDK asks for the context of each payload, a hundred times an order, and each question goes through the sandbox's gate,
  which compiles the lines that it runs. Only a converter, codec or storage that takes a context needs the answer.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

_OURS = "workflows."


class WorkflowSandbox(SandboxedWorkflowRunner):
    """Runs workflows in the SDK's sandbox; for data converters that take no context, as Evercert's does."""

    def prepare_workflow(self, defn: Any) -> None:
        """Check one workflow class when a worker starts; from then on its modules are compiled once."""
        if not any(isinstance(finder, _CompiledModules) for finder in sys.meta_path):
            sys.meta_path.insert(0, _CompiledModules())
        super().prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return a new run."""
        return _Run(super().create_instance(det))


class _Run(WorkflowInstance):
    """A run in the sandbox that answers from outside what needs no look inside."""

    def __init__(self, inside: WorkflowInstance) -> None:
        self._inside = inside

    def activate(self, act: Any) -> Any:
        return self._inside.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        del command_info
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        del command_info
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._inside.get_info()

    def get_thread_id(self) -> int | None:
        return self._inside.get_thread_id()


class _CompiledModules(MetaPathFinder):
    """Finds the modules of ``workflows`` where they are, and remembers their code."""

    def __init__(self) -> None:
        self._loaders: dict[str, _CompiledOnce] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_OURS):
            return None
        if fullname not in self._loaders:
            found = PathFinder.find_spec(fullname, path, target)
            if found is None or type(found.loader) is not SourceFileLoader:
                return found
            self._loaders[fullname] = _CompiledOnce(fullname, found.loader.path)
        loader = self._loaders[fullname]
        # A spec belongs to one module, of one run.
        return spec_from_file_location(fullname, loader.path, loader=loader)


class _CompiledOnce(SourceFileLoader):
    _code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        if self._code is None:
            self._code = super().get_code(fullname)
        return self._code
