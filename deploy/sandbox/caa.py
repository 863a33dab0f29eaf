"""Certification Authority Authorization at the moment of issuance (RFC 8659, Baseline Requirements 3.2.2.8)."""

from collections.abc import Sequence
from typing import cast

import dns.rdtypes.ANY.CAA
from dns.rdatatype import RdataType

from deploy.sandbox.catalogue import Brand
from deploy.sandbox.resolver import LookupFailedError, Resolver

#: Issuer names by which a CA feels meant.
ISSUER_NAMES: dict[Brand, frozenset[str]] = {
    "sectigo": frozenset({"sectigo.com", "comodo.com", "comodoca.com", "usertrust.com", "trust-provider.com"}),
    "digicert": frozenset({"digicert.com", "geotrust.com", "rapidssl.com", "thawte.com"}),
}
_KNOWN_TAGS = {"issue", "issuewild", "issuemail", "iodef", "contactemail", "contactphone"}
_CRITICAL = 128
Record = tuple[int, str, str]


async def why_forbidden(resolver: Resolver, name: str, brand: Brand) -> str:
    """Why a CA may not issue for a name; empty when it may.

    Climbs from the name towards the root; the first set of CAA records decides. A look-up that fails is no permission.
    """
    labels = name.removeprefix("*.").split(".")
    for start in range(len(labels)):
        place = ".".join(labels[start:])
        try:
            answers = await resolver.ask(place, RdataType.CAA)
        except LookupFailedError:
            return f"CAA look-up failed at {place}"
        if answers:
            records = [_record(cast("dns.rdtypes.ANY.CAA.CAA", answer)) for answer in answers]
            if not is_permitted(records, brand, is_wildcard=name.startswith("*.")):
                return f"CAA at {place} forbids issuance"
            return ""
    return ""


def is_permitted(records: Sequence[Record], brand: Brand, *, is_wildcard: bool) -> bool:
    """Whether one set of records, as flags, tag and value, lets a CA issue."""
    if any(flags & _CRITICAL and tag not in _KNOWN_TAGS for flags, tag, _ in records):
        return False
    plain = [value for _, tag, value in records if tag == "issue"]
    wild = [value for _, tag, value in records if tag == "issuewild"]
    deciding = wild if is_wildcard and wild else plain
    return not deciding or any(_issuer(value) in ISSUER_NAMES[brand] for value in deciding)


def _record(rdata: dns.rdtypes.ANY.CAA.CAA) -> Record:
    return rdata.flags, rdata.tag.decode("ascii", "replace").lower(), rdata.value.decode("ascii", "replace")


def _issuer(value: str) -> str:
    return value.partition(";")[0].strip().lower()
