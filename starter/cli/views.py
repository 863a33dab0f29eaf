"""Records of the inventory as rows: what JSON holds, and which of it a table shows. No secret, no reference to one."""

from domain.inventory import (
    AccountRecord,
    AlertRecord,
    AuditEvent,
    CertificateRecord,
    DnsAccountRecord,
    OrderRecord,
    VersionRecord,
)
from domain.product import Product
from domain.reconcile import Wait
from domain.seller import Money
from starter.cli.answer import Column, Json
from starter.cli.output import iso

Fields = dict[str, Json]


def money(amount: Money | None) -> Json:
    """Return an amount as text and its currency; never a float."""
    return None if amount is None else {"amount": f"{amount.amount:.2f}", "currency": amount.currency}


ORDER = (
    Column("id", "order", kind="id"),
    Column("name"),
    Column("state", kind="state"),
    Column("waiting_for", "waits for"),
    Column("since", kind="time"),
    Column("detail", wide=True),
    Column("error_code", "error", wide=True),
    Column("until", kind="time", wide=True),
    Column("product", wide=True),
    Column("months", wide=True),
    Column("account", wide=True),
    Column("names", wide=True),
    Column("price", wide=True),
    Column("charged", wide=True),
    Column("seller_order_id", "seller order", wide=True),
    Column("status_text", "seller says", wide=True),
    Column("certificate_id", "certificate", wide=True),
    Column("leaf_ends_at", "leaf ends", kind="time", wide=True),
    Column("term_ends_at", "term ends", kind="time", wide=True),
    Column("looked_at", "last look", kind="time", wide=True),
    Column("next_look_at", "next look", kind="time", wide=True),
    Column("look", "saw", wide=True),
    Column("request_id", wide=True),
    Column("requested_by", wide=True),
    Column("reason", wide=True),
    Column("workflow_id", wide=True),
    Column("created_at", "created", kind="time", wide=True),
    Column("updated_at", "updated", kind="time", wide=True),
)


