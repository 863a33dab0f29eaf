"""Each kind of source gives up what stands in it, with its place."""

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from temporalio.api.common.v1 import Header, Memo, Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import (
    ActivityTaskFailedEventAttributes,
    HistoryEvent,
    WorkflowExecutionStartedEventAttributes,
)

from starter.prove.canary import SOURCES, Canary, CanaryReport, OwnAct, Scanner
from starter.prove.canary_sources import leaves_of, of_folders, of_inventory, of_logs, payloads_of

SECRET = b"hunter2-of-a-person"
SCANNER = Scanner([Canary("secret", SECRET)])
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({"a": SECRET.decode()}).encode())


def test_every_payload_of_an_event_is_found_with_its_field() -> None:
    started = WorkflowExecutionStartedEventAttributes(
        input=Payloads(payloads=[PAYLOAD]),
        header=Header(fields={"trace": PAYLOAD}),
        memo=Memo(fields={"note": PAYLOAD}),
    )
    event = HistoryEvent(event_id=1, workflow_execution_started_event_attributes=started)
    event.user_metadata.summary.CopyFrom(PAYLOAD)
    begin = "workflow_execution_started_event_attributes"
    assert {path for path, _ in payloads_of(event)} == {
        f"{begin}.input.payloads[0]",
        f"{begin}.header.fields.trace",
        f"{begin}.memo.fields.note",
        "user_metadata.summary",
    }
    hits = {path for path, data in leaves_of(event) if SCANNER.scan("event", data, path)}
    assert hits == {f"{path}.data" for path, _ in payloads_of(event)}


def test_a_failure_is_searched_down_to_its_causes() -> None:
    failure = Failure(message="x", stack_trace="y", encoded_attributes=PAYLOAD)
    failure.cause.stack_trace = f'File "a.py", token={SECRET.decode()}'
    failure.cause.application_failure_info.details.payloads.append(PAYLOAD)
    event = HistoryEvent(activity_task_failed_event_attributes=ActivityTaskFailedEventAttributes(failure=failure))
    begin = "activity_task_failed_event_attributes.failure"
    assert {path for path, data in leaves_of(event) if SCANNER.scan("event", data, path)} == {
        f"{begin}.encoded_attributes.data",
        f"{begin}.cause.stack_trace",
        f"{begin}.cause.application_failure_info.details.payloads[0].data",
    }


async def test_every_column_of_every_table_is_searched_also_compressed_ones(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id TEXT PRIMARY KEY, note TEXT, packed BLOB, n INTEGER)"))
        connection.execute(text("CREATE TABLE of_a_later_release (a TEXT, b JSON, PRIMARY KEY (a))"))
        connection.execute(
            text("INSERT INTO one VALUES ('r1', :note, :packed, 7), ('r2', NULL, NULL, 8)"),
            {"note": f"said {SECRET.decode()}", "packed": gzip.compress(b"history " + SECRET)},
        )
        connection.execute(
            text("INSERT INTO of_a_later_release VALUES ('k', :b)"), {"b": json.dumps({"x": [SECRET.decode()]})}
        )
    engine.dispose()
    pieces = list(of_inventory(url))
    assert len(pieces) == 8
    assert {it.place for it in pieces if SCANNER.scan("inventory", it.data, it.place)} == {
        "one.note row r1",
        "one.packed row r1",
        "of_a_later_release.b row k",
    }


def test_a_log_that_is_missing_is_no_log_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(of_logs([tmp_path / "worker.log"]))


def test_files_are_searched_but_for_those_named(tmp_path: Path) -> None:
    for name in ("master.key", "a/b/deep.txt", "other/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SECRET)
    found = list(of_folders([tmp_path], without=[tmp_path / "master.key", tmp_path / "other"]))
    assert [Path(piece.source).name for piece in found] == ["deep.txt"]
    assert SCANNER.scan("file", found[0].data)


def test_a_scan_of_nothing_is_told() -> None:
    assert CanaryReport({}, ()).missing == SOURCES
    assert "metrics" not in CanaryReport({"metrics": 1}, ()).missing


def test_an_own_act_is_about_one_secret_and_its_parts() -> None:
    act = OwnAct("pasted key", "run")
    assert act.is_about("pasted key") and act.is_about("pasted key, scalar begun")
    assert not act.is_about("pasted key of somebody") and not act.is_about("key")
