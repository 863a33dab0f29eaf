"""One input of every released schema, as files: what people sent and what activities were told, for ever understood.

``python -m tests.replay.inputs`` takes a message of each activity out of the corpus where no file has one yet. What people
send is written by hand. A file is never changed after a release: a new shape gets a file of its own.
"""

import json
from pathlib import Path
from typing import Any

from starter.process import leave
from tests.replay.contract import activities
from tests.replay.recording import decoded, read
from tests.replay.registry import REGISTRY

INPUTS = Path(__file__).parent / "inputs"


def of(kind: str) -> dict[str, list[Any]]:
    """Return the values of all files of a kind (``workflow``, ``update``, ``signal``, ``activity``), by name."""
    found: dict[str, list[Any]] = {}
    for file in sorted(INPUTS.glob(f"{kind}.*.json")):
        found.setdefault(file.name.split(".")[1], []).append(json.loads(file.read_text(encoding="utf-8")))
    return found


def recorded_messages() -> dict[str, dict[str, list[Any]]]:
    """Return what each activity was given and gave in the corpus: ``{activity: {"inputs": […], "results": […]}}``."""
    found: dict[str, dict[str, list[Any]]] = {}
    for name in REGISTRY.names():
        types: dict[str, str] = {}
        for event in read(name)["events"]:
            if (begun := event.get("activityTaskScheduledEventAttributes")) is not None:
                types[event["eventId"]] = kind = begun["activityType"]["name"]
                of_kind = found.setdefault(kind, {"inputs": [], "results": []})
                of_kind["inputs"].append(payload(begun["input"]))
            if (ended := event.get("activityTaskCompletedEventAttributes")) is not None:
                found[types[ended["scheduledEventId"]]]["results"].append(payload(ended["result"]))
    return found


def payload(value: dict[str, Any]) -> Any:
    """Return the one value of a list of payloads, None where it is empty."""
    data = value["payloads"][0].get("data", "") if value.get("payloads") else ""
    return json.loads(decoded(data)) if data else None


def main() -> None:
    """Write the files that are missing; the example that says most is taken."""
    there = of("activity")
    for name, seen in sorted(recorded_messages().items()):
        if name not in there and name in activities().inputs:
            text = json.dumps({what: _fullest(values) for what, values in seen.items()}, indent=1, sort_keys=True)
            (INPUTS / f"activity.{name}.json").write_text(text + "\n", encoding="utf-8")


def _fullest(values: list[Any]) -> list[Any]:
    """Return the value with most in it."""
    return sorted(values, key=lambda it: (_weight(it), json.dumps(it, sort_keys=True)))[-1:]


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    if isinstance(value, list):
        return sum(map(_weight, value))
    return int(value not in (None, "", False))


if __name__ == "__main__":
    main()
    leave(0)
