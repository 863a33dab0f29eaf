"""The seller's list held against the inventory: sales that nobody here knows of, sales made twice, orders to wake.

Pure. Whoever calls it reads the list first and the inventory afterwards: an order's row is committed before anything is
sent, so that a sale in the list always has its row by then, if it ever had one. Only what a list shows is ever told;
nothing follows from what a list leaves out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain import ids
from domain.inventory import ActRecord, ActState, AlertKind, NewAlert, OrderRecord
from domain.order import STATES, OrderState
from domain.seller import SellerOrder

LOOK_BACK = timedelta(days=30)
"""How far back a list is read at least."""
LONGEST_LOOK_BACK = timedelta(days=400)
"""How far back a list is read at most: a year's term and a month. Older sales are not searched for."""
OVERLAP = timedelta(days=1)
"""How much of what was compared before is read again: lists lag, and clocks differ."""

_LONGEST_FACT = 200
_NEVER = datetime.max.replace(tzinfo=UTC)


class Standing(StrEnum):
    """What the inventory knows of a reference of ours that the seller shows."""

    UNKNOWN = "unknown"
    UNSOLD = "unsold"
    SOLD = "sold"
    IN_DOUBT = "in-doubt"
    UNDER_WAY = "under-way"


@dataclass(frozen=True)
class OrderSale:
    """An order of ours and the act that was to buy it, if there is one yet."""

    order: OrderRecord
    act: ActRecord | None = None

    @property
    def seller_order_id(self) -> str:
        """The seller's number of the sale that is the order's own; empty while there is none."""
        return self.order.seller_order_id or (self.act.seller_order_id if self.act else "")


@dataclass(frozen=True)
class Comparison:
    """What follows from a list.

    Attributes:
        alerts: to raise.
        nudges: ids of orders whose runs should look at once.
        adoptions: own sales whose purchase the inventory has forgotten, though their order has the number.
    """

    alerts: tuple[NewAlert, ...] = ()
    nudges: tuple[str, ...] = ()
    adoptions: tuple[SellerOrder, ...] = ()


def reference(row: SellerOrder) -> str:
    """Return the order id of ours that a seller order carries, or empty; a seller may have changed blanks and case."""
    written = row.custom_order_id.strip().upper()
    return written if ids.is_order_id(written) else ""


def list_since(now: datetime, *, compared_at: datetime | None, oldest_open: datetime | None) -> datetime:
    """Return since when the list has to be read.

    From 30 days ago; longer where the last comparison or the oldest open order is older, and where nothing was compared
    yet; 400 days at most.
    """
    longest = now - LONGEST_LOOK_BACK
    wanted = (now - LOOK_BACK, (compared_at or longest) - OVERLAP, (oldest_open or now) - OVERLAP)
    return max(min(wanted), longest)


def unattended(sales: Iterable[OrderSale], *, now: datetime, window: timedelta) -> tuple[OrderSale, ...]:
    """Return those of which it must be asked whether a run works on them: reserved so long ago that a run had looked."""
    return tuple(sale for sale in sales if _is_overdue(sale, now, window))


def compare(
    rows: Iterable[SellerOrder], known: Mapping[str, OrderSale], *, account: str, lost: frozenset[str] = frozenset()
) -> Comparison:
    """Compare the seller's list with the inventory.

    Args:
        rows: of the list; rows without a reference of ours say nothing here, and a row may stand twice.
        known: what the inventory knows of the references, by order id, read after the list.
        account: whose list it is.
        lost: ids of orders that nothing was sent for, as far as is known, and that no run works on.
    """
    alerts: list[NewAlert] = []
    nudges: list[str] = []
    adoptions: list[SellerOrder] = []
    for order_id, sales in sorted(_by_reference(rows).items()):
        sale = known.get(order_id)
        match standing(sale, is_lost=order_id in lost):
            case Standing.SOLD if sale is not None:
                further = [row for row in sales if row.seller_order_id != sale.seller_order_id]
                alerts += [double_sale(sale.order, row, sale.seller_order_id) for row in further]
                if _is_forgotten(sale):
                    adoptions += [row for row in sales if row.seller_order_id == sale.seller_order_id]
            case Standing.UNKNOWN | Standing.UNSOLD:
                first, *further = sales
                alerts.append(_alert(AlertKind.ORPHAN_SALE, account, order_id, first, sale))
                alerts += [_alert(AlertKind.DOUBLE_SALE, account, order_id, row, sale) for row in further]
            case Standing.IN_DOUBT:
                nudges.append(order_id)
            case _:
                pass  # its run looks before it sends, and adopts what it finds
    return Comparison(tuple(alerts), tuple(nudges), tuple(adoptions))


