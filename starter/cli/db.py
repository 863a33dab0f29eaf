"""``evercert db``: the inventory database."""

from domain.codes import Exit
from starter.cli import doors as ways
from starter.cli.answer import Answer, Column
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.verb import noun, verb

app = noun("The inventory database.")

_COLUMNS = (Column("state", kind="state"), Column("detail"))


@verb(app, "upgrade", SHOW)
async def upgrade(call: Call) -> Answer:
    """Bring the schema up to date; the previous release goes on working with it."""
    outdated = await ways.doors.schema(call.settings)
    done = await ways.doors.upgrade(call.settings) if outdated else "the schema fits this release already"
    row = {"state": "done" if outdated else "ok", "detail": done}
    return Answer("db.upgrade", row, _COLUMNS, changed=bool(outdated))


@verb(app, "check", SHOW)
async def check(call: Call) -> Answer:
    """Tell whether the schema fits this release; exit 12 when it does not."""
    wrong = await ways.doors.schema(call.settings)
    row = {"state": "bad" if wrong else "ok", "detail": wrong or "the schema fits this release"}
    next_steps = ("evercert db upgrade",) if wrong else ()
    return Answer("db.check", row, _COLUMNS, next=next_steps, code=Exit.ENGINE if wrong else Exit.DONE)
