"""Recorded histories replay: a change of the order of commands without a patch fails here, not in open runs.

``python -m tests.replay.record`` makes the histories; see there when to run it.
"""

import re
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from publicsuffixlist import PublicSuffixList
from temporalio import workflow

from domain import calendar, names
from starter.plugin import WORKFLOWS
from starter.prove.replay import replay_corpus
from tests.replay.recording import HISTORIES, IDENTITY, decoded, read
from tests.replay.registry import REGISTRY
from tests.replay.replaying import replay
from workflows import options

ALL = REGISTRY.names()
EVERY = pytest.mark.parametrize("name", ALL)


async def test_every_history_replays() -> None:
    report = await replay_corpus(HISTORIES)
    assert report.failures == (), "the order of commands has changed: see README, Changing a workflow"
    assert report.count == len(ALL)


async def test_dated_and_packaged_data_have_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """No suffix list and another rule calendar: what was decided stands in the history."""
    then = datetime(2026, 11, 25, tzinfo=UTC)
    before = names.base_domain("www.example.co.uk"), calendar.leaf_days(then)
    monkeypatch.setattr(names, "_suffixes", lambda: PublicSuffixList(source=[]))
    monkeypatch.setattr(calendar, "LEAF_LIMITS", (calendar.LeafLimit(datetime(2020, 1, 1, tzinfo=UTC), 7),))
    assert names.base_domain("www.example.co.uk") != before[0]
    assert calendar.leaf_days(then) != before[1]
    assert set((await replay(ALL)).values()) == {None}


# what the histories hold


def words(value: Any) -> list[str]:
    """Every text of a history, payloads decoded."""
    if isinstance(value, dict):
        inner = [word for key, it in value.items() if key != "data" for word in words(it)]
        data = value.get("data")
        return inner + ([decoded(data)] if isinstance(data, str) else words(data))
    if isinstance(value, list):
        return [word for it in value for word in words(it)]
    return [value] if isinstance(value, str) else []


def identities(value: Any) -> set[str]:
    """Every identity that a history names."""
    if isinstance(value, dict):
        own = {value["identity"]} if "identity" in value else set()
        return own.union(*(identities(it) for it in value.values()))
    return set().union(*(identities(it) for it in value)) if isinstance(value, list) else set()


_OF_A_MACHINE = re.compile(
    r"(?:^|[\s\"'(=])/(?:home|root|tmp|usr|var|opt|work|Users)/|File \"|127\.0\.0\.1:\d|localhost:\d"
)


@EVERY
def test_no_secret_and_no_machine_stands_in_a_history(name: str) -> None:
    told = read(name)
    text = "\n".join(words(told))
    assert name == "empty_input" or '{"' in text, "no payload was read"
    for secret in ("sandbox-token", "PRIVATE KEY", "ZXZlcmNlcnQtc2FuZGJveC1"):
        assert secret not in text
    assert identities(told) <= {IDENTITY}
    assert _OF_A_MACHINE.search(text) is None
    assert not re.search(rf"@{re.escape(socket.gethostname())}\b", text)


def test_what_names_a_machine_would_be_found() -> None:
    for trace in ("at 10.0.0.1", "see /path of it", "a 127.0.0.1 b"):
        assert _OF_A_MACHINE.search(trace) is None
    for trace in ('  File "x.py"', "in /tmp/evercert-1", "at 127.0.0.1:4711"):
        assert _OF_A_MACHINE.search(trace)


@EVERY
def test_a_history_is_small(name: str) -> None:
    file = next(HISTORIES.glob(f"{name}.json*"))
    assert file.stat().st_size < 100_000


def kinds(name: str) -> list[str]:
    return [event["eventType"].removeprefix("EVENT_TYPE_") for event in read(name)["events"]]


def test_every_update_and_signal_stands_in_a_history() -> None:
    seen: set[str] = set()
    for name in ALL:
        for event in read(name)["events"]:
            accepted = event.get("workflowExecutionUpdateAcceptedEventAttributes", {})
            seen.add(accepted.get("acceptedRequest", {}).get("input", {}).get("name", ""))
            seen.add(event.get("workflowExecutionSignaledEventAttributes", {}).get("signalName", ""))
    for kind in WORKFLOWS:
        definition = workflow._Definition.must_from_class(kind)
        assert {*definition.updates, *definition.signals} <= seen


def test_every_way_to_end_stands_in_a_history() -> None:
    ends = {kinds(name)[-1] for name in ALL}
    assert ends == {f"WORKFLOW_EXECUTION_{how}" for how in ("COMPLETED", "FAILED", "CANCELED", "CONTINUED_AS_NEW")}


def test_a_refused_update_leaves_no_event() -> None:
    """Five were refused and one was taken: see the path of that name."""
    assert kinds("refused_updates").count("WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == 1


def test_a_killed_worker_left_a_second_attempt() -> None:
    events = read("worker_killed")["events"]
    kind = "activityTaskScheduledEventAttributes"
    (bought,) = [it["eventId"] for it in events if it.get(kind, {}).get("activityType") == {"name": "purchase"}]
    started = [event.get("activityTaskStartedEventAttributes", {}) for event in events]
    assert [it["attempt"] for it in started if it.get("scheduledEventId") == bought] == [2]


def test_the_reset_run_is_one() -> None:
    failed = [event.get("workflowTaskFailedEventAttributes", {}) for event in read("reset_run")["events"]]
    assert "WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW" in {it.get("cause") for it in failed}


def test_continued_runs_are_as_long_as_they_get() -> None:
    """Were the limit another one, runs of today would end elsewhere when they are replayed."""
    for name in ("continued_as_new", "sync_continued"):
        assert len(kinds(name)) > options.CONTINUE_AS_NEW_EVENTS
