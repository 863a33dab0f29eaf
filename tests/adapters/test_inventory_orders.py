"""Orders: what was asked for, what people see of it, and who is told what."""

import asyncio
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import text

from activities.adapters.inventory import SqlInventory
from domain.errors import Ambiguous, InvariantBroken
from domain.inventory import ActState, Look, OrderChange
from domain.seller import Money
from tests.adapters.inventory_support import (
    NOW,
    at,
    event,
    fingerprint,
    moved,
    order,
    reserved,
    version,
)


async def test_an_order_is_opened_once(inventory: SqlInventory) -> None:
    first, second = await asyncio.gather(inventory.open_order(order(), NOW), inventory.open_order(order(), at(5)))
    assert first == second == await inventory.order(order().order_id)
    assert (first.state, first.waiting_for, first.since) == ("checking", "nobody", first.created_at)
    assert first.model_dump(include=set(type(order()).model_fields)) == order().model_dump()
    (told,) = await inventory.audit(subject=first.order_id)
    assert (told.kind, told.by, told.claim) == ("order.requested", "someone", "claimed")


async def test_unknown_things_are_none_or_bugs(inventory: SqlInventory) -> None:
    assert await inventory.order("EC-X") is None
    assert await inventory.act("EC-X") is None
    with pytest.raises(InvariantBroken, match="order-missing"):
        await inventory.change_order("EC-X", OrderChange(), None, NOW)
    with pytest.raises(InvariantBroken, match="order-missing"):
        await inventory.write_look("EC-X", Look(looked_at=NOW, outcome="x"))


async def test_orders_are_listed_newest_first_and_by_what_they_are(inventory: SqlInventory) -> None:
    wanted = [order(1), order(2, name="b_c.example.test"), order(3, name="*.example.test")]
    for minute, one in enumerate(wanted):
        await inventory.open_order(one, at(minute))
    await inventory.change_order(wanted[0].order_id, OrderChange(state="rejected"), None, at(9))

    async def found(**by: str) -> list[str]:
        return [one.common_name for one in await inventory.orders(**by)]  # type: ignore[arg-type]

    assert await found() == ["*.example.test", "b_c.example.test", "www.example.test"]
    assert await found(name="B_C.example.test") == ["b_c.example.test"]
    assert await found(name="bxc.example.test") == []
    assert await found(name="example.test") == []
    assert await found(name="*.example.test") == ["*.example.test"]
    assert await found(state="rejected", account="sandbox") == ["www.example.test"]
    assert await found(account="other") == []
    assert len(await inventory.orders(limit=2)) == 2


async def test_a_change_shows_and_repeating_it_changes_nothing(inventory: SqlInventory) -> None:
    one = order()
    await inventory.open_order(one, NOW)
    change = OrderChange(
        state="purchasing",
        waiting_for="seller",
        detail="told",
        until=at(60),
        seller_order_id="123",
        charged=Money(amount=Decimal("7.10")),
    )
    told = event(one.order_id, "order.purchasing")
    first = await inventory.change_order(one.order_id, change, told, at(1))
    assert await inventory.change_order(one.order_id, change, told, at(2)) == first
    assert (first.since, first.updated_at, first.until, first.seller_order_id) == (at(1), at(1), at(60), "123")
    assert first.charged == Money(amount=Decimal("7.10"))
    assert [entry.kind for entry in await inventory.audit(subject=one.order_id)][1:] == ["order.purchasing"]


async def test_since_moves_only_with_state_or_whom_it_waits_for(inventory: SqlInventory) -> None:
    one = order()
    await inventory.open_order(one, NOW)
    same = await inventory.change_order(one.order_id, OrderChange(detail="more", error_code="x"), None, at(1))
    assert (same.since, same.updated_at) == (NOW, at(1))
    waits = await inventory.change_order(one.order_id, OrderChange(waiting_for="person", until=at(9)), None, at(2))
    assert waits.since == at(2)
    cleared = await inventory.change_order(
        one.order_id, OrderChange(error_code="", detail="", clear_until=True), None, at(3)
    )
    assert (cleared.since, cleared.until, cleared.error_code, cleared.detail) == (at(2), None, "", "")


async def test_a_look_is_remembered_and_is_no_change(inventory: SqlInventory) -> None:
    one = order()
    await inventory.open_order(one, NOW)
    look = Look(looked_at=at(1), next_at=at(2), outcome="pending")
    await inventory.write_look(one.order_id, look)
    await inventory.write_look(one.order_id, look)
    seen = await inventory.order(one.order_id)
    assert seen is not None
    assert (seen.looked_at, seen.next_look_at, seen.look, seen.updated_at) == (at(1), at(2), "pending", NOW)


async def test_instants_come_back_aware_and_equal_whatever_zone_they_came_in(inventory: SqlInventory) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    seen = await inventory.open_order(order(), there)
    assert seen.created_at == NOW
    assert seen.created_at.utcoffset() == timedelta(0)
    read = await inventory.order(order().order_id)
    assert read is not None
    assert read.created_at == NOW
    assert read.created_at.utcoffset() == timedelta(0)


