"""Every fault, as a client meets it, and what it leaves behind."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from pydantic import ValidationError

from deploy.sandbox import Sandbox
from deploy.sandbox.faults import FaultBook, Rule
from tests.sandbox.support import KEY, Client


async def test_bad_gateway_is_html_and_does_nothing(client: Client, box: Sandbox) -> None:
    box.add_fault("http_502", endpoint="order/neworder", times=1)
    answer = await client.http.post(
        f"{box.base_url}/order/neworder", json={"AuthRequest": client.auth, **client.order_body()}
    )
    assert answer.status_code == 502 and answer.text.startswith("<html>")
    assert box.sales() == []
    await client.buy()


async def test_the_answer_is_lost_after_the_sale(client: Client, box: Sandbox) -> None:
    box.add_fault("drop_after_sale", order="EC-1", times=1)
    with pytest.raises(httpx.TransportError):
        await client.buy()
    assert [sale.custom_order_id for sale in box.sales()] == ["EC-1"]
    assert (await client.call("order/status", CustomOrderID="EC-1"))["TheSSLStoreOrderID"] == box.sales()[
        0
    ].seller_order_id
    await client.buy(CustomOrderID="EC-2")


async def test_a_refused_order_is_no_sale_to_drop(client: Client, box: Sandbox) -> None:
    box.add_fault("drop_after_sale", times=1)
    assert (await client.call("order/neworder", **client.order_body(ValidityPeriod=13)))["AuthResponse"]["isError"]
    with pytest.raises(httpx.TransportError):
        await client.buy()


async def test_a_connection_is_closed_before_anything_is_done(client: Client, box: Sandbox) -> None:
    box.add_fault("close_unanswered", endpoint="order/neworder", times=2)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await client.buy()
    assert box.sales() == []


async def test_connections_are_refused_until_lifted(client: Client, box: Sandbox) -> None:
    await client.call("order/query")
    box.add_fault("refuse_connections", seconds=600)
    await asyncio.sleep(0.01)  # the idle connection of the first call ends in the next turn of the loop
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            await client.call("order/query")
    box.clear_faults()
    assert await client.call("order/query") == []


async def test_refused_connections_come_back_by_themselves(client: Client, box: Sandbox) -> None:
    assert (await client.control("POST", "faults", {"fault": "refuse_connections", "seconds": 0.2})).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await client.call("order/query")
    while True:
        try:
            assert await client.call("order/query") == []
        except httpx.ConnectError:
            await asyncio.sleep(0.02)
        else:
            break
    assert box.state.faults.rules() == []


async def test_a_reset_inside_the_answer(client: Client, box: Sandbox) -> None:
    box.add_fault("reset_before_body", endpoint="order/neworder", times=1)
    with pytest.raises(httpx.TransportError):
        await client.buy()
    assert len(box.sales()) == 1


async def test_half_a_json_text(client: Client, box: Sandbox) -> None:
    box.add_fault("truncated_json", endpoint="/order/status/", times=1)
    order = await client.buy()
    with pytest.raises(json.JSONDecodeError):
        await client.status(order)
    assert (await client.status(order))["CustomOrderID"] == "EC-1"


async def test_a_delay_is_waited_for(client: Client, box: Sandbox) -> None:
    box.add_fault("delay", endpoint="order/query", seconds=600, times=1)
    waiting = asyncio.create_task(client.call("order/query"))
    while not box.state.journal.entries("fault.applied"):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    assert await client.call("order/query") == []


async def test_good_credentials_are_rejected(client: Client, box: Sandbox) -> None:
    box.add_fault("token_rejected", times=1)
    assert "-9008" in (await client.call("order/status", CustomOrderID="x"))["AuthResponse"]["Message"][0]
    assert "-99009" in (await client.call("order/status", CustomOrderID="x"))["AuthResponse"]["Message"][0]


async def test_a_proof_for_somebody_else(client: Client, box: Sandbox) -> None:
    box.add_fault("foreign_proof", endpoint="order/status", name="victim.test", value="evil.test")
    order = await client.buy()
    assert order["CNAMEAuthName"] != "victim.test"
    shown = await client.status(order)
    assert (shown["CNAMEAuthName"], shown["CNAMEAuthValue"]) == ("victim.test", "evil.test")
    assert shown["OrderStatus"]["DomainAuthVettingStatus"][0]["DNSName"] == "victim.test"


@pytest.mark.parametrize("kind", ["name", "key", "chain", "dates"])
async def test_a_leaf_wrong_in_one_way(client: Client, box: Sandbox, kind: str) -> None:
    order = await client.issue()
    box.add_fault("wrong_leaf", kind=kind, times=1)
    wrong = await files(client, order)
    right = await files(client, order)
    assert problems(box, right) == set()
    assert problems(box, wrong) == {kind}


async def files(client: Client, order: dict[str, Any]) -> list[x509.Certificate]:
    answer = await client.call("order/download", TheSSLStoreOrderID=order["TheSSLStoreOrderID"])
    return x509.load_pem_x509_certificates("".join(f["FileContent"] for f in answer["Certificates"]).encode())


def problems(box: Sandbox, chain: list[x509.Certificate]) -> set[str]:
    leaf, now = chain[0], box.clock.now()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = set()
    if names.get_values_for_type(x509.DNSName) != ["www.example.test"]:
        found.add("name")
    if leaf.public_key() != KEY.public_key():
        found.add("key")
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        found.add("dates")
    root = x509.load_pem_x509_certificate(box.root_pem.encode())
    verifier = PolicyBuilder().store(Store([root])).time(leaf.not_valid_before_utc)
    try:
        verifier.build_server_verifier(x509.DNSName(names.get_values_for_type(x509.DNSName)[0])).verify(leaf, chain[1:])
    except VerificationError:
        found.add("chain")
    return found


async def test_answers_lag_behind(client: Client, box: Sandbox) -> None:
    box.clock.freeze()
    box.add_fault("status_lag", seconds=60)
    box.add_fault("query_lag", seconds=120)
    order = await client.buy()
    assert (await client.call("order/status", CustomOrderID="EC-1"))["AuthResponse"]["isError"] is True
    box.clock.advance(60)
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    assert await client.call("order/query") == []
    await client.publish_proofs(order)
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    box.clock.advance(60)
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Active"
    (row,) = await client.call("order/query")
    assert row["OrderStatus"]["MajorStatus"] == "Pending"


async def test_an_order_is_hidden_in_a_chosen_shape(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    box.add_fault("unknown_order_shape", order="EC-1", shape="null_ids", hide=True, times=1)
    hidden = await client.status(order)
    assert hidden["AuthResponse"]["isError"] is False and hidden["TheSSLStoreOrderID"] is None
    assert (await client.status(order))["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"]


def test_probability_follows_the_seed() -> None:
    def run(seed: int) -> list[bool]:
        book = FaultBook(seed)
        book.add(Rule(fault="http_502", probability=0.5))
        return [book.strike("http_502", "order/status") is not None for _ in range(40)]

    assert run(1) == run(1) != run(2)
    assert 5 < sum(run(1)) < 35


def test_a_rule_names_one_order_and_wears_out() -> None:
    book = FaultBook(0)
    book.add(Rule(fault="http_502", order="EC-1", times=2))
    assert book.strike("http_502", "order/status", {"EC-2"}) is None
    assert [bool(book.strike("http_502", "order/status", {"EC-1"})) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "earthquake"},
        {"fault": "delay"},
        {"fault": "foreign_proof", "name": "x"},
        {"fault": "refuse_connections", "seconds": 1, "order": "EC-1"},
        {"fault": "http_502", "times": 0},
        {"fault": "http_502", "strength": 3},
    ],
)
def test_senseless_rules_are_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


async def test_no_message_where_one_is_expected(client: Client, box: Sandbox) -> None:
    box.add_fault("null_message")
    refused = await client.call("order/status", TheSSLStoreOrderID="1")
    assert refused["AuthResponse"]["isError"] is True and refused["AuthResponse"]["Message"] is None
    (row,) = await client.call("product/query", ProductCode="nonesuch")
    assert row["AuthResponse"]["Message"] is None
    flat = await client.call("order/resend", TheSSLStoreOrderID="1")
    assert flat["isError"] is True and flat["Message"] is None


async def test_throttling_says_for_how_long_and_does_nothing(client: Client, box: Sandbox) -> None:
    box.add_fault("throttled", endpoint="order/neworder", seconds=2.5, times=1)
    body = {"AuthRequest": client.auth, **client.order_body()}
    answer = await client.http.post(f"{box.base_url}/order/neworder", json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert box.sales() == []
    await client.buy()


async def test_a_row_stands_twice_in_the_list(client: Client, box: Sandbox) -> None:
    ids = [(await client.buy(CustomOrderID=f"EC-{number}"))["TheSSLStoreOrderID"] for number in range(2)]
    box.add_fault("duplicate_rows", times=1)
    assert [row["TheSSLStoreOrderID"] for row in await client.call("order/query")] == [ids[1], *ids]
    assert len(await client.call("order/query")) == 2
