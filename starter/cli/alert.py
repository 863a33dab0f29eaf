"""``evercert alert``: sales at a seller that a person has to settle. Nothing here calls a seller or spends money."""

from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.answer import Answer, Row
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from activities.ports import Inventory
    from domain.inventory import AlertRecord, AuditEvent

app = noun("Sales at a seller that a person has to settle.")


@verb(app, "list", LIST)
async def list_alerts(
    call: Call,
    settled: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 200,
) -> Answer:
    """List open alerts, newest first."""
    from starter.cli import views

    async with call.adapters() as adapters:
        records = await adapters.inventory.alerts(settled_too=settled, limit=limit)
    next_steps = tuple(f"evercert alert show {it.alert_id}" for it in records[:1])
    return Answer("alert.list", [views.alert(it) for it in records], views.ALERT, next=next_steps)


@verb(app, "show", LIST)
async def show(call: Call, alert: Annotated[list[str], typer.Argument(help="Ids; - reads stdin.")]) -> Answer:
    """Show alerts: what the seller says about the sale, and what became of it."""
    from starter.cli import views
    from starter.cli.finding import each

    async with call.adapters() as adapters:

        async def row(ref: str) -> Row:
            return views.alert(await _one(adapters.inventory, ref))

        return await each("alert.show", alert, views.ALERT, row, changed=False)


@verb(app, "settle", (*SHOW, "reason"))
async def settle(
    call: Call,
    alert: Annotated[str, typer.Argument(help="Its id.")],
    by: Annotated[str, typer.Option("--by", help="Who settled it; you, when left out.")] = "",
) -> Answer:
    """Say what became of a sale, so that it is not told again. Needs --reason; changes nothing at the seller."""
    from domain.errors import InvalidRequest
    from starter.cli import views

    if not call.flags.reason:
        raise InvalidRequest("reason-required", "An alert is settled only with its reason.")
    async with call.adapters() as adapters:
        record = await _one(adapters.inventory, alert)
        changed = await adapters.inventory.settle_alert(record.alert_id, _settled(call, record, by or call.person))
        record = await _one(adapters.inventory, alert)
    if not changed:
        call.note(f"settled before, by {record.settled_by}; nothing was changed")
    return Answer("alert.settle", views.alert(record), views.ALERT, changed=changed)


async def _one(inventory: "Inventory", alert_id: str) -> "AlertRecord":
    from domain.errors import InvalidRequest

    if (found := await inventory.alert(alert_id)) is None:
        raise InvalidRequest("not-found", "There is no alert of that id.", next_step="evercert alert list --all")
    return found


def _settled(call: Call, alert: "AlertRecord", by: str) -> "AuditEvent":
    from starter.cli.events import event

    facts = {"alert": alert.alert_id, "code": str(alert.kind), "seller_order": alert.seller_order_id}
    told = event(call, "alert.settled", alert.order_id, **facts, account=alert.account)
    return told.model_copy(update={"by": by})
