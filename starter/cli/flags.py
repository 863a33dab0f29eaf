"""The flags that commands share: spelled once, meant the same everywhere.

A command lists those it can honour; any other is unknown to it, so no flag is ever taken and ignored. They may stand
before the noun too (``evercert -o json order list``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import typer

Format = Literal["table", "wide", "json", "jsonl", "csv", "id"]
PrintForm = Literal["ui", "temporal", "python"]
TimeForm = Literal["relative", "iso"]
ColorChoice = Literal["auto", "always", "never"]

BASE = ("profile", "config", "color", "accessible", "quiet", "verbose", "no_input", "debug")
SHOW = (*BASE, "output", "time")
LIST = (*SHOW, "columns")


@dataclass(frozen=True)
class Flags:
    """The values of the shared flags; those a command does not offer keep their defaults.

    ``timeout`` is in seconds, ``max_price`` in the account's currency, ``print_form`` is ``--print``.
    """

    output: Format | None = None
    columns: str = ""
    time: TimeForm | None = None
    profile: str | None = None
    config: Path | None = None
    color: ColorChoice = "auto"
    accessible: bool = False
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False
    yes: bool = False
    reason: str = ""
    max_price: Decimal | None = None
    wait: bool = False
    timeout: float | None = None
    request_id: str | None = None
    dry_run: bool = False
    print_form: PrintForm | None = None
    debug: bool = False


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``10m``, ``2h`` or ``1d``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if found is None:
        raise typer.BadParameter("use a number with s, m, h or d, as in 10m")
    return float(found[1]) * _UNITS[found[2]]


def money(text: str) -> Decimal:
    """Return an amount with at most two decimals."""
    if not re.fullmatch(r"\d{1,10}(\.\d{1,2})?", text.strip()):
        raise typer.BadParameter("use an amount such as 25 or 25.50")
    return Decimal(text.strip())


OPTIONS: Mapping[str, object] = {
    "output": Annotated[
        Format | None,
        typer.Option("--output", "-o", envvar="EVERCERT_OUTPUT", show_envvar=False, help="How the answer is written."),
    ],
    "columns": Annotated[str, typer.Option("--columns", help="Only these columns, comma separated.")],
    "time": Annotated[
        TimeForm | None,
        typer.Option("--time", envvar="EVERCERT_TIME", show_envvar=False, help="How times are written."),
    ],
    "profile": Annotated[str | None, typer.Option("--profile", "-p", help="Profile of the configuration file.")],
    "config": Annotated[Path | None, typer.Option("--config", help="Configuration file.")],
    "color": Annotated[
        ColorChoice, typer.Option("--color", envvar="EVERCERT_COLOR", show_envvar=False, help="Whether to use colour.")
    ],
    "accessible": Annotated[
        bool,
        typer.Option(
            "--accessible",
            envvar=["EVERCERT_ACCESSIBLE", "ACCESSIBLE"],
            show_envvar=False,
            help="Plain sentences for screen readers.",
        ),
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="All that is known, also in errors.")],
    "no_input": Annotated[
        bool, typer.Option("--no-input", envvar="EVERCERT_NO_INPUT", show_envvar=False, help="Never ask anything.")
    ],
    "yes": Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")],
    "reason": Annotated[str, typer.Option("--reason", help="Why, for the audit.")],
    "max_price": Annotated[
        Decimal | None,
        typer.Option("--max-price", parser=money, metavar="AMOUNT", help="Buy nothing above this price."),
    ],
    "wait": Annotated[bool, typer.Option("--wait", help="Return at the end, or when a person is needed (exit 8).")],
    "timeout": Annotated[
        float | None,
        typer.Option("--timeout", parser=seconds, metavar="TIME", help="Stop watching after this time (exit 124)."),
    ],
    "request_id": Annotated[
        str | None, typer.Option("--request-id", help="Repeat it with the call: the same id never buys twice.")
    ],
    "dry_run": Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")],
    "print_form": Annotated[
        PrintForm | None, typer.Option("--print", help="Print the request to paste elsewhere; send nothing.")
    ],
    "debug": Annotated[
        bool, typer.Option("--debug", envvar="EVERCERT_DEBUG", show_envvar=False, help="Show where a bug is.")
    ],
}
"""How each flag is declared to Typer; the defaults are those of :class:`Flags`."""

DEFAULTS = {each.name: each.default for each in fields(Flags)}

SPELLINGS = {
    "--output": True,
    "-o": True,
    "--columns": True,
    "--time": True,
    "--profile": True,
    "-p": True,
    "--config": True,
    "--color": True,
    "--accessible": False,
    "--quiet": False,
    "-q": False,
    "--verbose": False,
    "-v": False,
    "--no-input": False,
    "--yes": False,
    "--reason": True,
    "--max-price": True,
    "--wait": False,
    "--timeout": True,
    "--request-id": True,
    "--dry-run": False,
    "--print": True,
    "--debug": False,
}
"""Every spelling of a shared flag, and whether a value follows."""


def hoisted(args: Sequence[str]) -> list[str]:
    """Move shared flags that stand before a command behind it, where the command honours or refuses them."""
    taken = 0
    while taken < len(args):
        name, has_value, _ = args[taken].partition("=")
        if name not in SPELLINGS:
            break
        taken += 2 if SPELLINGS[name] and not has_value else 1
    moved, rest = list(args[:taken]), list(args[taken:])
    if not rest:
        return list(args)
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *moved, *rest[end:]]


def told(args: Sequence[str], environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return output format and accessible form of a command line that could not be read to its end."""
    output = environ.get("EVERCERT_OUTPUT", "")
    for index, arg in enumerate(args):
        if arg in {"-o", "--output"} and index + 1 < len(args):
            output = args[index + 1]
        elif arg.startswith(("--output=", "-o")) and arg != "-o":
            output = arg.removeprefix("--output=").removeprefix("-o").removeprefix("=")
    plain = environ.get("EVERCERT_ACCESSIBLE") or environ.get("ACCESSIBLE")
    return output, "--accessible" in args or plain not in {None, "", "0", "false", "no"}
