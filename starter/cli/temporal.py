"""``evercert temporal``: makes a Temporal server ready, and knows the addresses of its Web UI."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from domain.errors import EvercertError, InvalidRequest
from starter.cli import doors as ways
from starter.cli.answer import Answer, Column, Json
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from temporalio.client import Client

    from starter.settings import Settings

app = noun("The Temporal server and its Web UI.")


@verb(app, "provision", (*SHOW, "yes", "dry_run", "reason"))
async def provision(
    call: Call,
    rebind: Annotated[
        bool, typer.Option("--rebind", help="Bind the inventory to this cluster; its former one is gone for good.")
    ] = False,
) -> Answer:
    """Create or complete namespace, retention, search attributes and schedules on the configured server.

    Takes nothing away, and leaves alone what is there and different.
    """
    if rebind and not call.flags.reason:
        raise InvalidRequest(
            "reason-required", "An inventory is bound anew only with a reason.", next_step="say why: --reason TEXT"
        )
    client = await ways.doors.temporal(call.settings)
    planned, differs = await _provided(client, dry_run=True)
    for line in (*planned, *differs):
        call.note(f"{'plan' if line in planned else 'differs, left alone:'}  {line}")
    if planned and not call.flags.dry_run:
        call.confirm(f"Make {len(planned)} changes to namespace {client.namespace}?")
        planned, differs = await _provided(client, dry_run=False)
    changed = bool(planned) and not call.flags.dry_run
    if rebind and not call.flags.dry_run:
        changed = await _rebound(call) or changed
    row: dict[str, Json] = {
        "namespace": client.namespace,
        "state": "done" if changed else "ok" if not planned else "skipped",
        "changed": list(planned),
        "differs": list(differs),
    }
    columns = (Column("namespace"), Column("state", kind="state"), Column("changed", "changes"), Column("differs"))
    return Answer("temporal.provision", row, columns, changed=changed)


async def _rebound(call: Call) -> bool:
    """Bind the inventory to the cluster that answers, after asking; tell whether it was another one before."""
    from starter.binding import Person

    call.confirm(
        "Bind the inventory to this cluster? Runs of the former one are lost, and nothing is bought before compared."
    )
    was_other = await ways.doors.rebind(call.settings, Person(call.person, call.flags.reason))
    if was_other:
        call.note(
            "bound anew; nothing is bought before the orders at the sellers were compared: evercert doctor inventory"
        )
    else:
        call.note("the inventory belongs to this cluster already")
    return was_other


async def _provided(client: "Client", *, dry_run: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the server ready and return what was changed, and what is different and was left alone."""
    from starter.schedules import provide_schedules
    from starter.server.provision import provision as provide
    from workflows.search_attributes import REGISTRATION

    names = await provide(client, namespace=client.namespace, search_attributes=REGISTRATION, dry_run=dry_run)
    schedules = await provide_schedules(client, dry_run=dry_run)
    return (*names.changed, *schedules.changed), (*names.differs, *schedules.differs)


@verb(app, "links", LIST)
async def links(
    call: Call,
    order: Annotated[str, typer.Argument(help="Also the page of this order.")] = "",
    store: Annotated[bool, typer.Option("--store", help="Links that make the browser keep the view.")] = False,
) -> Answer:
    """Print addresses of the Web UI: start box, orders that need a person, one account, one order."""
    base = _base(call.settings)
    running = "ExecutionStatus='Running'"
    rows: list[dict[str, Json]] = [
        {"name": "start box", "url": f"{base}/start-workflow?taskQueue=evercert"},
        {
            "name": "needs a person",
            "url": _view(base, f"EvercertNeedsPerson=true AND {running}", "Needs a person" if store else ""),
        },
    ]
    async with call.adapters() as adapters:
        for account in await adapters.inventory.accounts():
            query = f"EvercertAccount='{account.name}' AND {running}"
            rows.append({"name": f"account {account.name}", "url": _view(base, query, account.name if store else "")})
        if order:
            from starter.cli.finding import one_order

            found = await one_order(adapters.inventory, order)
            rows.append({"name": found.order_id, "url": order_page(call.settings, found.workflow_id, found.run_id)})
    await _warn(call, call.settings)
    text = "\n".join(f"{row['name']}\n    {row['url']}" for row in rows)  # a table would break the addresses
    raw = text if call.manner.form in {"table", "wide"} else None
    return Answer("temporal.links", rows, (Column("name"), Column("url")), raw=raw)


def order_page(settings: "Settings", workflow_id: str, run_id: str) -> str:
    """Return the address of a run's page in the Web UI."""
    return f"{_base(settings)}/{quote(workflow_id, safe='')}/{quote(run_id, safe='')}/user-metadata"


def _base(settings: "Settings") -> str:
    namespace = str(settings.temporal_connect_config().get("namespace"))
    return f"{settings.web_ui.rstrip('/')}/namespaces/{quote(namespace)}/workflows"


def _view(base: str, query: str, stored_as: str) -> str:
    saved = f"&savedQuery={quote(stored_as)}" if stored_as else ""
    return f"{base}?query={quote(query)}{saved}"


async def _warn(call: Call, settings: "Settings") -> None:
    """Say when the links would show nothing because the server does not know our search attributes."""
    from starter.server.provision import missing_search_attributes
    from workflows.search_attributes import REGISTRATION

    try:
        missing = await missing_search_attributes(await ways.doors.temporal(settings), REGISTRATION)
    except EvercertError as error:
        call.note(f"warning  not checked: {error.message}")
        return
    if missing:
        call.note(f"warning  the server lacks {len(missing)} search attributes: evercert temporal provision")
