"""Proof records as dnspython's objects, and back."""

from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.TXT

from domain.errors import InvalidRequest
from domain.seller import ProofRecord

_TXT_CHUNK = 255
_SHOWN = 120


def dns_name(text: str) -> dns.name.Name:
    """Return an absolute name; raises ``InvalidRequest('name-invalid')``."""
    try:
        return dns.name.from_text(text.removesuffix(".") + ".")
    except dns.exception.DNSException:
        pass
    raise InvalidRequest("name-invalid", "the record's name or target is not a well-formed DNS name")


def rdata_of(record: ProofRecord) -> dns.rdata.Rdata:
    """Return the record's data."""
    if record.record_type == "CNAME":
        target = dns_name(record.value).to_text()
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.CNAME, target)
    raw = record.value.encode("utf-8")
    chunks = [raw[start : start + _TXT_CHUNK] for start in range(0, len(raw), _TXT_CHUNK)] or [b""]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, chunks)


@dataclass(frozen=True)
class Standing:
    """What stands at an owner name, as an answer shows it.

    Attributes:
        cnames: targets, lower case, without trailing dot.
        texts: TXT values, each put together from its chunks.
    """

    cnames: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    def holds(self, record: ProofRecord) -> bool:
        """Tell whether exactly this record is there."""
        if record.record_type == "CNAME":
            return record.value.lower().removesuffix(".") in self.cnames
        return record.value in self.texts

    def describe(self) -> str:
        """Return what is there for people, bounded and printable."""
        shown = [f"CNAME {target}" for target in sorted(self.cnames)] + [f"TXT {text}" for text in sorted(self.texts)]
        return " and ".join(_printable(item) for item in shown[:2]) + (" and more" if len(shown) > 2 else "")


def standing(answer: dns.message.Message, owner: dns.name.Name) -> Standing:
    """Read what an answer says about one owner; records of other names, as a followed CNAME brings them, are left out."""
    cnames: set[str] = set()
    texts: set[str] = set()
    for rrset in answer.answer:
        if rrset.name != owner:
            continue
        for rdata in rrset:
            if isinstance(rdata, dns.rdtypes.ANY.CNAME.CNAME):
                cnames.add(rdata.target.to_text(omit_final_dot=True).lower())
            elif isinstance(rdata, dns.rdtypes.ANY.TXT.TXT):
                texts.add(b"".join(rdata.strings).decode("utf-8", "replace"))
    return Standing(frozenset(cnames), frozenset(texts))


def _printable(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
