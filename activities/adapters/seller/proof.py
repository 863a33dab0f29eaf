"""What the seller says must be published, made uniform: one record per owner and value, each tied to an ordered name."""

import re
from collections.abc import Iterator

from activities.adapters.seller.wire import OrderWire
from domain.names import authorisation_names, is_public, is_reserved
from domain.seller import FileProof, NameProof, ProofRecord

_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_GOOD_WORDS = ("valid", "complete", "approved", "satisfied")
_BAD_STARTS = ("not", "un", "in", "awaiting", "pending")
_LONGEST_WORD = 100
_LONGEST_FILE_NAME = 300
_LONGEST_FILE = 16_384


def host(text: str) -> str:
    """Return a name in lower case, without trailing dot."""
    return text.strip().lower().removesuffix(".")


def proof_records(order: OrderWire, names: tuple[str, ...]) -> tuple[ProofRecord, ...]:
    """Return the DNS records of an order; empty while the seller has not told them, or for other methods.

    Per-name values come first and win over the order-level pair where both name the same CNAME owner: a CNAME stands
    alone. TXT values stand beside each other.
    """
    told = [_record(*pair) for pair in _pairs(order, names) if pair[1] and pair[2]]
    if order.cname_auth_name and order.cname_auth_value:
        main = _record(names[0] if names else "", order.cname_auth_name, order.cname_auth_value)
        if main.record_type == "TXT" or main.owner not in {record.owner for record in told}:
            told.append(main)
    unique: dict[tuple[str, str, str], ProofRecord] = {}
    for record in told:
        unique.setdefault((record.owner, record.record_type, record.value), record)
    return tuple(unique.values())


def file_proofs(order: OrderWire, names: tuple[str, ...]) -> tuple[FileProof, ...]:
    """Return the files of an order, verbatim; names and contents too long to be one are left out.

    The order-level pair belongs to the common name and counts only where no per-name pair says the same or otherwise.
    """
    main = names[0] if names else ""
    told = [
        (_ordered(host(vetting.domain) or main, names), vetting.file_name, vetting.file_contents)
        for vetting in order.order_status.domain_auth_vetting_status
    ]
    if main not in {name for name, file_name, content in told if file_name and content}:
        told.append((main, order.auth_file_name, order.auth_file_content))
    return tuple(
        FileProof(name=name, file_name=file_name, content=content)
        for name, file_name, content in dict.fromkeys(told)
        if 0 < len(file_name) <= _LONGEST_FILE_NAME and 0 < len(content) <= _LONGEST_FILE
    )


def name_proofs(order: OrderWire, names: tuple[str, ...]) -> tuple[NameProof, ...]:
    """Return the CA's view per name; the status words are vendor text and only read for people and for a hint."""
    return tuple(
        NameProof(
            name=_ordered(host(vetting.domain), names),
            status=vetting.dcv_status[:_LONGEST_WORD],
            is_validated=_is_validated(vetting.dcv_status),
            method=vetting.dcv_method[:_LONGEST_WORD],
        )
        for vetting in order.order_status.domain_auth_vetting_status
        if vetting.domain
    )


def _pairs(order: OrderWire, names: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for vetting in order.order_status.domain_auth_vetting_status:
        name = host(vetting.domain) or (names[0] if names else "")
        yield _ordered(name, names), vetting.dns_name, vetting.dns_entry


def _record(name: str, owner_text: str, value_text: str) -> ProofRecord:
    value = value_text.strip().strip('"')
    is_host = _HOST.fullmatch(host(value)) is not None
    return ProofRecord(
        name=name,
        record_type="CNAME" if is_host else "TXT",
        owner=_qualified(owner_text, name),
        value=host(value) if is_host else value,
    )


def _qualified(owner_text: str, name: str) -> str:
    """Return the owner in full: whether the service writes it relative to the name is not recorded.

    What ends in a top-level domain that exists (or a reserved one) is full already, also when it is a stranger's: the
    check of its scope then refuses it, which a mere appending of the name would hide.
    """
    owner = host(owner_text)
    scope = authorisation_names(name)
    if not scope or any(owner == parent or owner.endswith(f".{parent}") for parent in scope):
        return owner
    is_full = owner_text.strip().endswith(".") or is_public(owner) or is_reserved(owner)
    return owner if is_full else f"{owner}.{scope[0]}"


def _ordered(name: str, names: tuple[str, ...]) -> str:
    """Return the ordered name that a domain stands for: ``example.com`` may stand for ``*.example.com``."""
    return f"*.{name}" if name not in names and f"*.{name}" in names else name


def _is_validated(status: str) -> bool:
    word = status.strip().casefold()
    return any(good in word for good in _GOOD_WORDS) and not word.startswith(_BAD_STARTS)
