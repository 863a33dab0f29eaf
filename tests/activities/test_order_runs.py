"""Runs of orders at Temporal: who works on an order, and the numbers of those that take one up."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from activities.order_runs import OrderRuns, resuming
from domain import ids
from domain.errors import InvalidRequest, Unavailable
from domain.inventory import OrderRecord
from domain.policy import request_digest
from tests.adapters.inventory_support import NOW
from tests.adapters.inventory_support import order as new_order
from tests.cli.test_client import CLOSED, OPEN, PAUSED, REQUEST, FakeTemporal

ORDER_ID = new_order().order_id


class Temporal(FakeTemporal):
    """As the client's fake; signals are kept, questions counted, and it can be away."""

    def __init__(self, **runs: Any) -> None:
        super().__init__(**runs)
        self.questions: list[str] = []
        self.signals: list[tuple[str, str]] = []
        self.away: RPCError | None = None

    @property
    def workflow_service(self) -> Any:
        ask = super().workflow_service.describe_workflow_execution

        async def describe(asked: Any, **more: Any) -> Any:
            self.questions.append(asked.execution.workflow_id)
            if self.away is not None:
                raise self.away
            return await ask(asked, **more)

        return SimpleNamespace(describe_workflow_execution=describe)

    def get_workflow_handle(self, workflow_id: str, **_: Any) -> Any:
        async def signal(name: str) -> None:
            if self.away is not None:
                raise self.away
            if workflow_id not in self.runs:
                raise RPCError("gone", RPCStatusCode.NOT_FOUND, b"")
            self.signals.append((workflow_id, name))

        async def cancel(*, reason: str) -> None:
            await signal(f"cancel: {reason}")

        return SimpleNamespace(signal=signal, cancel=cancel)


def order(workflow_id: str = "issue-1", run_id: str = "run-1", **changes: Any) -> OrderRecord:
    fields = new_order().model_dump() | {
        "workflow_id": workflow_id,
        "run_id": run_id,
        "request": REQUEST.model_dump(mode="json", exclude_defaults=True),
        "request_digest": request_digest(REQUEST),
        "state": "awaiting-issuance",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return OrderRecord.model_validate(fields | changes)


def runs(temporal: FakeTemporal) -> OrderRuns:
    return OrderRuns(lambda: cast("Any", temporal))


def resume_id(number: int) -> str:
    return ids.resume_workflow_id(ORDER_ID, number)


@pytest.mark.parametrize(("status", "alive"), [(OPEN, True), (PAUSED, True), (CLOSED, False)])
async def test_a_run_is_alive_until_it_closes(status: Any, alive: bool) -> None:
    assert await runs(Temporal(issue_1=status)).is_alive("issue-1", "run-1") is alive


async def test_another_chain_or_none_is_not_alive() -> None:
    assert not await runs(Temporal(issue_1=OPEN)).is_alive("issue-1", "run-0")
    assert not await runs(Temporal()).is_alive("issue-1", "run-1")


@pytest.mark.parametrize(
    ("there", "attended"),
    [
        ({}, False),
        ({"issue-1": OPEN}, True),
        ({"issue-1": CLOSED}, False),
        ({"issue-1": CLOSED, resume_id(1): OPEN}, True),
        ({resume_id(1): CLOSED, resume_id(2): OPEN}, True),
        ({resume_id(1): CLOSED, resume_id(2): CLOSED}, False),
    ],
)
async def test_an_order_is_attended_by_its_run_or_a_successor(there: dict[str, Any], attended: bool) -> None:
    temporal = Temporal()
    temporal.runs = there
    assert await runs(temporal).is_attended(order()) is attended


async def test_numbers_go_on_behind_the_owner_and_earlier_ones_are_not_asked_for() -> None:
    temporal = Temporal()
    temporal.runs = {resume_id(number): CLOSED for number in range(1, 51)}
    taken = await runs(temporal).take_up(order(resume_id(49)), by="", reason="lost")
    assert (taken.workflow_id, taken.was_running) == (resume_id(51), False)
    assert temporal.questions == [resume_id(49), resume_id(50), resume_id(51)]


async def test_what_evercert_takes_up_by_itself_is_nobodys_claim() -> None:
    temporal = Temporal()
    await runs(temporal).take_up(order(), by="", reason="lost")
    ((_, request),) = temporal.started
    assert (request.requested_by, request.reason, request.resume_order) == ("", "lost", ORDER_ID)


async def test_a_nudge_reaches_a_run_and_one_that_is_gone_needs_none() -> None:
    temporal = Temporal(issue_1=OPEN)
    await runs(temporal).nudge("issue-1")
    await runs(temporal).nudge("issue-2")
    await runs(temporal).cancel("issue-1", "not needed")
    await runs(temporal).cancel("issue-2", "not needed")
    assert temporal.signals == [("issue-1", "nudge"), ("issue-1", "cancel: not needed")]


async def test_a_server_that_does_not_answer_is_never_a_lost_run() -> None:
    temporal = Temporal(issue_1=OPEN)
    temporal.away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    for attempt in (
        runs(temporal).is_alive("issue-1", "run-1"),
        runs(temporal).is_attended(order()),
        runs(temporal).take_up(order(), by="", reason=""),
        runs(temporal).nudge("issue-1"),
        runs(temporal).cancel("issue-1", ""),
    ):
        with pytest.raises(Unavailable, match="engine-unreachable"):
            await attempt
    assert temporal.started == []


@pytest.mark.parametrize(
    "stored", [{"account": "main"}, {**REQUEST.model_dump(mode="json"), "months": 24}, {"nonsense": 1}]
)
def test_a_stored_request_that_is_no_longer_the_one_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="resume-differs"):
        resuming(order(request=stored), by="", reason="")
