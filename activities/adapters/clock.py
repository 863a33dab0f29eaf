"""The wall clock of this machine, the only place where Evercert reads one."""

from datetime import UTC, datetime


class SystemClock:
    """The ``Clock`` of a running system."""

    async def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        return datetime.now(UTC)
