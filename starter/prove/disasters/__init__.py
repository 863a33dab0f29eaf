"""What a proof does to an order besides the kill at a boundary: one file per kind of disaster, one table of all."""

from starter.prove.case import Line
from starter.prove.disasters.plan import Disaster, Places
from starter.prove.kills import chains, kill

DISASTERS: dict[str, Disaster] = {
    it.kind: it
    for it in (
        Disaster(
            "kill",
            "kill -9 of the worker at a boundary; another one goes on",
            kill,
            places=Places.BOUNDARIES,
            lines=tuple(Line),
            goes_on=True,
        ),
        Disaster(
            "chain",
            "three kills in a row, each at a later boundary",
            kill,
            places=Places.CHOSEN,
            choose=chains,
            goes_on=True,
        ),
    )
}
"""Every disaster by the kind that names its cases."""

__all__ = ["DISASTERS", "Disaster", "Places"]
