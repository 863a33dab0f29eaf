"""A token that the seller rejects in mid-order: the account is parked, all its orders wait, and one command releases it."""

import pytest

from starter.stack import ACCOUNT
from tests.integration.support import House, until_true

pytestmark = pytest.mark.server


async def test_a_rejected_token_parks_the_account_until_it_is_good_again(healed: House) -> None:
    house = healed
    await house.fault("issue_delay", seconds=1)
    await house.fault("token_rejected", endpoint="order/neworder")
    first = await house.order("first.example.test")
    waiting = await house.until_order(first, lambda it: it.waiting_for == "account")
    assert waiting.error_code in ("auth-rejected", "account-parked")
    account = await house.client.inventory.account(ACCOUNT)
    assert account is not None and account.parked_code == "auth-rejected"
    page = await house.page(first)
    assert "account is parked" in page and "evercert account check" in page

    await house.heal()
    await house.fault("token_rejected", endpoint="order/status", times=1)
    second = await house.order("second.example.test")
    other = await house.until_order(second, lambda it: it.waiting_for == "account")
    assert other.error_code == "account-parked"
    assert house.sales() == 0

    shown = await house.cli("account", "show", ACCOUNT, "-o", "json")
    assert shown.json["data"]["state"] == "parked"
    health = await house.cli("doctor", "accounts", "-o", "json", "--fail-on", "failed")
    assert health.code == 11 and health.json["data"][0]["next"] == f"evercert account check {ACCOUNT}"

    await house.heal()
    checked = await house.cli("account", "check", ACCOUNT, "-o", "json")
    assert (checked.code, checked.json["changed"], checked.json["data"]["state"]) == (0, True, "ready")
    for it in (first, second):
        await house.look_at_once(it)
    for it in (first, second):
        await house.issued(it)
        assert house.sales(it) == 1
    kinds = [event.kind for event in await house.client.inventory.audit(subject=ACCOUNT)]
    assert kinds[-3:] == ["account.parked", "account.calibrated", "account.released"]


async def test_checking_a_token_that_is_still_bad_releases_nothing(healed: House) -> None:
    house = healed
    await house.fault("token_rejected")
    started = await house.order("still.example.test")
    await house.until_order(started, lambda it: it.waiting_for == "account")
    checked = await house.cli("account", "check", ACCOUNT, "-o", "json")
    assert (checked.code, checked.error["code"]) == (6, "auth-rejected")
    account = await house.client.inventory.account(ACCOUNT)
    assert account is not None and account.parked_code

    await house.heal()
    assert (await house.cli("account", "check", ACCOUNT)).code == 0

    async def is_released() -> bool:
        found = await house.client.inventory.account(ACCOUNT)
        return found is not None and not found.parked_code

    await until_true(is_released)
    await house.look_at_once(started)
    await house.issued(started)
