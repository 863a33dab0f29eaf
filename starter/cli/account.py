"""``evercert account``: seller accounts. The token is checked with the seller before anything is saved."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.errors import InvalidRequest, Unavailable
from starter.cli import doors as ways
from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from activities.ports import Seller
    from domain.inventory import AccountRecord
    from domain.seller import UnknownAnswer

app = noun("Seller accounts.")


@verb(app, "add", (*SHOW, "reason"))
async def add(
    call: Call,
    name: Annotated[str, typer.Argument(help="What requests will call it.")],
    partner_code: Annotated[
        str, typer.Option("--partner-code", "--partner-id", help="First half of the seller's credential.")
    ],
    base_url: Annotated[str, typer.Option("--base-url", help="Address of the seller's API.")],
    environment: Annotated[Literal["sandbox", "live"], typer.Option("--environment", help="live spends real money.")],
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from stdin.")] = False,
    token_env: Annotated[str, typer.Option("--token-env", help="Name of the variable that holds the token.")] = "",
    trust_root: Annotated[
        Path | None, typer.Option("--trust-root", exists=True, dir_okay=False, help="PEM anchors of a sandbox's CA.")
    ] = None,
    contact_email: Annotated[str, typer.Option("--contact-email", help="Contact of domain-validated orders.")] = "",
    visibility_minutes: Annotated[
        int, typer.Option("--visibility-minutes", min=1, max=1440, help="How long a sale may take to show up.")
    ] = 60,
    fallback_url: Annotated[
        str, typer.Option("--fallback-url", help="Second address, for reads when the first cannot be connected to.")
    ] = "",
    csr_encoding: Annotated[
        Literal["percent", "raw"], typer.Option("--csr-encoding", help="How a CSR is written into a request.")
    ] = "percent",
    force: Annotated[bool, typer.Option("--force", help="Save although the seller cannot be reached.")] = False,
) -> Answer:
    """Add a seller account; its token is verified and its answers learnt first, then it is sealed."""
    from starter.cli import views

    if trust_root is not None and environment == "live":
        raise InvalidRequest("trust-root-not-allowed", "A live account trusts the public roots only.")
    record = _record(name, partner_code, base_url, environment, contact_email, visibility_minutes, trust_root)
    from starter.cli.secret_input import read_secret

    token = read_secret(call, "token", from_stdin=token_stdin, variable=token_env)
    record = record.model_copy(update={"fallback_url": fallback_url.rstrip("/"), "csr_encoding": csr_encoding})
    record = await _verified(call, record, token, force=force)
    async with call.adapters() as adapters:
        from starter.cli.events import event

        sealed = adapters.vault.seal(token.encode(), row_id=record.secret_id, purpose=ways.SELLER_TOKEN_PURPOSE)
        told = event(call, "account.added", name, environment=environment, base_url=base_url)
        await adapters.inventory.add_account(record, sealed, told)
    next_steps = (f"evercert product list {name}", f"evercert order create --account {name} --help")
    return Answer("account.add", views.account(record), views.ACCOUNT, changed=True, next=next_steps)


def _record(
    name: str, partner_code: str, base_url: str, environment: str, contact: str, minutes: int, roots: Path | None
) -> "AccountRecord":
    from pydantic import TypeAdapter

    from domain.inventory import AccountRecord, Environment
    from domain.request import ObjectName

    return AccountRecord(
        name=TypeAdapter(ObjectName).validate_python(name),
        environment=Environment(environment),
        base_url=base_url.rstrip("/"),
        partner_code=partner_code,
        secret_id=f"sec_{secrets.token_hex(12)}",
        contact_email=contact,
        visibility_minutes=minutes,
        trust_roots=roots.read_text(encoding="ascii") if roots else "",
    )


async def _verified(call: Call, record: "AccountRecord", token: str, *, force: bool) -> "AccountRecord":
    """Ask the seller; a rejected token is never saved, an unreachable seller only with ``--force``.

    Returns the record with the shape of the seller's answer for an unknown order, where that is one that is known.
    """
    try:
        async with ways.doors.try_seller(call.settings, record, token) as seller:
            await seller.check_credentials()
            return await _calibrated(call, record, seller)
    except Unavailable as error:
        if not force:
            raise Unavailable(
                error.code,
                f"{error.message.rstrip('.')}. Nothing was saved.",
                next_step="--force saves it unchecked",
                why=error.why,
            ) from error
        call.note("warning  the seller could not be reached; the token is saved unchecked")
        return record


async def _calibrated(call: Call, record: "AccountRecord", seller: "Seller") -> "AccountRecord":
    """Learn what the seller answers for an unknown order; what nobody has looked at is told and not learnt."""
    try:
        learnt = await seller.learn_unknown_answer()
    except Unavailable as error:
        if error.code != "seller-answer-changed":
            raise
        call.note(f"warning  {error.message}; nothing can be bought before: evercert account check {record.name}")
        return record
    if not learnt.is_known:
        call.note(f"warning  the seller's answer for an unknown order is new to Evercert: {learnt.shape}")
        call.note(f"         look at it, then: evercert account check {record.name} --accept-new-answer")
        return record
    call.note(f"learnt what the seller answers for an unknown order: {learnt.shape}")
    return record.model_copy(update={"unknown_answer": learnt.shape})


@verb(app, "check", (*SHOW, "reason"))
async def check(
    call: Call,
    name: Annotated[str, typer.Argument(help="The account.")] = "",
    accept_new_answer: Annotated[
        bool,
        typer.Option("--accept-new-answer", help="Learn a new answer for unknown orders, after a person looked at it."),
    ] = False,
) -> Answer:
    """Ask the seller whether the token is good and its answers are understood; releases the account when parked."""
    from starter.cli import views
    from starter.cli.events import event
    from starter.cli.finding import one_account

    async with call.adapters() as adapters:
        record = await one_account(adapters.inventory, name)
        seller = await adapters.sellers.open(record.name)
        await seller.check_credentials()
        learnt = await seller.learn_unknown_answer()
        _require_understood(record, learnt, accept=accept_new_answer)
        changed = learnt.shape != record.unknown_answer
        if changed:
            facts = {"shape": learnt.shape, "before": record.unknown_answer}
            told = event(call, "account.calibrated", record.name, **facts)
            await adapters.inventory.save_unknown_answer(record.name, learnt.shape, told)
            call.note(f"learnt what the seller answers for an unknown order: {learnt.shape}")
        told = event(call, "account.released", record.name)
        released = bool(record.parked_code) and await adapters.inventory.release_account(record.name, told)
        record = await one_account(adapters.inventory, record.name)
    call.note("the seller accepts the token" + ("; waiting orders go on" if released else ""))
    return Answer("account.check", views.account(record), views.ACCOUNT, changed=released or changed)


def _require_understood(record: "AccountRecord", learnt: "UnknownAnswer", *, accept: bool) -> None:
    """Refuse an answer that is neither the learnt one nor, before any was learnt, one known beforehand.

    Buying relies on recognising the answer *unknown order*: another one may mean that an order exists.

    Raises:
        Unavailable: ``seller-answer-changed``.
    """
    is_understood = learnt.shape == record.unknown_answer if record.unknown_answer else learnt.is_known
    if is_understood or accept:
        return
    raise Unavailable(
        "seller-answer-changed",
        "The seller answers otherwise for an order that never existed than it did before, or than Evercert knows.",
        why=(f"now: {learnt.shape}", f"learnt: {record.unknown_answer or 'nothing yet'}"),
        next_step=f"ask the seller; if it is meant: evercert account check {record.name} --accept-new-answer",
    )


@verb(app, "list", LIST)
async def list_accounts(call: Call) -> Answer:
    """List the seller accounts."""
    from starter.cli import views

    async with call.adapters() as adapters:
        records = await adapters.inventory.accounts()
        rows = [views.account(it, await adapters.inventory.reconcile_wait(it.name)) for it in records]
    return Answer("account.list", rows, views.ACCOUNT)


@verb(app, "show")
async def show(call: Call, name: Annotated[str, typer.Argument(help="The account.")] = "") -> Answer:
    """Show a seller account."""
    from starter.cli import views
    from starter.cli.finding import one_account

    async with call.adapters() as adapters:
        record = await one_account(adapters.inventory, name)
        wait = await adapters.inventory.reconcile_wait(record.name)
    next_steps: tuple[str, ...] = (f"evercert account check {record.name}",) if record.parked_code else ()
    if wait is not None:
        next_steps += ("evercert doctor inventory",)
    return Answer("account.show", views.account(record, wait), views.ACCOUNT, next=next_steps)
