"""What a person may type into the start box, and how a mistake comes back: within one workflow task, readable."""

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from tests.workflows.conftest import REQUEST, Start
from tests.workflows.test_issue import failure_of
from tests.workflows.world import World

pytestmark = pytest.mark.timeskip

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDECOYNOTREAL\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        pytest.param(
            {**REQUEST, "produkt": "x"}, "input-invalid", "produkt: there is no such field", id="unknown field"
        ),
        pytest.param({**REQUEST, "months": "a year"}, "input-invalid", "months: ", id="wrong type"),
        pytest.param({**REQUEST, "months": 0}, "input-invalid", "months: ", id="out of range"),
        pytest.param({**REQUEST, "account": "../etc"}, "input-invalid", "account: ", id="path for a name"),
        pytest.param({"account": "sandbox"}, "input-invalid", "common_name: is needed", id="missing"),
        pytest.param([REQUEST], "input-invalid", "must be one JSON object", id="array"),
        pytest.param("positivessl", "input-invalid", "must be one JSON object", id="text"),
        pytest.param(None, "input-empty", "one JSON object", id="empty form"),
        pytest.param({**REQUEST, "reason": PEM}, "secret-in-input", "rotate it", id="PEM key"),
        pytest.param({**REQUEST, "password": "hunter2"}, "secret-in-input", "rotate it", id="password"),
        pytest.param(
            {**REQUEST, "dcv": {"method": "dns", "token": "hunter2"}}, "secret-in-input", "dcv.token", id="token"
        ),
    ],
)
async def test_bad_input_ends_the_run_in_one_task(start: Start, request_: Any, code: str, words: str) -> None:
    handle = await start(World(), request_)
    error = await failure_of(handle)
    assert error.type == code
    assert words in error.message
    assert "hunter2" not in error.message and "NOTREAL" not in error.message and "a year" not in error.message
    history = await handle.fetch_history()
    tasks = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    assert len(tasks) == 1
    assert not [e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]


async def test_up_to_ten_fields_are_named(start: Start) -> None:
    wrong = {**REQUEST, **{f"field_{n:02}": n for n in range(14)}}
    error = await failure_of(await start(World(), wrong))
    assert error.message.count("there is no such field") == 10
    assert "and 4 more" in error.message


async def test_a_strange_field_name_is_not_repeated(start: Start) -> None:
    error = await failure_of(await start(World(), {**REQUEST, "tok en/=s3cr3t": 1}))
    assert "s3cr3t" not in error.message
