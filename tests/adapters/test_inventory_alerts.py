"""Alerts are written once per sale and settled once; orders that are open can be paged through."""

import asyncio
from typing import Any

import pytest

from activities.adapters.inventory import SqlInventory
from domain import ids
from domain.errors import InvalidRequest
from domain.inventory import ActState, AlertKind, AuditEvent, NewAlert, OrderChange
from tests.adapters.inventory_support import NOW, at, moved, order, reserved

SALE = NewAlert(
    kind=AlertKind.ORPHAN_SALE,
    account="sandbox",
    seller_order_id="9900000",
    order_id=order().order_id,
    facts={"product": "positivessl"},
)
ID = ids.alert_id("orphan-sale", "sandbox", "9900000")


def settled(minute: int = 5, **changes: Any) -> AuditEvent:
    fields: dict[str, Any] = {
        "event_id": ids.event_id(ID, "alert.settled", ""),
        "kind": "alert.settled",
        "subject": SALE.order_id,
        "at": at(minute),
        "by": "ann",
        "claim": "claimed",
        "reason": "refunded at the seller",
    }
    return AuditEvent.model_validate(fields | changes)


async def kinds(inventory: SqlInventory) -> list[str]:
    return [event.kind for event in await inventory.audit(subject=SALE.order_id)]


async def test_an_alert_is_written_once_and_seen_again_without_an_audit_row(inventory: SqlInventory) -> None:
    assert await inventory.raise_alert(SALE, NOW)
    assert not await inventory.raise_alert(SALE.model_copy(update={"facts": {"product": "other"}}), at(15))
    found = await inventory.alert(ID)
    assert found is not None
    assert (found.first_seen_at, found.last_seen_at, found.facts) == (NOW, at(15), SALE.facts)
    assert (found.settled_at, found.settled_by, found.kind) == (None, "", AlertKind.ORPHAN_SALE)
    assert not await inventory.raise_alert(SALE, at(3))  # an older look that comes late
    assert await inventory.alert(ID) == found
    assert await kinds(inventory) == ["alert.raised"]
    (event,) = await inventory.audit(subject=SALE.order_id)
    assert event.facts == {"alert": ID, "code": "orphan-sale", "account": "sandbox", "seller_order": "9900000"}


async def test_raised_twice_at_once_it_is_one(inventory: SqlInventory) -> None:
    told = await asyncio.gather(*(inventory.raise_alert(SALE, NOW) for _ in range(4)))
    assert sorted(told) == [False, False, False, True]
    assert (len(await inventory.alerts()), await kinds(inventory)) == (1, ["alert.raised"])


async def test_kind_account_and_number_make_the_sale(inventory: SqlInventory) -> None:
    others = ({"kind": AlertKind.DOUBLE_SALE}, {"account": "other"}, {"seller_order_id": "9900001"})
    for changes in ({}, *others):
        assert await inventory.raise_alert(SALE.model_copy(update=changes), NOW)
    assert len(await inventory.alerts()) == 4


async def test_a_settled_alert_does_not_come_back(inventory: SqlInventory) -> None:
    await inventory.raise_alert(SALE, NOW)
    assert await inventory.settle_alert(ID, settled())
    assert not await inventory.raise_alert(SALE, at(20))
    found = await inventory.alert(ID)
    assert found is not None and found.settled_at == at(5)
    assert (found.settled_by, found.reason, found.last_seen_at) == ("ann", "refunded at the seller", at(20))
    assert await inventory.alerts() == ()
    assert await inventory.alerts(settled_too=True) == (found,)
    assert await kinds(inventory) == ["alert.raised", "alert.settled"]


async def test_only_the_first_settling_counts(inventory: SqlInventory) -> None:
    await inventory.raise_alert(SALE, NOW)
    told = await asyncio.gather(
        *(inventory.settle_alert(ID, settled(by=who, event_id=f"evt_{who}")) for who in ("ann", "bob", "cid"))
    )
    assert sorted(told) == [False, False, True]
    assert await kinds(inventory) == ["alert.raised", "alert.settled"]
    with pytest.raises(InvalidRequest, match="not-found"):
        await inventory.settle_alert("alr_x", settled())
    assert await inventory.alert("alr_x") is None


async def test_alerts_come_newest_first(inventory: SqlInventory) -> None:
    for number in range(3):
        await inventory.raise_alert(SALE.model_copy(update={"seller_order_id": str(number)}), at(number))
    assert [it.seller_order_id for it in await inventory.alerts(limit=2)] == ["2", "1"]


async def test_open_orders_are_paged_through_and_ended_ones_left_out(inventory: SqlInventory) -> None:
    for number in range(1, 6):
        await inventory.open_order(order(number), at(number))
    await inventory.change_order(order(1).order_id, OrderChange(state="issued"), None, at(9))
    await inventory.change_order(order(2).order_id, OrderChange(state="needs-person"), None, at(9))
    seen: list[str] = []
    while page := await inventory.open_orders(after=seen[-1] if seen else "", limit=3):
        seen += [it.order_id for it in page]
    assert seen == sorted(order(number).order_id for number in range(2, 6))
    assert await inventory.open_orders(account="other") == ()
    assert len(await inventory.open_orders(account="sandbox")) == 4


async def test_the_oldest_open_order_of_an_account_is_known(inventory: SqlInventory) -> None:
    assert await inventory.oldest_open_order("sandbox") is None
    for number in range(1, 4):
        await inventory.open_order(order(number), at(number))
    await inventory.change_order(order(1).order_id, OrderChange(state="cancelled"), None, at(9))
    assert await inventory.oldest_open_order("sandbox") == at(2)
    assert await inventory.oldest_open_order("other") is None


async def test_orders_are_read_with_their_purchases_however_many(inventory: SqlInventory) -> None:
    act = await reserved(inventory, order(1))
    sent = await moved(inventory, act, ActState.SENDING)
    await inventory.open_order(order(2, name="b.example.test"), NOW)
    wanted = [order(number).order_id for number in range(1200)]
    found = {sale.order.order_id: sale for sale in await inventory.sales(wanted)}
    assert set(found) == {order(1).order_id, order(2).order_id}
    assert found[order(1).order_id].act == sent
    assert found[order(2).order_id].act is None
    assert await inventory.sales(()) == ()