async def test_a_naive_instant_is_refused(inventory: SqlInventory) -> None:
    with pytest.raises(InvariantBroken):
        await inventory.open_order(order(), datetime(2026, 1, 1))
    assert await inventory.orders() == ()


@pytest.mark.parametrize("amount", ["0.10", "7.10", "1234567890123456789.99", "0.30000000000000004"])
async def test_money_is_exact(inventory: SqlInventory, amount: str) -> None:
    one = order()
    await inventory.open_order(one, NOW)
    charged = Money(amount=Decimal(amount), currency="EUR")
    await inventory.change_order(one.order_id, OrderChange(charged=charged), None, NOW)
    seen = await inventory.order(one.order_id)
    assert seen is not None
    assert seen.charged == charged
    with inventory._db.reading() as connection:
        told = "typeof" if connection.dialect.name == "sqlite" else "pg_typeof"
        assert connection.scalar(text(f"SELECT CAST({told}(charged_amount) AS TEXT) FROM order_")) == "text"


async def test_one_number_at_the_seller_belongs_to_one_order(inventory: SqlInventory) -> None:
    first, second = order(1), order(2, name="b.example.test")
    for one in (first, second):
        await inventory.open_order(one, NOW)
    await inventory.change_order(first.order_id, OrderChange(seller_order_id="77"), None, NOW)
    with pytest.raises(Ambiguous, match=f"seller-order-taken.*{first.order_id}") as caught:
        await inventory.change_order(second.order_id, OrderChange(state="issued", seller_order_id="77"), None, NOW)
    assert "77" not in str(caught.value)
    seen = await inventory.order(second.order_id)
    assert seen is not None
    assert (seen.state, seen.seller_order_id) == ("checking", "")


@pytest.mark.parametrize("end", ["rejected", "expired", "cancelled", "dry-run"])
async def test_an_end_frees_the_fingerprint(inventory: SqlInventory, end: str) -> None:
    one = order()
    await reserved(inventory, one)
    assert await inventory.open_orders_like(fingerprint(one)) == (one.order_id,)
    await inventory.change_order(one.order_id, OrderChange(state="needs-person"), None, at(1))
    assert await inventory.open_orders_like(fingerprint(one)) == (one.order_id,)
    await inventory.change_order(one.order_id, OrderChange(state=end), None, at(2))
    assert await inventory.open_orders_like(fingerprint(one)) == ()


async def test_an_end_frees_nothing_while_it_is_unknown_whether_it_was_sold(inventory: SqlInventory) -> None:
    one = order()
    act = await reserved(inventory, one)
    await moved(inventory, act, ActState.SENDING)
    await inventory.change_order(one.order_id, OrderChange(state="cancelled"), None, at(2))
    assert await inventory.open_orders_like(fingerprint(one)) == (one.order_id,)


async def test_issued_orders_are_found_by_what_was_asked_for(inventory: SqlInventory) -> None:
    old, new, ended, other = order(1), order(2), order(3), order(4, name="b.example.test")
    for minute, one in enumerate((old, new, ended, other)):
        await inventory.open_order(one, at(minute))
        await inventory.store_version(version(one, f"A{minute}"), at(minute))
    assert await inventory.issued_orders_like(fingerprint(old)) == ()
    for minute, one in enumerate((old, new, ended, other)):
        await inventory.make_current(one.order_id, f"A{minute}", event(one.order_id, "version.current"), at(minute))
    await inventory.change_order(ended.order_id, OrderChange(state="cancelled"), None, at(9))
    found = await inventory.issued_orders_like(fingerprint(old))
    assert [one.order_id for one in found] == [new.order_id, old.order_id]


async def test_changes_at_the_same_time_all_count(inventory: SqlInventory) -> None:
    one = order()
    await inventory.open_order(one, NOW)
    changes = [OrderChange(state="purchasing"), OrderChange(detail="x"), OrderChange(status_text="y"), OrderChange()]
    await asyncio.gather(*(inventory.change_order(one.order_id, change, None, at(1)) for change in changes))
    seen = await inventory.order(one.order_id)
    assert seen is not None
    assert (seen.state, seen.detail, seen.status_text) == ("purchasing", "x", "y")


async def test_a_change_that_others_have_overtaken_writes_its_audit_row_and_nothing_else(
    inventory: SqlInventory,
) -> None:
    wanted = order()
    await inventory.open_order(wanted, NOW)
    newer = OrderChange(state="issued", as_of=at(2))
    assert (await inventory.change_order(wanted.order_id, newer, None, at(2))).as_of == at(2)
    older = OrderChange(state="purchasing", detail="long ago", clear_until=True, as_of=at(1))
    shown = await inventory.change_order(wanted.order_id, older, event(wanted.order_id, "order.purchasing"), at(3))
    assert (shown.state, shown.detail, shown.as_of) == ("issued", "", at(2))
    assert shown == await inventory.order(wanted.order_id)
    assert "order.purchasing" in [row.kind for row in await inventory.audit(subject=wanted.order_id)]
    for change in (OrderChange(state="checking", as_of=at(2)), OrderChange(state="checking")):
        assert (await inventory.change_order(wanted.order_id, change, None, at(4))).state == "checking"
