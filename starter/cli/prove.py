"""``evercert prove``: the promise "one order is one sale", put to the test on this machine."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.codes import Exit
from domain.errors import InvalidRequest
from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import LIST
from starter.cli.services import stopping
from starter.cli.streams import tell
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from starter.prove.case import Case
    from starter.prove.run import Proof, Prover

app = noun("The proof.")


class DatabaseName(StrEnum):
    """Databases by name; ``Database`` itself would load the proof to print help."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


# It starts everything itself: no profile and no configuration reach it.
_OFFERS = tuple(flag for flag in LIST if flag not in ("profile", "config"))


@verb(app, "prove", _OFFERS)
async def prove(
    call: Call,
    full: Annotated[bool, typer.Option("--full", help="Every case: more than a thousand, about an hour.")] = False,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=12, help="With --full: so often, each time mixed anew.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Chooses cases and moments.")] = 1,
    case: Annotated[list[str] | None, typer.Option("--case", help="Only this one, as the table names it.")] = None,
    database: Annotated[list[DatabaseName] | None, typer.Option("--database", help="Only this inventory.")] = None,
    lanes: Annotated[int, typer.Option("--lanes", min=1, max=64, help="Cases side by side.")] = 8,
    home: Annotated[Path | None, typer.Option("--home", help="Folder to use and to keep.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page of Markdown, too.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="One row for each kind of case.")] = False,
) -> Answer:
    """Kill, freeze, cut off and confuse everything, on private servers, and count sales; exit 1 when a promise breaks."""
    from starter.prove import report as reports
    from starter.prove.case import Database
    from starter.prove.run import ProveOptions, Prover

    options = ProveOptions(
        full=full,
        rounds=rounds,
        seed=seed,
        cases=tuple(_read(name, database or ()) for name in case or ()),
        databases=tuple(Database(name) for name in database or ()),
        lanes=lanes,
        home=home,
    )
    proof = await _until_stopped(Prover(options, call.note))
    for what in proof.left_out:
        call.note(f"LEFT OUT  {what}")
    call.note(reports.headline(proof))
    if report is not None:
        more = [f"--rounds {rounds}"] if rounds > 1 else []
        words = ["evercert prove", "--full" if full else "", *more, f"--seed {seed}"]
        report.write_text(reports.page(proof, " ".join(word for word in words if word)))
    code = Exit.INTERRUPTED if proof.interrupted else Exit.DONE
    again = [f"evercert prove --case '{outcome.case.name}'" for outcome in proof.broken[:3]]
    return Answer(
        "prove.summary" if summary else "prove",
        reports.summary(proof) if summary else reports.rows(proof),
        reports.SUMMARY if summary else reports.COLUMNS,
        next=again,
        code=code if proof.is_kept else Exit.BUG,
    )


async def _until_stopped(prover: "Prover") -> "Proof":
    """Run a proof; Ctrl-C or SIGTERM ends it, and what it started, and what it has found is kept."""
    with stopping(asyncio.Event()) as stop:
        proving = asyncio.create_task(prover.run())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait((proving, asked), return_when=asyncio.FIRST_COMPLETED)
        if not proving.done():
            tell("stopping what was started …")
            proving.cancel()
        asked.cancel()
        return await proving


def _read(name: str, databases: Sequence[DatabaseName]) -> "Case":
    from starter.prove.case import read_case
    from starter.prove.disasters import DISASTERS

    try:
        found = read_case(name)
    except ValueError as error:
        raise InvalidRequest("usage", f"--case: {error}", next_step="evercert prove --help") from None
    if databases and found.database.value not in {it.value for it in databases}:
        raise InvalidRequest(
            "usage",
            f"--case: {name} is on {found.database}, which --database leaves out",
            next_step=f"add --database {found.database}, or leave --database out",
        )
    if found.kind not in DISASTERS:
        raise InvalidRequest(
            "usage", f"--case: no case is of the kind {found.kind}", next_step="kinds: " + ", ".join(DISASTERS)
        )
    return found
