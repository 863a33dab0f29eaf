"""What workflows and activities take and give, by their definitions: the types that old histories and old habits hold us to."""

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from temporalio import activity, workflow

from activities import interface
from domain.request import UserInput
from starter.plugin import WORKFLOWS


@dataclass(frozen=True)
class Types:
    """Hints by the name that stands in histories; None where nothing is taken or given."""

    inputs: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


def workflows() -> Types:
    """Return input and result of every workflow type that the worker registers."""
    given = Types()
    for kind in WORKFLOWS:
        definition = workflow._Definition.must_from_class(kind)
        given.inputs[str(definition.name)] = _first(definition.arg_types)
        given.results[str(definition.name)] = definition.ret_type
    return given


def updates() -> Types:
    """Return payload and answer of every update."""
    given = Types()
    for name, definition in _handlers("updates"):
        given.inputs[name] = _first(definition.arg_types)
        given.results[name] = definition.ret_type
    return given


def signals() -> dict[str, Any]:
    """Return the payload of every signal."""
    return {name: _first(definition.arg_types) for name, definition in _handlers("signals")}


def queries() -> dict[str, Any]:
    """Return the answer of every query."""
    return {name: definition.ret_type for name, definition in _handlers("queries")}


def activities() -> Types:
    """Return input and result of every activity that the interface names."""
    given = Types()
    for kind in vars(interface).values():
        for member in vars(kind).values() if isinstance(kind, type) and kind.__module__ == interface.__name__ else ():
            if (definition := activity._Definition.from_callable(member)) is not None:
                given.inputs[str(definition.name)] = _first(definition.arg_types)
                given.results[str(definition.name)] = definition.ret_type
    return given


def user_models() -> dict[str, type[UserInput]]:
    """Return the models that people and services fill in, by name."""
    hints = [*workflows().inputs.values(), *updates().inputs.values(), *signals().values()]
    found = (part for hint in hints for part in parts(hint))
    return {part.__name__: part for part in found if issubclass(part, UserInput)}


def messages() -> dict[str, type[Any]]:
    """Return the models that activities take and give, and that people get back, by name."""
    hints = [
        *workflows().results.values(), *updates().results.values(), *queries().values(),
        *activities().inputs.values(), *activities().results.values(),
    ]  # fmt: skip
    return {part.__name__: part for hint in hints for part in parts(hint)}


def parts(hint: Any) -> Iterator[type[Any]]:
    """Yield the models of a hint, also of ``X | None``."""
    for part in typing.get_args(hint) or (hint,):
        if isinstance(part, type) and hasattr(part, "model_fields"):
            yield part


def lost(hint: Any, recorded: Any) -> list[str]:
    """Return the paths of what a type does not keep of a recorded value: fields removed or renamed since.

    Raises:
        ValidationError: the type does not take the value at all.
    """
    kept = TypeAdapter(hint).dump_python(TypeAdapter(hint).validate_python(recorded), mode="json")
    return sorted(_missing(recorded, kept, ""))


def _missing(before: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict):
        for key, inner in before.items():
            if not isinstance(now, dict) or key not in now:
                yield f"{path}.{key}"
            else:
                yield from _missing(inner, now[key], f"{path}.{key}")
    elif isinstance(before, list):
        for index, inner in enumerate(before):
            yield from _missing(inner, now[index], f"{path}[{index}]")


def _handlers(what: str) -> Iterator[tuple[str, Any]]:
    for kind in WORKFLOWS:
        for name, definition in getattr(workflow._Definition.must_from_class(kind), what).items():
            yield str(name), definition


def _first(hints: Any) -> Any:
    return hints[0] if hints else None
