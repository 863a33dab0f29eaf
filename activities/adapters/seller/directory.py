"""Opening seller accounts by name: the token is unsealed anew each time, so that a rotation counts at the next call."""

from typing import Protocol
from urllib.parse import urlsplit

from activities.adapters.http import HttpClient
from activities.adapters.seller.bundled import bundled_products
from activities.adapters.seller.client import SellerClient
from activities.adapters.seller.credential import SECRET_PURPOSE_SELLER_TOKEN, Credential
from activities.ports import Clock, KeyVault
from domain.errors import InvalidRequest, Misconfigured
from domain.inventory import AccountRecord, Environment
from domain.product import Product


class AccountSource(Protocol):
    """The part of the inventory that is needed here."""

    async def account(self, name: str) -> AccountRecord | None:
        """Return the account, or None."""
        ...

    async def sealed_secret(self, secret_id: str) -> bytes:
        """Return a sealed secret."""
        ...

    async def products(self, account: str) -> tuple[Product, ...]:
        """Return the stored catalogue of the account."""
        ...


class SellerDirectory:
    """Implements ``activities.ports.Sellers``."""

    def __init__(self, inventory: AccountSource, vault: KeyVault, http: HttpClient, clock: Clock) -> None:
        self._inventory = inventory
        self._vault = vault
        self._http = http
        self._clock = clock

    async def open(self, account: str | AccountRecord) -> SellerClient:
        """Return the seller as that account sees it; of an account's record nothing is read but the token.

        Raises:
            InvalidRequest: ``account-not-found``.
            Misconfigured: ``account-address-unsafe`` when a live token would leave without TLS.
        """
        record = await self._inventory.account(account) if isinstance(account, str) else account
        if record is None:
            raise InvalidRequest(
                "account-not-found", "there is no seller account of that name", next_step="evercert account list"
            )
        sealed = await self._inventory.sealed_secret(record.secret_id)
        token = self._vault.unseal(sealed, row_id=record.secret_id, purpose=SECRET_PURPOSE_SELLER_TOKEN)
        return self.open_unsaved(record, _as_text(token))

    async def catalogue(self, account: str) -> tuple[Product, ...]:
        """Return the products last read for the account; when none ever was, Evercert's own table, marked as such."""
        return await self._inventory.products(account) or bundled_products()

    def open_unsaved(self, record: AccountRecord, token: str) -> SellerClient:
        """Return the seller for an account that may not be saved yet, to try its credential. Raises as :meth:`open`."""
        _check_address(record)
        return SellerClient(record, Credential(record.partner_code, token), self._http, self._clock)


def _as_text(token: bytes) -> str:
    """Return the token as text; a decoding error, which would carry it, never gets out."""
    text = token.decode("utf-8", "replace")
    if "\ufffd" in text or not text:
        raise Misconfigured(
            "secret-unreadable", "the account's token is empty or no text", next_step="evercert account rotate-token"
        )
    return text


def _check_address(record: AccountRecord) -> None:
    """A live token never travels in the clear, and never to this machine itself."""
    if record.environment is not Environment.LIVE:
        return
    for url in filter(None, (record.base_url or "none", record.fallback_url)):
        address = urlsplit(url)
        host = (address.hostname or "").lower()
        if address.scheme != "https" or host in ("", "localhost", "::1") or host.startswith("127."):
            raise Misconfigured(
                "account-address-unsafe",
                "a live account needs an https address that is not on this machine",
                next_step="Correct the account's address.",
            )
