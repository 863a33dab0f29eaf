"""``evercert db``: the inventory database."""

from domain.codes import Exit
from domain.errors import InvalidRequest
from starter.cli import doors as ways
from starter.cli.answer import Answer, Column
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.output import iso
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


@verb(app, "reconcile", (*SHOW, "yes", "reason"))
async def reconcile(call: Call) -> Answer:
    """Buy nothing before every account's orders at the seller were compared: after a restore that nothing here noticed.

    Workers notice most restores by themselves. What was sent in the last moments may show up late, so each account's
    visibility window is waited for; then SyncOrders compares, and buying goes on by itself.
    """
    from starter.binding import Person

    if not call.flags.reason:
        raise InvalidRequest(
            "reason-required", "Buying is stopped only with a reason.", next_step="say why: --reason TEXT"
        )
    call.confirm("Buy nothing with any account before its orders at the seller were compared?")
    told = await ways.doors.reconcile(call.settings, Person(call.person, call.flags.reason))
    row = {"state": "waiting", "since": iso(told.reconcile_since), "detail": told.reconcile_reason}
    columns = (Column("state", kind="state"), Column("since", kind="time"), Column("detail"))
    return Answer("db.reconcile", row, columns, changed=True, next=("evercert doctor inventory", "evercert order sync"))
