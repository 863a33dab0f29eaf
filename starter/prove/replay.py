"""Replays recorded runs with the present code: shows whether open runs of an earlier release would go on.

Nothing is executed and nobody is asked: workflow code alone runs, against what stands in the histories. A run that decides
otherwise than it did would hang in production, so each difference is a failure.
"""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseError
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from starter.plugin import WORKFLOWS, evercert_plugin

_CORPUS_NAMESPACE = "evercert"
_LONGEST_REASON = 300
_TYPES = frozenset(workflow._Definition.must_from_class(kind).name for kind in WORKFLOWS)


@dataclass(frozen=True)
class ReplayFailure:
    """A run that the present code would not lead where it went.

    Attributes:
        workflow_id: of the run; the file's name where a file cannot be read.
        run_id: of the run, ``""`` where it is not known.
        reason: first line of what went wrong.
    """

    workflow_id: str
    run_id: str
    reason: str


@dataclass(frozen=True)
class ReplayReport:
    """What a replay of many runs has shown.

    Attributes:
        count: histories that were replayed, failed ones included.
        failures: those that did not come out the same.
        skipped: runs without anything to replay: no workflow task yet, or deleted after they were listed.
    """

    count: int
    failures: tuple[ReplayFailure, ...] = ()
    skipped: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether something was replayed and all of it came out the same."""
        return self.count > 0 and not self.failures


async def replay_corpus(folder: Path) -> ReplayReport:
    """Replay every ``*.json`` and ``*.json.gz`` of a folder: recorded histories, or exports of ``temporal workflow show``.

    Repeating it changes nothing. A file that holds no history is a failure of the report.
    """
    histories: list[WorkflowHistory] = []
    unreadable: list[ReplayFailure] = []
    for file in history_files(folder):
        try:
            histories.append(read_history(file))
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ParseError) as error:
            unreadable.append(ReplayFailure(file.name, "", f"holds no history ({type(error).__name__})"))
    report = await _replay(_each(histories), _CORPUS_NAMESPACE)
    return ReplayReport(report.count + len(unreadable), (*unreadable, *report.failures), report.skipped)


def history_files(folder: Path) -> list[Path]:
    """Return the files of a corpus, by name."""
    return sorted(file for file in folder.iterdir() if file.name.endswith((".json", ".json.gz")))


async def replay_histories(client: Client, namespace: str) -> ReplayReport:
    """Replay every run that a server holds, closed or open, with the converter that the worker uses.

    Repeating it changes nothing. A run of a type that this release does not know is a failure: its workers would hang it.

    Args:
        client: connected to the server; its own namespace does not matter.
        namespace: whose runs.
    """
    asked = Client(client.service_client, namespace=namespace, data_converter=client.data_converter)
    gone: list[str] = []
    report = await _replay(_held_by(asked, gone), namespace)
    return ReplayReport(report.count, report.failures, report.skipped + len(gone))


def read_history(file: Path) -> WorkflowHistory:
    """Read one history; its workflow id is that of the file's ``workflowId``, else the file's name.

    Raises:
        ValueError: it is no JSON, or does not begin with the start of a run.
        KeyError, TypeError, AttributeError, ParseError: it is JSON of another shape.
    """
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    told: dict[str, Any] = json.loads(raw)
    workflow_id = told.pop("workflowId", file.name.split(".", 1)[0])
    history = WorkflowHistory.from_json(workflow_id, told)
    if not history.events or history.events[0].event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        raise ValueError("no start")
    return history


async def _each(histories: list[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


async def _held_by(client: Client, gone: list[str]) -> AsyncIterator[WorkflowHistory]:
    async for run in client.list_workflows():
        try:
            yield await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            gone.append(run.run_id)  # its retention ended after it was listed


async def _replay(histories: AsyncIterator[WorkflowHistory], namespace: str) -> ReplayReport:
    count, failures, unknown = 0, list[ReplayFailure](), list[ReplayFailure]()
    doubtful, idle = list[WorkflowHistory](), list[WorkflowHistory]()
    async for history, error in _outcomes(_begun(_known(histories, unknown), idle), namespace):
        count += 1
        if isinstance(error, NondeterminismError):
            failures.append(_failure(history, error))
        elif error is not None:
            doubtful.append(history)
    # On a busy machine a task may be taken for a deadlock after two seconds; what is wrong with the code comes again.
    failures += [_failure(h, e) async for h, e in _outcomes(_each(doubtful), namespace) if e is not None]
    return ReplayReport(count + len(unknown), (*unknown, *failures), len(idle))


async def _known(
    histories: AsyncIterator[WorkflowHistory], unknown: list[ReplayFailure]
) -> AsyncIterator[WorkflowHistory]:
    """Yield what is of a type that this release has; a replay would say nothing of a run that was never led."""
    async for history in histories:
        kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
        if kind in _TYPES:
            yield history
        else:
            unknown.append(ReplayFailure(history.workflow_id, history.run_id, f"this release has no workflow {kind}"))


async def _begun(
    histories: AsyncIterator[WorkflowHistory], idle: list[WorkflowHistory]
) -> AsyncIterator[WorkflowHistory]:
    """Yield what a worker was asked to lead; the rest, for which a replay would wait for ever, goes into ``idle``."""
    async for history in histories:
        if any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED for event in history.events):
            yield history
        else:
            idle.append(history)


async def _outcomes(
    histories: AsyncIterator[WorkflowHistory], namespace: str
) -> AsyncIterator[tuple[WorkflowHistory, Exception | None]]:
    # Debug mode: a busy machine, where a step takes seconds, is no deadlock and no difference.
    replayer = Replayer(workflows=WORKFLOWS, namespace=namespace, plugins=[evercert_plugin()], debug_mode=True)
    async with replayer.workflow_replay_iterator(histories) as results:
        async for result in results:
            yield result.history, result.replay_failure


def _failure(history: WorkflowHistory, error: Exception) -> ReplayFailure:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ReplayFailure(history.workflow_id, history.run_id, lines[0][:_LONGEST_REASON])
