"""What a recorded history looks like in a file: one event a line, nothing of the machine that recorded it."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "worker@evercert"
_BIG = 200_000
"""Bytes from which on a file is compressed."""

_DROPPED = frozenset({"stackTrace", "workerVersion", "binaryChecksum", "taskId", "requestId", "meteringMetadata"})
_DROPPED_EMPTY = frozenset({"header", "priority", "sdkMetadata"})
_IDENTITIES = re.compile(r"\b\d+@[\w.-]+")


def clean(value: Any) -> Any:
    """Take out what names the machine, its processes and its files, and what replay does not read."""
    if isinstance(value, dict):
        return {
            key: IDENTITY if key == "identity" else clean(inner)
            for key, inner in value.items()
            if key not in _DROPPED and (inner or key not in _DROPPED_EMPTY)
        }
    if isinstance(value, list):
        return [clean(inner) for inner in value]
    return _IDENTITIES.sub(IDENTITY, value) if isinstance(value, str) else value


def text_of(workflow_id: str, events: list[Any]) -> str:
    """Write a history as the text of its file."""
    lines = ",\n".join(json.dumps(clean(event), sort_keys=True, separators=(",", ":")) for event in events)
    return f'{{"workflowId":"{workflow_id}","events":[\n{lines}\n]}}\n'


def write(folder: Path, name: str, text: str) -> Path:
    """Write the file of a history, compressed where it is long, in the place of the one before."""
    plain, packed = folder / f"{name}.json", folder / f"{name}.json.gz"
    if len(text) < _BIG:
        packed.unlink(missing_ok=True)
        plain.write_text(text)
        return plain
    plain.unlink(missing_ok=True)
    packed.write_bytes(gzip.compress(text.encode(), mtime=0))
    return packed


def files(folder: Path = HISTORIES) -> dict[str, Path]:
    """Return the files of a corpus by the names of their histories."""
    return {file.name.split(".", 1)[0]: file for file in sorted(folder.iterdir())}


def read(name: str, folder: Path = HISTORIES) -> dict[str, Any]:
    """Read a history's document."""
    file = files(folder)[name]
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    document: dict[str, Any] = json.loads(raw)
    return document


# what stays the same when a path is taken again

_IDS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"EC-[A-Z2-7]{26}"), "<order>"),
    (re.compile(r"\b(crt|key|act|evt)_[a-z2-7]{20,}"), r"<\1>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?"), "<time>"),
)
_PASSING = frozenset(
    {
        "activityId",
        "timerId",
        "eventTime",
        "historySizeBytes",
        "scheduledEventId",
        "startedEventId",
        "startToFireTimeout",
    }
)
_EVENT_ID = re.compile(r"(?i)eventid$")


def steps(document: dict[str, Any]) -> list[str]:
    """Return what a run did, without ids, times and workflow tasks: equal when a path is taken again.

    Sorted, and without what came in from outside: what a handler does beside the story is a matter of timing. The order is
    what replay holds fast.
    """
    return sorted(
        json.dumps(_steady(event), sort_keys=True)
        for event in document["events"]
        if not re.search(
            r"WORKFLOW_TASK|ACTIVITY_TASK_(STARTED|COMPLETED|CANCELED)|SIGNALED|EXECUTION_CANCEL_REQUESTED",
            event["eventType"],
        )
    )


def decoded(data: str) -> str:
    """Return the text of a payload."""
    return base64.b64decode(data).decode(errors="replace")


def _steady(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _steady(v, k) for k, v in value.items() if k not in _PASSING and not _EVENT_ID.search(k)}
    if isinstance(value, list):
        return [_steady(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    text = decoded(value) if key == "data" else value
    for pattern, word in _IDS:
        text = pattern.sub(word, text)
    return text
