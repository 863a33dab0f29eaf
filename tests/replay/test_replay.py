"""Recorded histories replay: a change of the order of commands without a patch fails here, not in open runs.

``python -m tests.replay.record`` makes the histories; see there when to run it.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from publicsuffixlist import PublicSuffixList
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain import calendar, names
from domain.request import OrderRequest
from starter.converter import data_converter
from starter.plugin import WORKFLOWS, evercert_plugin
from starter.stack import NAMESPACE
from tests.replay.broken import OneStepLess, OneStepMore
from tests.replay.record import HISTORIES, IDENTITY, PATHS

RELEASED = Path(__file__).parents[1] / "domain" / "released_inputs.json"
EVERY = pytest.mark.parametrize("path", sorted(PATHS))


def history(path: str) -> WorkflowHistory:
    """A recorded history."""
    told = json.loads((HISTORIES / f"{path}.json").read_text())
    return WorkflowHistory.from_json(told.pop("workflowId"), told)


async def replay(path: str, *workflows: type) -> Exception | None:
    """Replay a history; what went wrong, if anything did."""
    replayer = Replayer(workflows=workflows or WORKFLOWS, namespace=NAMESPACE, plugins=[evercert_plugin()])
    result = await replayer.replay_workflow(history(path), raise_on_replay_failure=False)
    return result.replay_failure


def test_every_path_is_recorded_and_nothing_else() -> None:
    assert sorted(file.stem for file in HISTORIES.glob("*.json")) == sorted(PATHS)


@EVERY
async def test_replays(path: str) -> None:
    assert await replay(path) is None


@EVERY
async def test_a_step_more_is_noticed(path: str) -> None:
    assert isinstance(await replay(path, OneStepMore), NondeterminismError)


async def test_a_step_less_is_noticed() -> None:
    assert isinstance(await replay("plain_order", OneStepLess), NondeterminismError)


@EVERY
async def test_dated_and_packaged_data_have_no_say(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No suffix list and another rule calendar: what was decided stands in the history."""
    then = datetime(2026, 11, 25, tzinfo=UTC)
    before = names.base_domain("www.example.co.uk"), calendar.leaf_days(then)
    monkeypatch.setattr(names, "_suffixes", lambda: PublicSuffixList(source=[]))
    monkeypatch.setattr(calendar, "LEAF_LIMITS", (calendar.LeafLimit(datetime(2020, 1, 1, tzinfo=UTC), 7),))
    assert (names.base_domain("www.example.co.uk"), calendar.leaf_days(then)) != before
    assert names.base_domain("www.example.co.uk") != before[0]
    assert await replay(path) is None


# what the files hold


def words(value: Any) -> list[str]:
    """Every text of a history, payloads decoded."""
    if isinstance(value, dict):
        inner = [word for key, it in value.items() if key != "data" for word in words(it)]
        data = value.get("data")
        return inner + ([base64.b64decode(data).decode(errors="replace")] if isinstance(data, str) else words(data))
    if isinstance(value, list):
        return [word for it in value for word in words(it)]
    return [value] if isinstance(value, str) else []


def identities(value: Any) -> set[str]:
    """Every identity that a history names."""
    if isinstance(value, dict):
        own = {value["identity"]} if "identity" in value else set()
        return own.union(*(identities(it) for it in value.values()))
    return set().union(*(identities(it) for it in value)) if isinstance(value, list) else set()


@EVERY
def test_no_secret_and_no_machine_stands_in_a_history(path: str) -> None:
    told = json.loads((HISTORIES / f"{path}.json").read_text())
    text = "\n".join(words(told))
    assert ".example.test" in text or ".readonly.test" in text
    for secret in ("sandbox-token", "PRIVATE KEY", "ZXZlcmNlcnQtc2FuZGJveC1"):
        assert secret not in text
    assert identities(told) == {IDENTITY}


def test_every_released_input_is_still_understood() -> None:
    inputs = json.loads(RELEASED.read_text())
    assert inputs
    for typed in inputs:
        payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(typed).encode())
        (request,) = data_converter.payload_converter.from_payloads([payload], [OrderRequest])
        assert isinstance(request, OrderRequest)
        assert request.common_name == typed["common_name"]
        assert request.months == typed["months"]
