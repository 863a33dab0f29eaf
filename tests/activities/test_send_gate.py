"""The gate of a running system: open until its deadline by two clocks that agree, and shut for good in any doubt."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from activities.adapters import clock
from activities.ports import SendGate
from tests.adapters.inventory_support import NOW


@dataclass
class Clocks:
    """The wall clock, which may be set, and the one that counts from boot, which may not."""

    wall: datetime = NOW
    boot: float = 1000.0

    def now(self, zone: tzinfo) -> datetime:
        return self.wall.astimezone(zone)

    def boot_seconds(self) -> float:
        return self.boot

    def pass_by(self, *, wall: float, boot: float) -> None:
        self.wall += timedelta(seconds=wall)
        self.boot += boot


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks()
    monkeypatch.setattr(clock, "datetime", made)
    monkeypatch.setattr(clock, "_boot_seconds", made.boot_seconds)
    return made


def gate() -> SendGate:
    return clock.SystemClock().send_gate(NOW + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("wall", "boot", "is_open"),
    [
        (0, 0, True),
        (29, 29, True),
        (30, 30, False),
        (3600, 3600, False),
        (20, 25, True),
        (20, 15, True),
        (10, 15.1, False),
        (10, 4.9, False),
        (1, 3600, False),  # frozen for an hour, and the wall clock was set back
        (-10, 1, False),  # set back
        (29, 30, False),  # the deadline is over by one of the two
    ],
)
def test_both_clocks_must_agree_that_there_is_time(clocks: Clocks, wall: float, boot: float, is_open: bool) -> None:
    made = gate()
    clocks.pass_by(wall=wall, boot=boot)
    assert made.may_send() is is_open


async def test_the_clock_is_aware() -> None:
    assert (await clock.SystemClock().now()).tzinfo is UTC
    assert clock._boot_seconds() <= clock._boot_seconds()
