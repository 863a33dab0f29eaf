"""What was ever sent is understood for ever: inputs of every released schema, and shapes that only get wider."""

import copy
import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload

from domain.request import OrderRequest, UserInput
from starter.converter import data_converter
from tests.replay import contract, inputs, schemas
from tests.replay.registry import REGISTRY, present_version

UNKNOWN = {"field_of_tomorrow": 1}


def converted(hint: Any, value: Any) -> Any:
    """Read a value as the worker does."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())
    return data_converter.payload_converter.from_payloads([payload], [hint])[0]


# what people send

TYPED = [
    (kind, name, value, hints[name])
    for kind, hints in (
        ("workflow", contract.workflows().inputs),
        ("update", contract.updates().inputs),
        ("signal", contract.signals()),
    )
    for name, values in inputs.of(kind).items()
    for value in values
]


def test_every_door_has_a_sample() -> None:
    """Only SyncOrders is started without an input that a person types."""
    assert set(inputs.of("workflow")) == set(contract.workflows().inputs) - {"SyncOrders"}
    assert set(inputs.of("update")) == set(contract.updates().inputs)
    assert set(inputs.of("signal")) == set(contract.signals())


@pytest.mark.parametrize(("kind", "name", "value", "hint"), TYPED, ids=lambda it: it if isinstance(it, str) else "")
def test_a_released_input_is_read_and_nothing_of_it_lost(kind: str, name: str, value: Any, hint: Any) -> None:
    if hint is None:
        assert value is None, f"{kind} {name} takes nothing"
        return
    read = converted(hint, value)
    assert isinstance(read, UserInput)
    assert read.model_dump(mode="json", exclude_unset=True) == value
    assert contract.lost(hint, value) == []


def test_the_samples_reach_from_the_smallest_to_every_field() -> None:
    requests = inputs.of("workflow")["IssueCertificate"]
    required = {name for name, field in OrderRequest.model_fields.items() if field.is_required()}
    assert any(set(request) == required for request in requests)
    assert any(set(request) == set(OrderRequest.model_fields) for request in requests)
    given = {name for _, _, value, hint in TYPED for name in (value or {}) if hint is not None}
    wanted = {name for model in contract.user_models().values() for name in model.model_fields}
    nested = {"method", "dns_account", "algorithm", "size"}
    assert given | nested >= wanted


@pytest.mark.parametrize(("kind", "name", "value", "hint"), TYPED, ids=lambda it: it if isinstance(it, str) else "")
def test_an_unknown_field_of_a_person_is_refused(kind: str, name: str, value: Any, hint: Any) -> None:
    if hint is None:
        assert value is None, f"{kind} {name} takes nothing"
        return
    for spoilt in (
        value | UNKNOWN,
        *({**value, key: it | UNKNOWN} for key, it in value.items() if isinstance(it, dict)),
    ):
        with pytest.raises(ValidationError):
            TypeAdapter(hint).validate_python(spoilt)


# what activities are told


def messages(samples: dict[str, list[dict[str, list[Any]]]]) -> list[tuple[str, Any, Any]]:
    """Return name, value and hint of everything that files of activities hold."""
    types = contract.activities()
    return [
        (name, value, hints[name])
        for name, files in samples.items()
        for file in files
        for what, hints in (("inputs", types.inputs), ("results", types.results))
        for value in file[what]
    ]


SAMPLES = messages(inputs.of("activity"))
RECORDED = messages({name: [seen] for name, seen in inputs.recorded_messages().items()})


def test_every_activity_has_a_sample_of_what_it_takes_and_gives() -> None:
    excused = {missing.workflow for missing in REGISTRY.missing}
    unused = set(contract.activities().inputs) - set(inputs.of("activity"))
    assert unused == set() or excused, f"no history has {unused}"
    assert all(file["inputs"] and file["results"] for files in inputs.of("activity").values() for file in files)


def test_every_message_is_read_and_nothing_of_it_lost() -> None:
    assert len(RECORDED) > 500
    for name, value, hint in (*SAMPLES, *RECORDED):
        if value is None:
            assert hint in (None, type(None)), name
        else:
            assert contract.lost(hint, value) == [], name


def test_an_unknown_field_of_a_message_is_ignored() -> None:
    seen = 0
    for _, value, hint in SAMPLES:
        if isinstance(value, dict):
            assert TypeAdapter(hint).validate_python(with_unknown(value)) == TypeAdapter(hint).validate_python(value)
            seen += 1
    assert seen >= len(inputs.of("activity"))


def with_unknown(value: Any) -> Any:
    """Put a field that nobody knows into a message and what it holds, but for what a person typed."""
    if isinstance(value, list):
        return [with_unknown(it) for it in value]
    if not isinstance(value, dict):
        return value
    typed = ("request", "ruling")
    return {**{key: it if key in typed else with_unknown(it) for key, it in value.items()}, **UNKNOWN}


def test_what_is_lost_would_be_found() -> None:
    class Shrunk(BaseModel):
        kept: int

    assert contract.lost(Shrunk, {"kept": 1, "gone": 2}) == [".gone"]
    assert contract.lost(list[Shrunk], [{"kept": 1}, {"kept": 1, "gone": 2}]) == ["[1].gone"]


# shapes


def test_shapes_only_get_wider() -> None:
    """Additions are welcome; what is narrower hangs runs that are open: make a ``schema_version`` 2 beside 1."""
    assert schemas.broken(schemas.snapshot(), schemas.present()) == []


def test_the_snapshot_is_of_this_version() -> None:
    assert schemas.snapshot()["version"] == present_version(), "run python -m tests.replay.schemas"


def request_schema() -> dict[str, Any]:
    return OrderRequest.model_json_schema()


def changed(path: str, **fields: Any) -> dict[str, Any]:
    schema = request_schema()
    inner = schema
    for step in path.split(".") if path else ():
        inner = inner[step]
    inner.update(fields)
    return schema


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (changed("properties.months", maximum=60), "r.months: maximum is 60, was 120"),
        (changed("properties.months", minimum=6), "r.months: minimum is 6, was 1"),
        (changed("properties.months", type="string"), "r.months: was integer"),
        (changed("properties.common_name", maxLength=64), "r.common_name: maxLength is 64, was 300"),
        (changed("properties.product", pattern="^[a-z]+$"), "r.product: pattern is another one"),
        (changed("properties.server_count", default=2), "r.server_count: its default was 1"),
        (changed("properties.schema_version", const=2), "r.schema_version: took 1"),
        (changed("$defs.KeyChoice.properties.algorithm", enum=["ecdsa"]), "r.key.algorithm: took 'rsa'"),
        (changed("", required=[*request_schema()["required"], "reason"]), "r.reason: is needed now"),
        (changed("properties.max_price", anyOf=[{"type": "null"}]), "r.max_price: no longer takes number"),
        (changed("properties.request_id", anyOf=[{"type": "null"}]), "r.request_id: no longer takes string"),
    ],
)
def test_what_is_narrower_would_be_found(now: dict[str, Any], found: str) -> None:
    assert found in set(schemas.narrowings(request_schema(), now, "r"))


def test_a_field_that_is_gone_or_renamed_would_be_found() -> None:
    now = request_schema()
    now["properties"]["cause"] = now["properties"].pop("reason")
    assert list(schemas.narrowings(request_schema(), now, "r")) == ["r.reason: is gone"]


def test_a_model_that_is_gone_or_closed_would_be_found() -> None:
    before = schemas.present()
    now = copy.deepcopy(before)
    del now["user"]["Act"]
    now["messages"]["StateNote"]["additionalProperties"] = False
    assert schemas.broken(before, now) == ["Act: is gone", "StateNote: unknown fields were ignored"]


@pytest.mark.parametrize(
    "now",
    [
        changed("properties.months", maximum=240, minimum=0),
        changed("properties", sans={"type": "array", "default": []}),
        changed("$defs.KeyChoice.properties.algorithm", enum=["ecdsa", "rsa", "ed25519"]),
        changed("$defs.DcvChoice.properties.method", const=None, enum=["dns", "file"]),
        changed("", required=["account"]),
    ],
)
def test_what_is_wider_is_welcome(now: dict[str, Any]) -> None:
    method = now["$defs"]["DcvChoice"]["properties"]["method"]
    if method.get("const", "dns") is None:
        del method["const"]
    assert list(schemas.narrowings(request_schema(), now, "r")) == []
