"""The fault that repeats secrets, and the list of them for tests that search."""

import pytest

from deploy.sandbox import Sandbox
from tests.sandbox.support import Client


async def test_the_secrets_of_an_order_are_those_of_its_answers(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    (told,) = (await client.control("GET", "secrets")).json()["orders"]
    assert (told["token"], told["token_code"]) == (order["Token"], order["TokenCode"])
    assert told["seller_order_id"] == order["TheSSLStoreOrderID"]
    assert order["TokenCode"] in told["link"]


async def test_a_page_repeats_the_request(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    box.add_fault("echo_secrets", endpoint="order/status", times=1)
    body = {"AuthRequest": client.auth, "TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}
    answer = await client.http.post(f"{box.base_url}/order/status", json=body)
    assert answer.status_code == 500
    for secret in ("sandbox-token", order["Token"], "https://enroll.sandbox.test/"):
        assert secret in answer.text
    assert (await client.status(order))["AuthResponse"]["isError"] is False


@pytest.mark.parametrize("endpoint", ["order/status", "order/query", "health/validate"])
async def test_a_message_repeats_the_request(client: Client, box: Sandbox, endpoint: str) -> None:
    box.add_fault("echo_secrets", place="message", times=1)
    answer = await client.call(endpoint)
    row = answer[0] if isinstance(answer, list) else answer
    auth = row.get("AuthResponse", row)
    assert auth["isError"] is True
    assert any("sandbox-token" in word for word in auth["Message"])


async def test_nothing_is_sold_by_a_call_that_is_refused_so(client: Client, box: Sandbox) -> None:
    box.add_fault("echo_secrets", place="message", times=1)
    assert (await client.call("order/neworder", **client.order_body()))["AuthResponse"]["isError"] is True
    assert box.sales() == []


async def test_words_of_a_good_answer_repeat_secrets(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    box.add_fault("echo_secrets", place="words", times=1)
    shown = await client.status(order)
    assert shown["OrderStatus"]["MajorStatus"] == "Pending"
    for secret in ("sandbox-token", order["Token"]):
        assert secret in shown["OrderStatus"]["MinorStatus"]
    assert (await client.status(order))["OrderStatus"]["MinorStatus"] != shown["OrderStatus"]["MinorStatus"]
