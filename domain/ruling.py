"""What a person may rule about a purchase in doubt, and when: pure, like the table it completes.

A ruling never makes a second sale possible by itself: *not placed* is taken only when nothing of ours can be on its way
any more and the seller, asked freshly by id and by list, shows nothing.
"""

from datetime import datetime, timedelta

from domain.errors import Refused
from domain.inventory import ActRecord, ActState
from domain.purchase import Sight, sight
from domain.seller import Placement, SellerOrder

_OPEN_TO_RULING = (ActState.IN_DOUBT, ActState.NEEDS_PERSON)


def plain_number(typed: str | None) -> str:
    """Return the seller's number as the seller writes it: without the zeros in front that a person may type; may be ``""``."""
    return (typed or "").lstrip("0")


def refuse_any(act: ActRecord) -> Refused | None:
    """Tell why no ruling is taken at all: only a purchase that waits for a person can be ruled about."""
    if act.state in _OPEN_TO_RULING:
        return None
    return Refused(
        "nothing-to-resolve",
        f"the purchase is {act.state.value}, so there is nothing to rule about",
        next_step=f"evercert order show {act.order_id}",
    )


def refuse_placed(found: SellerOrder | None, placement: Placement, *, holder: str) -> Refused | None:
    """Tell why the seller's order that a person named cannot be adopted.

    Args:
        found: what the seller shows under that number in this account, or None.
        placement: what was to be bought.
        holder: our other order that has this number already, or ``""``.
    """
    if found is None:
        return Refused(
            "seller-order-unknown",
            "the seller shows no order of that number in this account",
            next_step="look the number up at the seller, with the same account.",
        )
    if holder:
        return Refused(
            "seller-order-taken",
            f"that number belongs to our order {holder}",
            next_step=f"evercert order show {holder}",
        )
    if found.custom_order_id not in ("", placement.order_id):
        return Refused("order-not-ours", "the seller shows that order under another reference than ours")
    as_ours = found.model_copy(update={"custom_order_id": placement.order_id})
    if sight(as_ours, placement) is not Sight.OURS:
        return Refused(
            "order-not-ours",
            "the seller shows that order with another product or other names",
            next_step="look the number up again, or rule not-placed once the window is over.",
        )
    return None


def refuse_not_placed(
    act: ActRecord, *, by_id: Sight, listed: bool, now: datetime, window: timedelta
) -> Refused | None:
    """Tell why *not placed* is not taken.

    Args:
        act: the row.
        by_id: what a fresh look by our id saw.
        listed: whether the seller's list shows an order under our id.
        now: UTC.
        window: how long a sale may take to show up at the seller.
    """
    if by_id is not Sight.NOTHING or listed:
        return Refused(
            "seller-shows-order",
            "the seller shows an order under our reference, so it was placed",
            next_step=f"evercert order check {act.order_id} adopts it",
        )
    if act.send_deadline is None:
        return None
    over_at = act.send_deadline + window
    if now < over_at:
        return Refused(
            "too-early-to-tell",
            f"a sale may still show up at the seller until {over_at:%Y-%m-%d %H:%M} UTC",
            next_step="rule again after that time.",
        )
    return None
