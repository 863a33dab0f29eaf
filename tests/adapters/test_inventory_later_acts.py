"""Refunds beside a purchase, and an order that goes from one run to another."""

import asyncio
from decimal import Decimal

import pytest

from activities.adapters.inventory import SqlInventory, later_acts, open_inventory
from activities.adapters.inventory.failures import RuleBroken
from domain import ids
from domain.errors import EvercertError, InvariantBroken, Refused
from domain.inventory import AccountRecord, ActKind, ActRecord, ActState, Environment, NewOrder, OrderChange
from domain.seller import Money
from tests.adapters.inventory_support import (
    NOW,
    PRICE,
    Databases,
    at,
    event,
    fingerprint,
    moved,
    order,
    reserved,
)

OWNER = "issue-1/run-1"
CLOSED = (ActState.PLACED, ActState.REJECTED, ActState.ABANDONED)
OPEN = tuple(state for state in ActState if state not in CLOSED)


def refund(of: NewOrder, number: int = 1, *, owner: str = OWNER) -> ActRecord:
    return ActRecord(
        act_id=ids.refund_id(of.order_id, number),
        order_id=of.order_id,
        kind=ActKind.REFUND,
        state=ActState.SENDING,  # whatever it says: it begins as reserved
        owner=owner,
        fence=7,
        body_hash="refund-hash",
        seller_order_id="4711",
    )


async def opened(inventory: SqlInventory, act: ActRecord, minute: int = 2) -> ActRecord:
    return await inventory.open_act(act, event(act.order_id, "refund.reserved", act.act_id), at(minute))


async def bought(inventory: SqlInventory, wanted: NewOrder, state: ActState = ActState.PLACED) -> ActRecord:
    act = await reserved(inventory, wanted, owner=OWNER)
    number = "4711" if state is ActState.PLACED else ""
    placed = await moved(inventory, act, state, changes=act.model_copy(update={"seller_order_id": number}))
    assert placed is not None
    return placed


async def test_a_refund_is_written_once_by_its_owner(inventory: SqlInventory) -> None:
    await bought(inventory, order())
    first = await opened(inventory, refund(order()))
    assert first == refund(order()).model_copy(update={"state": ActState.RESERVED, "fence": 0, "changed_at": at(2)})
    assert await opened(inventory, refund(order()), minute=9) == first == await inventory.act(first.act_id)
    kinds = [entry.kind for entry in await inventory.audit(subject=first.order_id)]
    assert kinds == ["order.requested", "purchase.reserved", "purchase.placed", "refund.reserved"]
    requested = await moved(inventory, first, ActState.PLACED)
    assert requested is not None and await opened(inventory, refund(order())) == requested


async def test_a_refund_of_another_run_is_told_from_ours(inventory: SqlInventory) -> None:
    await bought(inventory, order())
    await opened(inventory, refund(order(), owner="a-typed-name/run-9"))
    with pytest.raises(Refused, match=r"act-in-progress.*run-9.*refund") as caught:
        await opened(inventory, refund(order()))
    assert "a-typed-name" not in str(caught.value)


@pytest.mark.parametrize("state", OPEN)
async def test_no_refund_while_the_purchase_is_open(inventory: SqlInventory, state: ActState) -> None:
    purchase = await reserved(inventory, order(), owner=OWNER)
    if state is not ActState.RESERVED:
        await moved(inventory, purchase, state)
    with pytest.raises(Refused, match=rf"act-in-progress.*purchase.*{state.value}.*run-1"):
        await opened(inventory, refund(order()))
    assert await inventory.act(refund(order()).act_id) is None


@pytest.mark.parametrize("state", CLOSED)
async def test_a_second_refund_once_the_first_is_settled(inventory: SqlInventory, state: ActState) -> None:
    await bought(inventory, order())
    first = await opened(inventory, refund(order(), 1))
    with pytest.raises(Refused, match="act-in-progress"):
        await opened(inventory, refund(order(), 2))
    await moved(inventory, first, state)
    assert (await opened(inventory, refund(order(), 2))).state is ActState.RESERVED


