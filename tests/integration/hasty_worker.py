"""A worker that takes over a lost order after two seconds instead of five minutes; nothing else is different."""

from datetime import timedelta

from activities.ownership import Comparison, Ownership, Runs
from activities.ports import Clock, Inventory
from starter.cli.main import entry

_patient = Ownership.__init__


def _hasty(
    self: Ownership, inventory: Inventory, runs: Runs, sync: Comparison, clock: Clock, sure_after: timedelta
) -> None:
    del sure_after
    _patient(self, inventory, runs, sync, clock, timedelta(seconds=2))


setattr(Ownership, "__init__", _hasty)  # noqa: B010 the only difference

if __name__ == "__main__":
    entry()
