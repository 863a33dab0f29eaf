"""Looking at proof records as a CA does: at every authoritative server, without a cache in between.

A sandbox account has one authority, its own server. For live accounts the zone and its name servers are found through
the system's resolver; then each address of each server is asked directly, and only global addresses are.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.SOA
from dns.rcode import Rcode

from activities.adapters.dns.addresses import configured_address, is_global
from activities.adapters.dns.directory import DnsAccountSource, find_account
from activities.adapters.dns.records import dns_name, standing
from activities.ports import ServerView
from domain.errors import Unavailable
from domain.inventory import Environment
from domain.seller import ProofRecord

_LOOK_SECONDS = 5.0
_RESOLVE_SECONDS = 15.0
_MAX_SERVERS = 26
_DNS_PORT = 53


@dataclass(frozen=True)
class Authority:
    """One address of one authoritative server; ``server`` is what people read."""

    server: str
    address: str
    port: int = _DNS_PORT


class Delegations(Protocol):
    """Finds the authoritative servers of the zone that holds a name."""

    async def authorities(self, owner: str) -> tuple[Authority, ...]:
        """Return every address of every server. Raises ``Unavailable('dns-unreachable')``."""
        ...


class SystemDelegations:
    """Finds them through the system's resolver."""

    async def authorities(self, owner: str) -> tuple[Authority, ...]:
        """Return every address of every server of the zone."""
        try:
            zone = await dns.asyncresolver.zone_for_name(dns_name(owner), lifetime=_RESOLVE_SECONDS)
            answer = await dns.asyncresolver.resolve(zone, "NS", lifetime=_RESOLVE_SECONDS)
            servers = [str(rdata.target) for rdata in answer if isinstance(rdata, dns.rdtypes.ANY.NS.NS)]
        except (dns.exception.DNSException, OSError):
            servers = []
        if not servers:
            raise Unavailable("dns-unreachable", "the name servers of the record's zone cannot be found out")
        found = await asyncio.gather(*(_addresses(server) for server in servers[:_MAX_SERVERS]))
        return tuple(authority for group in found for authority in group)


async def _addresses(server: str) -> tuple[Authority, ...]:
    try:
        answers = await dns.asyncresolver.resolve_name(server, lifetime=_RESOLVE_SECONDS)
        addresses = list(answers.addresses())
    except (dns.exception.DNSException, OSError):
        addresses = []
    name = server.removesuffix(".")
    return tuple(Authority(f"{name} ({address})", address) for address in addresses)


@dataclass(frozen=True)
class _Look:
    view: ServerView
    answered: bool
    is_ipv6: bool


class AuthoritativeResolver:
    """Implements ``activities.ports.DnsResolver``.

    Args:
        inventory: knows the DNS accounts.
        delegations: finds authoritative servers for live accounts.
    """

    def __init__(self, inventory: DnsAccountSource, delegations: Delegations | None = None) -> None:
        self._inventory = inventory
        self._delegations = delegations or SystemDelegations()

    async def views(self, record: ProofRecord, dns_account: str) -> tuple[ServerView, ...]:
        """Ask every authoritative server at once; raises ``Unavailable('dns-unreachable')`` if none answers."""
        looks = await self._looks(record, dns_account)
        if not any(look.answered for look in looks):
            why = tuple(f"{look.view.server}: {look.view.detail}" for look in looks[:3])
            raise Unavailable("dns-unreachable", "no authoritative name server of the record's zone answers", why=why)
        # Many machines have no IPv6: a silent address says nothing while others of that zone answer.
        return tuple(look.view for look in looks if look.answered or not look.is_ipv6)

    async def _looks(self, record: ProofRecord, dns_account: str) -> list[_Look]:
        account = await find_account(self._inventory, dns_account)
        if account.environment is Environment.SANDBOX:
            address = await configured_address(account.server, account.port, account.environment)
            return [await _look(Authority(f"{account.server}:{account.port}", address, account.port), record)]
        authorities = await self._delegations.authorities(record.owner)
        return list(await asyncio.gather(*(_look_public(authority, record) for authority in authorities)))


async def _look_public(authority: Authority, record: ProofRecord) -> _Look:
    if not is_global(authority.address):
        return _unanswered(authority, "not asked: its address is not a public one")
    return await _look(authority, record)


async def _look(authority: Authority, record: ProofRecord) -> _Look:
    owner = dns_name(record.owner)
    try:
        answer = await _ask(authority, owner, dns.rdatatype.from_text(record.record_type))
    except (dns.exception.Timeout, TimeoutError):
        return _unanswered(authority, f"no answer within {_LOOK_SECONDS:.0f} s")
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
        return _unanswered(authority, f"cannot be asked ({type(error).__name__})")
    rcode = answer.rcode()
    if rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return _answered(authority, seen=False, detail=dns.rcode.to_text(rcode))
    there = standing(answer, owner)
    what = f"{record.record_type} {record.owner}"
    if not answer.flags & dns.flags.AA:
        return _answered(authority, seen=False, detail="answers, but is not authoritative for the zone")
    if there.holds(record):
        return _answered(authority, seen=True, detail=f"{what}  ok")
    shown = there.describe() or (dns.rcode.to_text(rcode) if rcode is Rcode.NXDOMAIN else f"no {record.record_type}")
    return _answered(authority, seen=False, detail=f"{what}  {shown}{_serial(answer)}")


async def _ask(authority: Authority, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message:
    query = dns.message.make_query(name, kind, flags=0)  # no recursion wanted: the server's own data
    answer, _ = await dns.asyncquery.udp_with_fallback(
        query, authority.address, timeout=_LOOK_SECONDS, port=authority.port, ignore_unexpected=True
    )
    return answer


def _serial(negative: dns.message.Message) -> str:
    """Return the zone's serial from the SOA of a negative answer: a lagging server shows an older one than its peers."""
    for rrset in negative.authority:
        for rdata in rrset:
            if isinstance(rdata, dns.rdtypes.ANY.SOA.SOA):
                return f", zone serial {rdata.serial}"
    return ""


def _answered(authority: Authority, *, seen: bool, detail: str) -> _Look:
    return _Look(ServerView(authority.server, seen, detail), answered=True, is_ipv6=":" in authority.address)


def _unanswered(authority: Authority, detail: str) -> _Look:
    return _Look(
        ServerView(authority.server, seen=False, detail=detail), answered=False, is_ipv6=":" in authority.address
    )
