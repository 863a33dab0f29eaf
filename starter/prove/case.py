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


Setting = tuple[Database, Repeated, Line]


def settings(databases: Sequence[Database]) -> list[Setting]:
    """Return every combination of database, repeated-id mode and line."""
    return [(database, repeated, line) for line in Line for repeated in Repeated for database in databases]


def kills(
    boundaries: Mapping[tuple[Database, Line], Sequence[str]], databases: Sequence[Database], *, count: int, seed: int
) -> list[Case]:
    """Return ``count`` kills spread over every setting and boundary, seeded.

    Each boundary of each line comes once before any comes twice; the mode and the database of a repetition are other ones.

    Args:
        boundaries: what an undisturbed run passes through, for each database and line.
        databases: to spread over.
        count: how many cases; fewer when there are not so many.
        seed: shuffles the order and the first choice of each boundary.
    """
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    rounds: list[list[Case]] = []
    for database, repeated, line in settings(databases):
        for place, at in enumerate(boundaries[database, line]):
            number = (place + list(Repeated).index(repeated) + len(Repeated) * list(databases).index(database)) % (
                len(Repeated) * len(databases)
            )
            while len(rounds) <= number:
                rounds.append([])
            rounds[number].append(Case("kill", at, database, repeated, line, dice.randrange(1, 1_000_000)))
    for one in rounds:
        dice.shuffle(one)
    return [case for one in rounds for case in one][:count]
