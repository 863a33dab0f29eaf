"""``starter.prove.replay`` over folders: what is recorded replays, what is not a history or goes another way is told."""

import gzip
import json
from pathlib import Path
from typing import Any

from starter.prove.replay import ReplayReport, replay_corpus

CORPUS = Path(__file__).parents[1] / "replay" / "histories"


def document(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CORPUS / f"{name}.json").read_text())
    return told


async def test_a_recorded_run_replays_again_and_again(tmp_path: Path) -> None:
    told = document("plain_order")
    (tmp_path / "plain.json").write_text(json.dumps(told))
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(json.dumps(told).encode()))
    (tmp_path / "notes.txt").write_text("not a history, and not taken for one")
    assert await replay_corpus(tmp_path) == await replay_corpus(tmp_path) == ReplayReport(count=2)


async def test_an_open_run_replays_as_far_as_it_went(tmp_path: Path) -> None:
    told = document("plain_order")
    ended = [n for n, event in enumerate(told["events"]) if event["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"]
    for cut in ended[:-1]:
        begun = next(n for n in range(cut + 1, len(told["events"])) if "TASK" in told["events"][n]["eventType"])
        told_so_far = {**told, "events": told["events"][: begun + 1]}
        (tmp_path / f"open-{cut}.json").write_text(json.dumps(told_so_far))
    report = await replay_corpus(tmp_path)
    assert (report.count, report.failures) == (len(ended) - 1, ())


async def test_a_run_that_went_another_way_is_told_with_its_reason(tmp_path: Path) -> None:
    told = document("plain_order")
    for event in told["events"]:
        if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name") == "purchase":
            event["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "purchase_twice"
    del told["workflowId"]  # as an export has none
    (tmp_path / "other.json").write_text(json.dumps(told))
    report = await replay_corpus(tmp_path)
    (failure,) = report.failures
    assert (report.count, report.is_clean, failure.workflow_id) == (1, False, "other")
    assert failure.run_id == told["events"][0]["workflowExecutionStartedEventAttributes"]["originalExecutionRunId"]
    assert "purchase_twice" in failure.reason
    assert "\n" not in failure.reason


async def test_a_run_of_an_unknown_type_is_told(tmp_path: Path) -> None:
    told = document("plain_order")
    told["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] = "IssueEverything"
    (tmp_path / "unknown.json").write_text(json.dumps(told))
    (failure,) = (await replay_corpus(tmp_path)).failures
    assert "IssueEverything" in failure.reason


async def test_what_is_no_history_is_told(tmp_path: Path) -> None:
    for name, raw in {
        "broken.json": b"{",
        "list.json": b"[]",
        "empty.json": b'{"events": []}',
        "bare.json": b"{}",
        "strange.json": b'{"events": [{"eventType": "EVENT_TYPE_OF_TOMORROW"}]}',
        "middle.json": json.dumps({"events": document("plain_order")["events"][5:]}).encode(),
        "fake.json.gz": b"not gzip",
    }.items():
        (tmp_path / name).write_bytes(raw)
    report = await replay_corpus(tmp_path)
    assert report.count == len(report.failures) == 7
    assert all(failure.reason.startswith("holds no history") for failure in report.failures)


async def test_a_run_that_no_worker_was_asked_to_lead_is_skipped(tmp_path: Path) -> None:
    told = document("plain_order")
    (tmp_path / "delayed.json").write_text(json.dumps({**told, "events": told["events"][:1]}))
    assert await replay_corpus(tmp_path) == ReplayReport(count=0, skipped=1)


async def test_nothing_replayed_is_nothing_shown(tmp_path: Path) -> None:
    report = await replay_corpus(tmp_path)
    assert (report.count, report.failures, report.is_clean) == (0, (), False)
