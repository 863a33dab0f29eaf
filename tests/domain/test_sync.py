"""What follows from the seller's list: orphan sales, double sales, orders to wake, and mostly nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain import ids, sync
from domain.inventory import ActRecord, ActState, AlertKind, NewAlert, OrderRecord
from domain.order import STATES, OrderState
from domain.seller import Money, SellerOrder, SellerState
from domain.sync import Comparison, OrderSale, Standing

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ONE = ids.order_id("evercert", "issue-1", "run-1")
TWO = ids.order_id("evercert", "issue-2", "run-1")
HOUR = timedelta(hours=1)
ENDS = [state for state, facts in STATES.items() if facts.is_end]
OPEN = [state for state in OrderState if state not in ENDS]


def row(number: str = "100", reference: str = ONE, **changes: Any) -> SellerOrder:
    fields: dict[str, Any] = {"state": SellerState.PENDING, "ordered_at": NOW - HOUR, "product": "positivessl"}
    return SellerOrder(seller_order_id=number, custom_order_id=reference, **(fields | changes))


def sale(
    state: OrderState = OrderState.PURCHASING, act: ActState | None = None, number: str = "", **changes: Any
) -> OrderSale:
    order = OrderRecord(
        order_id=ONE, workflow_id="issue-1", run_id="run-1", account="main", product="positivessl",
        common_name="www.example.test", names=("www.example.test",), months=12, dns_account="main", request_digest="d",
        state=state, seller_order_id=number, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    if act is None:
        return OrderSale(order)
    fields: dict[str, Any] = {"act_id": ONE, "order_id": ONE, "state": act, "owner": "o", "changed_at": NOW - HOUR}
    return OrderSale(order, ActRecord(**(fields | changes)))


def compare(*rows: SellerOrder, known: OrderSale | None = None, **options: Any) -> Comparison:
    return sync.compare(rows, {} if known is None else {ONE: known}, account="main", **options)


def told(found: Comparison) -> list[tuple[str, str]]:
    return [(alert.kind.value, alert.seller_order_id) for alert in found.alerts]


# standing


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, Standing.UNKNOWN),
        (sale(OrderState.AWAITING_ISSUANCE, ActState.PLACED, "100"), Standing.SOLD),
        (sale(OrderState.CANCELLED, ActState.PLACED, "100"), Standing.SOLD),
        (sale(OrderState.ISSUED, ActState.PLACED, "100"), Standing.SOLD),
        (sale(OrderState.EXPIRED, ActState.PLACED, "100"), Standing.SOLD),
        (sale(OrderState.PURCHASING, ActState.PLACED, seller_order_id="100"), Standing.SOLD),
        (sale(OrderState.CHECKING), Standing.UNDER_WAY),
        (sale(OrderState.PURCHASING, ActState.RESERVED), Standing.UNDER_WAY),
        (sale(OrderState.NEEDS_PERSON, ActState.NEEDS_PERSON), Standing.UNDER_WAY),
        (sale(OrderState.PURCHASING, ActState.SENDING), Standing.IN_DOUBT),
        (sale(OrderState.NEEDS_PERSON, ActState.IN_DOUBT), Standing.IN_DOUBT),
        (sale(OrderState.PURCHASING, ActState.REJECTED), Standing.UNSOLD),
        (sale(OrderState.PURCHASING, ActState.ABANDONED), Standing.UNSOLD),
    ],
)
def test_standing(known: OrderSale | None, expected: Standing) -> None:
    assert sync.standing(known) is expected


@pytest.mark.parametrize("act", [None, *(state for state in ActState if state is not ActState.PLACED)])
@pytest.mark.parametrize("end", ENDS)
def test_an_order_that_ended_without_a_number_is_unsold_whatever_its_act(end: OrderState, act: ActState | None) -> None:
    assert sync.standing(sale(end, act)) is Standing.UNSOLD


def test_a_reserved_order_is_unsold_only_when_no_run_is_there() -> None:
    reserved = sale(act=ActState.RESERVED)
    assert sync.standing(reserved, is_lost=True) is Standing.UNSOLD
    assert sync.standing(sale(act=ActState.SENDING), is_lost=True) is Standing.IN_DOUBT


# orphan sales


@pytest.mark.parametrize("known", [None, sale(OrderState.REJECTED, ActState.REJECTED), sale(OrderState.DRY_RUN)])
def test_a_sale_that_is_unknown_or_unsold_here_is_an_orphan(known: OrderSale | None) -> None:
    found = compare(row(), known=known)
    assert (told(found), found.nudges) == ([("orphan-sale", "100")], ())
    (alert,) = found.alerts
    assert (alert.account, alert.order_id) == ("main", ONE)
    assert alert.facts["order_state"] == ("unknown here" if known is None else known.order.state)


def test_of_several_unknown_sales_the_oldest_is_the_orphan_and_each_is_told_once() -> None:
    later, early = row("100"), row("99", ordered_at=NOW - 2 * HOUR)
    assert told(compare(later, early, early, later)) == [("orphan-sale", "99"), ("double-sale", "100")]
    undated = [row(number, ordered_at=None) for number in ("100", "99")]
    assert told(compare(*undated)) == [("orphan-sale", "99"), ("double-sale", "100")]


def test_a_reserved_order_without_a_run_is_an_orphan_and_with_one_it_is_not() -> None:
    reserved = sale(act=ActState.RESERVED)
    assert told(compare(row(), known=reserved)) == []
    assert told(compare(row(), known=reserved, lost=frozenset({ONE}))) == [("orphan-sale", "100")]


# double sales


def test_the_own_sale_is_no_news_and_every_further_one_is() -> None:
    placed = sale(OrderState.ISSUED, ActState.PLACED, "100")
    assert compare(row(), known=placed) == Comparison()
    found = compare(row(), row("101"), row("102"), known=placed)
    assert told(found) == [("double-sale", "101"), ("double-sale", "102")]
    assert found.alerts[0].facts["own_seller_order"] == "100"


def test_a_single_sale_under_another_number_than_the_orders_is_a_double_sale() -> None:
    assert told(compare(row("101"), known=sale(OrderState.ISSUED, ActState.PLACED, "100"))) == [("double-sale", "101")]


def test_a_double_sale_is_told_for_the_account_of_its_order() -> None:
    found = sync.compare([row("101")], {ONE: sale(OrderState.ISSUED, ActState.PLACED, "100")}, account="second-entry")
    assert [alert.account for alert in found.alerts] == ["main"]


def test_the_list_and_the_look_at_collection_tell_the_same_alert() -> None:
    placed = sale(OrderState.COLLECTING, ActState.PLACED, "100")
    (alert,) = compare(row("101"), known=placed).alerts
    assert alert == sync.double_sale(placed.order, row("101"), "100")


@pytest.mark.parametrize("act", [ActState.RESERVED, ActState.SENDING, ActState.IN_DOUBT])
@pytest.mark.parametrize("state", [OrderState.AWAITING_ISSUANCE, OrderState.ISSUED])
def test_a_purchase_that_was_forgotten_while_its_order_has_the_number_is_adopted(
    state: OrderState, act: ActState
) -> None:
    found = compare(row(), row("101"), known=sale(state, act, "100"))
    assert (found.adoptions, found.nudges) == ((row(),), ())
    assert told(found) == [("double-sale", "101")]
    assert compare(row("101"), known=sale(state, act, "100")).adoptions == ()


@pytest.mark.parametrize("act", [ActState.PLACED, ActState.REJECTED, ActState.ABANDONED, ActState.NEEDS_PERSON, None])
def test_a_purchase_that_came_to_its_end_is_not_adopted_again(act: ActState | None) -> None:
    assert compare(row(), known=sale(OrderState.ISSUED, act, "100")).adoptions == ()


# to wake


@pytest.mark.parametrize("act", [ActState.SENDING, ActState.IN_DOUBT])
def test_an_order_in_doubt_that_shows_up_is_woken_and_nobody_is_alarmed(act: ActState) -> None:
    assert compare(row(), row("101"), known=sale(act=act)) == Comparison(nudges=(ONE,))


def test_what_is_under_way_is_left_to_its_run() -> None:
    assert compare(row(), row("101"), known=sale(OrderState.CHECKING)) == Comparison()


# references


@pytest.mark.parametrize("written", ["", "EC-4711", "EC-", f"X{ONE}", f"{ONE}7", "INV-1", ONE.replace("EC-", "EC_")])
def test_orders_of_others_are_no_concern_of_ours(written: str) -> None:
    assert sync.reference(row(reference=written)) == ""
    assert compare(row(reference=written)) == Comparison()


@pytest.mark.parametrize("written", [ONE, ONE.lower(), f" {ONE} "])
def test_a_reference_is_ours_although_the_seller_changed_case_or_blanks(written: str) -> None:
    assert sync.reference(row(reference=written)) == ONE


def test_nothing_follows_from_what_a_list_leaves_out() -> None:
    for known in (sale(OrderState.ISSUED, ActState.PLACED, "100"), sale(act=ActState.IN_DOUBT)):
        assert compare(known=known) == Comparison()


def test_alerts_come_in_one_order_whatever_the_lists() -> None:
    rows = [row("2", TWO), row("1"), row("3", TWO)]
    assert compare(*rows) == compare(*reversed(rows))


# facts


def test_facts_help_to_find_the_sale_and_are_bounded() -> None:
    (alert,) = compare(
        row(
            common_name="www.example.test",
            amount=Money(amount=Decimal("7.1")),
            status_text="Pending\n" + "x" * 500,
            refund_request_id="7",
        )
    ).alerts
    assert alert == NewAlert(
        kind=AlertKind.ORPHAN_SALE,
        account="main",
        seller_order_id="100",
        order_id=ONE,
        facts={
            "product": "positivessl",
            "name": "www.example.test",
            "amount": "USD 7.10",
            "ordered_at": "2026-11-25 11:00 UTC",
            "seller_says": "Pending " + "x" * 192,
            "refund": "asked for",
            "order_state": "unknown here",
        },
    )


# who works on it


@pytest.mark.parametrize(
    ("known", "is_asked"),
    [
        (sale(act=ActState.RESERVED, changed_at=NOW - HOUR), True),
        (sale(act=ActState.RESERVED, changed_at=NOW - HOUR / 2), False),
        (sale(act=ActState.RESERVED, changed_at=NOW - 2 * HOUR, send_deadline=NOW - HOUR / 2), False),
        (sale(act=ActState.SENDING), False),
        (sale(OrderState.REJECTED, ActState.RESERVED), False),
        (sale(OrderState.CHECKING), False),
    ],
)
def test_only_of_orders_reserved_long_ago_it_is_asked_whether_a_run_is_there(known: OrderSale, is_asked: bool) -> None:
    assert sync.unattended([known], now=NOW, window=HOUR) == ((known,) if is_asked else ())


# how far back


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


@pytest.mark.parametrize(
    ("compared_at", "oldest_open", "since"),
    [
        (NOW, None, days(30)),
        (NOW, days(2), days(30)),
        (NOW, days(60), days(61)),
        (days(90), days(60), days(91)),
        (None, None, days(400)),
        (NOW, days(800), days(400)),
    ],
)
def test_how_far_back_a_list_is_read(
    compared_at: datetime | None, oldest_open: datetime | None, since: datetime
) -> None:
    assert sync.list_since(NOW, compared_at=compared_at, oldest_open=oldest_open) == since
