"""What a disaster is, for those who plan and run cases."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from starter.prove.case import Case, Database, Line
from starter.prove.trial import Trial


class Places(StrEnum):
    """Where a disaster strikes."""

    BOUNDARIES = "boundaries"
    """At every boundary that an undisturbed run of the line passes."""
    NAMED = "named"
    """At the places that the disaster names itself."""
    CHOSEN = "chosen"
    """At places that the disaster makes out of those boundaries."""


@dataclass(frozen=True)
class Disaster:
    """One kind of disaster.

    Attributes:
        kind: its name in ``--case``.
        about: one line for people.
        run: does it to the order of a trial and follows that to its end.
        places: where it strikes; ``at`` of a case is one of them.
        named: those places, for ``Places.NAMED``; ``("",)`` where there is nothing to choose.
        choose: makes those places, for ``Places.CHOSEN``.
        lines: what happens on the line meanwhile.
        databases: those it makes sense on.
        is_private: needs a Temporal server, sandbox and inventory that no other case uses.
        visibility_minutes: how long a sale may take to show up for the account of the case.
        has_own_database_server: needs a PostgreSQL that no other case uses.
        database_disk_mebibytes: that PostgreSQL has a disk of its own, of this size; 0: it needs none.
        unavailable: tells why a case cannot be run on this machine; empty when it can.
        left_out: what of it no machine shows, in a sentence.
        limit_seconds: its cases may take so long before that is a breach; 0: as long as any other.
        takes_turns: of all disasters that strike at each boundary, each round of the full form takes another one there.
        goes_on: what its later workers pass is compared with the undisturbed runs of every line.
        short: how many of its cases belong to the short form.
        long: those of ``named`` that the short form never takes, for they last many minutes.
        seconds: how long one of them takes, about, where nothing needs to be waited out.
    """

    kind: str
    about: str
    run: Callable[[Trial], Awaitable[None]]
    places: Places = Places.NAMED
    named: tuple[str, ...] = ("",)
    choose: Callable[[Sequence[str], Random], list[str]] | None = None
    lines: tuple[Line, ...] = (Line.PLAIN,)
    databases: tuple[Database, ...] = tuple(Database)
    is_private: bool = False
    visibility_minutes: int = 0
    has_own_database_server: bool = False
    database_disk_mebibytes: int = 0
    unavailable: Callable[[Case], str] = lambda _: ""
    left_out: str = ""
    limit_seconds: float = 0.0
    takes_turns: bool = False
    goes_on: bool = False
    short: int = 1
    long: tuple[str, ...] = ()
    seconds: int = 10
