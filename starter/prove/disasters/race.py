"""Two workers side by side at the same step: one frozen right before or after a commit until the other is there, too."""

from collections.abc import Sequence
from random import Random

from starter.prove.boundaries import Blow, Strike
from starter.prove.disasters.waking import end, goes_on, has_gone_on
from starter.prove.trial import Trial

_COMMITS = (
    "take_token",
    "save_products",
    "change_order",
    "put_key",
    "reserve",
    "change_act",
    "save_proof",
    "mark_proof",
    "write_look",
    "store_version",
    "make_current",
)


def commits(boundaries: Sequence[str], dice: Random) -> list[str]:
    """Return the boundaries right before and right after what an order commits to the inventory."""
    return [
        place
        for place in boundaries
        if not place.startswith("start/") and any(f"/inventory.{method}#" in place for method in _COMMITS)
    ]


async def race(trial: Trial) -> None:
    """Freeze whoever comes to the commit first, and let it race with the other one from where that one is.

    For even seeds the second one is frozen at the same boundary, and both are woken together; for odd ones the first is
    woken when the second has passed it.
    """
    lane, at, seed = trial.lane, trial.case.at, trial.case.seed
    await trial.set_scene()
    once = None if seed % 2 == 0 else lane.options.home / f"{trial.name}.once"
    workers = [await lane.start_worker(Strike(at, Blow.FREEZE, once), is_lean=True) for _ in range(2)]
    await trial.order()
    if not await trial.until_struck(*workers):
        return
    first, second = sorted(workers, key=lambda worker: not worker.has_struck)
    await goes_on(trial, lambda: second.has_struck or has_gone_on(second, at))
    for worker in (first, second) if seed % 4 < 2 else (second, first):
        worker.wake()
    await trial.finish()
    await end(trial, first, second)
