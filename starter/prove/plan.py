"""Which cases a proof runs: all of them, the short form, or those that were named."""

from collections.abc import Mapping, Sequence
from itertools import product
from random import Random

from starter.prove.case import Case, Database, Line, Repeated, kills
from starter.prove.disasters import DISASTERS, Disaster, Places

Boundaries = Mapping[tuple[Database, Line], Sequence[str]]
"""What an undisturbed run passes through, for each database and line."""

FULL_KILLS = 1200
SHORT_KILLS = 24
_LONGEST_LINES = (Line.RESET,)
"""Lines whose cases wait out the half minute in which a purchase may still leave."""


def all_cases(boundaries: Boundaries, databases: Sequence[Database], *, seed: int) -> list[Case]:
    """Return the cases of the full form: the kills, then every place of every other disaster."""
    cases = kills(boundaries, databases, count=FULL_KILLS, seed=seed)
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    for disaster in _others():
        cases += _cases_of(disaster, boundaries, databases, dice)
    return cases


def short_cases(boundaries: Boundaries, databases: Sequence[Database], *, seed: int) -> list[Case]:
    """Return the cases of the short form: a seeded choice of kills that spend money, and one or two of each disaster."""
    dice = Random(seed)  # noqa: S311 - the same
    every = [case for case in kills(boundaries, databases, count=10**6, seed=seed) if case.line not in _LONGEST_LINES]
    spending = [case for case in every if case.at.startswith("purchase/")]
    cases = dice.sample(spending, min(SHORT_KILLS // 2, len(spending)))
    cases += dice.sample(every, min(SHORT_KILLS - len(cases), len(every)))
    for disaster in _others():
        found = _cases_of(disaster, boundaries, databases, dice)
        cases += dice.sample(found, min(disaster.short, len(found)))
    return list(dict.fromkeys(cases))


def _others() -> list[Disaster]:
    return [disaster for disaster in DISASTERS.values() if disaster.kind != "kill"]


def _cases_of(disaster: Disaster, boundaries: Boundaries, databases: Sequence[Database], dice: Random) -> list[Case]:
    """Return one case for each database, line and place; the repeated-id mode changes from place to place."""
    cases = []
    usable = [database for database in databases if database in disaster.databases]
    for database, line in product(usable, disaster.lines):
        places = _places(disaster, boundaries[database, line], dice)
        for number, at in enumerate(places):
            repeated = list(Repeated)[number % len(Repeated)]
            cases.append(Case(disaster.kind, at, database, repeated, line, dice.randrange(1, 1_000_000)))
    return cases


def _places(disaster: Disaster, boundaries: Sequence[str], dice: Random) -> Sequence[str]:
    match disaster.places:
        case Places.NAMED:
            return disaster.named
        case Places.BOUNDARIES:
            return boundaries
        case Places.CHOSEN:
            assert disaster.choose is not None
            return disaster.choose(boundaries, dice)
