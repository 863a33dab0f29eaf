"""``evercert order sync``: look after orders and sales at once, instead of at the next time of the schedule."""

from typing import TYPE_CHECKING

from domain.codes import Exit
from starter.cli.answer import Answer, Column, Json
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from workflows.messages import SyncResult

app = noun("Look after orders and sales.")

_STARTED = (Column("id", "run", kind="id"), Column("then"), Column("ui_url", "Web UI"))
_FOUND = (
    Column("id", "run", kind="id"),
    Column("accounts_compared", "accounts compared"),
    Column("accounts_skipped", "left out"),
    Column("orders_looked_at", "open orders"),
    Column("runs_started", "taken up"),
    Column("runs_under_way", "being taken up"),
    Column("orders_refused", "not taken up"),
    Column("alerts_raised", "new alerts"),
    Column("alerts_seen", "alerts seen again"),
    Column("orders_nudged", "woken"),
    Column("audit_sequence", "newest audit row"),
    Column("ui_url", "Web UI"),
)


@verb(app, "sync", (*SHOW, "wait", "timeout", "request_id"))
async def sync(call: Call) -> Answer:
    """Take up orders whose run is lost, and compare every seller's list with the inventory; --wait tells what came of it."""
    from starter.cli.temporal import order_page

    async with call.engine() as engine:
        started = await engine.sync(call.flags.request_id or "")
        page = order_page(call.settings, started.workflow_id, started.run_id)
        if not call.flags.wait:
            row: dict[str, Json] = {
                "id": started.workflow_id,
                "run_id": started.run_id,
                "then": "it looks at every open order and every account; what it finds are alerts",
                "ui_url": page,
            }
            return Answer("order.sync", row, _STARTED, changed=True, next=("evercert alert list",))
        call.note("looking at every open order and every account …")
        result = await engine.wait_for_sync(started)
    found = {"id": started.workflow_id, "run_id": started.run_id, **_row(result), "ui_url": page}
    next_steps = ("evercert alert list",) if result.alerts_raised else ()
    code = Exit.SOME_FAILED if result.accounts_skipped or result.orders_refused else Exit.DONE
    return Answer("order.sync", found, _FOUND, changed=bool(result.runs_started), next=next_steps, code=code)


def _row(result: "SyncResult") -> dict[str, Json]:
    return {
        **result.model_dump(mode="json"),
        "accounts_skipped": [f"{it.account}: {it.code}" for it in result.accounts_skipped],
        "orders_refused": [f"{order}: {code}" for order, code in result.orders_refused],
    }
