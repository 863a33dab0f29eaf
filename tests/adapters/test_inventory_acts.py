"""Acts that may cost money: one sale per request whatever runs at the same time, and one winner of every change."""

import asyncio
import itertools
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from activities.adapters.inventory import SqlInventory, acts, open_inventory
from activities.adapters.inventory.failures import RuleBroken
from domain.errors import Ambiguous, EvercertError, InvalidRequest, InvariantBroken, Refused
from domain.inventory import ActRecord, ActState, NewOrder, OrderChange
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
    version,
)


async def outcome(attempt: Coroutine[object, object, ActRecord]) -> ActRecord | EvercertError:
    try:
        return await attempt
    except EvercertError as error:
        return error


async def test_an_act_is_reserved_once_by_its_owner(inventory: SqlInventory) -> None:
    first = await reserved(inventory, order())
    assert (first.state, first.fence, first.price, first.body_hash) == (ActState.RESERVED, 0, PRICE, "hash")
    assert await reserved(inventory, order()) == first == await inventory.act(first.act_id)
    sending = await moved(inventory, first, ActState.SENDING)
    assert await reserved(inventory, order()) == sending
    seen = await inventory.order(first.order_id)
    assert seen is not None
    assert seen.price == PRICE
    kinds = [entry.kind for entry in await inventory.audit(subject=first.order_id)]
    assert kinds == ["order.requested", "purchase.reserved", "purchase.sending"]


async def test_another_run_is_told_whose_act_it_is(inventory: SqlInventory) -> None:
    await reserved(inventory, order(), owner="a-typed-name/run-9")
    with pytest.raises(Refused, match=r"act-in-progress.*run-9") as caught:
        await reserved(inventory, order(), owner="issue/run-2")
    assert "a-typed-name" not in str(caught.value)


async def test_nothing_is_reserved_for_an_unknown_order(inventory: SqlInventory) -> None:
    with pytest.raises(InvariantBroken, match="order-missing"):
        await inventory.reserve("EC-X", fingerprint=None, owner="o", price=PRICE, body_hash="", now=NOW)


async def test_of_equal_orders_at_the_same_time_one_is_sold(databases: Databases) -> None:
    """Two workers: two inventories on one database, with connections of their own."""
    url = await databases.fresh()
    one, two = await open_inventory(url), await open_inventory(url)
    async with one, two:
        wanted = [order(number) for number in range(6)]
        results = await asyncio.gather(
            *(outcome(reserved((one, two)[number % 2], want)) for number, want in enumerate(wanted))
        )
        won = [result for result in results if isinstance(result, ActRecord)]
        lost = [result for result in results if isinstance(result, InvalidRequest)]
        assert (len(won), len(lost)) == (1, 5)
        assert {error.code for error in lost} == {"duplicate-order"}
        assert all(won[0].order_id in error.message for error in lost)
        assert await one.open_orders_like(fingerprint(wanted[0])) == (won[0].order_id,)


async def test_an_allowed_duplicate_is_reserved_beside_the_other(inventory: SqlInventory) -> None:
    first, second = order(1), order(2)
    await reserved(inventory, first)
    await inventory.open_order(second, NOW)
    act = await inventory.reserve(second.order_id, fingerprint=None, owner="o", price=PRICE, body_hash="", now=NOW)
    assert act.state is ActState.RESERVED
    assert await inventory.open_orders_like(fingerprint(first)) == (first.order_id,)


@pytest.mark.parametrize(("days", "is_covered"), [(31, True), (30, False)])
async def test_what_an_equal_order_has_brought_meanwhile_is_not_reserved_again(
    inventory: SqlInventory, days: int, is_covered: bool
) -> None:
    """Both were checked when neither was reserved; the first one has its certificate before the second comes so far."""
    first, second = order(1), order(2)
    act = await reserved(inventory, first)
    await inventory.open_order(second, NOW)
    await moved(inventory, act, ActState.PLACED)
    await inventory.store_version(version(first, "A1"), NOW)
    await inventory.make_current(first.order_id, "A1", event(first.order_id, "version.current"), NOW)
    ended = OrderChange(state="issued", term_ends_at=NOW + timedelta(days=days))
    await inventory.change_order(first.order_id, ended, None, NOW)
    assert await inventory.open_orders_like(fingerprint(first)) == ()
    if is_covered:
        with pytest.raises(InvalidRequest, match=f"already-issued.*{first.order_id}"):
            await reserved(inventory, second)
        assert await inventory.act(second.order_id) is None
        more = await inventory.reserve(second.order_id, fingerprint=None, owner="o", price=PRICE, body_hash="", now=NOW)
        assert more.state is ActState.RESERVED  # a duplicate that is allowed
    else:
        assert (await reserved(inventory, second)).state is ActState.RESERVED


