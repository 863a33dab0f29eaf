"""The process of ``evercert worker run``: what it tells Python's garbage collector."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from starter.cli.worker import spare_collector


class Ring:
    """Refers to itself, so that only the collector can take it away."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Leave the collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_loaded_is_looked_at_no_more() -> None:
    spare_collector()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < gc.get_freeze_count()


def test_what_was_waste_before_is_not_kept_for_ever() -> None:
    ring = weakref.ref(Ring())
    spare_collector()
    assert ring() is None


def test_what_becomes_waste_later_is_still_taken_away() -> None:
    spare_collector()
    ring = weakref.ref(Ring())
    kept = [[] for _ in range(2 * gc.get_threshold()[0])]  # type: ignore[var-annotated]
    assert ring() is None, f"the collector has not come by while {len(kept)} objects were made"
