"""Recording again without a change gives the same: what differs in a file after a recording is what the code does otherwise.

Shown for the scripted paths. What a real machine records differs by chance: which of several activities ends first, and
how often a poll looked.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from starter.prove.replay import read_history
from tests.replay.record import chosen, recorded_on_stage
from tests.replay.recording import clean, read, steps, text_of, write
from tests.replay.registry import REGISTRY

ON_STAGE = [entry for entry in chosen([]) if entry.by == "stage"]


@pytest.fixture(scope="module")
async def again() -> dict[str, dict[str, Any]]:
    """All scripted paths, taken once more."""
    return {name: json.loads(text) async for name, text in recorded_on_stage(ON_STAGE)}


@pytest.mark.timeskip
@pytest.mark.parametrize("name", [entry.name for entry in ON_STAGE])
def test_a_path_taken_again_leaves_the_same_steps(again: dict[str, dict[str, Any]], name: str) -> None:
    assert steps(again[name]) == steps(read(name)), f"changed on purpose? python -m tests.replay.record {name}"


def test_what_differs_would_be_seen() -> None:
    plain, other = read("smallest_request"), read("purchase_rejected")
    assert steps(plain) != steps(other)
    assert steps({"events": plain["events"][:-1]}) != steps(plain)
    assert all(steps(read(entry.name)) for entry in REGISTRY.history)


# files


def test_what_names_a_machine_is_taken_out() -> None:
    event = {
        "eventId": "4",
        "taskId": "77",
        "workerVersion": {"buildId": "b"},
        "started": {"identity": "2747@host.example", "requestId": "r", "header": {}},
        "queue": {"name": "2747@host.example:evercert-1", "kind": "STICKY"},
        "failure": {"message": "away", "stackTrace": '  File "/srv/x.py"'},
        "priority": {},
    }
    assert clean(event) == {
        "eventId": "4",
        "started": {"identity": "worker@evercert"},
        "queue": {"name": "worker@evercert:evercert-1", "kind": "STICKY"},
        "failure": {"message": "away"},
    }


def test_a_long_history_is_compressed_and_read_as_any_other(tmp_path: Path) -> None:
    events = read("smallest_request")["events"]
    short, long = text_of("w", events), text_of("w", events * 20)
    assert write(tmp_path, "h", short).name == "h.json"
    packed = write(tmp_path, "h", long)
    assert [file.name for file in tmp_path.iterdir()] == ["h.json.gz"]
    assert len(read_history(packed).events) == len(events) * 20
    assert packed.read_bytes() == write(tmp_path, "h", long).read_bytes()
    assert write(tmp_path, "h", short).name == "h.json"
    assert [file.name for file in tmp_path.iterdir()] == ["h.json"]
