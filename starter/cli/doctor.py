"""``evercert doctor``: are all parts there, and do they fit together?"""

from typing import Annotated, Literal

import typer

from domain.codes import Exit
from domain.errors import InvalidRequest
from starter.cli.answer import Answer, Column
from starter.cli.call import Call
from starter.cli.flags import LIST
from starter.cli.verb import noun, verb

app = noun("Health.")


@verb(app, "doctor", LIST)
async def doctor(
    call: Call,
    area: Annotated[str, typer.Argument(help="Only this area.")] = "",
    list_checks: Annotated[bool, typer.Option("--list", help="Say what would be checked.")] = False,
    fail_on: Annotated[
        Literal["warning", "failed"] | None, typer.Option("--fail-on", help="Exit 11 for these findings.")
    ] = None,
) -> Answer:
    """Check that all parts are there and fit together; exit 0 unless --fail-on is given."""
    from starter.cli import health

    chosen = [check for check in health.CHECKS if area in {"", check.area}]
    if not chosen:
        areas = ", ".join(dict.fromkeys(check.area for check in health.CHECKS))
        raise InvalidRequest("not-found", "There is no such area.", next_step=f"areas: {areas}")
    if list_checks:
        rows = [{"area": check.area, "name": check.name, "sentence": check.about} for check in chosen]
        return Answer(
            "doctor.list", rows, (Column("area"), Column("name", "check"), Column("sentence", "looks whether"))
        )
    findings = await health.run_all(chosen, call)
    columns = (
        Column("area"),
        Column("name", "check"),
        Column("status", kind="state"),
        Column("sentence", "finding"),
        Column("next", wide=True),
    )
    bad = {"warning": {"warning", "failed"}, "failed": {"failed"}, None: set()}[fail_on]
    code = Exit.FINDINGS if any(it.status in bad for it in findings) else Exit.DONE
    next_steps = tuple(dict.fromkeys(it.next for it in findings if it.next and it.status in {"failed", "warning"}))
    return Answer("doctor", [it.row() for it in findings], columns, next=next_steps, code=code)
