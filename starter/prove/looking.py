"""Looks at both sides of the deal when a case is over."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from temporalio.service import RPCError

from activities.keys import KEY_PURPOSE
from domain.inventory import VersionRecord
from starter.client import StartedOrder
from starter.prove.lane import Lane
from starter.prove.verdict import Expects, Facts, Sale


async def look(
    lane: Lane,
    name: str,
    started: StartedOrder | None,
    *,
    persons: Sequence[str] = (),
    troubles: Sequence[str] = (),
    expects: Expects = Expects.ONE_SALE,
) -> Facts:
    """Return what inventory, Temporal and seller show of an order.

    Args:
        lane: where the case ran.
        name: the only name of the case's order; sales under any id count.
        started: the order; None when it did not come to be.
        persons: what the case saw, passed on like the next one.
        troubles: see ``Facts``.
        expects: see ``Facts``.
    """
    told = Facts(
        sales=await _sales(lane, name),
        posts=await _posts(lane, name),
        records=await _records(lane, name),
        persons=tuple(persons),
        troubles=tuple(troubles),
        expects=expects,
        installation_story=await installation_story(lane),
    )
    record = await lane.record(started) if started is not None else None
    if started is None:
        return told
    if record is None:
        status = await _run_status(lane, started.workflow_id)
        return dataclasses.replace(told, order_id=started.order_id, run_status=status)
    inventory = lane.adapters.inventory
    versions = await inventory.versions(record.certificate_id) if record.certificate_id else ()
    return Facts(
        **{
            **vars(told),
            "order_id": record.order_id,
            "run_status": await _run_status(lane, record.workflow_id),
            "state": record.state,
            "seller_order_id": record.seller_order_id,
            "serial": _serial(versions[0].serial) if versions else "",
            "versions": len(versions),
            "keys": len(await inventory.keys_of_order(record.order_id)),
            "key_matches": await _key_matches(lane, versions[0]) if versions else None,
            "alerts": tuple(
                sorted(
                    (it.kind.value, it.seller_order_id)
                    for it in await inventory.alerts()
                    if it.order_id == record.order_id
                )
            ),
            "story": tuple(event.kind for event in await inventory.audit(subject=record.order_id)),
        }
    )


async def installation_story(lane: Lane) -> tuple[str, ...]:
    """Return the kinds of the audit rows of the installation: what it was put into doubt for, and what ended that."""
    inventory = lane.adapters.inventory
    installation = await inventory.installation()
    return tuple(event.kind for event in await inventory.audit(subject=installation.installation_id))


async def _sales(lane: Lane, name: str) -> tuple[Sale, ...]:
    orders: list[dict[str, Any]] = (await lane.tell_sandbox("GET", "orders"))["orders"]
    shown = {order["seller_order_id"]: order for order in orders}
    return tuple(
        Sale(
            sale["seller_order_id"],
            sale["custom_order_id"],
            str(shown.get(sale["seller_order_id"], {}).get("major", "")),
            _serial(shown.get(sale["seller_order_id"], {}).get("serial")),
            refunded=bool(shown.get(sale["seller_order_id"], {}).get("refund_approved")),
        )
        for sale in await lane.sold(name)
    )


def _serial(text: str | None) -> str:
    """Return a serial number without zeros in front: both sides write them their own way."""
    return f"{int(text, 16):X}" if text else ""


async def _posts(lane: Lane, name: str) -> int:
    """Count the purchases of a name that reached the seller whole; one that was cut off before is in no journal."""
    entries = (await lane.tell_sandbox("GET", "journal?kind=request"))["entries"]
    return sum(entry["endpoint"] == "order/neworder" and name in str(entry["body"]) for entry in entries)


async def _records(lane: Lane, name: str) -> int:
    records: list[Any] = (await lane.tell_sandbox("GET", "dns"))["records"]
    return sum(name in str(record) for record in records)


async def _run_status(lane: Lane, workflow_id: str) -> str:
    try:
        described = await lane.temporal.get_workflow_handle(workflow_id).describe()
    except RPCError:
        return "unknown"
    return described.status.name if described.status else ""


async def _key_matches(lane: Lane, version: VersionRecord) -> bool:
    """Open the sealed key and compare it with the leaf's."""
    sealed = await lane.adapters.inventory.sealed_key(version.key_id)
    opened = lane.adapters.vault.unseal(sealed, row_id=version.key_id, purpose=KEY_PURPOSE)
    public = load_der_private_key(opened, None).public_key()
    info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest() == version.spki_sha256
