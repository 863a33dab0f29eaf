"""Dated rules a public CA lives under: how long a leaf may live, by the instant it is issued."""

import calendar
from datetime import UTC, datetime, timedelta

#: (from this instant on, longest validity in days); Baseline Requirements 6.3.2.
LEAF_LIMITS: tuple[tuple[datetime, int], ...] = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(1970, 1, 1, tzinfo=UTC), 398),
)


def leaf_limit_days(issued_at: datetime) -> int:
    """Longest validity in days that the Baseline Requirements allow at an instant."""
    return next(days for since, days in LEAF_LIMITS if issued_at >= since)


def leaf_not_after(issued_at: datetime, order_end: datetime) -> datetime:
    """Last second of a leaf: the CA's limit (a day under the rule) or the order's end, whichever is first.

    Validity counts both ends, hence the second taken off.
    """
    longest = issued_at + timedelta(days=leaf_limit_days(issued_at) - 1) - timedelta(seconds=1)
    return min(longest, order_end)


def add_months(instant: datetime, months: int) -> datetime:
    """The same day and time some months later, or the last day of a shorter month."""
    index = instant.month - 1 + months
    year, month = instant.year + index // 12, index % 12 + 1
    return instant.replace(year=year, month=month, day=min(instant.day, calendar.monthrange(year, month)[1]))
