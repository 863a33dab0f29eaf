"""What is done once with all runs of a lane when its cases are over: replay every history, search every secret."""

from collections.abc import Sequence

from starter.prove.canary import Canary, Scanner, scan_everything
from starter.prove.canary_machine import canaries_of, places_of
from starter.prove.lane import Lane
from starter.prove.replay import replay_histories

Found = tuple[int, tuple[str, ...]]
"""How many things were looked at, and what was found that may not be, one sentence each."""

_MOST_TOLD = 5
_WANTED = ("history events", "payloads", "columns", "logs")


async def replayed(lane: Lane) -> Found:
    """Replay the history of every run, open or closed, killed or cancelled, with the present code."""
    report = await replay_histories(lane.temporal, lane.temporal.namespace)
    found = [f"run {it.workflow_id} does not replay: {it.reason}" for it in report.failures[:_MOST_TOLD]]
    if not report.count:
        found.append(f"there was nothing to replay in {lane.options.name}")
    return report.count, tuple(found)


async def searched(lane: Lane) -> tuple[Found, list[Canary]]:
    """Search histories, inventory, logs and files of a lane for every secret that it has; returns those, too."""
    await lane.note_secrets()
    canaries = await canaries_of(lane.stack)
    canaries += [Canary(f"the seller's {kind}", value.encode()) for kind, value in sorted(lane.order_secrets)]
    report = await scan_everything(places_of(lane.stack, lane.temporal, {}), canaries)
    found = [str(find) for find in report.found[:_MOST_TOLD]]
    found += [
        f"nothing was searched in {lane.options.name} of: {kind}" for kind in _WANTED if not report.searched.get(kind)
    ]
    return (sum(report.searched.values()), tuple(found)), canaries


def told(texts: Sequence[str], canaries: Sequence[Canary]) -> Found:
    """Search what was said to the person who runs the proof for the secrets of all lanes."""
    found = Scanner(canaries).scan("what the proof said", "\n".join(texts).encode())
    return len(texts), tuple(str(find) for find in found[:_MOST_TOLD])
