"""What is done once with all runs of a lane when its cases are over: replay every history, search every secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starter.prove.canary import Canary, Places, planted, scan_everything
from starter.prove.lane import Lane
from starter.prove.replay import replay_histories

_MOST_TOLD = 5


@dataclass(frozen=True)
class Check:
    """Something that was checked over all runs of a lane, or of all lanes together.

    Attributes:
        name: what, or of which lane.
        counted: how many things were looked at.
        breaches: what was found that may not be, one sentence each.
    """

    name: str
    counted: int
    breaches: tuple[str, ...] = ()


async def replayed(lane: Lane, _texts: Sequence[str] = ()) -> Check:
    """Replay the history of every run, open or closed, killed or cancelled, with the present code."""
    report = await replay_histories(lane.temporal, lane.temporal.namespace)
    found = [f"run {it.workflow_id} does not replay: {it.reason}" for it in report.failures[:_MOST_TOLD]]
    if not report.count:
        found.append("there was nothing to replay")
    return Check(lane.options.name, report.count, tuple(found))


async def searched(lane: Lane, texts: Sequence[str] = ()) -> Check:
    """Search histories, inventory, logs and files of a lane for every secret that it has.

    Args:
        lane: whose cases are over.
        texts: what was said to the person who runs the proof.
    """
    settings = lane.stack.settings
    home = lane.options.home
    key = settings.base_dir / "master.key"
    canaries = await planted(lane.adapters, settings.inventory_url, key.read_bytes())
    canaries += [Canary(f"the seller's {kind}", value.encode()) for kind, value in sorted(lane.order_secrets)]
    places = Places(
        client=lane.temporal,
        inventory_url=settings.inventory_url,
        logs=_logs(home),
        texts={"what the proof said": "\n".join(texts)} if texts else {},
        folders=[home],
        without=[key, home / "sandbox", home / "temporal", home / "postgresql"],
    )
    report = await scan_everything(places, canaries)
    found = [str(find) for find in report.found[:_MOST_TOLD]]
    wanted = ("history events", "payloads", "columns", "logs")
    found += [f"nothing was searched of: {kind}" for kind in wanted if not report.searched.get(kind)]
    return Check(
        f"{len(canaries)} secrets searched in {lane.options.name}", sum(report.searched.values()), tuple(found)
    )


def _logs(home: Path) -> list[Path]:
    return [log for log in (home / "worker.log", home / "sandbox" / "log.txt") if log.exists()]
