"""Zones of the name server: records, look-ups and dynamic updates, with the manners of real servers.

A CNAME lives alone: adding one where other data exists, or other data beside one, is ignored without an error. So
NOERROR on an update does not mean that the record is there (RFC 2136 section 3.4.2.2).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rrset
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from deploy.sandbox.state import Store

_IN = dns.rdataclass.IN
_TTL = 60
_NEGATIVE_TTL = 1
_LONGEST_CHAIN = 8
_SERIAL_SPACE = 2**32


@dataclass
class Found:
    """Outcome of a look-up."""

    rcode: Rcode = Rcode.NOERROR
    answers: list[dns.rrset.RRset] = field(default_factory=list)
    is_negative: bool = False


class Zone:
    """One zone: records by owner and type."""

    def __init__(self, origin: str, store: Store, *, is_updatable: bool) -> None:
        self.origin = dns.name.from_text(origin)
        self.is_updatable = is_updatable
        self._store = store
        self._records: dict[dns.name.Name, dict[RdataType, dns.rdataset.Rdataset]] = {}
        self._serial = int(store.row("serial", origin) or 1)
        self._seed()
        for row in store.rows("dns"):
            self._restore(json.loads(row))

    def find(self, owner: dns.name.Name, kind: RdataType) -> Found:
        """Answer a question about a name of this zone, following its own CNAMEs."""
        found = Found()
        for _ in range(_LONGEST_CHAIN):
            node = self._records.get(owner)
            if node is None:
                if not self._has_descendant(owner):
                    found.rcode = Rcode.NXDOMAIN
                found.is_negative = True
                return found
            wanted = [kind] if kind != RdataType.ANY else list(node)
            found.answers += [_rrset(owner, node[t]) for t in wanted if t in node]
            alias = node.get(RdataType.CNAME)
            if alias is None or kind in {RdataType.CNAME, RdataType.ANY}:
                found.is_negative = not found.answers
                return found
            found.answers.append(_rrset(owner, alias))
            owner = alias[0].target
            if not owner.is_subdomain(self.origin):
                return found
        return found

    @property
    def soa(self) -> dns.rrset.RRset:
        """The zone's SOA record."""
        return _rrset(self.origin, self._records[self.origin][RdataType.SOA])

    @property
    def serial(self) -> int:
        """Serial number, one higher after every update that changed something."""
        return self._serial

    def values(self, owner: dns.name.Name, kind: RdataType) -> list[dns.rdata.Rdata]:
        """Records of a name and type."""
        return list(self._records.get(owner, {}).get(kind, ()))

    def has(self, owner: dns.name.Name, kind: RdataType = RdataType.ANY) -> bool:
        """Whether a name has records, of a type or any."""
        node = self._records.get(owner, {})
        return bool(node) if kind == RdataType.ANY else kind in node

    def add(self, owner: dns.name.Name, rdata: dns.rdata.Rdata, ttl: int = _TTL) -> bool:
        """Add one record; `False` when it was there or may not stand beside what is there."""
        node = self._records.setdefault(owner, {})
        is_alias = rdata.rdtype == RdataType.CNAME
        clash = set(node) - {RdataType.CNAME} if is_alias else set(node) & {RdataType.CNAME}
        if rdata.rdtype == RdataType.SOA or clash:
            return False
        known = node.get(rdata.rdtype)
        if known is not None and rdata in known and known.ttl == ttl:
            return False
        if known is None or is_alias:  # one CNAME at most: a second one replaces the first
            known = node[rdata.rdtype] = dns.rdataset.Rdataset(_IN, rdata.rdtype)
        known.add(rdata)
        known.ttl = ttl
        return self._changed(owner, rdata.rdtype)

    def remove(self, owner: dns.name.Name, kind: RdataType, rdata: dns.rdata.Rdata | None = None) -> bool:
        """Remove one record, or all of a type (ANY: of every type); SOA and NS of the apex stay."""
        node = self._records.get(owner, {})
        kinds = [kind] if kind != RdataType.ANY else list(node)
        changed = False
        for each in kinds:
            known = node.get(each)
            if known is None or (owner == self.origin and each in {RdataType.SOA, RdataType.NS}):
                continue
            if rdata is not None and rdata not in known:
                continue
            if rdata is not None and len(known) > 1:
                node[each] = dns.rdataset.from_rdata_list(known.ttl, [kept for kept in known if kept != rdata])
            else:
                del node[each]
            changed = self._changed(owner, each)
        if not node:
            self._records.pop(owner, None)
        return changed

    def bump(self) -> None:
        """Raise the serial number after a change."""
        self._serial = (self._serial + 1) % _SERIAL_SPACE or 1
        self._set_soa()
        self._store.put_all(("serial", self.origin.to_text(), str(self._serial)))

    def records(self) -> Iterator[dict[str, str | int]]:
        """Every record, for people."""
        for owner in sorted(self._records):
            for kind, rdataset in self._records[owner].items():
                for rdata in rdataset:
                    yield {
                        "name": owner.to_text(),
                        "type": kind.name,
                        "ttl": rdataset.ttl,
                        "value": rdata.to_text(),
                    }

    def clear(self) -> None:
        """Back to SOA, NS and the name server's address; the serial goes on."""
        self._records.clear()
        self._seed()
        self.bump()

    def _seed(self) -> None:
        server = dns.name.from_text("ns1.test.")
        self._records[self.origin] = {}
        self._set_soa()
        self._put(self.origin, RdataType.NS, [server.to_text()], _TTL)
        if server.parent() == self.origin:
            self._put(server, RdataType.A, ["127.0.0.1"], _TTL)

    def _set_soa(self) -> None:
        text = f"ns1.test. hostmaster.test. {self._serial} 3600 600 86400 {_NEGATIVE_TTL}"
        self._put(self.origin, RdataType.SOA, [text], _TTL)

    def _put(self, owner: dns.name.Name, kind: RdataType, values: Iterable[str], ttl: int) -> None:
        rdataset = dns.rdataset.from_text_list(_IN, kind, ttl, list(values))
        self._records.setdefault(owner, {})[kind] = rdataset

    def _restore(self, row: dict[str, object]) -> None:
        owner, kind = dns.name.from_text(str(row["name"])), dns.rdatatype.from_text(str(row["type"]))
        if row["origin"] == self.origin.to_text():
            values = row["values"]
            assert isinstance(values, list)
            if values:
                self._put(owner, kind, values, int(str(row["ttl"])))
            else:
                self._records.get(owner, {}).pop(kind, None)

    def _changed(self, owner: dns.name.Name, kind: RdataType) -> bool:
        rdataset = self._records.get(owner, {}).get(kind)
        body = {
            "origin": self.origin.to_text(),
            "name": owner.to_text(),
            "type": kind.name,
            "ttl": rdataset.ttl if rdataset else 0,
            "values": [rdata.to_text() for rdata in rdataset] if rdataset else [],
        }
        self._store.put_all(("dns", f"{owner.to_text().lower()} {kind.name}", json.dumps(body)))
        return True

    def _has_descendant(self, owner: dns.name.Name) -> bool:
        return any(name.is_subdomain(owner) for name in self._records)


def _rrset(owner: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(owner, rdataset.ttl, list(rdataset))
