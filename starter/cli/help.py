"""``evercert help``: error codes, exit codes, environment."""

from typing import Annotated

import typer

from domain.codes import CODES, EXIT_MEANINGS, normalised
from domain.errors import InvalidRequest
from starter.cli.answer import Answer, Column, Row
from starter.cli.call import Call
from starter.cli.flags import LIST
from starter.cli.verb import noun, verb

app = noun("Error codes, exit codes, environment.")

_VARIABLES = {
    "EVERCERT_HOME": "one folder for configuration, keys, data, state and cache",
    "EVERCERT_CONFIG": "the configuration file; --config",
    "EVERCERT_PROFILE": "the profile of that file; --profile",
    "EVERCERT_SECTION__KEY": "any value of the file, as EVERCERT_LOG__LEVEL or EVERCERT_PROFILE__NAME__LOG__LEVEL",
    "EVERCERT_OUTPUT": "--output",
    "EVERCERT_TIME": "--time",
    "EVERCERT_COLOR": "--color",
    "EVERCERT_ACCESSIBLE, ACCESSIBLE": "--accessible",
    "EVERCERT_NO_INPUT": "--no-input",
    "EVERCERT_DEBUG": "--debug",
    "NO_COLOR, CLICOLOR_FORCE": "no colour; colour also in a pipe",
    "TEMPORAL_*": "Temporal's own: address, namespace, TLS, profile",
}


@verb(app, "errors", LIST)
async def errors(
    call: Call, code: Annotated[str, typer.Argument(help="One code, in kebab-case or CAPITALS.")] = ""
) -> Answer:
    """Explain one error code, or list all."""
    del call
    wanted = normalised(code)
    if wanted and wanted not in CODES:
        raise InvalidRequest("not-found", "There is no such error code.", next_step="evercert help errors")
    rows = [
        {
            "id": name,
            "meaning": it.meaning,
            "next": it.next_step,
            "exit_code": int(it.exit_code),
            "retryable": it.retryable,
            "needs_person": it.needs_person,
            "money": it.spent.value,
        }
        for name, it in sorted(CODES.items())
        if wanted in {"", name}
    ]
    columns = (
        Column("id", "code"),
        Column("meaning"),
        Column("next"),
        Column("exit_code", "exit"),
        Column("retryable", wide=True),
        Column("needs_person", wide=True),
        Column("money", wide=True),
    )
    return Answer("help.errors", rows[0] if wanted else rows, columns)


@verb(app, "exit-codes", LIST)
async def exit_codes(call: Call) -> Answer:
    """List the exit codes."""
    del call
    rows: list[Row] = [
        {
            "id": int(code),
            "meaning": meaning,
            "codes": [name for name, it in sorted(CODES.items()) if it.exit_code is code],
        }
        for code, meaning in EXIT_MEANINGS.items()
    ]
    return Answer("help.exit-codes", rows, (Column("id", "exit"), Column("meaning"), Column("codes", wide=True)))


@verb(app, "environment", LIST)
async def environment(call: Call) -> Answer:
    """List the variables that are read."""
    del call
    rows = [{"name": name, "meaning": meaning} for name, meaning in _VARIABLES.items()]
    return Answer("help.environment", rows, (Column("name", "variable"), Column("meaning")))
