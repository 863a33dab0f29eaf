"""``evercert order resolve | cancel | extend | resume``: a person acts on an order that is under way.

The run decides; its refusals come back with their own code and sentence.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.codes import Exit
from starter.cli.answer import Answer, Column, Json
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from activities.ports import Inventory
    from domain.inventory import OrderRecord
    from domain.request import ResolvePurchase
    from starter.cli.doors import Acted

app = noun("Act on an order that is under way.")

_ORDER = Annotated[str, typer.Argument(help="Id or name.")]
_BY = Annotated[str, typer.Option("--by", help="Who acts; you, when left out.")]
_TOLD = (Column("id", "order", kind="id"), Column("done"), Column("message"), Column("then"))
_STARTED = (
    Column("id", "order", kind="id"),
    Column("message"),
    Column("then"),
    Column("workflow_id"),
    Column("ui_url", "Web UI"),
)

_THEN = {
    "placed": "the order goes on with that seller order; nothing is bought again",
    "not-placed": "the seller is asked once more, then the order is bought, once",
    "abandon": "nobody looks for it any more; its money counts as spent",
    "refunded": "the order ends as cancelled",
    "not-refunded": "the order goes on to its certificate",
}
"""What follows from each ruling."""


@verb(app, "resolve", (*SHOW, "yes", "reason", "timeout"))
async def resolve(
    call: Call,
    order: _ORDER,
    seller_order: Annotated[
        str, typer.Option("--seller-order", metavar="NUMBER", help="It was placed: the seller's number.")
    ] = "",
    not_placed: Annotated[bool, typer.Option("--not-placed", help="It never arrived: buy it now.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Stop looking; the money counts as spent.")] = False,
    refunded: Annotated[bool, typer.Option("--refunded", help="A cancel: the money came back.")] = False,
    not_refunded: Annotated[bool, typer.Option("--not-refunded", help="A cancel: no refund, go on.")] = False,
    by: _BY = "",
) -> Answer:
    """Settle what cannot be told from here: a purchase in doubt, or what became of a refund. Needs --reason."""
    outcomes = {
        "placed": bool(seller_order),
        "not-placed": not_placed,
        "abandon": abandon,
        "refunded": refunded,
        "not-refunded": not_refunded,
    }
    act = _ruling(call, [name for name, is_said in outcomes.items() if is_said], seller_order, by or call.person)
    async with call.adapters() as adapters:
        record = await _open_order(call, adapters.inventory, order)
        if act.outcome in {"not-placed", "abandon"}:
            await _released(call, adapters.inventory, record, _question(record, act.outcome))
    async with call.engine() as engine:
        told = await engine.resolve_purchase(record, act)
    row: dict[str, Json] = {"outcome": act.outcome, **_row(record, told, _THEN[act.outcome])}
    return _answer("order.resolve", row, told, record)


def _ruling(call: Call, said: list[str], seller_order: str, by: str) -> "ResolvePurchase":
    from domain.errors import InvalidRequest
    from domain.request import ResolvePurchase

    if len(said) != 1:
        raise InvalidRequest(
            "usage",
            "Say exactly one outcome.",
            next_step="--seller-order NUMBER, --not-placed, --abandon, --refunded or --not-refunded",
        )
    if not call.flags.reason:
        raise InvalidRequest("reason-required", "A ruling is taken only with its reason.")
    return ResolvePurchase(outcome=said[0], by=by, reason=call.flags.reason, seller_order_id=seller_order or None)


def _question(record: "OrderRecord", outcome: str) -> str:
    price = f" for {record.price.currency} {record.price.amount:.2f}" if record.price else ""
    if outcome == "abandon":
        return f"Give up looking for the purchase of {record.common_name}{price}? Its money counts as spent."
    return f"Buy {record.product} for {record.common_name}{price}, since the first attempt never arrived?"


@verb(app, "cancel", (*SHOW, "yes", "reason", "wait", "timeout"))
async def cancel(call: Call, order: _ORDER, by: _BY = "") -> Answer:
    """Stop an order: before the purchase nothing is bought, after it the seller is asked for the refund."""
    from domain.request import Act
    from starter.cli import views
    from starter.cli.watching import until_cancelled

    act = Act(by=by or call.person, reason=call.flags.reason)
    async with call.adapters() as adapters:
        record = await _open_order(call, adapters.inventory, order)
        then = _after_cancel(record)
        await _released(call, adapters.inventory, record, f"Cancel order {record.order_id} ({then})?")
        async with call.engine() as engine:
            told = await engine.cancel(record, act)
        if not call.flags.wait or not told.done:
            return _answer("order.cancel", _row(record, told, then), told, record)
        call.note(f"{told.message}; {then}")
        ended = await until_cancelled(call, adapters.inventory, record)
    return Answer("order.cancel", views.order(ended), views.ORDER, changed=True)


def _after_cancel(record: "OrderRecord") -> str:
    """Return what a cancel leads to, as far as the inventory knows it."""
    from domain.order import STATES, OrderState
    from starter.cli.watching import OPEN_DOUBTS

    state = OrderState(record.state)
    if record.seller_order_id:
        return (
            f"the seller is asked to refund order {record.seller_order_id}, and this order ends as cancelled once that is "
            "granted"
        )
    if record.error_code in OPEN_DOUBTS:
        return "it may have been bought, so that is settled first (order resolve); then the refund is asked for"
    if state is OrderState.PURCHASING:
        return "the outcome of the purchase is awaited first; if it was bought, the seller is asked for the refund"
    if STATES[state].has_bought and state is not OrderState.NEEDS_PERSON:
        return "if it was bought, the seller is asked for the refund"
    return "nothing was bought and nothing will be"


@verb(app, "extend", (*SHOW, "reason", "timeout"))
async def extend(
    call: Call,
    order: _ORDER,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="So many days from where it stands.")],
    by: _BY = "",
) -> Answer:
    """Move the deadline of an order that waits for its certificate; at most to the end of the paid term."""
    from domain.request import ExtendDeadline

    act = ExtendDeadline(by=by or call.person, reason=call.flags.reason, days=days)
    async with call.adapters() as adapters:
        record = await _open_order(call, adapters.inventory, order)
    async with call.engine() as engine:
        told = await engine.extend_deadline(record, act)
    return _answer("order.extend", _row(record, told, "the order waits until then"), told, record)


@verb(app, "resume", (*SHOW, "reason"))
async def resume(call: Call, order: _ORDER, by: _BY = "") -> Answer:
    """Take up an order whose run is lost (terminated, or gone from Temporal): a new run goes on where it stood."""
    from starter.cli.temporal import order_page

    async with call.adapters() as adapters:
        record = await _open_order(call, adapters.inventory, order)
    async with call.engine() as engine:
        started = await engine.resume(record, by=by or call.person, reason=call.flags.reason)
    sent = "goes on with the seller order that is there" if record.seller_order_id else "never sends a purchase twice"
    row: dict[str, Json] = {
        "id": record.order_id,
        "message": "a run that takes it up is under way already" if started.was_running else "a new run was started",
        "then": "it takes the order over once the former run was found closed or missing twice, 5 minutes apart; "
        f"then it {sent}",
        "workflow_id": started.workflow_id,
        "run_id": started.run_id,
        "was_running": started.was_running,
        "ui_url": order_page(call.settings, started.workflow_id, started.run_id),
    }
    next_steps = (f"evercert order watch {record.order_id}", f"evercert order explain {record.order_id}")
    return Answer("order.resume", row, _STARTED, changed=not started.was_running, next=next_steps)


async def _open_order(call: Call, inventory: "Inventory", ref: str) -> "OrderRecord":
    """Return the order; raises ``order-ended`` for one that no run works on any more."""
    from domain.errors import Refused
    from domain.order import STATES, OrderState
    from starter.cli.finding import one_order

    record = await one_order(inventory, ref)
    call.order_id = record.order_id
    if STATES[OrderState(record.state)].is_end:
        raise Refused(
            "order-ended",
            f"Order {record.order_id} has ended: {record.state}.",
            next_step=f"evercert order explain {record.order_id}",
        )
    return record


async def _released(call: Call, inventory: "Inventory", record: "OrderRecord", question: str) -> None:
    from starter.cli.ordering import confirm_money

    account = await inventory.account(record.account)
    confirm_money(call, account, question, {"--reason": call.flags.reason})


def _row(record: "OrderRecord", told: "Acted", then: str) -> dict[str, Json]:
    return {
        "id": record.order_id,
        "done": told.done,
        "message": told.message,
        "then": then if told.done else "nothing was changed",
    }


def _answer(schema: str, row: dict[str, Json], told: "Acted", record: "OrderRecord") -> Answer:
    next_steps = (f"evercert order watch {record.order_id}", f"evercert order explain {record.order_id}")
    code = Exit.DONE if told.done else Exit.CONFLICT
    return Answer(schema, row, _TOLD, changed=told.done, next=next_steps, code=code)
