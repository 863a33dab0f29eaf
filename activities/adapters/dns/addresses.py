"""Which addresses Evercert talks DNS to.

A name server found by asking the DNS about a requester's name may be anything, so only global addresses are asked. The
server of a DNS account was named by an administrator: it may be on a private network, but a live account never means
this machine, and a sandbox account never a public one.
"""

import asyncio
import ipaddress
import socket

from domain.errors import Misconfigured, Unavailable
from domain.inventory import Environment


def is_global(address: str) -> bool:
    """Tell whether an address is a public unicast one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast


async def configured_address(server: str, port: int, environment: Environment) -> str:
    """Return the address of a DNS account's own server, resolved once.

    Raises:
        Unavailable: ``dns-unreachable``: its name does not resolve.
        Misconfigured: ``dns-server-address``: an address that this environment does not use.
    """
    address = await _resolve(server, port)
    if address is None:
        raise Unavailable("dns-unreachable", "the name of the DNS account's server does not resolve")
    if not _is_fit(address, environment):
        raise Misconfigured(
            "dns-server-address",
            "the DNS account's server has an address that accounts of this environment do not use",
            next_step="Live accounts need a server elsewhere on the network, sandbox accounts one that is not public.",
        )
    return address


def _is_fit(address: str, environment: Environment) -> bool:
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified or parsed.is_multicast:
        return False
    if environment is Environment.SANDBOX:
        return not parsed.is_global
    return not (parsed.is_loopback or parsed.is_link_local)


async def _resolve(server: str, port: int) -> str | None:
    try:
        return str(ipaddress.ip_address(server))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(server, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = [entry[4][0] for entry in found]
    return str(addresses[0]) if addresses else None
