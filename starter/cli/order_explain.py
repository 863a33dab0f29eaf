"""``evercert order explain``: one paragraph about an order, with what proves it."""

import shutil
import textwrap
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.answer import Answer, Json
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from activities.ports import Inventory
    from domain.inventory import OrderRecord
    from starter.cli.explaining import Known, Statement
    from starter.history import RunHistory

app = noun("What happened to an order, and how that is known.")

_WIDEST = 110
_ROWS = 100_000


@verb(app, "explain", SHOW)
async def explain(call: Call, order: Annotated[str, typer.Argument(help="Id or name.")]) -> Answer:
    """Say in plain words what an order is, what was bought, what it waits for and what helps; with the proofs."""
    from starter.cli.explaining import helps, statements
    from starter.cli.finding import one_order

    async with call.adapters() as adapters:
        record = await one_order(adapters.inventory, order)
        call.order_id = record.order_id
        history, unasked = await _history(call, record)
        known = await _known(call, adapters.inventory, record, history, unasked)
    said = statements(known)
    return Answer("order.explain", _row(known, said), next=helps(known), raw=_text(call, said))


async def _history(call: Call, record: "OrderRecord") -> "tuple[RunHistory | None, str]":
    """Return the run's history, or why there is none: the inventory alone explains a lot too."""
    from domain.errors import EvercertError

    try:
        async with call.engine() as engine:
            return await engine.history(record), ""
    except EvercertError as error:
        if error.code not in {"engine-unreachable", "run-not-found"}:
            raise
        return None, error.code


async def _known(
    call: Call, inventory: "Inventory", record: "OrderRecord", history: "RunHistory | None", unasked: str
) -> "Known":
    from starter.cli.explaining import Known

    account = await inventory.account(record.account)
    return Known(
        order=record,
        act=await inventory.act(record.order_id),
        window=timedelta(minutes=account.visibility_minutes if account else 0),
        audit=await inventory.audit(subject=record.order_id, limit=_ROWS),
        history=history,
        unasked=unasked,
        now=call.now(),
    )


def _row(known: "Known", said: "tuple[Statement, ...]") -> dict[str, Json]:
    history = known.history
    return {
        "id": known.order.order_id,
        "state": known.order.state,
        "text": " ".join(_sentence(it) for it in said),
        "proved_by": "history" if history else "audit",
        "workflow_id": history.workflow_id if history else known.order.workflow_id,
        "run_id": history.run_id if history else known.order.run_id,
        "purchase": _purchase(known),
        "statements": [_statement(it) for it in said],
    }


def _purchase(known: "Known") -> Json:
    from starter.cli import views
    from starter.cli.output import iso

    act = known.act
    if act is None:
        return None
    return {
        "state": act.state.value,
        "seller_order_id": act.seller_order_id,
        "price": views.money(act.price),
        "charged": views.money(act.charged),
        "error_code": act.error_code,
        "send_deadline": iso(act.send_deadline),
        "window_ends_at": iso(known.window_ends_at),
        "candidates": list(known.candidates),
    }


def _statement(it: "Statement") -> dict[str, Json]:
    events: list[Json] = [
        {"name": step.name, "first": step.first, "last": step.last, "outcome": step.outcome, "summary": step.summary}
        for step in it.steps
    ]
    return {"about": it.about, "text": it.text, "events": events, "audit": [row.event_id for row in it.audit]}


def _sentence(it: "Statement") -> str:
    return f"{it.text.removesuffix('.')} ({it.proof})." if it.proof else it.text


def _text(call: Call, said: "tuple[Statement, ...]") -> str:
    """Return one paragraph: wrapped on a terminal without breaking ids, a line per statement for screen readers."""
    sentences = [_sentence(it) for it in said]
    how = call.manner
    if how.accessible:
        return "\n".join(sentences)
    if how.form == "lines":
        return " ".join(sentences)
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(" ".join(sentences), width, break_long_words=False, break_on_hyphens=False)
