"""``evercert order``: buy certificates and follow the orders. Lists come from the inventory and need no Temporal."""

import secrets
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.codes import Exit
from starter.cli import order_acts, order_explain, order_sync
from starter.cli.answer import Answer, Column, Json, Row
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from domain.request import OrderRequest
    from starter.cli.doors import Started

app = noun("Buy certificates and follow the orders.")
for _more in (order_acts.app, order_explain.app, order_sync.app):
    app.add_typer(_more)  # without a name: its verbs are verbs of this noun

_MONEY = ("yes", "reason", "max_price", "wait", "timeout", "request_id", "dry_run", "print_form")
_STARTED = (
    Column("id", "order", kind="id"),
    Column("name"),
    Column("product"),
    Column("months"),
    Column("account"),
    Column("price"),
    Column("leaf_days", "first leaf, days"),
    Column("leaves_needed", "leaves in the term"),
    Column("request_id"),
    Column("workflow_id"),
    Column("ui_url", "Web UI"),
)


@verb(app, "create", (*SHOW, *_MONEY))
async def create(
    call: Call,
    common_name: Annotated[str, typer.Argument(help="The name to certify; not with -f.")] = "",
    account: Annotated[str | None, typer.Option("--account", help="Seller account.")] = None,
    product: Annotated[str | None, typer.Option("--product", help="The seller's product code.")] = None,
    months: Annotated[int | None, typer.Option("--months", min=1, max=120, help="Paid term.")] = None,
    dns_account: Annotated[str | None, typer.Option("--dns-account", help="Where proof is published.")] = None,
    key: Annotated[Literal["ecdsa", "rsa"] | None, typer.Option("--key", help="Algorithm of the new key.")] = None,
    key_size: Annotated[int | None, typer.Option("--key-size", help="Bits.")] = None,
    allow_duplicate: Annotated[bool, typer.Option("--allow-duplicate", help="Although an equal one is there.")] = False,
    requested_by: Annotated[str, typer.Option("--requested-by", help="Who asks; you, when left out.")] = "",
    file: Annotated[str, typer.Option("--file", "-f", help="Request as TOML or JSON file; - is stdin.")] = "",
) -> Answer | None:
    """Order a certificate: checks, buys, proves, collects and records it. Spends money."""
    from starter.cli import ordering

    typed = ordering.Typed(
        common_name, account, product, months, dns_account, key, key_size, requested_by, allow_duplicate
    )
    request = ordering.request(call, typed, file)
    if call.flags.print_form is not None:
        return ordering.printed(request, call.flags.print_form)
    await ordering.release(call, request)
    if request.request_id is None:
        request = request.model_copy(update={"request_id": secrets.token_hex(6)})
    async with call.engine() as engine:
        started = await engine.order(request)
    call.order_id = started.order_id
    return await _after_start(call, request, started)


async def _after_start(call: Call, request: "OrderRequest", started: "Started") -> Answer:
    from starter.cli import ordering, views
    from starter.cli.watching import Watch

    row: dict[str, Json] = await ordering.started_row(call, request, started)
    if not call.flags.wait:
        next_steps = (f"evercert order watch {started.order_id}", f"evercert order show {started.order_id}")
        return Answer("order.create", row, _STARTED, changed=not started.was_running, next=next_steps)
    call.note(ordering.headline(row))
    async with call.adapters() as adapters:
        ended = await Watch(call, adapters.inventory, started.order_id, say=call.note, stops_for_person=True).run()
    return Answer("order.create", views.order(ended), views.ORDER, changed=not started.was_running)


@verb(app, "list", LIST)
async def list_orders(
    call: Call,
    name: Annotated[str, typer.Option("--name", help="Only orders for this name.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only orders of this account.")] = "",
    state: Annotated[str, typer.Option("--state", help="Only orders in this state.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 200,
) -> Answer:
    """List orders, newest first."""
    from starter.cli import views

    async with call.adapters() as adapters:
        records = await adapters.inventory.orders(name=name.lower(), account=account, state=state, limit=limit)
    return Answer("order.list", [views.order(it) for it in records], views.ORDER)


@verb(app, "show", LIST)
async def show(call: Call, order: Annotated[list[str], typer.Argument(help="Ids or names; - reads stdin.")]) -> Answer:
    """Show orders as the inventory knows them."""
    from starter.cli import views
    from starter.cli.finding import each, one_order

    async with call.adapters() as adapters:

        async def row(ref: str) -> Row:
            return views.order(await one_order(adapters.inventory, ref))

        return await each("order.show", order, views.ORDER, row, changed=False)


@verb(app, "check", (*LIST, "reason"))
async def check(
    call: Call,
    order: Annotated[list[str], typer.Argument(help="Ids or names; - reads stdin.")],
    by: Annotated[str, typer.Option("--by", help="Who asks; you, when left out.")] = "",
) -> Answer:
    """Have running orders look at the seller now instead of at the next planned time."""
    from domain.request import Act
    from starter.cli.finding import each, one_order

    act = Act(by=by or call.person, reason=call.flags.reason)
    columns = (Column("id", "order"), Column("done"), Column("message"))
    async with call.adapters() as adapters, call.engine() as engine:

        async def row(ref: str) -> Row:
            record = await one_order(adapters.inventory, ref)
            call.order_id = record.order_id
            told = await engine.check_now(record, act)
            return {"id": record.order_id, "done": told.done, "message": told.message}

        answer = await each("order.check", order, columns, row, changed=True)
    refused = any(it.get("done") is False for it in answer.rows)
    code = Exit.CONFLICT if refused and answer.code is Exit.DONE else answer.code
    return Answer(answer.schema, answer.data, columns, changed=not refused, code=code)


@verb(app, "watch", (*SHOW, "wait", "timeout"))
async def watch(call: Call, order: Annotated[str, typer.Argument(help="Id or name.")]) -> Answer | None:
    """Follow an order to its end; closing the window changes nothing. --wait also returns when a person is needed."""
    from starter.cli import views
    from starter.cli.finding import one_order
    from starter.cli.streams import give
    from starter.cli.watching import Watch

    structured = call.flags.output in {"json", "csv", "id"}
    async with call.adapters() as adapters:
        record = await one_order(adapters.inventory, order)
        call.order_id = record.order_id
        watching = Watch(
            call,
            adapters.inventory,
            record.order_id,
            say=call.note if structured else give,
            stops_for_person=call.flags.wait,
        )
        ended = await watching.run()
    return Answer("order.watch", views.order(ended), views.ORDER) if structured else None
