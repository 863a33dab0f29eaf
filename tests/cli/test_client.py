"""The typed client: runs that take up lost orders, and histories read as steps."""

import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import EvercertError, Refused
from domain.inventory import OrderRecord
from domain.policy import request_digest
from domain.request import Act, OrderRequest
from starter.client import EvercertClient
from starter.history import read_steps
from tests.cli.fakes import ONE, FakeInventory, order

REQUEST = OrderRequest.model_validate(
    {
        "account": "main",
        "product": "positivessl",
        "common_name": "www.example.com",
        "months": 12,
        "request_id": "r-1",
        "requested_by": "ann",
        "max_price": "20.50",
        "key": {"algorithm": "rsa"},
    }
)
OPEN = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
PAUSED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED
CLOSED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED


class FakeTemporal:
    """Knows runs by workflow id, with status and first run id; ``overtakes`` starts one before our own start."""

    namespace = "evercert"

    def __init__(self, **runs: "WorkflowExecutionStatus.ValueType") -> None:
        self.runs = {name.replace("_", "-"): status for name, status in runs.items()}
        self.started: list[tuple[str, OrderRequest]] = []
        self.overtakes = ""
        self.refusal: Exception | None = None

    @property
    def workflow_service(self) -> Any:
        async def describe(asked: DescribeWorkflowExecutionRequest, **_: Any) -> Any:
            if asked.execution.workflow_id not in self.runs:
                raise RPCError("gone", RPCStatusCode.NOT_FOUND, b"")
            told = DescribeWorkflowExecutionResponse()
            told.workflow_execution_info.status = self.runs[asked.execution.workflow_id]
            told.workflow_execution_info.execution.run_id = "run-1"
            told.workflow_execution_info.first_run_id = "run-1"
            return told

        return SimpleNamespace(describe_workflow_execution=describe)

    def get_workflow_handle(self, workflow_id: str, **_: Any) -> Any:
        async def execute_update(*_: Any, **__: Any) -> Any:
            assert self.refusal is not None
            raise self.refusal

        return SimpleNamespace(execute_update=execute_update)

    async def start_workflow(self, _: Any, request: OrderRequest, **options: Any) -> Any:
        workflow_id = options["id"]
        assert options["id_reuse_policy"].name == "REJECT_DUPLICATE" and options["id_conflict_policy"].name == "FAIL"
        if self.overtakes == workflow_id:
            self.runs[workflow_id] = OPEN
        if workflow_id in self.runs:
            raise WorkflowAlreadyStartedError(workflow_id, "IssueCertificate")
        self.runs[workflow_id] = OPEN
        self.started.append((workflow_id, request))
        return SimpleNamespace(id=workflow_id, first_execution_run_id="run-9", result_run_id="run-9")


def lost(**changes: Any) -> OrderRecord:
    stored = REQUEST.model_dump(mode="json", exclude_defaults=True)
    return order(workflow_id="issue-lost", request=stored, request_digest=request_digest(REQUEST), **changes)


def client(temporal: FakeTemporal, *records: OrderRecord) -> EvercertClient:
    inventory = FakeInventory({it.order_id: it for it in records})
    return EvercertClient(cast("Any", temporal), cast("Any", SimpleNamespace(inventory=inventory)))


@pytest.mark.parametrize("before", [{}, {"issue_lost": CLOSED}])
async def test_resume_starts_the_stored_request_again(before: dict[str, Any]) -> None:
    temporal = FakeTemporal(**before)
    started = await client(temporal).resume(lost(), by="bob", reason="terminated")
    ((workflow_id, request),) = temporal.started
    assert started.workflow_id == workflow_id == f"resume-{ONE}-1" and started.order_id == ONE
    assert (request.resume_order, request.requested_by, request.reason) == (ONE, "bob", "terminated")
    assert (request.request_id, request.key.algorithm, str(request.max_price)) == ("r-1", "rsa", "20.50")
    assert request_digest(request) == lost().request_digest and not started.was_running


async def test_resume_takes_the_first_free_number_and_joins_one_under_way() -> None:
    temporal = FakeTemporal()
    temporal.runs = {f"resume-{ONE}-{number}": CLOSED for number in (1, 2)}
    it = client(temporal)
    one, two = [await it.resume(lost(), by="bob") for _ in range(2)]
    assert (one.workflow_id, one.was_running) == (f"resume-{ONE}-3", False)
    assert (two.workflow_id, two.was_running) == (f"resume-{ONE}-3", True)
    assert len(temporal.started) == 1


