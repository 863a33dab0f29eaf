"""Which cases a proof runs: all of them, the short form, or those that were named."""

from collections.abc import Mapping, Sequence
from random import Random

from starter.prove.case import Case, Database, Line, Repeated, kills
from starter.prove.disasters import DISASTERS, Disaster, Places
from starter.prove.kills import AND

Boundaries = Mapping[tuple[Database, Line], Sequence[str]]
"""What an undisturbed run passes through, for each database and line."""

SHORT_KILLS = 16
LONGEST_LINES = (Line.RESET,)
"""Lines whose cases wait out the half minute in which a purchase may still leave."""

_WINDOW_SECONDS = 30
_MAY_HAVE_LEFT = ("purchase/inventory.change_act#1/after", "purchase/seller.place#1/before")
"""A worker that dies between these two leaves a purchase that is waited for until it cannot leave any more."""


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
    # What lasts for many minutes is begun first: none of it is left alone at the end.
    return sorted(cases, key=lambda case: case.at not in DISASTERS[case.kind].long)


def short_cases(boundaries: Boundaries, databases: Sequence[Database], *, seed: int) -> list[Case]:
    """Return the cases of the short form: a seeded choice of kills that spend money, and one or two of each disaster.

    Long ones come first, so that none is left alone at the end. What is named needs no boundaries, see ``named_cases``.
    """
    dice = Random(seed)  # noqa: S311 - the same
    quick = {key: places for key, places in boundaries.items() if key[1] not in LONGEST_LINES}
    every = kills(quick, databases, seed=seed, rounds=6)
    cases: list[Case] = []
    for database in databases:  # as many on each, or the lanes of one would wait for those of the other
        for is_spending in (True, False):
            found = [it for it in every if it.database is database and it.at.startswith("purchase/") is is_spending]
            cases += dice.sample(found, min(SHORT_KILLS // len(databases) // 2, len(found)))
    cases += _some_of_each([it for it in _others() if it.places is not Places.NAMED], quick, databases, seed)
    return sorted(cases, key=lambda case: -_about_seconds(case, quick))


def named_cases(databases: Sequence[Database], *, seed: int) -> list[Case]:
    """Return the cases of the short form that strike at places with a name of their own: they can begin before a survey."""
    cases = _some_of_each([it for it in _others() if it.places is Places.NAMED], {}, databases, seed)
    return sorted(cases, key=lambda case: -_about_seconds(case, {}))


def _some_of_each(
    disasters: Sequence[Disaster], boundaries: Boundaries, databases: Sequence[Database], seed: int
) -> list[Case]:
    dice = Random(seed)  # noqa: S311 - the same
    cases: list[Case] = []
    for disaster in disasters:
        found = [case for _, case in _cases_of(disaster, boundaries, databases, dice, seed)]
        left = [case for case in found if case.at not in disaster.long]
        for _ in range(min(disaster.short, len(left))):
            turn = databases[(seed + len(cases)) % len(databases)]
            case = dice.choice([case for case in left if case.database is turn] or left)
            left.remove(case)
            cases.append(case)
    return cases


def _about_seconds(case: Case, boundaries: Boundaries) -> int:
    """Guess how long a case takes, to begin with the long ones; nothing is decided by it."""
    places = list(boundaries.get((case.database, case.line), ()))
    is_in_doubt = False
    if all(place in places for place in _MAY_HAVE_LEFT):
        first, last = (places.index(place) for place in _MAY_HAVE_LEFT)
        is_in_doubt = any(at in places[first : last + 1] for at in case.at.split(AND))
    return DISASTERS[case.kind].seconds + (_WINDOW_SECONDS if is_in_doubt or case.line in LONGEST_LINES else 0)


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
            for number, at in enumerate(_places(disaster, boundaries.get((database, line), ()), Random(turn))):  # noqa: S311
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
