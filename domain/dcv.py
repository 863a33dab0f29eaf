"""Domain control validation, pure: whether a record may be published at all, and what Sectigo's records must look like.

What the seller hands us is published as it is; it is only checked that it stays with the ordered names. The formulas are
Sectigo's (request token from the CSR's DER bytes); they serve to cross-check.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.names import MAX_NAME_LENGTH, authorisation_names, bare
from domain.seller import ProofRecord

_LABEL = re.compile(r"_?[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?|_")
_MAX_LABEL = 63
_MAX_TXT = 255
_UNIQUE_VALUE = re.compile(r"[A-Za-z0-9]{0,20}")
_SECTIGO_TARGET = "sectigo.com"


def scope_problem(record: ProofRecord, ordered_names: Sequence[str]) -> str | None:
    """Tell why a record must not be published (``proof-out-of-scope``), or None.

    It has to lie at or below an authorisation name of an ordered name (the name or a parent, down to the base domain),
    be well-formed, and a CNAME's first label has to begin with ``_``: otherwise a seller, or somebody in between, could
    take over a host or a mail domain of the requester. Wildcard owners are never written.
    """
    if record.record_type not in ("CNAME", "TXT"):
        return "it is neither a CNAME nor a TXT record"
    if not _is_owner(record.owner):
        return "its name is not a well-formed DNS name"
    if not any(_is_at_or_below(record.owner, name) for name in _scope(ordered_names)):
        return "it lies outside the ordered names and their domains"
    if record.record_type == "CNAME":
        return _cname_problem(record)
    if not record.value or len(record.value) > _MAX_TXT or not record.value.isascii() or not record.value.isprintable():
        return "its text is empty, longer than 255 characters or not printable"
    return None


def _cname_problem(record: ProofRecord) -> str | None:
    if not record.owner.startswith("_"):
        return "it is a CNAME whose first label does not begin with an underscore"
    if not _is_owner(record.value) or "." not in record.value:
        return "it points at something that is not a well-formed DNS name"
    if record.value == record.owner:
        return "it points at itself"
    return None


def _scope(ordered_names: Sequence[str]) -> set[str]:
    return {parent for name in ordered_names for parent in authorisation_names(name)}


def _is_at_or_below(owner: str, name: str) -> bool:
    return owner == name or owner.endswith(f".{name}")


def _is_owner(name: str) -> bool:
    """Tell whether a record may stand at that name: lower case, underscores allowed, no wildcard, no trailing dot."""
    labels = name.split(".")
    return len(name) <= MAX_NAME_LENGTH and all(
        len(label) <= _MAX_LABEL and _LABEL.fullmatch(label) is not None for label in labels
    )


@dataclass(frozen=True)
class SectigoToken:
    """What Sectigo derives from a CSR: all its records follow from it.

    Attributes:
        md5, sha256: of the CSR's DER bytes, lower-case hex.
        unique_value: up to 20 letters and digits, or ``""``; keeps two orders with one CSR apart.
    """

    md5: str
    sha256: str
    unique_value: str = ""

    def cname(self, authorisation_name: str) -> tuple[str, str]:
        """Return owner and target of the CNAME record, lower case (case does not matter there)."""
        middle = f"{self.unique_value}." if self.unique_value else ""
        target = f"{self.sha256[:32]}.{self.sha256[32:]}.{middle}{_SECTIGO_TARGET}"
        return f"_{self.md5}.{bare(authorisation_name)}", target.lower()

    def file(self) -> tuple[str, str]:
        """Return path and body of the proof file; the file name is upper case, because web servers mind the case."""
        lines = [self.sha256, _SECTIGO_TARGET, *([self.unique_value] if self.unique_value else [])]
        return f"/.well-known/pki-validation/{self.md5.upper()}.txt", "\n".join(lines)


def sectigo_token(csr_der: bytes, unique_value: str = "") -> SectigoToken:
    """Return the request token of a CSR; hash the DER bytes that are sent, never PEM text.

    Raises:
        ValueError: ``unique_value`` is not up to 20 letters and digits.
    """
    if not _UNIQUE_VALUE.fullmatch(unique_value):
        raise ValueError("the unique value must be at most 20 letters and digits")
    md5 = hashlib.md5(csr_der, usedforsecurity=False).hexdigest()
    return SectigoToken(md5, hashlib.sha256(csr_der).hexdigest(), unique_value)


def sectigo_mismatch(record: ProofRecord, token: SectigoToken) -> str | None:
    """Tell in which way a CNAME of Sectigo differs from what the CSR gives, or None.

    A difference is worth a warning, not a stop: what the seller shows is what counts.
    """
    first, _, parent = record.owner.partition(".")
    if record.record_type != "CNAME":
        return "it is not a CNAME"
    if first != f"_{token.md5}" or parent not in authorisation_names(record.name):
        return "its name does not follow from the CSR"
    if record.value != token.cname(parent)[1]:
        return "its target does not follow from the CSR"
    return None
