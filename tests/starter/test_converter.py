"""The converter knows our types after it has met them once, whichever run or task met them."""

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from starter.converter import data_converter


async def test_a_type_is_learned_once_for_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(BaseModel):
        name: str

    learned: list[Any] = []
    learn = TypeAdapter.__init__

    def watched(self: TypeAdapter[Any], kind: Any, **options: Any) -> None:
        learned.append(kind)
        learn(self, kind, **options)

    monkeypatch.setattr(TypeAdapter, "__init__", watched)
    for _ in range(3):
        converter = data_converter.payload_converter_class()  # as the SDK makes one for each run
        (payload,) = converter.to_payloads([Told(name="www.example.test")])
        assert converter.from_payloads([payload], [Told]) == [Told(name="www.example.test")]
    assert learned == [Told]
