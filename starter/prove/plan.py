"""Which cases a proof runs: all of them, the short form, or those that were named."""

from collections.abc import Mapping, Sequence
from random import Random

from starter.prove.case import Case, Database, Line, Repeated, kills
from starter.prove.disasters import DISASTERS, Disaster, Places

Boundaries = Mapping[tuple[Database, Line], Sequence[str]]
"""What an undisturbed run passes through, for each database and line."""

SHORT_KILLS = 16
_LONGEST_LINES = (Line.RESET,)
"""Lines whose cases wait out the half minute in which a purchase may still leave."""


def all_cases(boundaries: Boundaries, databases: Sequence[Database], *, seed: int, rounds: int = 1) -> list[Case]:
    """Return the cases of the full form.

    In each round every boundary of every line sees a kill and, on a plain line, one of the disasters that take turns; every
    place of every other disaster sees that. After as many rounds as there are disasters that take turns each of them has
    been at every boundary; repeated-id modes and databases go round as well.
    """
    cases = kills(boundaries, databases, seed=seed, rounds=rounds)
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    taking_turns = [disaster for disaster in _others() if disaster.takes_turns]
    for turn in range(seed, seed + rounds):
        for disaster in _others():
            found = _cases_of(disaster, boundaries, databases, dice, turn)
            if disaster.takes_turns:
                mine, count = taking_turns.index(disaster) + turn, len(taking_turns)
                found = [(place, case) for place, case in found if (place + mine) % count == 0]
            cases += [case for _, case in found]
    cases = list(dict.fromkeys(cases))
    dice.shuffle(cases)  # whatever is wrong shows early, and slow kinds run beside quick ones
    return cases


def short_cases(boundaries: Boundaries, databases: Sequence[Database], *, seed: int) -> list[Case]:
    """Return the cases of the short form: a seeded choice of kills that spend money, and one or two of each disaster."""
    dice = Random(seed)  # noqa: S311 - the same
    every = [case for case in kills(boundaries, databases, seed=seed, rounds=6) if case.line not in _LONGEST_LINES]
    spending = [case for case in every if case.at.startswith("purchase/")]
    cases = dice.sample(spending, min(SHORT_KILLS // 2, len(spending)))
    others = [case for case in every if case not in spending]
    cases += dice.sample(others, min(SHORT_KILLS - len(cases), len(others)))
    for disaster in _others():
        found = [case for _, case in _cases_of(disaster, boundaries, databases, dice, seed)]
        cases += dice.sample(found, min(disaster.short, len(found)))
    return cases


def _others() -> list[Disaster]:
    return [disaster for disaster in DISASTERS.values() if disaster.kind != "kill"]


def _cases_of(
    disaster: Disaster, boundaries: Boundaries, databases: Sequence[Database], dice: Random, turn: int
) -> list[tuple[int, Case]]:
    """Return one case, with the number of its place, for each line and place; for places with a name on each database."""
    cases: list[tuple[int, Case]] = []
    around = sum(it.takes_turns for it in DISASTERS.values())
    usable = [database for database in databases if database in disaster.databases]
    for line in disaster.lines:
        for kind, database in enumerate(usable):
            for number, at in enumerate(_places(disaster, boundaries[database, line], Random(turn))):  # noqa: S311
                its_database = (number // around + turn + turn // around) % len(usable)
                if disaster.places is Places.NAMED or kind == its_database:
                    repeated = list(Repeated)[(number + turn) % len(Repeated)]
                    case = Case(disaster.kind, at, database, repeated, line, dice.randrange(1, 1_000_000))
                    cases.append((number, case))
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
