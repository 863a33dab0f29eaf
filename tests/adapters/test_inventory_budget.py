"""The budget of calls: never overrun, whoever races for it, and moved by what the seller asks for."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.adapters.inventory import SqlInventory, open_inventory
from domain.errors import InvalidRequest
from domain.inventory import AccountRecord, Environment
from tests.adapters.inventory_support import NOW, Databases, event


def account(name: str = "main", *, per_second: int = 5, burst: int = 4) -> AccountRecord:
    return AccountRecord(
        name=name,
        environment=Environment.LIVE,
        base_url="https://seller.example/rest",
        partner_code="1",
        secret_id=f"sec_{name}",
        calls_per_second=per_second,
        calls_burst=burst,
    )


@pytest.fixture
async def inventory(databases: Databases) -> AsyncIterator[SqlInventory]:
    async with databases.inventory() as opened:
        await opened.add_account(account(), b"sealed", event("main"))
        yield opened


def after(milliseconds: float) -> datetime:
    return NOW + timedelta(milliseconds=milliseconds)


async def test_a_burst_then_an_even_pace(inventory: SqlInventory) -> None:
    assert [await inventory.take_token("main", NOW) for _ in range(4)] == [None] * 4
    assert await inventory.take_token("main", NOW) == after(200)
    assert await inventory.take_token("main", after(199)) == after(200)
    assert await inventory.take_token("main", after(200)) is None
    assert await inventory.take_token("main", after(200)) == after(400)
    assert [await inventory.take_token("main", after(5000)) for _ in range(5)] == [None] * 4 + [after(5200)]


async def test_a_refused_token_costs_nothing(inventory: SqlInventory) -> None:
    for _ in range(50):
        await inventory.take_token("main", NOW)
    assert await inventory.take_token("main", after(200)) is None


async def test_accounts_do_not_share(inventory: SqlInventory) -> None:
    await inventory.add_account(account("other", per_second=1, burst=1), b"sealed", event("other"))
    assert await inventory.take_token("other", NOW) is None
    assert await inventory.take_token("other", NOW) == after(1000)
    assert await inventory.take_token("main", NOW) is None
    with pytest.raises(InvalidRequest):
        await inventory.take_token("none", NOW)


async def test_what_the_seller_asks_for_holds_all(inventory: SqlInventory) -> None:
    await inventory.hold_account_until("main", after(30_000))
    assert await inventory.take_token("main", after(29_999)) == after(30_000)
    assert await inventory.take_token("main", after(30_000)) is None
    assert await inventory.take_token("main", after(30_000)) == after(30_200)
    await inventory.hold_account_until("main", after(1000))
    assert await inventory.take_token("main", after(30_000)) == after(30_200)


async def test_a_clock_that_was_set_back_blocks_nobody(inventory: SqlInventory) -> None:
    assert await inventory.take_token("main", after(3_600_000)) is None
    assert [await inventory.take_token("main", NOW) for _ in range(5)] == [None] * 4 + [after(200)]


async def test_an_account_that_says_nothing_gets_what_suits_its_world() -> None:
    plain = account(per_second=0, burst=0)
    assert plain.call_budget == (5, 4)
    assert plain.model_copy(update={"environment": Environment.SANDBOX}).call_budget == (50, 100)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_second=st.integers(1, 50),
    burst=st.integers(1, 6),
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 5)), min_size=1, max_size=8),
    is_behind=st.integers(0, 300),
)
def test_two_workers_that_race_never_overrun_the_budget(
    shared_url: str, per_second: int, burst: int, steps: list[tuple[int, int]], is_behind: int
) -> None:
    """Two connections of their own: in any span no more than burst and pace allow, clocks that differ counted in."""
    asyncio.run(_race(shared_url, f"main-{next(_numbers)}", per_second, burst, steps, is_behind))


_numbers = itertools.count(1)


@pytest.fixture
async def shared_url(databases: Databases) -> str:
    """One database for all examples; each has an account of its own."""
    return await databases.fresh()


async def _race(url: str, name: str, per_second: int, burst: int, steps: list[tuple[int, int]], is_behind: int) -> None:
    async with await open_inventory(url) as one, await open_inventory(url) as two:
        await one.add_account(account(name, per_second=per_second, burst=burst), b"sealed", event(name))
        taken: list[float] = []
        elapsed = 0.0
        for pause, width in steps:
            elapsed += pause
            tries = [one.take_token(name, after(elapsed)) for _ in range(width)]
            tries += [two.take_token(name, after(elapsed - is_behind)) for _ in range(width)]
            taken += [elapsed for free_at in await asyncio.gather(*tries) if free_at is None]
        for first, start in enumerate(taken):
            for last in range(first, len(taken)):
                allowed = burst + (taken[last] - start + is_behind) / 1000 * per_second
                assert last - first + 1 <= allowed + 1e-6
        assert len(taken) >= min(burst, steps[0][1])
