"""The clocks of this machine, the only place where Evercert reads one."""

import time
from datetime import UTC, datetime, timedelta

from activities.ports import SendGate

_MOST_DRIFT = timedelta(seconds=5)


class SystemClock:
    """The ``Clock`` of a running system."""

    async def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        return datetime.now(UTC)

    def send_gate(self, deadline: datetime) -> SendGate:
        """Return a gate that is open until the deadline, and shut once wall and boot clock drift 5 s apart."""
        return WallGate(deadline)


class WallGate:
    """Open until a deadline, measured twice: by the wall clock, and by the clock that counts from boot.

    The wall clock may be set while a process sleeps, and a frozen process does not notice that time went by; a deadline
    that only one of the two believes in is not believed in.
    """

    def __init__(self, deadline: datetime) -> None:
        self._deadline = deadline
        self._wall = datetime.now(UTC)
        self._boot = _boot_seconds()

    def may_send(self) -> bool:
        """Tell whether the first byte may leave now."""
        now = datetime.now(UTC)
        passed = timedelta(seconds=_boot_seconds() - self._boot)
        drift = abs((now - self._wall) - passed)
        return now < self._deadline and self._wall + passed < self._deadline and drift <= _MOST_DRIFT


def _boot_seconds() -> float:
    """Return seconds since boot, counted through suspend where the system can tell (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
