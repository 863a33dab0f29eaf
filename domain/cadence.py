"""How often somebody looks, while an order waits for others.

A quarter of the time waited so far: seconds at first, when most DV certificates come, and hours later. Bounded on both
sides, so that the seller is not bothered and nobody waits half a day for news.
"""

from datetime import timedelta

SOONEST = timedelta(seconds=2)
FIRST_DAY = timedelta(minutes=15)
LATER = timedelta(hours=4)
GIVE_UP_LOOKING = timedelta(hours=6)
"""After so long without a single answer the wait itself changes: the run shows it, tells someone, and looks on."""

DEFECTS_BEFORE_TOLD = 3


def next_look(waited: timedelta) -> timedelta:
    """Return the pause before the next look after having waited that long."""
    most = FIRST_DAY if waited < timedelta(days=1) else LATER
    return min(max(waited / 4, SOONEST), most)