async def test_a_request_id_belongs_to_its_request_for_ever(inventory: SqlInventory) -> None:
    first = order(1, request_id="r-1")
    act = await reserved(inventory, first)
    held = await inventory.order_with_request_id("sandbox", "r-1")
    assert held is not None
    assert held.order_id == first.order_id
    await moved(inventory, act, ActState.REJECTED)
    await inventory.change_order(first.order_id, OrderChange(state="rejected"), None, at(1))
    with pytest.raises(InvalidRequest, match=f"request-id-taken.*{first.order_id}"):
        await reserved(inventory, order(2, request_id="r-1"))
    with pytest.raises(InvalidRequest, match=f"request-id-reused.*{first.order_id}"):
        await reserved(inventory, order(3, request_id="r-1", digest="another"))
    assert await inventory.act(order(2).order_id) is None
    other_account = order(4, request_id="r-1", name="b.example.test").model_copy(update={"account": "live"})
    assert (await reserved(inventory, other_account)).state is ActState.RESERVED


async def test_a_request_id_is_no_reservation_before_there_is_one(inventory: SqlInventory) -> None:
    await inventory.open_order(order(1, request_id="r-1"), NOW)
    assert await inventory.order_with_request_id("sandbox", "r-1") is None
    assert (await reserved(inventory, order(2, request_id="r-1"))).state is ActState.RESERVED


async def test_orders_without_request_id_do_not_collide(inventory: SqlInventory) -> None:
    await reserved(inventory, order(1))
    await reserved(inventory, order(2, name="b.example.test"))
    assert await inventory.order_with_request_id("sandbox", "") is None


