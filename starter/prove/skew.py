"""A clock that is set wrong while a worker runs, as a person or a bad time server may do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.adapters.build import system_clock
from activities.ports import Clock


def skewed_clock(seconds: float, *, after: Path) -> Clock:
    """Return the clock of this machine, off by some seconds (below zero: behind) from when a file appears."""

    def wall() -> datetime:
        now = datetime.now(UTC)
        return now + timedelta(seconds=seconds) if after.exists() else now

    return system_clock(wall)
