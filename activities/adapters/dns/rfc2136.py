"""Writing proof records by dynamic update (RFC 2136) signed with TSIG (RFC 8945).

What stands at a name is never overwritten: every addition carries a prerequisite, so that the server itself refuses when
something came in between. And NOERROR does not mean stored (section 3.4.2.2 lets a server drop a conflicting record
silently), so everything written is read back.
"""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from enum import Enum

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
from dns.rcode import Rcode

from activities.adapters.dns.records import Standing, dns_name, rdata_of, standing
from domain.errors import EvercertError, InvalidRequest, Refused, Unavailable
from domain.seller import ProofRecord

_TTL_SECONDS = 60
_EXCHANGE_SECONDS = 10.0
_READ_BACKS = (0.0, 0.3, 1.0)
_NO_ACCESS = frozenset({Rcode.REFUSED, Rcode.NOTAUTH, Rcode.NOTZONE, Rcode.NOTIMP, Rcode.FORMERR})
_IN_THE_WAY = frozenset({Rcode.YXDOMAIN, Rcode.YXRRSET})


class _Outcome(Enum):
    STORED = "stored"
    IN_THE_WAY = "in the way"
    NOT_STORED = "not stored"


@dataclass(frozen=True)
class UpdateServer:
    """Where updates go and with which key.

    Attributes:
        address, port: of the primary server.
        zones: that may be written, lower case, without trailing dot.
        key: for TSIG.
    """

    address: str
    port: int
    zones: tuple[str, ...]
    key: dns.tsig.Key

    def __repr__(self) -> str:
        return f"UpdateServer(address={self.address!r}, port={self.port}, zones={self.zones!r})"


