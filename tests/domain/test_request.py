"""Shape of what a person types; nothing here looks anywhere."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.request import Act, ExtendDeadline, OrderRequest

SMALLEST: dict[str, Any] = {
    "account": "sandbox",
    "product": "positivessl",
    "common_name": "www.example.test",
    "months": 12,
    "dcv": {"method": "dns", "dns_account": "sandbox"},
}
RELEASED = Path(__file__).parent / "released_inputs.json"


def test_five_essentials_are_enough() -> None:
    request = OrderRequest.model_validate(SMALLEST)
    assert (request.key.algorithm, request.server_count, request.dry_run, request.schema_version) == (
        "ecdsa",
        1,
        False,
        1,
    )


def test_every_released_input_still_fits() -> None:
    for document in json.loads(RELEASED.read_text()):
        assert OrderRequest.model_validate(document).model_dump(mode="json", exclude_unset=True) == document


@pytest.mark.parametrize("name", ["password", "PASSPHRASE", "token", "secret", "auth_token"])
def test_a_secret_by_name_is_refused_at_any_depth(name: str) -> None:
    for document in (
        {**SMALLEST, name: "x"},
        {**SMALLEST, "dcv": {"method": "dns", name: "x"}},
        {**SMALLEST, "x": [{name: 1}]},
    ):
        with pytest.raises(ValidationError) as caught:
            OrderRequest.model_validate(document)
        assert "rotate it" in str(caught.value)


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "])
def test_a_private_key_is_refused_anywhere_and_never_quoted(kind: str) -> None:
    pem = f"-----BEGIN {kind}PRIVATE KEY-----\nTOPSECRET\n-----END {kind}PRIVATE KEY-----"
    for document in (
        {**SMALLEST, "reason": pem},
        {**SMALLEST, "key": {"algorithm": pem}},
        {**SMALLEST, "common_name": pem},
    ):
        with pytest.raises(ValidationError) as caught:
            OrderRequest.model_validate(document)
        assert "TOPSECRET" not in str(caught.value)
        assert "rotate it" in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    with contextlib.suppress(ValidationError):
        assert OrderRequest.model_validate(value).months > 0


@given(st.dictionaries(st.sampled_from(list(OrderRequest.model_fields)), json_values))
def test_any_value_of_a_known_field_is_taken_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(ValidationError):
        assert OrderRequest.model_validate({**SMALLEST, **changes}).months > 0


def test_acts_need_somebody() -> None:
    with pytest.raises(ValidationError):
        Act.model_validate({"reason": "x"})
    with pytest.raises(ValidationError):
        ExtendDeadline.model_validate({"by": "ann@example.com", "days": 0})
