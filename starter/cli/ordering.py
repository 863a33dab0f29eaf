"""What ``order create`` does before and after the start: the request, its release, its printed forms, its facts."""

import json
import shlex
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from domain.errors import InvalidRequest
from domain.ids import issue_workflow_id
from domain.inventory import AccountRecord, Environment
from domain.request import OrderRequest
from starter.cli.answer import Answer, Json
from starter.cli.call import Call
from starter.cli.doors import Started
from starter.cli.flags import PrintForm
from starter.cli.output import plain

_TERM_DAYS = 365
_MONTHS = 12


@dataclass(frozen=True)
class Typed:
    """What was typed as arguments; empty values are left to the file or to the defaults."""

    common_name: str = ""
    account: str | None = None
    product: str | None = None
    months: int | None = None
    dns_account: str | None = None
    key: str | None = None
    key_size: int | None = None
    requested_by: str = ""
    allow_duplicate: bool = False

    def fields(self) -> dict[str, object]:
        """Return the request's fields that were typed."""
        dcv = {"method": "dns", "dns_account": self.dns_account} if self.dns_account else None
        key = {"algorithm": self.key or "ecdsa", "size": self.key_size} if self.key or self.key_size else None
        every = {
            "common_name": self.common_name,
            "account": self.account,
            "product": self.product,
            "months": self.months,
            "dcv": dcv,
            "key": key,
            "requested_by": self.requested_by,
            "allow_duplicate": self.allow_duplicate,
        }
        return {name: value for name, value in every.items() if value}


def request(call: Call, typed: Typed, file: str) -> OrderRequest:
    """Return the request of a file and the arguments; what was typed wins over the file.

    Raises:
        InvalidRequest: ``input-invalid`` for a file that cannot be read.
        pydantic.ValidationError: for fields of the wrong shape (shown as ``input-invalid``).
    """
    flags = call.flags
    told = {
        "request_id": flags.request_id,
        "reason": flags.reason,
        "max_price": flags.max_price,
        "dry_run": flags.dry_run,
    }
    given = {**(_from_file(file) if file else {}), **typed.fields(), **{k: v for k, v in told.items() if v}}
    given.setdefault("requested_by", call.person)
    return OrderRequest.model_validate(given)


def _from_file(name: str) -> dict[str, object]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "neither JSON nor TOML"
        raise InvalidRequest("input-invalid", f"The request file cannot be read: {reason}.") from None
    if not isinstance(found, dict):
        raise InvalidRequest("input-invalid", "The request file does not hold one object.")
    return found


def printed(wanted: OrderRequest, form: PrintForm) -> Answer:
    """Return the request in a form to paste: into the Web UI, a shell, or Python."""
    fields: dict[str, Json] = wanted.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    if form == "temporal":
        run = issue_workflow_id(wanted.common_name, wanted.request_id or "REQUEST-ID")
        text = (
            f"temporal workflow start --type IssueCertificate --task-queue evercert --workflow-id {run} "
            f"--id-reuse-policy RejectDuplicate --input {shlex.quote(json.dumps(fields, ensure_ascii=False))}"
        )
    elif form == "python":
        text = (
            "from domain.request import OrderRequest\n"
            "from starter.client import EvercertClient\n"
            "from starter.settings import load_settings\n\n"
            "async with EvercertClient.connect(load_settings()) as client:\n"
            f"    started = await client.order(OrderRequest.model_validate({fields!r}))"
        )
    return Answer("order.create.print", {"form": form, "request": fields, "text": text}, raw=text)


async def release(call: Call, wanted: OrderRequest) -> None:
    """Make sure that a person means it, when real money may be spent.

    A rehearsal and a sandbox account spend none. Otherwise a person confirms, or says ``--yes``; where nobody can be asked
    ``--yes``, ``--reason`` and ``--max-price`` are all needed.
    """
    if wanted.dry_run:
        return
    async with call.adapters() as adapters:
        account = await adapters.inventory.account(wanted.account)
        products = await adapters.inventory.products(wanted.account) if account else ()
    term = next((it.term(wanted.months) for it in products if it.code == wanted.product), None)
    price = f" for about {term.price:.2f}" if term else ""
    question = f"Buy {wanted.product} for {wanted.common_name}, {wanted.months} months{price}?"
    needed = {"--reason": wanted.reason, "--max-price": wanted.max_price}
    confirm_money(call, account, question, needed, otherwise=", or rehearse with --dry-run")


def confirm_money(
    call: Call, account: AccountRecord | None, question: str, needed: Mapping[str, object], *, otherwise: str = ""
) -> None:
    """Go on only when a person means it; a sandbox account, whose money is not real, asks nothing.

    Raises:
        InvalidRequest: ``confirmation-required``. Where nobody can be asked, ``--yes`` and all of ``needed`` must be there.
    """
    if account is not None and account.environment is Environment.SANDBOX:
        return
    if not call.may_ask:
        given = {"--yes": call.flags.yes, **needed}
        if missing := [flag for flag, value in given.items() if not value]:
            raise InvalidRequest(
                "confirmation-required",
                "This is about real money and nobody can be asked.",
                next_step=f"add {', '.join(missing)}{otherwise}",
            )
    call.confirm(question)


async def started_row(call: Call, wanted: OrderRequest, started: Started) -> dict[str, Json]:
    """Return the facts of a started order: price and term, how long the first leaf may live, how many the term needs."""
    from domain.calendar import leaf_days, leaves_needed
    from starter.cli import views
    from starter.cli.temporal import order_page

    async with call.adapters() as adapters:
        record = await adapters.inventory.order(started.order_id)
        products = await adapters.inventory.products(wanted.account)
    offer = next((it for it in products if it.code == wanted.product), None)
    term = offer.term(wanted.months) if offer else None
    catalogue: Json = _amount(term.price, offer.currency) if term and offer else None
    return {
        "id": started.order_id,
        "name": wanted.common_name,
        "account": wanted.account,
        "product": wanted.product,
        "months": wanted.months,
        "price": views.money(record.price) if record and record.price else catalogue,
        "leaf_days": min(leaf_days(call.now()), _days(wanted.months)),
        "leaves_needed": leaves_needed(call.now(), _days(wanted.months)),
        "request_id": wanted.request_id,
        "workflow_id": started.workflow_id,
        "run_id": started.run_id,
        "ui_url": order_page(call.settings, started.workflow_id, started.run_id),
        "was_running": started.was_running,
    }


def _days(months: int) -> int:
    return months * _TERM_DAYS // _MONTHS


def _amount(amount: Decimal, currency: str) -> Json:
    return {"amount": f"{amount:.2f}", "currency": currency}


def headline(row: dict[str, Json]) -> str:
    """Return the line above a watch: what was ordered, for how much, for how long."""
    price = plain(row["price"]) or "price not known yet"
    return (
        f"{row['id']} {row['name']}  {row['product']}  {row['months']} months  {price}  first leaf up to "
        f"{row['leaf_days']} days, {row['leaves_needed']} in the term  (request id {row['request_id']})"
    )