def order(record: OrderRecord) -> Fields:
    """Return an order as a row."""
    return {
        "id": record.order_id,
        "name": record.common_name,
        "names": list(record.names),
        "state": record.state,
        "waiting_for": record.waiting_for,
        "detail": record.detail,
        "error_code": record.error_code,
        "since": iso(record.since),
        "until": iso(record.until),
        "account": record.account,
        "product": record.product,
        "months": record.months,
        "price": money(record.price),
        "charged": money(record.charged),
        "seller_order_id": record.seller_order_id,
        "status_text": record.status_text,
        "certificate_id": record.certificate_id,
        "leaf_ends_at": iso(record.leaf_ends_at),
        "term_ends_at": iso(record.term_ends_at),
        "looked_at": iso(record.looked_at),
        "next_look_at": iso(record.next_look_at),
        "look": record.look,
        "request_id": record.request_id,
        "requested_by": record.requested_by,
        "reason": record.reason,
        "workflow_id": record.workflow_id,
        "run_id": record.run_id,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


CERTIFICATE = (
    Column("id", "certificate", kind="id"),
    Column("name"),
    Column("version"),
    Column("not_after", "ends", kind="time"),
    Column("names", wide=True),
    Column("issuer", wide=True),
    Column("serial", wide=True),
    Column("fingerprint", wide=True),
    Column("key_id", "key", wide=True),
    Column("not_before", "valid from", kind="time", wide=True),
    Column("versions", wide=True),
    Column("product", wide=True),
    Column("account", wide=True),
    Column("order_id", "order", wide=True),
    Column("created_at", "created", kind="time", wide=True),
)


def certificate(record: CertificateRecord) -> Fields:
    """Return a certificate with its current version as a row."""
    current = record.current
    return {
        "id": record.certificate_id,
        "name": record.common_name,
        "names": list(record.names),
        "version": current.number if current else None,
        "versions": record.versions,
        "issuer": current.issuer if current else None,
        "serial": current.serial if current else None,
        "fingerprint": current.fingerprint if current else None,
        "key_id": current.key_id if current else None,
        "not_before": iso(current.not_before) if current else None,
        "not_after": iso(current.not_after) if current else None,
        "product": record.product,
        "account": record.account,
        "order_id": record.order_id,
        "created_at": iso(record.created_at),
    }


VERSION = (
    Column("version"),
    Column("state", kind="state"),
    Column("not_before", "valid from", kind="time"),
    Column("not_after", "ends", kind="time"),
    Column("serial"),
    Column("fingerprint", wide=True),
    Column("issuer", wide=True),
    Column("names", wide=True),
    Column("key_id", "key", wide=True),
    Column("problems", wide=True),
    Column("recorded_at", "recorded", kind="time", wide=True),
)


def version(record: VersionRecord) -> Fields:
    """Return a version as a row; its number is empty while it has none."""
    return {
        "id": record.serial,
        "version": record.number or None,
        "state": str(record.state),
        "not_before": iso(record.not_before),
        "not_after": iso(record.not_after),
        "serial": record.serial,
        "fingerprint": record.fingerprint,
        "issuer": record.issuer,
        "names": list(record.names),
        "key_id": record.key_id,
        "problems": list(record.problems),
        "recorded_at": iso(record.recorded_at),
    }


ACCOUNT = (
    Column("name"),
    Column("environment"),
    Column("state", kind="state"),
    Column("partner_code", "partner code"),
    Column("base_url", "address", wide=True),
    Column("contact_email", "contact", wide=True),
    Column("visibility_minutes", wide=True),
    Column("trust", wide=True),
    Column("fallback_url", "second address", wide=True),
    Column("unknown_answer", "answer for unknown orders", wide=True),
    Column("parked_code", wide=True),
    Column("parked_at", kind="time", wide=True),
    Column("reconcile", "waits for a comparison", wide=True),
    Column("reconcile_ready_at", "list read after", kind="time", wide=True),
    Column("compared_at", "compared", kind="time", wide=True),
)


def account(record: AccountRecord, wait: Wait | None = None) -> Fields:
    """Return a seller account as a row; ``wait``: what it waits for before anything is bought with it."""
    return {
        "name": record.name,
        "environment": str(record.environment),
        "state": "parked" if record.parked_code else "waiting" if wait else "ready",
        "partner_code": record.partner_code,
        "base_url": record.base_url,
        "contact_email": record.contact_email,
        "visibility_minutes": record.visibility_minutes,
        "trust": "own roots" if record.trust_roots else "public",
        "fallback_url": record.fallback_url,
        "unknown_answer": record.unknown_answer,
        "parked_code": record.parked_code,
        "parked_at": iso(record.parked_at),
        "reconcile": wait.reason if wait else "",
        "reconcile_ready_at": iso(wait.ready_at) if wait else None,
        "compared_at": iso(record.compared_at),
    }


DNS_ACCOUNT = (
    Column("name"),
    Column("environment"),
    Column("provider"),
    Column("server"),
    Column("port"),
    Column("zones"),
    Column("tsig_name", wide=True),
    Column("tsig_algorithm", wide=True),
)


def dns_account(record: DnsAccountRecord) -> Fields:
    """Return a DNS account as a row."""
    return {
        "name": record.name,
        "environment": str(record.environment),
        "provider": record.provider,
        "server": record.server,
        "port": record.port,
        "zones": list(record.zones),
        "tsig_name": record.tsig_name,
        "tsig_algorithm": record.tsig_algorithm,
    }


PRODUCT = (
    Column("id", "code", kind="id"),
    Column("name"),
    Column("level"),
    Column("prices"),
    Column("vendor", wide=True),
    Column("wildcard", wide=True),
    Column("max_sans", "further names", wide=True),
    Column("read_at", "read", kind="time", wide=True),
)


def product(record: Product) -> Fields:
    """Return a product as a row; ``terms`` holds months and prices for programs, ``prices`` for people."""
    return {
        "id": record.code,
        "name": record.name,
        "level": record.level,
        "vendor": record.vendor,
        "wildcard": record.is_wildcard,
        "max_sans": record.max_sans,
        "prices": ", ".join(f"{it.months} months {record.currency} {it.price:.2f}" for it in record.terms)
        or ", ".join(f"{months} months" for months in record.known_months),
        "terms": [
            {"months": it.months, "price": {"amount": f"{it.price:.2f}", "currency": record.currency}}
            for it in record.terms
        ],
        "read_at": iso(record.read_at),
        "bundled": record.is_bundled,
    }


ALERT = (
    Column("id", "alert", kind="id"),
    Column("kind"),
    Column("state", kind="state"),
    Column("seller_order_id", "seller order"),
    Column("first_seen_at", "first seen", kind="time"),
    Column("order_id", "our reference", wide=True),
    Column("account", wide=True),
    Column("what", wide=True),
    Column("last_seen_at", "last seen", kind="time", wide=True),
    Column("settled_at", "settled", kind="time", wide=True),
    Column("settled_by", wide=True),
    Column("reason", wide=True),
)


def alert(record: AlertRecord) -> Fields:
    """Return an alert as a row; ``facts`` are the seller's words for programs, ``what`` the same for people."""
    return {
        "id": record.alert_id,
        "kind": str(record.kind),
        "state": "open" if record.settled_at is None else "settled",
        "account": record.account,
        "seller_order_id": record.seller_order_id,
        "order_id": record.order_id,
        "what": "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in record.facts.items()),
        "facts": dict(record.facts),
        "first_seen_at": iso(record.first_seen_at),
        "last_seen_at": iso(record.last_seen_at),
        "settled_at": iso(record.settled_at),
        "settled_by": record.settled_by,
        "reason": record.reason,
    }


AUDIT = (
    Column("at", "when", kind="time"),
    Column("kind", "what"),
    Column("subject"),
    Column("by"),
    Column("reason"),
    Column("claim", wide=True),
    Column("facts", wide=True),
    Column("id", "event", wide=True),
)


def audit(event: AuditEvent) -> Fields:
    """Return an audit event as a row."""
    return {
        "id": event.event_id,
        "at": iso(event.at),
        "kind": event.kind,
        "subject": event.subject,
        "by": event.by,
        "claim": event.claim,
        "reason": event.reason,
        "facts": dict(event.facts),
    }
