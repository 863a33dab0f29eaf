"""Refunds against the sandbox: who decides, what shows, and what is left after a lost answer."""

from collections.abc import AsyncIterator

import httpx
import pytest

from activities.adapters.http import HttpClient
from activities.adapters.seller import SellerClient
from activities.ports import SendGate
from deploy.sandbox import Sandbox, SandboxSettings
from domain.errors import Ambiguous, NotSent, Refused
from domain.seller import SellerOrder, SellerState
from tests.conformance.test_seller_sandbox import OpenGate, client, placement


class ShutGate:
    def may_send(self) -> bool:
        return False


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.05)) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    made = HttpClient()
    yield made
    await made.close()


@pytest.fixture
def seller(box: Sandbox, http: HttpClient) -> SellerClient:
    return client(box, http)


@pytest.fixture
async def number(seller: SellerClient) -> str:
    return (await seller.place(placement(), OpenGate())).seller_order_id


async def ask(seller: SellerClient, number: str, gate: SendGate | None = None) -> SellerOrder:
    return await seller.request_refund(number, reason="Ordered by mistake", gate=gate or OpenGate())


async def seen(seller: SellerClient, number: str) -> SellerOrder:
    found = await seller.find(seller_order_id=number)
    assert found is not None
    return found


async def decide(box: Sandbox, number: str, *, approve: bool) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{box.control_url}/orders/{number}/refund", json={"approve": approve})
        answer.raise_for_status()


async def test_no_refund_shows_before_one_was_asked_for(seller: SellerClient, number: str) -> None:
    before = await seen(seller, number)
    assert (before.refund_request_id, before.is_refund_approved, before.state) == ("", False, SellerState.PENDING)


async def test_a_person_at_the_seller_approves(box: Sandbox, seller: SellerClient, number: str) -> None:
    asked = await ask(seller, number)
    assert asked.refund_request_id and not asked.is_refund_approved and asked.state is SellerState.PENDING
    assert await seen(seller, number) == asked
    await decide(box, number, approve=True)
    after = await seen(seller, number)
    assert (after.refund_request_id, after.is_refund_approved) == (asked.refund_request_id, True)
    assert after.state is SellerState.CANCELLED and after.state.is_dead
    assert await ask(seller, number) == after


async def test_a_denied_refund_looks_like_a_pending_one(box: Sandbox, seller: SellerClient, number: str) -> None:
    asked = await ask(seller, number)
    await decide(box, number, approve=False)
    assert await seen(seller, number) == asked


@pytest.mark.parametrize(("switch", "is_approved"), [("auto", True), ("deny", False)])
async def test_a_refund_decided_at_once(
    box: Sandbox, seller: SellerClient, number: str, switch: str, is_approved: bool
) -> None:
    box.switch(refund=switch)
    asked = await ask(seller, number)
    assert asked.refund_request_id and asked.is_refund_approved is is_approved
    assert asked.state.is_dead is is_approved
    assert await seen(seller, number) == asked


@pytest.mark.parametrize("layout", ["code_and_message", "code_then_text"])
async def test_an_order_that_is_cancelled_already(box: Sandbox, seller: SellerClient, number: str, layout: str) -> None:
    box.switch(error_text=layout)
    order = box.state.book.by_id(number)
    assert order is not None
    box.state.cancel(order, "rejected")
    with pytest.raises(Refused) as caught:
        await ask(seller, number)
    assert caught.value.code == "refund-refused"
    box.switch(error_text="text_only")
    with pytest.raises(Ambiguous):
        await ask(seller, number)


async def test_an_order_that_is_not_there(box: Sandbox, seller: SellerClient) -> None:
    with pytest.raises(Refused) as caught:
        await ask(seller, "1")
    assert caught.value.code == "refund-refused"
    for shape in ("empty_success", "null_ids"):
        box.switch(unknown_order=shape)
        with pytest.raises(Ambiguous):
            await ask(seller, "1")


async def test_a_bad_credential_asks_for_nothing(
    box: Sandbox, http: HttpClient, seller: SellerClient, number: str
) -> None:
    with pytest.raises(Refused) as caught:
        await ask(client(box, http, token="wrong"), number)
    assert caught.value.code == "auth-rejected"
    assert (await seen(seller, number)).refund_request_id == ""


async def test_nothing_leaves_through_a_shut_gate(box: Sandbox, seller: SellerClient, number: str) -> None:
    with pytest.raises(NotSent):
        await ask(seller, number, ShutGate())
    assert (await seen(seller, number)).refund_request_id == ""


@pytest.mark.parametrize(
    ("fault", "was_taken"),
    [("reset_before_body", True), ("truncated_json", True), ("close_unanswered", False), ("http_502", False)],
)
async def test_a_lost_answer_is_doubt_and_a_look_tells(
    box: Sandbox, seller: SellerClient, number: str, fault: str, was_taken: bool
) -> None:
    box.add_fault(fault, endpoint="order/refundrequest", times=1)
    with pytest.raises(Ambiguous) as caught:
        await ask(seller, number)
    assert caught.value.code == "refund-outcome-unknown"
    assert bool((await seen(seller, number)).refund_request_id) is was_taken
