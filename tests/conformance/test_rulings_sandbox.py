"""What a person may type as the seller's number, asked of the sandbox: other spellings are never another's order."""

from collections.abc import AsyncIterator

import pytest

from activities.adapters.http import HttpClient
from activities.adapters.seller import SellerClient
from deploy.sandbox import Sandbox, SandboxSettings
from domain.errors import Unavailable
from domain.seller import SellerOrder
from tests.conformance.test_seller_sandbox import OpenGate, client, placement


@pytest.fixture
async def sellers() -> AsyncIterator[tuple[SellerClient, SellerClient]]:
    """The sellers of two accounts, which do not know of each other's orders."""
    async with (
        Sandbox(SandboxSettings(port=0, dns_port=0)) as ours,
        Sandbox(SandboxSettings(port=0, dns_port=0)) as other,
    ):
        http = HttpClient()
        yield client(ours, http), client(other, http)
        await http.close()


async def test_a_number_of_another_account_is_not_shown(sellers: tuple[SellerClient, SellerClient]) -> None:
    ours, other = sellers
    await other.place(placement("www.a.test", order_id="EC-9"), OpenGate())
    number = (await other.place(placement("www.b.test", order_id="EC-10"), OpenGate())).seller_order_id
    assert (await other.find(seller_order_id=number)) is not None
    assert await ours.find(seller_order_id=number) is None


@pytest.mark.parametrize("typed", ["1", "9" * 20, "18446744073709551616"])
async def test_a_number_that_was_never_given_is_positively_unknown(
    sellers: tuple[SellerClient, SellerClient], typed: str
) -> None:
    ours, _ = sellers
    await ours.place(placement(), OpenGate())
    assert await ours.find(seller_order_id=typed) is None


@pytest.mark.parametrize("typed", ["EC-1", "0{0}", "{0} ", "{0}.0"])
async def test_another_spelling_shows_no_order_under_it(sellers: tuple[SellerClient, SellerClient], typed: str) -> None:
    """Unknown, or an answer that is refused: an order shown under a number that was not asked for is never taken."""
    ours, _ = sellers
    number = (await ours.place(placement(order_id="EC-1"), OpenGate())).seller_order_id
    assert await asked(ours, typed.format(number)) in (None, "seller-answer-changed")


async def asked(seller: SellerClient, number: str) -> SellerOrder | str | None:
    try:
        return await seller.find(seller_order_id=number)
    except Unavailable as error:
        return error.code