async def test_resume_joins_a_caller_who_was_faster() -> None:
    temporal = FakeTemporal()
    temporal.overtakes = f"resume-{ONE}-1"
    started = await client(temporal).resume(lost(), by="bob")
    assert (started.workflow_id, started.was_running, temporal.started) == (f"resume-{ONE}-1", True, [])


@pytest.mark.parametrize(
    ("record", "run", "code"),
    [
        (lost(), OPEN, "run-alive"),
        (lost(), PAUSED, "run-alive"),
        (lost(state="issued"), CLOSED, "order-ended"),
        (lost().model_copy(update={"request_digest": "other"}), CLOSED, "resume-differs"),
    ],
)
async def test_resume_refuses(record: OrderRecord, run: "WorkflowExecutionStatus.ValueType", code: str) -> None:
    temporal = FakeTemporal(issue_lost=run)
    with pytest.raises(EvercertError) as caught:
        await client(temporal).resume(record, by="bob")
    assert caught.value.code == code and temporal.started == []


async def test_another_chain_under_the_same_id_is_no_run_of_the_order() -> None:
    temporal = FakeTemporal(issue_lost=OPEN)
    assert (await client(temporal).resume(lost(run_id="run-0"), by="bob")).workflow_id == f"resume-{ONE}-1"


async def test_a_refusal_keeps_code_sentence_and_next_step() -> None:
    temporal = FakeTemporal()
    temporal.refusal = WorkflowUpdateFailedError(
        ApplicationError("a sale may still show up Next: rule again later.", type="too-early-to-tell")
    )
    with pytest.raises(Refused) as caught:
        await client(temporal).cancel(order(), Act(by="ann"))
    it = caught.value
    assert (it.code, it.message, it.next_step) == ("too-early-to-tell", "a sale may still show up", "rule again later.")


@pytest.mark.parametrize(("state", "code"), [("awaiting-issuance", "run-not-found"), ("cancelled", "order-ended")])
async def test_an_act_on_a_run_that_is_gone_tells_whether_the_order_has_ended(state: str, code: str) -> None:
    temporal = FakeTemporal()
    temporal.refusal = RPCError("gone", RPCStatusCode.NOT_FOUND, b"")
    with pytest.raises(EvercertError) as caught:
        await client(temporal, order(state=state)).cancel(order(), Act(by="ann"))
    assert caught.value.code == code


def history() -> list[HistoryEvent]:
    ids = itertools.count(1)

    def event(kind: str, **attributes: Any) -> HistoryEvent:
        number = EventType.Value(f"EVENT_TYPE_{kind}")
        return HistoryEvent(event_id=next(ids), event_type=number, **attributes)

    scheduled = event("WORKFLOW_EXECUTION_STARTED"), event("WORKFLOW_TASK_SCHEDULED")
    bought = event(
        "ACTIVITY_TASK_SCHEDULED", activity_task_scheduled_event_attributes={"activity_type": {"name": "purchase"}}
    )
    bought.user_metadata.summary.CopyFrom(Payload(data=b"Buy it"))
    polled = event(
        "ACTIVITY_TASK_SCHEDULED", activity_task_scheduled_event_attributes={"activity_type": {"name": "collect"}}
    )
    started = event("ACTIVITY_TASK_STARTED", activity_task_started_event_attributes={"scheduled_event_id": 3})
    done = event("ACTIVITY_TASK_COMPLETED", activity_task_completed_event_attributes={"scheduled_event_id": 3})
    asked = event("WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
    asked.workflow_execution_update_accepted_event_attributes.accepted_request.input.name = "cancel"
    refused = event(
        "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
        workflow_execution_update_completed_event_attributes={"accepted_event_id": 7, "outcome": {"failure": {}}},
    )
    return [*scheduled, bought, polled, started, done, asked, refused, event("WORKFLOW_EXECUTION_TERMINATED")]


async def test_a_history_is_read_as_steps_with_their_events() -> None:
    async def events() -> AsyncIterator[HistoryEvent]:
        for it in history():
            yield it

    async def text_of(payload: Payload) -> str:
        return payload.data.decode()

    steps = await read_steps(events(), text_of)
    assert [(it.name, it.first, it.last, it.outcome, it.summary) for it in steps] == [
        ("start", 1, 1, "completed", ""),
        ("purchase", 3, 6, "completed", "Buy it"),
        ("collect", 4, 4, "pending", ""),
        ("cancel", 7, 8, "failed", ""),
        ("end", 9, 9, "terminated", ""),
    ]
