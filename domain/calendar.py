"""The rule calendar: what public CAs may issue, by the instant of issuance. Dated data, one file.

Source: CA/Browser Forum Baseline Requirements 6.3.2 and 4.2.1 as changed by ballot SC-081v3. CAs stay one day below
the limit, because validity is inclusive and a second too much is a mis-issuance.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True)
class LeafLimit:
    """The longest leaf that may be issued from ``since`` on, in days of 86,400 s."""

    since: datetime
    max_days: int


LEAF_LIMITS: tuple[LeafLimit, ...] = (
    LeafLimit(datetime(2020, 9, 1, tzinfo=UTC), 398),
    LeafLimit(datetime(2026, 3, 15, tzinfo=UTC), 200),
    LeafLimit(datetime(2027, 3, 15, tzinfo=UTC), 100),
    LeafLimit(datetime(2029, 3, 15, tzinfo=UTC), 47),
)
_CA_MARGIN_DAYS = 1
_SAFE_LEAD_DAYS = 14


def leaf_days(issued_at: datetime) -> int:
    """Return how many days a leaf lives that a CA issues at that instant (its own margin taken off)."""
    limit = LEAF_LIMITS[0]
    for candidate in LEAF_LIMITS:
        if candidate.since <= issued_at:
            limit = candidate
    return limit.max_days - _CA_MARGIN_DAYS


def leaves_needed(ordered_at: datetime, term_days: int) -> int:
    """Return how many leaves cover a paid term when each is replaced 14 days before its end."""
    end = ordered_at + timedelta(days=term_days)
    at, count = ordered_at, 0
    while at < end:
        count += 1
        life = leaf_days(at)
        if at + timedelta(days=life) >= end:
            break
        at += timedelta(days=max(1, life - _SAFE_LEAD_DAYS))
    return count


assert all(a.since < b.since for a, b in pairwise(LEAF_LIMITS))