@pytest.mark.parametrize(
    ("second", "code"),
    [(order(2, name="b.example.test", request_id="r-1"), "request-id-taken"), (order(2), "duplicate-order")],
)
async def test_the_keys_of_the_database_hold_where_a_look_came_too_early(
    inventory: SqlInventory, monkeypatch: pytest.MonkeyPatch, second: NewOrder, code: str
) -> None:
    """As on PostgreSQL, where another writer may commit between look and insert."""
    await reserved(inventory, order(1, request_id="r-1"))
    looks = 0
    really = acts._refuse_taken_keys

    def too_early(*given: object) -> None:
        nonlocal looks
        looks += 1
        if looks > 1:
            really(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(acts, "_refuse_taken_keys", too_early)
    with pytest.raises(InvalidRequest, match=code):
        await reserved(inventory, second)
    assert looks == 2
    assert await inventory.act(second.order_id) is None
    monkeypatch.setattr(acts, "_refuse_taken_keys", _sees_nothing)
    with pytest.raises(RuleBroken):
        await reserved(inventory, second)


def _sees_nothing(*_: object) -> None:
    """A look that finds no key taken."""


async def test_one_open_act_per_order_is_a_rule_of_the_database(inventory: SqlInventory) -> None:
    act = await reserved(inventory, order())
    columns = "order_id, kind, state, owner, fence, body_hash, sender, seller_order_id, error_code, changed_at"
    copy = text(f"INSERT INTO seller_act (act_id, {columns}) SELECT :id, {columns} FROM seller_act LIMIT 1")

    async def second(act_id: str) -> None:
        with inventory._db.writing() as session:
            session.execute(copy, {"id": act_id})

    for state in (ActState.SENDING, ActState.IN_DOUBT, ActState.NEEDS_PERSON):
        with pytest.raises(RuleBroken):
            await second("act_2")
        changed = await moved(inventory, act, state)
        assert changed is not None
        act = changed
    await moved(inventory, act, ActState.PLACED)
    await second("act_2")


async def test_of_changes_at_the_same_time_exactly_one_wins(databases: Databases) -> None:
    url = await databases.fresh()
    one, two = await open_inventory(url), await open_inventory(url)
    async with one, two:
        act = await reserved(one, order())
        targets = [ActState.SENDING, ActState.PLACED, ActState.REJECTED, ActState.NEEDS_PERSON] * 2
        results = await asyncio.gather(
            *(moved((one, two)[number % 2], act, target) for number, target in enumerate(targets))
        )
        (winner,) = [result for result in results if result is not None]
        assert winner == await two.act(act.act_id)
        assert winner.fence == 1
        told = [entry.kind for entry in await one.audit(subject=act.order_id)]
        assert told[2:] == [f"purchase.{winner.state.value}"]


async def test_a_change_takes_over_what_it_may_and_shows_it_at_the_order(inventory: SqlInventory) -> None:
    act = await reserved(inventory, order())
    charged = Money(amount=Decimal("7.20"))
    changes = act.model_copy(
        update={
            "owner": "somebody else",
            "price": Money(amount=Decimal(1)),
            "send_deadline": at(1),
            "sender": "attempt-1",
            "seller_order_id": "4711",
            "charged": charged,
            "error_code": "some-code",
            "body_hash": "new-hash",
        }
    )
    placed = await moved(inventory, act, ActState.PLACED, changes=changes)
    expected = changes.model_copy(
        update={"owner": act.owner, "price": PRICE, "state": ActState.PLACED, "fence": 1, "changed_at": at(1)}
    )
    assert placed == expected
    seen = await inventory.order(act.order_id)
    assert seen is not None
    assert (seen.seller_order_id, seen.charged, seen.updated_at) == ("4711", charged, at(1))
    assert await moved(inventory, act, ActState.PLACED, changes=changes) is None
    kept = await moved(inventory, expected, ActState.PLACED)
    assert kept == expected.model_copy(update={"fence": 2})


async def test_a_sale_shown_for_another_order_of_ours_is_not_taken_over(inventory: SqlInventory) -> None:
    first = await reserved(inventory, order(1))
    second = await reserved(inventory, order(2, name="b.example.test"))
    changes = first.model_copy(update={"seller_order_id": "4711"})
    await moved(inventory, first, ActState.PLACED, changes=changes)
    with pytest.raises(Ambiguous, match=f"seller-order-taken.*{first.order_id}"):
        await moved(inventory, second, ActState.PLACED, changes=changes)
    assert await inventory.act(second.act_id) == second


async def test_a_rejection_frees_the_fingerprint(inventory: SqlInventory) -> None:
    act = await reserved(inventory, order(1))
    await moved(inventory, act, ActState.REJECTED)
    assert await inventory.open_orders_like(fingerprint(order(1))) == ()
    assert (await reserved(inventory, order(2))).state is ActState.RESERVED


Change = tuple[ActState, int, ActState]
CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(st.sampled_from(ActState), st.integers(0, 4), st.sampled_from(ActState)), max_size=8
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],  # each example has its own order
)
@given(changes=CHANGES)
def test_a_change_counts_only_for_who_saw_the_act_as_it_is(shared_url: str, changes: list[Change]) -> None:
    """Against a model of two values: state and fence."""
    asyncio.run(_compare_with_model(shared_url, next(_numbers), changes))


_numbers = itertools.count(1)


@pytest.fixture
async def shared_url(databases: Databases) -> str:
    """One database for all examples of a property."""
    return await databases.fresh()


async def _compare_with_model(url: str, number: int, changes: list[Change]) -> None:
    async with await open_inventory(url) as inventory:
        act = await reserved(inventory, order(number, name=f"n{number}.example.test"))
        state, fence, told = ActState.RESERVED, 0, 0
        for step, (seen, seen_fence, to) in enumerate(changes):
            result = await inventory.change_act(
                act.act_id,
                seen=seen,
                fence=seen_fence,
                to=to,
                changes=None,
                event=event(act.order_id, "purchase.changed", str(step)),
                now=at(step),
            )
            if (seen, seen_fence) == (state, fence):
                state, fence, told = to, fence + 1, told + 1
                assert result is not None
            else:
                assert result is None
            stands = await inventory.act(act.act_id)
            assert stands is not None
            assert (stands.state, stands.fence) == (state, fence)
        audit = await inventory.audit(subject=act.order_id)
        assert sum(entry.kind == "purchase.changed" for entry in audit) == told
