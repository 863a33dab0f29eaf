"""Opening DNS accounts by name; the TSIG secret is unsealed anew each time."""

import base64
from typing import Protocol

import dns.exception
import dns.tsig

from activities.adapters.dns.addresses import configured_address
from activities.adapters.dns.rfc2136 import Rfc2136Publisher, UpdateServer
from activities.ports import KeyVault
from domain.errors import InvalidRequest, Misconfigured
from domain.inventory import DnsAccountRecord

SECRET_PURPOSE_DNS_TSIG = "dns-tsig"  # noqa: S105 the purpose's name, no secret
"""Purpose under which a TSIG secret (base64 text) is sealed; the row is the account's ``secret_id``."""

_ALGORITHMS = frozenset({"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"})
_PROVIDER = "rfc2136"


class DnsAccountSource(Protocol):
    """The part of the inventory that is needed here."""

    async def dns_account(self, name: str) -> DnsAccountRecord | None:
        """Return the DNS account, or None."""
        ...

    async def sealed_secret(self, secret_id: str) -> bytes:
        """Return a sealed secret."""
        ...


class PublisherDirectory:
    """Implements ``activities.ports.DnsPublishers``."""

    def __init__(self, inventory: DnsAccountSource, vault: KeyVault) -> None:
        self._inventory = inventory
        self._vault = vault

    async def open(self, dns_account: str) -> Rfc2136Publisher:
        """Return a publisher.

        Raises:
            InvalidRequest: ``dns-account-not-found``.
            Misconfigured: ``dns-tsig-invalid``, ``dns-provider-unknown``, ``dns-server-address``.
            Unavailable: ``dns-unreachable``: the server's name does not resolve.
        """
        record = await find_account(self._inventory, dns_account)
        sealed = await self._inventory.sealed_secret(record.secret_id)
        secret = self._vault.unseal(sealed, row_id=record.secret_id, purpose=SECRET_PURPOSE_DNS_TSIG)
        return await self.open_unsaved(record, secret)

    async def open_unsaved(self, record: DnsAccountRecord, secret: bytes) -> Rfc2136Publisher:
        """Return a publisher for a DNS account that may not be saved yet, to try it. Raises as :meth:`open`."""
        if record.provider != _PROVIDER:
            raise Misconfigured("dns-provider-unknown", "this release writes DNS by RFC 2136 only")
        key = tsig_key(record.tsig_name, secret, record.tsig_algorithm)
        address = await configured_address(record.server, record.port, record.environment)
        zones = tuple(zone.lower().removesuffix(".") for zone in record.zones)
        return Rfc2136Publisher(UpdateServer(address, record.port, zones, key))


async def find_account(inventory: DnsAccountSource, name: str) -> DnsAccountRecord:
    """Return the DNS account; raises ``InvalidRequest('dns-account-not-found')``."""
    record = await inventory.dns_account(name)
    if record is None:
        raise InvalidRequest(
            "dns-account-not-found", "there is no DNS account of that name", next_step="evercert dns-account list"
        )
    return record


def tsig_key(name: str, secret: bytes, algorithm: str) -> dns.tsig.Key:
    """Return the key; raises ``Misconfigured('dns-tsig-invalid')``, without a word of the secret."""
    word = algorithm.lower().removesuffix(".")
    if word in _ALGORITHMS:
        try:
            key = base64.b64decode(b"".join(secret.split()), validate=True)
            if key:
                return dns.tsig.Key(name.removesuffix(".") + ".", key, word)
        except (ValueError, dns.exception.DNSException):
            pass
    raise Misconfigured(
        "dns-tsig-invalid",
        "the TSIG key's name, algorithm or secret cannot be used",
        next_step="The secret is base64 text as name servers print it; the algorithm is for example hmac-sha256.",
    )
