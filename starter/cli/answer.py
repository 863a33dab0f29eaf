"""What a command answers: data with a schema, how to lay it out for people, and what makes sense next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from domain.codes import Exit

Json = str | int | bool | None | Sequence["Json"] | Mapping[str, "Json"]
Row = Mapping[str, Json]


@dataclass(frozen=True)
class Column:
    """One column of a table, or one line of a single thing.

    Attributes:
        key: of the row; also what ``--columns`` takes.
        title: for people; the key with blanks when left out.
        kind: ``id`` for what is copied and never broken, ``time`` for instants, ``state`` for words that are coloured.
        wide: only in ``-o wide``, single things and pipes.
    """

    key: str
    title: str = ""
    kind: Literal["text", "id", "time", "state"] = "text"
    wide: bool = False

    @property
    def heading(self) -> str:
        """The title for people."""
        return self.title or self.key.replace("_", " ")


@dataclass(frozen=True)
class Answer:
    """What a command has to say on stdout.

    Attributes:
        schema: noun and verb, ``order.list``; printed as ``evercert/order.list/v1``.
        data: a row, or a sequence of rows.
        columns: how rows are laid out; fields without a column are in JSON only.
        changed: something was changed.
        next: commands that make sense now.
        code: how the command ends.
        raw: printed as it is instead of a table (PEM, scripts); JSON still takes ``data``.
    """

    schema: str
    data: Row | Sequence[Row]
    columns: Sequence[Column] = ()
    changed: bool = False
    next: Sequence[str] = ()
    code: Exit = Exit.DONE
    raw: str | None = None
    version: int = field(default=1)

    @property
    def rows(self) -> Sequence[Row]:
        """The data as rows, also when it is a single thing."""
        return (self.data,) if isinstance(self.data, Mapping) else self.data

    @property
    def is_single(self) -> bool:
        """Whether it is one thing and no list."""
        return isinstance(self.data, Mapping)
