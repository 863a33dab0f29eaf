"""``evercert dns-account``: places where proof records may be written. Proved by a throw-away record before saving."""

import secrets
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.errors import Unavailable
from starter.cli import doors as ways
from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from domain.inventory import DnsAccountRecord

app = noun("Places where proof records may be written.")

_PROBE = "_evercert-check"


@verb(app, "add", (*SHOW, "reason"))
async def add(
    call: Call,
    name: Annotated[str, typer.Argument(help="What requests will call it.")],
    server: Annotated[str, typer.Option("--server", help="Name server that takes RFC 2136 updates.")],
    zone: Annotated[list[str], typer.Option("--zone", help="A zone that it may write; repeat it for more.")],
    tsig_name: Annotated[str, typer.Option("--tsig-name", help="Name of the TSIG key.")],
    environment: Annotated[Literal["sandbox", "live"], typer.Option("--environment", help="Which orders it serves.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 53,
    tsig_algorithm: Annotated[
        Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"], typer.Option("--tsig-algorithm")
    ] = "hmac-sha256",
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the TSIG secret from stdin.")] = False,
    secret_env: Annotated[str, typer.Option("--secret-env", help="Name of the variable that holds it.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Save although the server cannot be reached.")] = False,
) -> Answer:
    """Add a DNS account; a throw-away record is written to each zone first, then the secret is sealed."""
    from pydantic import TypeAdapter

    from domain.inventory import DnsAccountRecord, Environment
    from domain.request import ObjectName
    from starter.cli import views
    from starter.cli.events import event
    from starter.cli.secret_input import read_secret

    record = DnsAccountRecord(
        name=TypeAdapter(ObjectName).validate_python(name),
        server=server,
        port=port,
        zones=tuple(sorted({it.lower().rstrip(".") for it in zone})),
        tsig_name=tsig_name,
        tsig_algorithm=tsig_algorithm,
        secret_id=f"sec_{secrets.token_hex(12)}",
        environment=Environment(environment),
    )
    secret = read_secret(call, "TSIG secret", from_stdin=secret_stdin, variable=secret_env)
    await _verify(call, record, secret, force=force)
    async with call.adapters() as adapters:
        sealed = adapters.vault.seal(secret.encode(), row_id=record.secret_id, purpose=ways.TSIG_SECRET_PURPOSE)
        told = event(call, "dns-account.added", name, environment=environment, zones=" ".join(record.zones))
        await adapters.inventory.add_dns_account(record, sealed, told)
    next_steps = (f"evercert dns-account check {name}",)
    return Answer("dns-account.add", views.dns_account(record), views.DNS_ACCOUNT, changed=True, next=next_steps)


async def _verify(call: Call, record: "DnsAccountRecord", secret: str, *, force: bool) -> None:
    try:
        async with ways.doors.try_publisher(call.settings, record, secret) as publisher:
            for zone in record.zones:
                await publisher.check_access(f"{_PROBE}.{zone}")
    except Unavailable as error:
        if not force:
            raise Unavailable(
                error.code,
                f"{error.message.rstrip('.')}. Nothing was saved.",
                next_step="--force saves it unchecked",
                why=error.why,
            ) from error
        call.note("warning  the server could not be reached; the secret is saved unchecked")


@verb(app, "check", SHOW)
async def check(call: Call, name: Annotated[str, typer.Argument(help="The DNS account.")]) -> Answer:
    """Write and remove a throw-away record in each zone."""
    from starter.cli import views
    from starter.cli.finding import one_dns_account

    async with call.adapters() as adapters:
        record = await one_dns_account(adapters.inventory, name)
        publisher = await adapters.publishers.open(record.name)
        for zone in record.zones:
            call.note(f"ok  {await publisher.check_access(f'{_PROBE}.{zone}')} can be written")
    return Answer("dns-account.check", views.dns_account(record), views.DNS_ACCOUNT)


@verb(app, "list", LIST)
async def list_dns_accounts(call: Call) -> Answer:
    """List the DNS accounts."""
    from starter.cli import views

    async with call.adapters() as adapters:
        records = await adapters.inventory.dns_accounts()
    return Answer("dns-account.list", [views.dns_account(it) for it in records], views.DNS_ACCOUNT)


@verb(app, "show", SHOW)
async def show(call: Call, name: Annotated[str, typer.Argument(help="The DNS account.")]) -> Answer:
    """Show a DNS account."""
    from starter.cli import views
    from starter.cli.finding import one_dns_account

    async with call.adapters() as adapters:
        record = await one_dns_account(adapters.inventory, name)
    return Answer("dns-account.show", views.dns_account(record), views.DNS_ACCOUNT)