class Rfc2136Publisher:
    """Implements ``activities.ports.DnsPublisher``."""

    def __init__(self, server: UpdateServer) -> None:
        self._server = server

    async def check_access(self, owner: str, *, mark: str = "") -> str:
        """Write, read back and remove a throw-away TXT record below ``owner``; return the zone.

        With the same ``mark`` it is the same record: repeated, it removes what an earlier call that was cut off left there.
        Cancelled, it removes the record first.
        """
        host = owner.removeprefix("*.").removesuffix(".").lower()
        zone = self._zone_of(host)
        mark = mark or secrets.token_hex(4)
        probe = ProofRecord(name=host, record_type="TXT", owner=f"_evercert-check-{mark}.{host}", value=mark)
        probing = asyncio.create_task(self._probe(probe))
        try:
            outcome = await asyncio.shield(probing)
        except asyncio.CancelledError:
            with contextlib.suppress(EvercertError):
                await probing
            raise
        if outcome is not _Outcome.STORED:
            raise _no_access("the server takes the update, but does not show the record afterwards")
        return zone

    async def _probe(self, probe: ProofRecord) -> "_Outcome":
        try:
            outcome = await self._add(probe)
        except Unavailable:
            with contextlib.suppress(EvercertError):  # it may have been written all the same
                await self._remove(probe)
            raise
        await self._remove(probe)
        return outcome

    async def publish(self, record: ProofRecord) -> None:
        """Add the record unless it is there, and read it back at the server written to."""
        match await self._add(record):
            case _Outcome.STORED:
                return
            case _Outcome.IN_THE_WAY:
                there = await self._look(record)
                raise Refused(
                    "dns-conflict",
                    "something else stands at the name of the proof record; nothing was written",
                    next_step="Remove what stands there, or prove control in another way.",
                    why=(f"{record.owner}: {there.describe() or 'other records'}",),
                )
            case _Outcome.NOT_STORED:
                raise Unavailable(
                    "dns-not-visible",
                    "the name server took the proof record, but does not show it yet",
                    why=(record.owner,),
                )

    async def withdraw(self, record: ProofRecord) -> None:
        """Remove exactly this value; absence is success."""
        await self._remove(record)

    async def _add(self, record: ProofRecord) -> _Outcome:
        if (await self._look(record)).holds(record):
            return _Outcome.STORED
        owner = dns_name(record.owner)
        update = self._update_of(record.owner)
        if record.record_type == "CNAME":
            update.absent(owner)  # a CNAME stands alone: nothing at all may be there
        else:
            update.absent(owner, dns.rdatatype.CNAME)
        update.add(owner, _TTL_SECONDS, rdata_of(record))
        in_the_way = await self._send(update) in _IN_THE_WAY
        for pause in _READ_BACKS:
            await asyncio.sleep(pause)
            if (await self._look(record)).holds(record):
                return _Outcome.STORED  # also when another run of ours was faster
            if in_the_way:
                return _Outcome.IN_THE_WAY
        return _Outcome.NOT_STORED

    async def _remove(self, record: ProofRecord) -> None:
        owner = dns_name(record.owner)
        update = self._update_of(record.owner)
        update.delete(owner, rdata_of(record))
        await self._send(update)
        for pause in _READ_BACKS:
            await asyncio.sleep(pause)
            if not (await self._look(record)).holds(record):
                return
        raise Unavailable(
            "dns-still-visible", "the name server took the removal, but still shows the record", why=(record.owner,)
        )

    async def _look(self, record: ProofRecord) -> Standing:
        owner = dns_name(record.owner)
        query = dns.message.make_query(owner, dns.rdatatype.from_text(record.record_type))
        query.use_tsig(self._server.key)  # servers with views then show the side that is written to
        answer = await self._exchange(query)
        _check_rcode(answer.rcode(), allowed=frozenset({Rcode.NOERROR, Rcode.NXDOMAIN}))
        return standing(answer, owner)

    def _update_of(self, owner: str) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(dns_name(self._zone_of(owner)), keyring=self._server.key)

    async def _send(self, update: dns.update.UpdateMessage) -> Rcode:
        answer = await self._exchange(update)
        rcode = answer.rcode()
        _check_rcode(rcode, allowed=_IN_THE_WAY | {Rcode.NOERROR})
        if not answer.had_tsig:
            raise Unavailable("dns-unreachable", "the answer to an update was not signed, so it proves nothing")
        return rcode

    async def _exchange(self, message: dns.message.Message) -> dns.message.Message:
        try:
            return await dns.asyncquery.tcp(
                message, self._server.address, timeout=_EXCHANGE_SECONDS, port=self._server.port
            )
        except dns.tsig.PeerError as error:
            failure: EvercertError = _no_access(_tsig_reason(error))
        except (dns.exception.Timeout, TimeoutError):
            failure = _unreachable("it did not answer in time")
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
            failure = _unreachable(f"the exchange failed ({type(error).__name__})")
        raise failure

    def _zone_of(self, owner: str) -> str:
        """Return the longest configured zone that contains the owner."""
        name = owner.lower().removesuffix(".")
        zones = [zone for zone in self._server.zones if name == zone or name.endswith(f".{zone}")]
        if not zones:
            raise InvalidRequest(
                "dns-zone-not-found",
                "the DNS account has no zone for this name",
                next_step="Add the zone to the DNS account, or name another DNS account.",
            )
        return max(zones, key=len)


def _check_rcode(rcode: Rcode, *, allowed: frozenset[Rcode]) -> None:
    if rcode in allowed:
        return
    word = dns.rcode.to_text(rcode)
    raise _no_access(f"the server answers {word}") if rcode in _NO_ACCESS else _unreachable(f"it answers {word}")


def _tsig_reason(error: dns.tsig.PeerError) -> str:
    if isinstance(error, dns.tsig.PeerBadTime):
        return "the server rejects the signature because its clock and ours differ"
    if isinstance(error, dns.tsig.PeerBadKey):
        return "the server does not know the TSIG key's name"
    return "the server rejects the TSIG signature"


def _no_access(why: str) -> Refused:
    return Refused(
        "dns-no-write-access",
        "the DNS account cannot write here",
        next_step="Check key name, secret, zone and the server's update policy.",
        why=(why,),
    )


def _unreachable(why: str) -> Unavailable:
    return Unavailable("dns-unreachable", "the DNS account's server cannot be asked", why=(why,))