def standing(sale: OrderSale | None, *, is_lost: bool = False) -> Standing:
    """Return what the inventory knows of a sale.

    Of an order that may still adopt a sale it cannot be said yet which of two is the further one: that is told once the
    order has its number. ``is_lost``: it is reserved, and no run is there that would adopt it.
    """
    if sale is None:
        return Standing.UNKNOWN
    if sale.seller_order_id:
        return Standing.SOLD
    if STATES[OrderState(sale.order.state)].is_end:
        return Standing.UNSOLD
    state = None if sale.act is None else sale.act.state
    if state in (ActState.REJECTED, ActState.ABANDONED) or (state is ActState.RESERVED and is_lost):
        return Standing.UNSOLD
    return Standing.IN_DOUBT if state in (ActState.SENDING, ActState.IN_DOUBT) else Standing.UNDER_WAY


def double_sale(order: OrderRecord, row: SellerOrder, own: str) -> NewAlert:
    """Return the alert for a further sale under the reference of an order whose own sale has the number ``own``."""
    facts = {**_facts(row), "own_seller_order": own, "order_state": order.state}
    return NewAlert(
        kind=AlertKind.DOUBLE_SALE,
        account=order.account,
        seller_order_id=row.seller_order_id,
        order_id=order.order_id,
        facts={name: value for name, value in facts.items() if value},
    )


def _is_overdue(sale: OrderSale, now: datetime, window: timedelta) -> bool:
    if standing(sale) is not Standing.UNDER_WAY or sale.act is None or sale.act.state is not ActState.RESERVED:
        return False
    begun = sale.act.send_deadline or sale.act.changed_at
    return begun is None or now >= begun + window


def _is_forgotten(sale: OrderSale) -> bool:
    """Tell whether the purchase of a sold order stands as if it had not come to its end.

    So after a copy of the inventory was put under a running worker: its run had the answer, and wrote into the copy what
    followed.
    """
    return sale.act is not None and sale.act.state in (ActState.RESERVED, ActState.SENDING, ActState.IN_DOUBT)


def _by_reference(rows: Iterable[SellerOrder]) -> dict[str, list[SellerOrder]]:
    """Return the rows by reference, each sale once, oldest first."""
    found: dict[str, dict[str, SellerOrder]] = {}
    for row in rows:
        if order_id := reference(row):
            found.setdefault(order_id, {})[row.seller_order_id] = row
    return {order_id: sorted(sales.values(), key=_age) for order_id, sales in found.items()}


def _age(row: SellerOrder) -> tuple[datetime, int, str]:
    return row.ordered_at or _NEVER, len(row.seller_order_id), row.seller_order_id


def _alert(kind: AlertKind, account: str, order_id: str, row: SellerOrder, sale: OrderSale | None) -> NewAlert:
    here = "unknown here" if sale is None else sale.order.state
    return NewAlert(
        kind=kind,
        account=account,
        seller_order_id=row.seller_order_id,
        order_id=order_id,
        facts={**_facts(row), "order_state": here},
    )


def _facts(row: SellerOrder) -> dict[str, str]:
    """Return what a person needs to find the sale at the seller; the seller's words, bounded."""
    told = {
        "product": row.product,
        "name": row.common_name,
        "amount": f"{row.amount.currency} {row.amount.amount:.2f}" if row.amount else "",
        "ordered_at": f"{row.ordered_at:%Y-%m-%d %H:%M} UTC" if row.ordered_at else "",
        "seller_says": row.status_text or row.state.value,
        "refund": "approved" if row.is_refund_approved else "asked for" if row.refund_request_id else "",
    }
    return {name: " ".join(value.split())[:_LONGEST_FACT] for name, value in told.items() if value}
