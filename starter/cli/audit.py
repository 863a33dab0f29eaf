"""``evercert audit``: who did what, when and why."""

from typing import Annotated

import typer

from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import LIST
from starter.cli.verb import noun, verb

app = noun("Who did what, when and why.")


@verb(app, "list", LIST)
async def list_events(
    call: Call,
    subject: Annotated[str, typer.Argument(help="Id or name of an order, certificate or account.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")] = 500,
) -> Answer:
    """List audit events, oldest first."""
    from domain.errors import InvalidRequest
    from starter.cli import views
    from starter.cli.finding import one_order

    async with call.adapters() as adapters:
        events = await adapters.inventory.audit(subject=subject, limit=limit)
        if subject and not events:
            try:
                order = await one_order(adapters.inventory, subject)
            except InvalidRequest as error:
                if error.code != "not-found":
                    raise
            else:
                events = await adapters.inventory.audit(subject=order.order_id, limit=limit)
    return Answer("audit.list", [views.audit(it) for it in events], views.AUDIT)
