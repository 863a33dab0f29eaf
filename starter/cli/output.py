"""Writing an answer: tables for people, tab-separated lines in a pipe, JSON, CSV, ids.

stdout carries data only; notes, prompts and errors go to stderr.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from domain.errors import InvalidRequest
from starter.cli.answer import Answer, Column, Json, Row
from starter.cli.flags import Flags


@dataclass(frozen=True)
class Manner:
    """How an answer is to be written.

    Attributes:
        form: one of the formats of ``--output``, or ``lines``: what a pipe gets by default.
        relative: times as ``3 hours ago`` instead of RFC 3339.
        color: ANSI colours may be used.
        accessible: sentences instead of columns.
        columns: keys chosen by ``--columns``; empty means the usual ones.
        now: the present instant, for relative times.
    """

    form: str
    relative: bool
    color: bool
    accessible: bool
    columns: tuple[str, ...]
    now: datetime


def manner(flags: Flags, *, stdout: TextIO, environ: Mapping[str, str], now: datetime) -> Manner:
    """Return how to write for these flags, this stream and this environment."""
    is_terminal = stdout.isatty()
    form = flags.output or ("table" if is_terminal or flags.accessible else "lines")
    people = form in {"table", "wide"}
    return Manner(
        form=form,
        relative=people and (flags.time or "relative") == "relative",
        color=people and not flags.accessible and _may_color(flags.color, environ, is_terminal=is_terminal),
        accessible=flags.accessible and people,
        columns=tuple(key.strip() for key in flags.columns.split(",") if key.strip()),
        now=now,
    )


def _may_color(choice: str, environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    return is_terminal or environ.get("CLICOLOR_FORCE", "0") not in {"", "0"}


def write(answer: Answer, how: Manner, out: TextIO) -> None:
    """Write an answer to ``out``."""
    if how.form == "json":
        print(json.dumps(envelope(answer), ensure_ascii=False, indent=2), file=out)
    elif how.form == "jsonl":
        for row in answer.rows:
            print(json.dumps(row, ensure_ascii=False), file=out)
    elif how.form == "id":
        for row in answer.rows:
            print(row.get("id") or row.get("name") or "", file=out)
    elif answer.raw is not None:
        print(answer.raw, end="" if answer.raw.endswith("\n") else "\n", file=out)
    elif how.form == "csv":
        out.write(_as_csv(answer))
    else:
        _write_text(answer, how, out)


def envelope(answer: Answer) -> Mapping[str, Json]:
    """Return the one document of ``-o json``."""
    return {
        "schema": f"evercert/{answer.schema}/v{answer.version}",
        "data": answer.data,
        "changed": answer.changed,
        "next": list(answer.next),
    }


def _write_text(answer: Answer, how: Manner, out: TextIO) -> None:
    columns = chosen(answer, how)
    if how.form == "lines":
        for row in answer.rows:
            values = [text(row.get(column.key), column, how).replace("\t", " ") for column in columns]
            lines = (
                [f"{c.key}\t{v}" for c, v in zip(columns, values, strict=True)]
                if answer.is_single
                else ["\t".join(values)]
            )
            print("\n".join(line.replace("\r", "") for line in lines), file=out)
        return
    cells = [[text(row.get(column.key), column, how) for column in columns] for row in answer.rows]
    if how.accessible:
        out.write(_sentences(columns, cells))
        return
    from starter.cli import tables  # rich is only loaded when a table is drawn

    if answer.is_single:
        tables.record(columns, cells[0], color=how.color, out=out)
    else:
        tables.table(columns, cells, color=how.color, folds=how.form == "table", out=out)


def chosen(answer: Answer, how: Manner) -> Sequence[Column]:
    """Return the columns to show; raises ``usage`` naming the known ones for a column that does not exist."""
    if how.columns:
        known = {column.key: column for column in answer.columns}
        if missing := [key for key in how.columns if key not in known]:
            raise InvalidRequest("usage", f"There is no column {missing[0]}.", next_step=f"columns: {', '.join(known)}")
        return [known[key] for key in how.columns]
    if how.form == "table" and not answer.is_single:
        return [column for column in answer.columns if not column.wide]
    return answer.columns


def text(value: Json, column: Column, how: Manner) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return ""
    if column.kind == "time" and isinstance(value, str) and how.relative:
        return relative(datetime.fromisoformat(value), how.now)
    return plain(value)


def plain(value: Json) -> str:
    """Return a JSON value in one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        if set(value) == {"amount", "currency"}:
            return f"{value['currency']} {value['amount']}"
        return " ".join(f"{key}={plain(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(inner) for inner in value)
    return "" if value is None else " ".join(str(value).split("\n"))


def relative(at: datetime, now: datetime) -> str:
    """Return ``in 3 days`` or ``3 days ago``."""
    import humanize  # only people need it

    return humanize.naturaltime(at, when=now)


def iso(at: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC, to the second."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _sentences(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> str:
    blocks = []
    for number, row in enumerate(cells, 1):
        head = [f"Item {number} of {len(cells)}."] if len(cells) > 1 else []
        lines = [f"{c.heading.capitalize()}: {value or 'none'}." for c, value in zip(columns, row, strict=True)]
        blocks.append("\n".join(head + lines))
    return "\n\n".join(blocks) + "\n" if blocks else "No items.\n"


def _as_csv(answer: Answer) -> str:
    flat = [_flat(row) for row in answer.rows]
    names = list(dict.fromkeys(key for row in flat for key in row)) or [column.key for column in answer.columns]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _flat(row: Row) -> dict[str, str]:
    """Flatten one level: ``price`` becomes ``price.amount`` and ``price.currency``."""
    found: dict[str, str] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": plain(it) for inner, it in value.items()}
        else:
            found[key] = plain(value)
    return found
