"""The shape of every model as JSON schema, and what in a later shape would break what was sent in an earlier one.

``python -m tests.replay.schemas`` writes ``schemas.json`` anew when a version begins. It refuses while something is
narrower than before; ``--unreleased`` overrides that for what no release has ever contained.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starter.process import leave
from tests.replay.contract import messages, user_models
from tests.replay.registry import present_version

SNAPSHOT = Path(__file__).parent / "schemas.json"
Schema = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "multipleOf", "uniqueItems")


def present() -> Schema:
    """Return the shapes of this checkout."""
    return {
        "version": present_version(),
        "user": {name: model.model_json_schema() for name, model in sorted(user_models().items())},
        "messages": {name: model.model_json_schema() for name, model in sorted(messages().items())},
    }


def snapshot() -> Schema:
    """Return the committed shapes."""
    told: Schema = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return told


def broken(before: Schema, now: Schema) -> list[str]:
    """Return every way in which something that an earlier shape allowed is not allowed, or means something else, now."""
    found: list[str] = []
    for kind in ("user", "messages"):
        for name, schema in before[kind].items():
            if name not in now[kind]:
                found.append(f"{name}: is gone")
            else:
                found += sorted(set(narrowings(schema, now[kind][name], name)))
    return found


def narrowings(before: Schema, now: Schema, path: str) -> Iterator[str]:
    """Yield what is narrower in a model's schema than it was."""
    yield from _Pair(before, now).compare(before, now, path)


class _Pair:
    """Two documents, each with definitions that references point into."""

    def __init__(self, before: Schema, now: Schema) -> None:
        self._before = before.get("$defs", {})
        self._now = now.get("$defs", {})

    def compare(self, before: Schema, now: Schema, path: str) -> Iterator[str]:
        before, now = _resolved(before, self._before), _resolved(now, self._now)
        if "default" in before and before["default"] != now.get("default"):
            yield f"{path}: its default was {before['default']!r}"
        if "anyOf" in before or "anyOf" in now:
            yield from self._alternatives(before, now, path)
            return
        yield from _values(before, now, path)
        yield from _limits(before, now, path)
        yield from self._fields(before, now, path)
        yield from self._elements(before, now, path)

    def _alternatives(self, before: Schema, now: Schema, path: str) -> Iterator[str]:
        allowed = now.get("anyOf", [now])
        for one in before.get("anyOf", [before]):
            bare = {key: value for key, value in one.items() if key != "default"}
            if all(any(self.compare(bare, other, path)) for other in allowed):
                yield f"{path}: no longer takes {_resolved(bare, self._before).get('type', bare)}"

    def _fields(self, before: Schema, now: Schema, path: str) -> Iterator[str]:
        if "properties" not in before:
            return
        for name, field in before["properties"].items():
            if name not in now.get("properties", {}):
                yield f"{path}.{name}: is gone"
            else:
                yield from self.compare(field, now["properties"][name], f"{path}.{name}")
        for name in set(now.get("required", ())) - set(before.get("required", ())):
            yield f"{path}.{name}: is needed now"
        if before.get("additionalProperties", True) is not False and now.get("additionalProperties") is False:
            yield f"{path}: unknown fields were ignored"

    def _elements(self, before: Schema, now: Schema, path: str) -> Iterator[str]:
        if "items" in now:
            yield from self.compare(before.get("items", {}), now["items"], f"{path}[]")
        for index, (old, new) in enumerate(
            zip(before.get("prefixItems", ()), now.get("prefixItems", ()), strict=False)
        ):
            yield from self.compare(old, new, f"{path}[{index}]")


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return {**definitions[name], **{key: it for key, it in schema.items() if key != "$ref"}} if name else schema


def _values(before: Schema, now: Schema, path: str) -> Iterator[str]:
    allowed = _enumerated(now)
    if allowed is not None:
        past = _enumerated(before)
        if past is None:
            yield f"{path}: took any value"
        else:
            yield from (f"{path}: took {value!r}" for value in past if value not in allowed)
    kinds = _kinds(now)
    if kinds and not _kinds(before):
        yield f"{path}: was of any type"
    for kind in _kinds(before) - kinds if kinds else ():
        if not (kind == "integer" and "number" in kinds):
            yield f"{path}: was {kind}"


def _limits(before: Schema, now: Schema, path: str) -> Iterator[str]:
    for key in _LOWER:
        if key in now and now[key] > before.get(key, float("-inf")):
            yield f"{path}: {key} is {now[key]}, was {before.get(key, 'none')}"
    for key in _UPPER:
        if key in now and now[key] < before.get(key, float("inf")):
            yield f"{path}: {key} is {now[key]}, was {before.get(key, 'none')}"
    for key in _EXACT:
        if key in now and now[key] != before.get(key):
            yield f"{path}: {key} is another one"


def _enumerated(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _kinds(schema: Schema) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def main(words: list[str]) -> int:
    """Write the snapshot; 1 when something is narrower."""
    now = present()
    found = broken(snapshot(), now) if SNAPSHOT.exists() else []
    if found and "--unreleased" not in words:
        print("narrower than what was released; make a schema_version 2 beside 1:", *found, sep="\n  ", file=sys.stderr)
        return 1
    SNAPSHOT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
