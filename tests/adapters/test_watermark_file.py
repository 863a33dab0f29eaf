"""The file that keeps, outside of the inventory, how far it was: whole, for its owner alone, and never backwards."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.adapters.watermark_file import WatermarkFile
from domain.errors import Misconfigured, Unavailable
from domain.reconcile import Watermark

NOW = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)


def mark(sequence: int, **changes: object) -> Watermark:
    fields = {"installation_id": "i", "event_id": f"evt_{sequence}", "file_sequence": 3, "sent_until": NOW}
    return Watermark.model_validate({**fields, "sequence": sequence, **changes})


@pytest.fixture
def kept(tmp_path: Path) -> WatermarkFile:
    return WatermarkFile(tmp_path / "evercert.sequence")


async def test_it_is_read_as_it_was_kept(kept: WatermarkFile) -> None:
    assert await kept.read() is None
    for _ in range(2):
        await kept.keep(mark(7))
    assert await kept.read() == mark(7)
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.path.read_text())["sequence"] == 7
    assert [it.name for it in kept.path.parent.iterdir()] == ["evercert.sequence"]


async def test_it_never_goes_back(kept: WatermarkFile) -> None:
    await kept.keep(mark(7))
    await kept.keep(mark(5, sent_until=NOW + timedelta(seconds=30)))
    assert await kept.read() == mark(7, sent_until=NOW + timedelta(seconds=30))


async def test_kept_by_many_at_once_the_highest_stays(kept: WatermarkFile) -> None:
    others = [WatermarkFile(kept.path) for _ in range(20)]
    await asyncio.gather(*(other.keep(mark(number)) for number, other in enumerate(others, 1)))
    assert await kept.read() == mark(20)


async def test_of_another_installation_it_is_left_alone(kept: WatermarkFile) -> None:
    await kept.keep(mark(7))
    with pytest.raises(Misconfigured, match="sequence-foreign"):
        await kept.keep(mark(9, installation_id="j"))
    assert await kept.read() == mark(7)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sequence": 1}', b"\xff", b"x" * 10_000])
async def test_what_is_not_ours_is_neither_believed_nor_overwritten(kept: WatermarkFile, content: bytes) -> None:
    kept.path.write_bytes(content)
    for attempt in (kept.read(), kept.keep(mark(7))):
        with pytest.raises(Misconfigured, match="sequence-unreadable") as caught:
            await attempt
        assert "evercert db reconcile" in caught.value.next_step
    assert kept.path.read_bytes() == content


async def test_what_a_killed_process_left_beside_it_is_no_hindrance(kept: WatermarkFile) -> None:
    kept.path.with_name("evercert.sequence.new").write_text("half")
    await kept.keep(mark(7))
    assert await kept.read() == mark(7)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
async def test_where_it_cannot_be_kept_the_old_one_stays_and_it_is_told(
    kept: WatermarkFile, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.keep(mark(7))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    places: dict[str, Callable[[], None]] = {
        "write": lambda: monkeypatch.setattr("activities.adapters.watermark_file.json.dumps", full),
        "fsync": lambda: monkeypatch.setattr(os, "fsync", full),
        "replace": lambda: monkeypatch.setattr(Path, "replace", full),
    }
    places[step]()
    with pytest.raises(Unavailable, match="No space left on device") as caught:
        await kept.keep(mark(8))
    assert caught.value.code == "sequence-unavailable"
    assert "Nothing is sent" in caught.value.message
    monkeypatch.undo()
    assert await kept.read() == mark(7)
    assert [it.name for it in kept.path.parent.iterdir()] == ["evercert.sequence"]


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="sequence-unavailable"):
        await WatermarkFile(tmp_path / "gone" / "evercert.sequence").keep(mark(1))


async def test_the_name_is_synced_too(kept: WatermarkFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after the rename must not bring the old file back."""
    synced: list[bool] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.path.samestat(os.fstat(descriptor), kept.path.parent.stat()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await kept.keep(mark(7))
    assert synced == [False, True], "the file first, then its folder"
