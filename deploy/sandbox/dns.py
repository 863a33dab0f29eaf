"""The authoritative name server on loopback: queries and signed dynamic updates over UDP and TCP."""

import asyncio
import base64
import contextlib
import struct
import time
from collections.abc import Callable
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from dns.rcode import Rcode

from deploy.sandbox.zone import Found, Zone

_ANY, _NONE = dns.rdataclass.ANY, dns.rdataclass.NONE
_PLAIN_UDP_SIZE = 512
_BIGGEST_UDP = 4096
_HEADER = 12
_FUDGE = 300
_IDLE_SECONDS = 30


class Responder:
    """Turns one DNS message into its answer."""

    def __init__(
        self, zones: list[Zone], key: dns.tsig.Key, note: Callable[[str, list[str]], None] = lambda rcode, names: None
    ) -> None:
        self._zones = sorted(zones, key=lambda zone: -len(zone.origin))
        self._key = key
        self._note = note

    def respond(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        """Answer a message; `None` for what is too short to be one."""
        if len(wire) < _HEADER or wire[2] & 0x80:  # an answer is never answered
            return None
        try:
            query = dns.message.from_wire(wire, keyring={self._key.name: self._key})
            answer = self._answer(query)
        except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadAlgorithm, dns.message.UnknownTSIGKey) as error:
            self._note(f"NOTAUTH ({type(error).__name__})", [])
            return _tsig_refusal(wire, error)
        except (dns.exception.DNSException, ValueError):
            return wire[:2] + struct.pack("!HHHHH", 0x8000 | Rcode.FORMERR, 0, 0, 0, 0)
        limit = max(_PLAIN_UDP_SIZE, min(query.payload, _BIGGEST_UDP)) if is_udp else 65535
        return answer.to_wire(max_size=limit, prefer_truncation=True)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, our_payload=_BIGGEST_UDP)
        match query.opcode():
            case dns.opcode.QUERY:
                self._look_up(query, response)
            case dns.opcode.UPDATE:
                assert isinstance(query, dns.update.UpdateMessage)
                response.set_rcode(self._update(query))
                names = [rrset.name.to_text() for rrset in query.update]
                self._note(dns.rcode.to_text(response.rcode()), names)
            case _:
                response.set_rcode(Rcode.NOTIMP)
        return response

    def _look_up(self, query: dns.message.Message, response: dns.message.Message) -> None:
        if len(query.question) != 1:
            response.set_rcode(Rcode.FORMERR)
            return
        question = query.question[0]
        zone = self._zone_of(question.name)
        if zone is None or question.rdclass != dns.rdataclass.IN:
            response.set_rcode(Rcode.REFUSED)
            return
        found: Found = zone.find(question.name, question.rdtype)
        response.flags |= dns.flags.AA
        response.answer.extend(found.answers)
        response.set_rcode(found.rcode)
        if found.is_negative:
            response.authority.append(zone.soa)

    def _zone_of(self, name: dns.name.Name) -> Zone | None:
        return next((zone for zone in self._zones if name.is_subdomain(zone.origin)), None)

    def _update(self, update: dns.update.UpdateMessage) -> Rcode:
        origin = update.zone[0].name if update.zone else dns.name.root
        zone = next((zone for zone in self._zones if zone.origin == origin), None)
        if zone is None:
            return Rcode.NOTAUTH
        touched = [*update.prerequisite, *update.update]
        if not update.had_tsig or not zone.is_updatable:
            return Rcode.REFUSED
        if not all(rrset.name.is_subdomain(zone.origin) for rrset in touched):
            return Rcode.NOTZONE
        if any(self._zone_of(rrset.name) is not zone for rrset in touched):
            return Rcode.REFUSED
        verdict = _prerequisites(zone, update.prerequisite)
        if verdict is Rcode.NOERROR and _apply(zone, update.update):
            zone.bump()
        return verdict


def _prerequisites(zone: Zone, conditions: list[dns.rrset.RRset]) -> Rcode:
    """Check the conditions of an update (RFC 2136 section 3.2)."""
    exact: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], set[dns.rdata.Rdata]] = {}
    for rrset in conditions:
        is_any, there = rrset.rdtype == dns.rdatatype.ANY, zone.has(rrset.name, rrset.rdtype)
        if rrset.deleting == _ANY and not there:
            return Rcode.NXDOMAIN if is_any else Rcode.NXRRSET
        if rrset.deleting == _NONE and there:
            return Rcode.YXDOMAIN if is_any else Rcode.YXRRSET
        if rrset.deleting is None:
            exact.setdefault((rrset.name, rrset.rdtype), set()).update(rrset)
    mismatch = any(set(zone.values(*key)) != values for key, values in exact.items())
    return Rcode.NXRRSET if mismatch else Rcode.NOERROR


def _apply(zone: Zone, changes: list[dns.rrset.RRset]) -> bool:
    """Apply additions and deletions in order; whether anything changed."""
    changed = False
    for rrset in changes:
        if rrset.deleting == _ANY:
            changed |= zone.remove(rrset.name, rrset.rdtype)
            continue
        for rdata in rrset:
            if rrset.deleting == _NONE:
                changed |= zone.remove(rrset.name, rrset.rdtype, rdata)
            else:
                changed |= zone.add(rrset.name, rdata, rrset.ttl)
    return changed


def _tsig_refusal(wire: bytes, error: Exception) -> bytes:
    """NOTAUTH with the TSIG error, unsigned, as servers answer a key or signature they do not know."""
    query = dns.message.from_wire(wire, keyring=False)
    response = dns.message.make_response(query)
    response.set_rcode(Rcode.NOTAUTH)
    reason = Rcode.BADKEY
    if isinstance(error, dns.tsig.BadSignature | dns.tsig.BadTime):
        reason = Rcode.BADSIG if isinstance(error, dns.tsig.BadSignature) else Rcode.BADTIME
    if query.tsig is not None:
        asked = query.tsig[0]
        response.tsig = response._make_tsig(  # type: ignore[no-untyped-call]
            query.tsig.name, asked.algorithm, int(time.time()), _FUDGE, b"", query.id, reason, b""
        )
        response.want_tsig_sign = False
    return response.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own class is not one by inheritance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._responder.respond(data, is_udp=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


class NameServer:
    """The responder behind one UDP and one TCP socket of the same number."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Bind; port 0 takes one that is free for both protocols."""
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            tcp = await asyncio.start_server(self._serve_tcp, host, port)
            self.port = tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self._responder), local_addr=(host, self.port)
                )
            except OSError:
                tcp.close()
                if port or attempt == 19:
                    raise
                continue
            self._tcp = tcp
            return

    async def close(self) -> None:
        """Stop answering."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, TimeoutError, OSError), contextlib.closing(writer):
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    wire = await reader.readexactly(size)
                answer = self._responder.respond(wire, is_udp=False)
                if answer is None:
                    return
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()


def tsig_key(name: str, secret: str) -> dns.tsig.Key:
    """The update key; hmac-sha256.

    Raises:
        ValueError: The secret is not base64.
    """
    return dns.tsig.Key(dns.name.from_text(name), base64.b64decode(secret, validate=True), dns.tsig.HMAC_SHA256)
