"""Ids that are fixed before anything happens.

Every id is derived (RFC 9562 UUIDv5, base32 of RFC 4648 without padding) from what it names, so that a repeated step
finds its own row again instead of making a second one.
"""

import base64
import hashlib
import json
import re
import uuid

EVERCERT_UUID = uuid.UUID("6b0c3f52-3f0e-5c6b-9a51-1e5f2d8c7a40")
"""Namespace of all derived ids. Never changes: it would orphan every order ever placed."""

ORDER_ID_PREFIX = "EC-"
_ORDER_ID = re.compile(r"EC-[A-Z2-7]{26}")
_UNSAFE = re.compile(r"[^a-z0-9.-]+")


def _derived(name: str) -> str:
    return base64.b32encode(uuid.uuid5(EVERCERT_UUID, name).bytes).decode("ascii").rstrip("=")


def order_id(namespace: str, workflow_id: str, first_run_id: str) -> str:
    """Return the order id of the run chain that creates an order.

    Stays the same after retry and reset of the workflow, differs when a closed workflow id is used again. It is the
    seller's ``CustomOrderID`` too: 29 characters of ``[A-Z2-7-]``.
    """
    return ORDER_ID_PREFIX + _derived(f"{namespace}/{workflow_id}/{first_run_id}")


def is_order_id(text: str) -> bool:
    """Tell whether the text has the shape of an order id of ours."""
    return _ORDER_ID.fullmatch(text) is not None


def certificate_id(order: str) -> str:
    """Return the id of the certificate (all its versions) that an order creates."""
    return "crt_" + _derived(f"certificate/{order}").lower()


def refund_id(order: str, number: int) -> str:
    """Return the id of the ``number``-th request (from 1) to refund an order."""
    return "act_" + _derived(f"refund/{order}/{number}").lower()


def key_id(order: str, version: int) -> str:
    """Return the id of the private key made for version ``version`` (from 1) of an order."""
    return "key_" + _derived(f"key/{order}/{version}").lower()


def alert_id(kind: str, account: str, seller_order_id: str) -> str:
    """Return the id of an alert; the same sale found again is the same alert."""
    return "alr_" + _derived(f"alert/{kind}/{account}/{seller_order_id}").lower()


def event_id(subject: str, kind: str, occasion: str) -> str:
    """Return the id of an audit event; the same occasion told twice is one event."""
    return "evt_" + _derived(f"event/{subject}/{kind}/{occasion}").lower()


def issue_workflow_id(common_name: str, request_id: str) -> str:
    """Return the workflow id of an order that we start: ``issue-<name>-<request id>``, safe in URLs."""
    return f"issue-{slug(common_name)}-{slug(request_id)}"


def resume_workflow_id(order: str, number: int) -> str:
    """Return the workflow id of the ``number``-th run (from 1) that takes up an order whose run is lost."""
    return f"resume-{order}-{number}"


def sync_workflow_id(request_id: str) -> str:
    """Return the workflow id of a look at orders and sales that somebody asked for."""
    return f"sync-{slug(request_id)}"


def resume_number(workflow_id: str, order: str) -> int:
    """Return the number in such a workflow id of that order; 0 for any other workflow id."""
    number = workflow_id.removeprefix(f"resume-{order}-")
    return int(number) if number != workflow_id and number.isascii() and number.isdecimal() else 0


def slug(text: str) -> str:
    """Reduce a name to letters, digits, dot and dash; ``*`` becomes ``wildcard``."""
    return _UNSAFE.sub("-", text.lower().replace("*", "wildcard")).strip("-.") or "unnamed"


def digest(value: object) -> str:
    """Return the SHA-256 (hex) of a JSON value in canonical form: sorted keys, no blanks, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
