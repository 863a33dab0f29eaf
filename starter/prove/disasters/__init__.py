"""What a proof does to an order besides the kill at a boundary: one file per kind of disaster, one table of all."""

from starter.prove.case import Line
from starter.prove.disasters.cancels import DOORS
from starter.prove.disasters.clocks import clock, moments
from starter.prove.disasters.freeze import freeze, freeze_late, sending
from starter.prove.disasters.plan import Disaster, Places
from starter.prove.disasters.race import commits, race
from starter.prove.disasters.resets import EVERY, SINGLE, reset
from starter.prove.disasters.servers import SERVERS
from starter.prove.disasters.term import term
from starter.prove.disasters.twins import twin_places, twins
from starter.prove.kills import RULED_TWICE, chains, kill

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
            seconds=25,
        ),
        Disaster(
            "kill-again",
            "the worker is killed in a ruling, and the next one where only a second try gets to",
            kill,
            named=RULED_TWICE,
            lines=(Line.RESET,),
            goes_on=True,
            short=0,
        ),
        Disaster(
            "freeze",
            "the worker is frozen at a boundary and wakes when another one has gone on, or at the end",
            freeze,
            places=Places.BOUNDARIES,
            takes_turns=True,
            seconds=20,
        ),
        Disaster(
            "freeze-late",
            "the worker is frozen while its purchase may leave, and wakes after the deadline for that",
            freeze_late,
            places=Places.CHOSEN,
            choose=sending,
            short=0,
        ),
        Disaster(
            "race",
            "two workers at the same commit at the same moment",
            race,
            places=Places.CHOSEN,
            choose=commits,
            seconds=25,
        ),
        Disaster("twins", "two equal orders at once", twins, places=Places.CHOSEN, choose=twin_places, short=2),
        Disaster("reset", "the run of an order is reset to one of its events", reset, named=SINGLE),
        Disaster("reset-all", "the run of an order is reset to each of its events", reset, named=EVERY, short=0),
        *(
            Disaster(kind, about, run, places=Places.BOUNDARIES, takes_turns=True)
            for kind, (about, run) in DOORS.items()
        ),
        Disaster(
            "term",
            "SIGTERM of the worker at a boundary",
            term,
            places=Places.BOUNDARIES,
            takes_turns=True,
            short=2,
            seconds=15,
        ),
        Disaster(
            "clock",
            "the worker's clock is wrong by a day from a boundary on, or from its start",
            clock,
            places=Places.CHOSEN,
            choose=moments,
            takes_turns=True,
        ),
        *SERVERS,
    )
}
"""Every disaster by the kind that names its cases."""

__all__ = ["DISASTERS", "Disaster", "Places"]
