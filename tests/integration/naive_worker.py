"""A worker that buys as tools without a memory do: what was not confirmed is ordered again, without looking first."""

from datetime import datetime, timedelta

from domain import purchase
from domain.inventory import ActRecord, ActState
from domain.purchase import Decision, Sight, Step
from starter.cli.main import entry


def _naive(act: ActRecord, seen: Sight, *, now: datetime, window: timedelta, person_asks: bool = False) -> Decision:
    del seen, now, window, person_asks
    if act.state is ActState.PLACED:
        return Decision(Step.FINISHED, "placed")
    return Decision(Step.SEND, "not confirmed, so it is ordered again")


setattr(purchase, "decide", _naive)  # noqa: B010 the damage

if __name__ == "__main__":
    entry()
