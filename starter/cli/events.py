"""Audit events of the command line: settings and exports are told by the process that makes them."""

from domain import ids
from domain.inventory import AuditEvent
from starter.cli.call import Call


def event(call: Call, kind: str, subject: str, **facts: str) -> AuditEvent:
    """Return an event by the person who calls (claimed), with ``--reason``."""
    at = call.now()
    return AuditEvent(
        event_id=ids.event_id(subject, kind, at.isoformat()),
        kind=kind,
        subject=subject,
        at=at,
        by=call.person,
        claim="claimed",
        reason=call.flags.reason,
        facts=facts,
    )
