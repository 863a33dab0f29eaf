"""Processes that are killed without warning: the order goes on where it was, with one sale and one key."""

import sqlite3

import pytest

from starter.client import StartedOrder
from tests.integration.support import House, until_true

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("healed")]


def keys(house: House, started: StartedOrder) -> int:
    """How many private keys the inventory holds for an order."""
    file = house.stack.settings.paths.data / "inventory.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        return int(
            database.execute("SELECT count(*) FROM private_key WHERE order_id = ?", (started.order_id,)).fetchone()[0]
        )


async def new_worker(house: House) -> None:
    """Kill the worker as a crash would, and start another one."""
    assert house.stack.worker is not None
    await house.stack.worker.kill()
    await house.stack.start_worker()


async def test_a_new_worker_goes_on_where_a_killed_one_waited(house: House) -> None:
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("killed.example.test")
    before = await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    await new_worker(house)
    await house.heal()
    result = await house.issued(started)
    assert result.seller_order_id == before.seller_order_id
    assert (house.sales(started), keys(house, started)) == (1, 1)
    assert house.dns("killed.example.test") == []


async def test_a_worker_killed_while_it_buys_leaves_one_sale(house: House) -> None:
    """The seller has the order and is slow to answer; whoever comes next looks and does not buy again."""
    await house.fault("answer_delay", endpoint="order/neworder", seconds=60, times=1)
    started = await house.order("buying.example.test")

    async def is_sold() -> bool:
        return house.sales(started) == 1

    await until_true(is_sold)
    await new_worker(house)
    await house.issued(started)
    assert (house.sales(started), keys(house, started)) == (1, 1)
    story = await house.story(started.order_id)
    assert story.count("purchase.sending") == 1
    assert "purchase.adopted" in story


async def test_a_temporal_server_killed_and_started_again_loses_nothing(house: House) -> None:
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("server.example.test")
    before = await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    address = house.stack.server.address
    await house.stack.server.kill()
    await house.stack.server.start()
    assert house.stack.server.address == address
    await house.heal()
    result = await house.issued(started)
    assert result.seller_order_id == before.seller_order_id
    assert (house.sales(started), keys(house, started)) == (1, 1)


async def test_all_three_killed_at_once(house: House) -> None:
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("all.example.test")
    await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    worker, sandbox = house.stack.worker, house.stack.sandbox_process
    assert worker is not None and sandbox is not None
    for victim in (worker, sandbox, house.stack.server):
        await victim.kill()
    await house.stack.server.start()
    await house.stack.start_sandbox()
    await house.stack.start_worker()
    await house.issued(started)
    assert (house.sales(started), keys(house, started)) == (1, 1)
