"""The clocks of this machine, the only place where Evercert reads one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from activities.ports import SendGate

_MOST_DRIFT = timedelta(seconds=5)


def _wall() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """The ``Clock`` of a running system.

    Args:
        wall: the wall clock, aware, UTC; a proof puts a wrong one here.
    """

    def __init__(self, wall: Callable[[], datetime] = _wall) -> None:
        self._wall = wall

    async def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        return self._wall()

    def send_gate(self, deadline: datetime) -> SendGate:
        """Return a gate that is open until the deadline, and shut once wall and boot clock drift 5 s apart."""
        return WallGate(deadline, self._wall)


class WallGate:
    """Open until a deadline, measured twice: by the wall clock, and by the clock that counts from boot.

    The wall clock may be set while a process sleeps, and a frozen process does not notice that time went by; a deadline
    that only one of the two believes in is not believed in.
    """

    def __init__(self, deadline: datetime, wall: Callable[[], datetime] = _wall) -> None:
        self._deadline = deadline
        self._read_wall = wall
        self._wall = wall()
        self._boot = _boot_seconds()

    def may_send(self) -> bool:
        """Tell whether the first byte may leave now."""
        now = self._read_wall()
        passed = timedelta(seconds=_boot_seconds() - self._boot)
        drift = abs((now - self._wall) - passed)
        return now < self._deadline and self._wall + passed < self._deadline and drift <= _MOST_DRIFT


def _boot_seconds() -> float:
    """Return seconds since boot, counted through suspend where the system can tell (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
