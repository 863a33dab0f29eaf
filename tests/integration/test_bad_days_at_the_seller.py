"""Bad days at the seller: away, confused, or wrong. The order waits and says so, a person is called where one is needed,
and there is one sale."""

import secrets
from typing import Any

import pytest

from domain.inventory import VersionState
from domain.request import Act
from starter.client import StartedOrder
from tests.integration.support import House, until_true

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("healed")]

BY = Act(by="ann@example.test", reason="mended")


async def check_now(house: House, started: StartedOrder) -> None:
    answer = await house.client.check_now(await house.record(started), BY)
    assert answer.done


async def test_the_order_waits_while_the_seller_is_away_and_says_so(house: House) -> None:
    await house.fault("issue_delay", seconds=2)
    started = await house.order("away.example.test")
    await house.until_state(started, "awaiting-issuance")
    assert house.stack.sandbox_process is not None
    await house.stack.sandbox_process.kill()
    order = await house.until_order(started, lambda it: "could not look since" in it.look)
    assert order.state == "awaiting-issuance"
    assert order.next_look_at is not None
    said = await house.cli("order", "show", started.order_id, "-o", "json")
    assert said.json["data"]["look"].startswith("could not look since")

    await house.stack.start_sandbox()
    await house.issued(started)
    assert house.sales(started) == 1
    order = await house.record(started)
    assert order.look.startswith("the seller shows Active")


async def test_an_order_made_while_the_seller_is_away_waits_before_it_buys(house: House) -> None:
    await house.fault("refuse_connections", seconds=5)  # it closes the control API too, and opens by itself
    started = await house.order("closed.example.test")
    order = await house.until_order(started, lambda it: it.look.startswith("could not look"))
    assert order.state == "checking"

    await house.issued(started)
    assert house.sales(started) == 1


async def test_an_answer_lost_after_the_sale_is_found_again(house: House) -> None:
    await house.fault("drop_after_sale", times=1)
    started = await house.order("lost.example.test")
    await house.issued(started)
    assert house.sales(started) == 1
    story = await house.story(started.order_id)
    assert "purchase.adopted" in story
    assert "purchase.placed" not in story
    assert story.count("purchase.sending") == 1


async def test_a_connection_that_breaks_before_the_body_buys_once(house: House) -> None:
    await house.fault("reset_before_body", endpoint="order/neworder", times=1)
    started = await house.order("reset.example.test")
    await house.issued(started)
    assert house.sales(started) == 1


@pytest.mark.parametrize("fault", ["truncated_json", "http_502", "close_unanswered"])
async def test_bad_answers_to_looks_are_looked_past(house: House, fault: str) -> None:
    await house.fault("issue_delay", seconds=1)
    started = await house.order(f"{fault.replace('_', '-')}.example.test")
    await house.until_state(started, "awaiting-issuance")
    await house.fault(fault, endpoint="order/status", times=1)
    await house.issued(started)
    assert house.sales(started) == 1
    assert "order.needs-person" not in await house.story(started.order_id)
    faults: Any = house.stack.control("faults")["faults"]
    assert fault not in [rule["fault"] for rule in faults]


async def test_foreign_proof_data_is_never_published(house: House) -> None:
    name = "foreign.example.test"
    mark = secrets.token_hex(8)
    await house.fault("foreign_proof", name=f"_{mark}.www.victim.test", value=f"{mark}.sectigo.com")
    started = await house.order(name)
    order = await house.until_state(started, "needs-person", "proof-out-of-scope")
    assert order.waiting_for == "person"
    assert "nothing was written" in order.detail
    assert house.dns(mark) == [] and house.dns("victim.test") == []
    assert await house.client.inventory.proof(started.order_id) == ()
    status = await house.client.status(order)
    assert any("check_now" in line for line in status.help)

    await house.heal()
    await check_now(house, started)
    await house.issued(started)
    assert house.sales(started) == 1
    assert house.dns(name) == [] and house.dns("victim.test") == []


async def test_something_else_stands_where_the_proof_belongs(house: House) -> None:
    """What stands there is not ours: it is left alone, and a person is called."""
    name = "conflict.example.test"
    await house.fault("issue_delay", seconds=3600)
    first = await house.order(name)
    await house.until_state(first, "awaiting-issuance")
    (standing,) = house.dns(name)
    other = f"{secrets.token_hex(16)}.sectigo.com"
    await house.fault("foreign_proof", name=standing["name"].rstrip("."), value=other)
    second = await house.order(name, allow_duplicate=True)
    order = await house.until_state(second, "needs-person", "dns-conflict")
    assert order.waiting_for == "person"
    assert house.dns(name) == [standing]
    for it in (first, second):
        await house.handle(it).terminate("the test is over")


@pytest.mark.parametrize("kind", ["name", "key", "chain", "dates"])
async def test_a_leaf_that_does_not_match_is_quarantined(house: House, kind: str) -> None:
    await house.fault("wrong_leaf", kind=kind)
    started = await house.order(f"leaf-{kind}.example.test")
    order = await house.until_state(started, "needs-person", "issued-mismatch")
    assert f"{kind}:" in order.detail
    assert order.certificate_id == ""
    status = await house.client.status(order)
    assert status.code == "issued-mismatch"

    await house.heal()
    await check_now(house, started)
    result = await house.issued(started)
    versions = await house.client.inventory.versions(result.certificate_id)
    current = [it for it in versions if it.state is VersionState.CURRENT]
    assert [(it.number, it.serial, it.problems) for it in current] == [(1, result.serial, ())]
    quarantined = [it for it in versions if it.state is VersionState.QUARANTINED]
    assert all(it.number == 0 and it.problems for it in quarantined)
    story = await house.story(started.order_id)
    assert story.index("order.needs-person") < story.index("version.current")
    assert house.sales(started) == 1


async def test_a_look_sees_what_the_seller_shows_late(house: House) -> None:
    await house.fault("status_lag", seconds=2)
    started = await house.order("lag.example.test")

    async def is_looked_up() -> bool:
        order = await house.client.inventory.order(started.order_id)
        return order is not None and bool(order.look)

    await until_true(is_looked_up)
    await house.issued(started)
    assert house.sales(started) == 1
