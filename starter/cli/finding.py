"""Finding things by what people type: an id, or a name that fits one thing only; ``-`` reads ids from stdin."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from activities.ports import Inventory
from domain.codes import Exit
from domain.errors import EvercertError, InvalidRequest
from domain.inventory import AccountRecord, CertificateRecord, DnsAccountRecord, OrderRecord
from starter.cli.answer import Answer, Column, Row
from starter.cli.problems import as_text, problem_of
from starter.cli.streams import tell

T = TypeVar("T")


def given(refs: Sequence[str]) -> list[str]:
    """Return the ids or names that were typed, those on stdin in the place of ``-``."""
    found: list[str] = []
    for ref in refs:
        found += sys.stdin.read().split() if ref == "-" else [ref]
    return found


async def one_order(inventory: Inventory, ref: str) -> OrderRecord:
    """Return the order of that id or name; raises ``not-found`` or ``ambiguous`` (exit 3)."""
    if (order := await inventory.order(ref)) is not None:
        return order
    named = [it for it in await inventory.orders(name=ref.lower()) if ref.lower() in {it.common_name, *it.names}]
    return _only(named, "order", lambda it: it.order_id)


async def one_certificate(inventory: Inventory, ref: str) -> CertificateRecord:
    """Return the certificate of that id, order id or name; raises ``not-found`` or ``ambiguous`` (exit 3)."""
    if (certificate := await inventory.certificate(ref)) is not None:
        return certificate
    if (order := await inventory.order(ref)) is not None and order.certificate_id:
        return await one_certificate(inventory, order.certificate_id)
    named = [it for it in await inventory.certificates(name=ref.lower()) if ref.lower() in {it.common_name, *it.names}]
    return _only(named, "certificate", lambda it: it.certificate_id)


async def one_account(inventory: Inventory, name: str) -> AccountRecord:
    """Return the seller account; without a name the only one there is."""
    if not name:
        return _only(list(await inventory.accounts()), "account", lambda it: it.name)
    if (found := await inventory.account(name)) is None:
        raise InvalidRequest("account-not-found", "There is no seller account of that name.")
    return found


async def one_dns_account(inventory: Inventory, name: str) -> DnsAccountRecord:
    """Return the DNS account of that name."""
    if (found := await inventory.dns_account(name)) is None:
        raise InvalidRequest("dns-account-not-found", "There is no DNS account of that name.")
    return found


def _only(found: Sequence[T], what: str, name: Callable[[T], str]) -> T:
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidRequest("not-found", f"There is no {what} of that id or name.")
    why = tuple(name(it) for it in found)
    raise InvalidRequest("ambiguous", f"The name fits {len(found)} of these.", why=why, next_step="use one of the ids")


async def each(
    schema: str, refs: Sequence[str], columns: Sequence[Column], act: Callable[[str], Awaitable[Row]], *, changed: bool
) -> Answer:
    """Do something for each id: one gives a single row; several give a list, with exit 9 when some of them fail."""
    wanted = given(refs)
    if len(wanted) == 1:
        return Answer(schema, await act(wanted[0]), columns, changed)
    rows: list[Row] = []
    failed = False
    for ref in wanted:
        try:
            rows.append(await act(ref))
        except EvercertError as error:
            failed = True
            problem = problem_of(error)
            rows.append({"id": ref, "state": "failed", "error_code": problem.code, "detail": problem.message})
            tell(as_text(problem))
    return Answer(schema, rows, columns, changed, code=Exit.SOME_FAILED if failed else Exit.DONE)