async def test_of_refunds_at_the_same_time_one_is_opened(databases: Databases) -> None:
    url = await databases.fresh()
    one, two = await open_inventory(url), await open_inventory(url)
    async with one, two:
        await bought(one, order())

        async def attempt(number: int) -> ActRecord | EvercertError:
            try:
                return await opened((one, two)[number % 2], refund(order(), number, owner=f"cancel/run-{number}"))
            except EvercertError as error:
                return error

        results = await asyncio.gather(*(attempt(number) for number in range(1, 7)))
        assert sum(isinstance(result, ActRecord) for result in results) == 1
        assert {error.code for error in results if isinstance(error, EvercertError)} == {"act-in-progress"}


async def test_the_key_of_the_database_holds_where_a_look_came_too_early(
    inventory: SqlInventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on PostgreSQL, where another writer may commit between look and insert."""
    await bought(inventory, order())
    await opened(inventory, refund(order(), 1))
    monkeypatch.setattr(later_acts, "_OPEN", ())
    with pytest.raises(RuleBroken):
        await opened(inventory, refund(order(), 2))
    assert await inventory.act(refund(order(), 2).act_id) is None


async def test_a_purchase_never_comes_in_by_this_door(inventory: SqlInventory) -> None:
    await inventory.open_order(order(), NOW)
    with pytest.raises(InvariantBroken):
        await opened(inventory, refund(order()).model_copy(update={"kind": ActKind.PURCHASE}))
    with pytest.raises(InvariantBroken, match="order-missing"):
        await opened(inventory, refund(order(5)))


@pytest.mark.parametrize("to", [ActState.PLACED, ActState.REJECTED, ActState.ABANDONED])
async def test_a_refund_changes_nothing_at_its_order(inventory: SqlInventory, to: ActState) -> None:
    await bought(inventory, order())
    act = await opened(inventory, refund(order()))
    before = await inventory.order(act.order_id)
    changes = act.model_copy(update={"seller_order_id": "77", "charged": Money(amount=Decimal(-5))})
    changed = await moved(inventory, act, to, changes=changes)
    assert changed is not None and (changed.state, changed.seller_order_id) == (to, "77")
    assert changed.charged == changes.charged
    assert await inventory.order(act.order_id) == before
    assert await inventory.open_orders_like(fingerprint(order())) == (act.order_id,)


async def test_an_abandoned_purchase_counts_as_spent(inventory: SqlInventory) -> None:
    act = await bought(inventory, order(), ActState.IN_DOUBT)
    await moved(inventory, act, ActState.ABANDONED)
    held = (act.order_id,)
    assert await inventory.open_orders_like(fingerprint(order())) == held
    await inventory.change_order(act.order_id, OrderChange(state="cancelled"), None, at(3))
    assert await inventory.open_orders_like(fingerprint(order())) == held


async def test_a_refund_in_doubt_does_not_hold_the_names_of_an_ended_order(inventory: SqlInventory) -> None:
    await bought(inventory, order())
    await moved(inventory, await opened(inventory, refund(order())), ActState.IN_DOUBT)
    await inventory.change_order(order().order_id, OrderChange(state="cancelled"), None, at(3))
    assert await inventory.open_orders_like(fingerprint(order())) == ()


async def test_an_order_is_found_by_its_number_at_the_seller(inventory: SqlInventory) -> None:
    placed = await bought(inventory, order())
    await inventory.open_order(order(2, name="b.example.test"), NOW)
    found = await inventory.order_at_seller("sandbox", "4711")
    assert found is not None and found.order_id == placed.order_id
    for account, number in (("live", "4711"), ("sandbox", "4712"), ("sandbox", "")):
        assert await inventory.order_at_seller(account, number) is None


async def test_what_another_entry_of_the_same_partner_has_bought_is_found_too(inventory: SqlInventory) -> None:
    """The seller knows no entries of ours: adopted through each of two, one sale would be two orders."""
    placed = await bought(inventory, order())
    for name, partner in (("sandbox", "P"), ("second", "P"), ("stranger", "Q")):
        entry = AccountRecord(
            name=name,
            environment=Environment.SANDBOX,
            base_url="http://seller.test",
            partner_code=partner,
            secret_id=name,
        )
        await inventory.add_account(entry, b"sealed", event(name, "account.added"))
    found = await inventory.order_at_seller("second", "4711")
    assert found is not None and found.order_id == placed.order_id
    assert await inventory.order_at_seller("stranger", "4711") is None


SEEN = ("issue-1", "run-1")


async def taken(
    inventory: SqlInventory, *, seen: tuple[str, str] = SEEN, to: tuple[str, str] = ("resume-1", "run-2")
) -> bool:
    told = event(order().order_id, "order.taken-over", "/".join(to))
    return await inventory.take_over(
        order().order_id, seen=seen, workflow_id=to[0], run_id=to[1], event=told, now=at(5)
    )


async def tellings(inventory: SqlInventory) -> int:
    return sum(entry.kind == "order.taken-over" for entry in await inventory.audit(subject=order().order_id))


async def test_an_order_goes_to_another_run_with_its_acts(inventory: SqlInventory) -> None:
    placed = await bought(inventory, order())
    mine = await opened(inventory, refund(order()))
    assert await taken(inventory)
    seen = await inventory.order(order().order_id)
    assert seen is not None
    assert (seen.workflow_id, seen.run_id, seen.updated_at) == ("resume-1", "run-2", at(5))
    for act in (placed, mine):
        moved_on = act.model_copy(update={"owner": "resume-1/run-2", "fence": act.fence + 1})
        assert await inventory.act(act.act_id) == moved_on  # also as old as before
    assert await tellings(inventory) == 1
    assert await taken(inventory)
    assert (await inventory.order(order().order_id), await tellings(inventory)) == (seen, 1)
    again = await reserved(inventory, order(), owner="resume-1/run-2")
    assert again.fence == placed.fence + 1


async def test_an_attempt_of_the_former_run_changes_nothing_any_more(inventory: SqlInventory) -> None:
    act = await reserved(inventory, order(), owner=OWNER)
    sending = await moved(inventory, act, ActState.SENDING)
    assert sending is not None
    assert await taken(inventory)
    assert await moved(inventory, sending, ActState.RESERVED) is None
    stands = await inventory.act(act.act_id)
    assert stands is not None and stands.state is ActState.SENDING
    with pytest.raises(Refused, match="act-in-progress"):
        await inventory.reserve(act.act_id, fingerprint=None, owner=OWNER, price=PRICE, body_hash="", now=NOW)


async def test_acts_of_a_third_run_stay_its_own(inventory: SqlInventory) -> None:
    await bought(inventory, order())
    theirs = await opened(inventory, refund(order(), owner="cancel/run-7"))
    assert await taken(inventory)
    assert await inventory.act(theirs.act_id) == theirs


@pytest.mark.parametrize("stale", [("issue-1", "run-0"), ("issue-9", "run-1"), ("", "")])
async def test_who_saw_another_owner_gets_nothing(inventory: SqlInventory, stale: tuple[str, str]) -> None:
    act = await reserved(inventory, order(), owner=OWNER)
    before = await inventory.order(order().order_id)
    assert not await taken(inventory, seen=stale)
    assert (await inventory.order(order().order_id), await inventory.act(act.act_id)) == (before, act)
    assert await tellings(inventory) == 0
    with pytest.raises(InvariantBroken, match="order-missing"):
        await inventory.take_over("EC-X", seen=SEEN, workflow_id="w", run_id="r", event=event("EC-X"), now=NOW)


async def test_of_runs_at_the_same_time_one_takes_over(databases: Databases) -> None:
    url = await databases.fresh()
    one, two = await open_inventory(url), await open_inventory(url)
    async with one, two:
        act = await reserved(one, order(), owner=OWNER)
        runs = [(f"resume-{number}", f"run-{number}") for number in range(2, 8)]
        results = await asyncio.gather(*(taken((one, two)[n % 2], to=run) for n, run in enumerate(runs)))
        assert results.count(True) == 1
        winner = runs[results.index(True)]
        stands = await two.act(act.act_id)
        assert stands is not None and (stands.owner, stands.fence) == ("/".join(winner), 1)
        assert await tellings(one) == 1
