"""The purchase as a pure decision table: what is known → what to do next.

An order costs money at the moment of one POST whose answer may be lost. The intention is written first, the seller is
asked before anything is sent, and whoever finds the row in ``sending`` never posts: it looks. Design: one order is one
sale. The ``purchase`` activity follows this table and decides nothing itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain import ids
from domain.inventory import ActRecord, ActState
from domain.seller import Placement, SellerOrder

SEND_SECONDS = 30
"""How long after the commit of ``sending`` the request may still leave the process."""

FIRST_LOOK_SECONDS = 2
SLOWEST_LOOK_SECONDS = 300
_SENT_TWICE = 4  # reserved 0, sending 1, and once more reserved 2 or more, sending 3 or more, placed


class Step(StrEnum):
    """What the purchase activity does next."""

    LOOK = "look"
    SEND = "send"
    ADOPT = "adopt"
    WAIT = "wait"
    DOUBT = "doubt"
    CALL_PERSON = "call-person"
    REOPEN = "reopen"
    FINISHED = "finished"


class Sight(StrEnum):
    """What a look-up by our own id saw."""

    NOT_LOOKED = "not-looked"
    OURS = "ours"
    FOREIGN = "foreign"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Decision:
    """The next step, and why, for people.

    ``wait`` says how long before the next look; ``to`` which state ``REOPEN`` goes back to.
    """

    step: Step
    why: str
    code: str = ""
    wait: timedelta | None = None
    to: ActState = ActState.RESERVED


def sight(found: SellerOrder | None, placement: Placement) -> Sight:
    """Tell whether a found order is positively ours: our id, equal product and names."""
    if found is None:
        return Sight.NOTHING
    same_id = found.custom_order_id == placement.order_id
    same_product = found.product in ("", placement.product)
    shown = set(found.names) or {found.common_name}
    same_names = placement.common_name in shown and shown <= _names_sold_with(placement.common_name)
    return Sight.OURS if same_id and same_product and same_names else Sight.FOREIGN


def _names_sold_with(name: str) -> set[str]:
    """Return the names that a single-name product may add by itself: the free ``www`` twin, the base of a wildcard."""
    bare = name.removeprefix("*.").removeprefix("www.")
    return {name, bare, f"www.{bare}"}


def decide(act: ActRecord, seen: Sight, *, now: datetime, window: timedelta, person_asks: bool = False) -> Decision:
    """Return the next step of a purchase.

    Args:
        act: the row as it stands in the database.
        seen: what the look-up of this attempt saw, ``NOT_LOOKED`` before it.
        now: UTC.
        window: how long a sale may take to show up at the seller (account setting).
        person_asks: a person has asked to go on after ``needs-person``.
    """
    if act.state in (ActState.PLACED, ActState.REJECTED, ActState.ABANDONED):
        return Decision(Step.FINISHED, f"the purchase is {act.state.value}")
    if act.state is ActState.NEEDS_PERSON:
        if person_asks:
            return Decision(Step.REOPEN, "a person has asked to go on", to=_reopened(act))
        return Decision(Step.FINISHED, "a person has to act first", code=act.error_code)
    if seen is Sight.NOT_LOOKED:
        return Decision(Step.LOOK, "the seller is asked for our own reference first")
    if seen is Sight.OURS:
        return Decision(Step.ADOPT, "the seller shows this order under our reference")
    if seen is Sight.FOREIGN:
        return Decision(Step.CALL_PERSON, "the seller shows another order under our reference", code="order-not-ours")
    if act.state is ActState.RESERVED:
        return Decision(Step.SEND, "nothing was sent yet and the seller does not know our reference")
    return _decide_lost_answer(act, now, window)


def _reopened(act: ActRecord) -> ActState:
    """Return where a person's wish to go on leads: what may have been sent is looked for, never sent again."""
    is_in_doubt = act.error_code == "order-not-ours" and act.send_deadline is not None
    return ActState.SENDING if is_in_doubt else ActState.RESERVED


def _decide_lost_answer(act: ActRecord, now: datetime, window: timedelta) -> Decision:
    """``sending`` or ``in-doubt`` and the seller shows nothing: wait for the window, then a person. Never post."""
    assert act.send_deadline is not None
    over_at = act.send_deadline + window
    if act.state is ActState.IN_DOUBT:
        return Decision(Step.FINISHED, "the seller still shows nothing", code="purchase-in-doubt")
    if now >= over_at:
        return Decision(Step.DOUBT, "the answer was lost and the seller shows nothing", code="purchase-in-doubt")
    waited = max((now - act.send_deadline + timedelta(seconds=SEND_SECONDS)).total_seconds(), 0.0)
    pause = min(max(waited / 2, FIRST_LOOK_SECONDS), SLOWEST_LOOK_SECONDS, max((over_at - now).total_seconds(), 1.0))
    return Decision(
        Step.WAIT,
        "the answer was lost; the seller does not show the order yet",
        code="purchase-looking",
        wait=timedelta(seconds=pause),
    )


def candidates(listed: Iterable[SellerOrder], placement: Placement) -> tuple[str, ...]:
    """Return the numbers of listed orders that may be ours but do not say so: equal product and names, no reference.

    They are shown to the person who decides and never adopted by themselves.
    """
    return tuple(
        order.seller_order_id
        for order in listed
        if not order.custom_order_id
        and sight(order.model_copy(update={"custom_order_id": placement.order_id}), placement) is Sight.OURS
    )


def listed_as_ours(listed: Iterable[SellerOrder], placement: Placement) -> SellerOrder | None:
    """Return the listed order that carries our reference, if there is one."""
    return next((order for order in listed if order.custom_order_id == placement.order_id), None)


def may_be_sold_twice(act: ActRecord) -> bool:
    """Tell whether more than one request for a placed purchase may have left, by how often its act has changed."""
    return act.fence >= _SENT_TWICE


def fingerprint(*, account: str, product: str, names: tuple[str, ...]) -> str:
    """Return what two equal orders share: account, product, sorted names."""
    return ids.digest({"account": account, "product": product, "names": sorted(names)})


def body_hash(placement: Placement) -> str:
    """Return the digest of what is sent, credentials left out."""
    return ids.digest(placement.model_dump(mode="json"))
