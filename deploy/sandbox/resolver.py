"""The CA's view of the DNS: one resolver, asked afresh every time."""

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdata
from dns.rcode import Rcode
from dns.rdatatype import RdataType

_LOOK_SECONDS = 3.0


class LookupFailedError(Exception):
    """There was no usable answer; says nothing about whether a record exists."""


class Resolver:
    """Asks one server over UDP, over TCP where an answer is too long."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def ask(self, owner: str, kind: RdataType) -> list[dns.rdata.Rdata]:
        """Records of a type that an owner has, aliases followed by the server.

        Raises:
            LookupFailedError: No answer, or one that is neither NOERROR nor NXDOMAIN.
        """
        try:
            query = dns.message.make_query(dns.name.from_text(owner), kind)
            answer, _ = await dns.asyncquery.udp_with_fallback(query, self._host, _LOOK_SECONDS, self._port)
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailedError(type(error).__name__) from error
        if answer.rcode() not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
            raise LookupFailedError(Rcode(answer.rcode()).name)
        return [rdata for rrset in answer.answer if rrset.rdtype == kind for rdata in rrset]
