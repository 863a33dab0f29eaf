"""What a proof does to an order besides the kill at a boundary: one file per kind of disaster, one table of all."""

from starter.prove.disasters.plan import Disaster, Places
from starter.prove.kills import kill

DISASTERS: dict[str, Disaster] = {
    it.kind: it
    for it in (
        Disaster("kill", "kill -9 of the worker at a boundary; another one goes on", kill, places=Places.BOUNDARIES),
    )
}
"""Every disaster by the kind that names its cases."""

__all__ = ["DISASTERS", "Disaster", "Places"]
