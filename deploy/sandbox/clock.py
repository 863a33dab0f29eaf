"""The sandbox's clock: the system clock moved by an offset, or standing still."""

from datetime import UTC, datetime, timedelta

#: Instants outside this span do not fit into certificates or answers; a clock set there is a mistake.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LATEST = datetime(2045, 1, 1, tzinfo=UTC)


class SandboxClock:
    """One source of time for sales, proofs, leaves and revocation lists; always aware UTC."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Present instant of the sandbox's world."""
        return self._frozen or datetime.now(UTC) + self._offset

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still until someone advances it."""
        return self._frozen is not None

    @property
    def offset_seconds(self) -> float:
        """Seconds by which the sandbox is ahead of the system clock."""
        return (self.now() - datetime.now(UTC)).total_seconds()

    def set(self, instant: datetime) -> None:
        """Move to an instant and run on from there.

        Raises:
            ValueError: The instant is naive or outside 2015 to 2044.
        """
        instant = _checked(instant)
        self._frozen = None
        self._offset = instant - datetime.now(UTC)

    def freeze(self, instant: datetime | None = None) -> None:
        """Stand still, at an instant or now.

        Raises:
            ValueError: The instant is naive or outside 2015 to 2044.
        """
        self._frozen = _checked(instant or self.now())

    def advance(self, seconds: float) -> None:
        """Move forward (or back, below zero); a frozen clock stays frozen.

        Raises:
            ValueError: The result lies outside 2015 to 2044.
        """
        try:
            target = _checked(self.now() + timedelta(seconds=seconds))
        except OverflowError as error:
            raise ValueError("the clock cannot go that far") from error
        if self._frozen is not None:
            self._frozen = target
        else:
            self._offset += timedelta(seconds=seconds)

    def follow_system(self) -> None:
        """Forget offset and freeze."""
        self._frozen = None
        self._offset = timedelta()


def _checked(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("the instant needs a time zone")
    if not EARLIEST <= instant < LATEST:
        raise ValueError("the instant must lie between 2015 and 2044")
    return instant.astimezone(UTC)
