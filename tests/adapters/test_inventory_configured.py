"""Accounts, their sealed secrets and catalogues."""

import asyncio
from decimal import Decimal

import pytest

from activities.adapters.inventory import SqlInventory
from domain.errors import InvalidRequest, InvariantBroken
from domain.inventory import AccountRecord, DnsAccountRecord, Environment
from domain.product import Product, ProductTerm
from tests.adapters.inventory_support import NOW, at, event

ACCOUNT = AccountRecord(
    name="sandbox",
    environment=Environment.SANDBOX,
    base_url="http://127.0.0.1:8560/rest",
    partner_code="12345678",
    secret_id="sec_account",
    trust_roots="PEM",
)
DNS_ACCOUNT = DnsAccountRecord(
    name="zones",
    server="127.0.0.1",
    port=8553,
    zones=("example.test", "other.test"),
    tsig_name="key.",
    secret_id="sec_dns",
    environment=Environment.SANDBOX,
)


async def test_an_account_is_added_once_with_its_secret(inventory: SqlInventory) -> None:
    await inventory.add_account(ACCOUNT, b"sealed", event("sandbox", "account.added"))
    assert await inventory.account("sandbox") == ACCOUNT
    assert await inventory.sealed_secret("sec_account") == b"sealed"
    again = ACCOUNT.model_copy(update={"secret_id": "sec_other", "partner_code": "private-text"})
    with pytest.raises(InvalidRequest, match="name-taken") as caught:
        await inventory.add_account(again, b"x", event("sandbox", "account.added", "2"))
    assert "private-text" not in str(caught.value)
    with pytest.raises(InvariantBroken, match="secret-missing"):
        await inventory.sealed_secret("sec_other")
    assert len(await inventory.audit(subject="sandbox")) == 1


async def test_accounts_are_listed_by_name(inventory: SqlInventory) -> None:
    for name in ("b", "a", "c"):
        one = ACCOUNT.model_copy(update={"name": name, "secret_id": f"sec_{name}"})
        await inventory.add_account(one, b"", event(name))
    assert [one.name for one in await inventory.accounts()] == ["a", "b", "c"]
    assert await inventory.account("d") is None


async def test_a_dns_account_is_added_once_with_its_secret(inventory: SqlInventory) -> None:
    await inventory.add_dns_account(DNS_ACCOUNT, b"sealed", event("zones", "dns-account.added"))
    assert await inventory.dns_account("zones") == DNS_ACCOUNT
    assert await inventory.dns_accounts() == (DNS_ACCOUNT,)
    assert await inventory.sealed_secret("sec_dns") == b"sealed"
    assert await inventory.dns_account("other") is None
    with pytest.raises(InvalidRequest, match="name-taken"):
        await inventory.add_dns_account(DNS_ACCOUNT, b"x", event("zones", "dns-account.added"))


async def test_an_account_is_parked_and_released_once(inventory: SqlInventory) -> None:
    await inventory.add_account(ACCOUNT, b"", event("sandbox", "account.added"))

    async def park(number: int) -> bool:
        return await inventory.park_account("sandbox", "auth-rejected", event("sandbox", "account.parked", str(number)))

    assert sorted(await asyncio.gather(*(park(number) for number in range(4)))) == [False, False, False, True]
    parked = await inventory.account("sandbox")
    assert parked is not None
    assert (parked.parked_code, parked.parked_at) == ("auth-rejected", NOW)
    assert parked.version > ACCOUNT.version
    released = event("sandbox", "account.released")
    assert await inventory.release_account("sandbox", released)
    assert not await inventory.release_account("sandbox", released)
    free = await inventory.account("sandbox")
    assert free is not None
    assert (free.parked_code, free.parked_at) == ("", None)
    kinds = [entry.kind for entry in await inventory.audit(subject="sandbox")]
    assert kinds == ["account.added", "account.parked", "account.released"]
    with pytest.raises(InvalidRequest, match="account-not-found"):
        await inventory.park_account("nobody", "x", released)


async def test_a_secret_is_rotated_where_it_is(inventory: SqlInventory) -> None:
    await inventory.add_account(ACCOUNT, b"old", event("sandbox"))
    for _ in range(2):
        await inventory.replace_secret("sec_account", b"new", event("sandbox", "secret.rotated"))
    assert await inventory.sealed_secret("sec_account") == b"new"
    assert len(await inventory.audit(subject="sandbox")) == 2
    with pytest.raises(InvariantBroken, match="secret-missing"):
        await inventory.replace_secret("sec_x", b"new", event("x"))
    assert await inventory.audit(subject="x") == ()


async def test_the_newest_catalogue_counts_and_prices_stay_exact(inventory: SqlInventory) -> None:
    await inventory.add_account(ACCOUNT, b"", event("sandbox"))
    terms = (ProductTerm(months=12, price=Decimal("7.10"), list_price=Decimal("0.30000000000000004")),)
    old = Product(code="positivessl", name="P", vendor="SECTIGO", level="dv", terms=terms, read_at=NOW)
    other = old.model_copy(update={"code": "a-product"})
    await inventory.save_products("sandbox", [old, other])
    new = old.model_copy(update={"name": "Q", "read_at": at(5)})
    for _ in range(2):
        await inventory.save_products("sandbox", [new])
    assert await inventory.products("sandbox") == (other, new)
    assert await inventory.products("nobody") == ()


async def test_what_was_learnt_of_the_seller_is_kept_and_told_once(inventory: SqlInventory) -> None:
    record = ACCOUNT.model_copy(
        update={"fallback_url": "https://eu.seller.example/rest", "calls_per_second": 7, "calls_burst": 9}
    )
    await inventory.add_account(record, b"", event("sandbox"))
    assert await inventory.account("sandbox") == record
    told = [event("sandbox", "account.calibrated", occasion) for occasion in ("1", "2", "3")]
    assert await inventory.save_unknown_answer("sandbox", "v1 one", told[0]) is True
    assert await inventory.save_unknown_answer("sandbox", "v1 one", told[1]) is False
    assert await inventory.save_unknown_answer("sandbox", "v1 two", told[2]) is True
    kept = await inventory.account("sandbox")
    assert kept is not None and kept.unknown_answer == "v1 two" and kept.call_budget == (7, 9)
    kinds = [entry.kind for entry in await inventory.audit(subject="sandbox")]
    assert kinds == ["test.done", "account.calibrated", "account.calibrated"]
    with pytest.raises(InvalidRequest, match="account-not-found"):
        await inventory.save_unknown_answer("nobody", "v1", told[0])
