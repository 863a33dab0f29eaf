"""The data converter that worker, client, replay and tests share.

Plain pydantic, with one difference: what a *person typed* and does not fit becomes a readable failure that ends the run
within one workflow task. The SDK's default would retry that task for ever while the run looks alive. Internal messages
keep the default: a released worker that meets a message it cannot read must not kill an order that was paid for.
"""

import types
import typing
from typing import Any, Union

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter, DefaultPayloadConverter
from temporalio.converter import JSONPlainPayloadConverter as PlainJson
from temporalio.exceptions import ApplicationError

from domain.request import UserInput

_SHOWN_FIELDS = 10
_KEPT_TYPES = 128
"""More than our messages; a bound, since a class that the sandbox makes for one run would keep that run."""


class UserInputConverter(PydanticJSONPlainPayloadConverter):
    """JSON by pydantic; refuses unusable user input with path and reason of up to ten fields, never with a value."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Decode a payload; see the base class.

        Raises:
            ApplicationError: non-retryable, type ``input-invalid`` or ``secret-in-input``, where the hint is a model
                that people fill in.
        """
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            if not is_user_input(type_hint):
                raise
            raise input_failure(error) from None


def is_user_input(hint: object) -> bool:
    """Tell whether a type hint is a :class:`UserInput`, also inside ``| None``."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return any(is_user_input(part) for part in typing.get_args(hint))
    return isinstance(hint, type) and issubclass(hint, UserInput)


def input_failure(error: ValidationError) -> ApplicationError:
    """Return the failure that tells a person what to mend."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    if any(item["type"] == "secret_in_input" for item in found):
        text = next(item["msg"] for item in found if item["type"] == "secret_in_input")
        return ApplicationError(f"The input was refused: {text}", type="secret-in-input", non_retryable=True)
    lines = [f"{_path(item['loc'])}: {_reason(item)}" for item in found[:_SHOWN_FIELDS]]
    more = f"; and {len(found) - _SHOWN_FIELDS} more" if len(found) > _SHOWN_FIELDS else ""
    return ApplicationError(
        f"The input cannot be used, nothing was sent: {'; '.join(lines)}{more}",
        type="input-invalid",
        non_retryable=True,
    )


def _path(location: tuple[int | str, ...]) -> str:
    # A key that a person typed may itself be what should not be shown.
    parts = [
        str(part) if (str(part).isidentifier() and len(str(part)) <= 40) or isinstance(part, int) else "?"
        for part in location
    ]
    return ".".join(parts) or "input"


def _reason(item: Any) -> str:
    reasons = {
        "extra_forbidden": "there is no such field",
        "missing": "is needed",
        "model_type": "must be one JSON object",
        "model_attributes_type": "must be one JSON object",
        "string_pattern_mismatch": "has characters that are not allowed here",
    }
    return reasons.get(item["type"], str(item["msg"]).lower())


_JSON = UserInputConverter(max_cached_type_adapters=_KEPT_TYPES)
"""One for all: the SDK makes a converter for each run and each task, and every one had to learn our types again."""


class _Payloads(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(
            *(
                _JSON if isinstance(converter, PlainJson) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


data_converter = DataConverter(payload_converter_class=_Payloads)
"""One converter for all of Evercert; a codec may be put on it with ``dataclasses.replace``."""
