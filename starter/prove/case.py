"""The cases of a proof: what is done to an order, named so that each can be repeated exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Database(StrEnum):
    """What the inventory of a case is kept in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Repeated(StrEnum):
    """What the seller does with a purchase whose id it knows; nobody has seen the real one do it."""

    ACCEPT = "accept"
    REJECT = "reject"
    RETURN_EXISTING = "return_existing"


class Line(StrEnum):
    """What happens on the line while the purchase is posted."""

    PLAIN = "plain"
    LOST = "lost"
    """The seller sells and drops the connection."""
    TORN = "torn"
    """The seller sells and the answer breaks off in its body."""
    RESET = "reset"
    """The connection is reset before anything is sold."""
    SLOW = "slow"
    """The seller sells, the answer is lost, and the sale shows up only after it was looked for."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        kind: ``kill``, ``undisturbed``, or the name of another disaster.
        at: the boundary where it strikes, or another detail of the kind; empty where there is none.
        seed: chooses what is left to chance, such as moments.
    """

    kind: str
    at: str = ""
    database: Database = Database.SQLITE
    repeated: Repeated = Repeated.ACCEPT
    line: Line = Line.PLAIN
    seed: int = 1

    @property
    def name(self) -> str:
        """The name that ``--case`` takes: ``kind@at:database:repeated:line:seed``."""
        return f"{self.kind}@{self.at}:{self.database}:{self.repeated}:{self.line}:{self.seed}"


def read_case(name: str) -> Case:
    """Return the case of a name. Raises ``ValueError`` with what is wrong about it."""
    head, *rest = name.rsplit(":", 4)
    kind, at_sign, at = head.partition("@")
    if len(rest) != 4 or not at_sign or not kind:
        raise ValueError("a case is named kind@where:database:repeated:line:seed, as the table prints it")
    database, repeated, line, seed = rest
    return Case(kind, at, Database(database), Repeated(repeated), Line(line), int(seed))


_TWINS = (Line.LOST, Line.TORN)


def kills(
    boundaries: Mapping[tuple[Database, Line], Sequence[str]],
    databases: Sequence[Database],
    *,
    seed: int,
    rounds: int = 1,
) -> list[Case]:
    """Return the kills of some rounds, in each of which every boundary of every line is struck once.

    Of the lines ``lost`` and ``torn``, which lead through the same places, each boundary sees one in a round, and the other
    one in a later round. The mode and the database of a boundary are other ones in each round; twice as many rounds as
    there are pairs of them strike every boundary in every setting.

    Args:
        boundaries: what an undisturbed run passes through, for each database and line.
        databases: to spread over.
        seed: chooses with which pair a boundary begins, the moments, and the order.
        rounds: how many.
    """
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    pairs = [(repeated, database) for repeated in Repeated for database in databases]
    cases: list[Case] = []
    for number in range(min(rounds, len(_TWINS) * len(pairs))):
        turn, again = number % len(pairs), number // len(pairs)
        here = []
        for pair, (repeated, database) in enumerate(pairs):
            for line in Line:
                for place, at in enumerate(boundaries.get((database, line), ())):
                    left_out = _TWINS[(place + seed + turn + again) % len(_TWINS)]
                    if line is not left_out and (place + pair + seed) % len(pairs) == turn:
                        here.append(Case("kill", at, database, repeated, line, dice.randrange(1, 1_000_000)))
        dice.shuffle(here)
        cases += here
    return cases
