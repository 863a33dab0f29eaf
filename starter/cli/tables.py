"""Tables for people: no drawing characters, aligned words, states in colour."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from starter.cli.answer import Column

_STYLES = {
    **dict.fromkeys(("issued", "current", "ok", "ready", "done", "settled"), "green"),
    **dict.fromkeys(("needs-person", "warning", "quarantined", "parked", "open", "waiting"), "yellow"),
    **dict.fromkeys(("rejected", "expired", "failed", "bad"), "red"),
    **dict.fromkeys(("cancelled", "superseded", "skipped"), "dim"),
}


def table(columns: Sequence[Column], cells: Sequence[Sequence[str]], *, color: bool, folds: bool, out: TextIO) -> None:
    """Write rows below a line of headings; without ``folds`` no cell is broken."""
    drawn = Table(box=None, pad_edge=False, header_style="bold" if color else "")
    for index, column in enumerate(columns):
        longest = max((len(row[index]) for row in cells), default=0)
        least = longest if column.kind == "id" else None  # a broken id cannot be copied
        drawn.add_column(column.heading.upper(), no_wrap=not folds, overflow="fold", min_width=least)
    for row in cells:
        drawn.add_row(*_styled(columns, row))
    console = _console(out, color=color)
    if not folds:
        console.width = max(console.width, sum(max(map(len, c), default=0) + 2 for c in zip(*cells, strict=True)) + 80)
    console.print(drawn)


def record(columns: Sequence[Column], values: Sequence[str], *, color: bool, out: TextIO) -> None:
    """Write one thing, a line per value that it has."""
    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(style="bold" if color else "", no_wrap=True)
    drawn.add_column(overflow="fold")
    for column, cell in zip(columns, _styled(columns, values), strict=True):
        if cell.plain:
            drawn.add_row(Text(column.heading), cell)
    _console(out, color=color).print(drawn)


def _styled(columns: Sequence[Column], row: Sequence[str]) -> list[Text]:
    return [Text(v, style=_STYLES.get(v, "") if c.kind == "state" else "") for c, v in zip(columns, row, strict=True)]


def _console(out: TextIO, *, color: bool) -> Console:
    return Console(file=out, force_terminal=color, no_color=not color, highlight=False, emoji=False, soft_wrap=False)
