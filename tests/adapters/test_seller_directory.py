"""Opening accounts: the token is read anew each time, goes to one place, and is shown nowhere."""

import json

import pytest

from activities.adapters.seller import SECRET_PURPOSE_SELLER_TOKEN, SellerDirectory
from domain.errors import InvalidRequest, Misconfigured
from domain.inventory import AccountRecord, Environment
from domain.product import Product
from tests.adapters.seller_support import TOKEN, CannedHttp, FixedClock, account


class Accounts:
    def __init__(self, record: AccountRecord) -> None:
        self._record = record
        self.stored: tuple[Product, ...] = ()

    async def account(self, name: str) -> AccountRecord | None:
        return self._record if name == self._record.name else None

    async def sealed_secret(self, secret_id: str) -> bytes:
        return b"sealed " + secret_id.encode()

    async def products(self, account: str) -> tuple[Product, ...]:
        return self.stored


class Vault:
    def __init__(self, token: bytes) -> None:
        self.token = token

    def seal(self, plaintext: bytes, *, row_id: str, purpose: str) -> bytes:
        raise AssertionError

    def unseal(self, sealed: bytes, *, row_id: str, purpose: str) -> bytes:
        assert (sealed, row_id, purpose) == (b"sealed sec_1", "sec_1", SECRET_PURPOSE_SELLER_TOKEN)
        return self.token


def directory(record: AccountRecord, vault: Vault, http: CannedHttp | None = None) -> SellerDirectory:
    return SellerDirectory(Accounts(record), vault, http or CannedHttp({"isError": False}), FixedClock())


async def test_a_rotated_token_counts_at_the_next_opening() -> None:
    http, vault = CannedHttp({"isError": False}), Vault(b"old-token")
    opened = directory(account(), vault, http)
    await (await opened.open("main")).check_credentials()
    vault.token = b"new-token"
    await (await opened.open("main")).check_credentials()
    assert [sent["AuthToken"] for _, sent in http.sent if "AuthToken" in sent] == ["old-token", "new-token"]
    assert all("token" not in url for url, _ in http.sent)
    assert all(json.dumps(sent).count("-token") == 1 for _, sent in http.sent)


async def test_an_account_nobody_made() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await directory(account(), Vault(b"x")).open("other")
    assert caught.value.code == "account-not-found"


@pytest.mark.parametrize(
    "address",
    [
        "http://api.seller.example/rest",
        "https://localhost/rest",
        "https://127.0.0.1:8560/rest",
        "https://[::1]/rest",
        "",
    ],
)
async def test_a_live_token_never_travels_in_the_clear_or_to_this_machine(address: str) -> None:
    http = CannedHttp({"isError": False})
    with pytest.raises(Misconfigured) as caught:
        await directory(account(Environment.LIVE, base_url=address), Vault(b"x"), http).open("main")
    assert caught.value.code == "account-address-unsafe"
    assert http.sent == []


async def test_a_sandbox_may_be_on_this_machine() -> None:
    seller = await directory(account(base_url="http://127.0.0.1:8560/rest/"), Vault(TOKEN.encode())).open("main")
    assert TOKEN not in repr(seller)


@pytest.mark.parametrize("token", [b"", b"s3cret\xff\xfe"])
async def test_a_token_that_is_no_text(token: bytes) -> None:
    with pytest.raises(Misconfigured) as caught:
        await directory(account(), Vault(token)).open("main")
    assert caught.value.code == "secret-unreadable"
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__context__ is None


async def test_a_record_that_was_just_read_is_not_read_again() -> None:
    opened = SellerDirectory(Accounts(account()), Vault(b"x"), CannedHttp({"isError": False}), FixedClock())
    assert repr(await opened.open(account(name="read-before"))) == "SellerClient(account='read-before')"
