"""What must be true after each case, as a pure judgement of what both sides show."""

from dataclasses import dataclass, field

from domain.order import STATES, OrderState

_SOLD = ("purchase.placed", "purchase.adopted", "purchase.ruled-placed")
_UNSENT = ("purchase.not-sent", "purchase.not-taken", "purchase.ruled-not-placed", "purchase.reopened")
_MAY_END_UNSOLD = ("rejected", "cancelled")


@dataclass(frozen=True)
class Sale:
    """One sale in the seller's own book."""

    seller_order_id: str
    custom_order_id: str
    major: str
    serial: str
    refunded: bool = False


@dataclass(frozen=True)
class Facts:
    """What the two sides show when a case is over.

    Attributes:
        order_id: ours; empty when no order came to be.
        run_status: of the newest run: ``COMPLETED``, ``RUNNING``, …
        state, seller_order_id, serial: as the inventory shows them.
        versions: how many versions the inventory holds, quarantined ones included.
        sales: all sales of the case's name, whatever id they carry.
        posts: how often a purchase was posted for the case's name, answered or not.
        keys: how many private keys were made for the order.
        key_matches: the one sealed key opens and is the leaf's; None when there is no leaf.
        records: proof records still published.
        story: kinds of the audit rows of the order, in order.
        persons: what the run waited for a person for, with what that person did.
        unlisted: boundaries passed before the strike that no undisturbed run passes.
        troubles: what went wrong with the case itself: never struck, never finished, ….
    """

    order_id: str = ""
    run_status: str = ""
    state: str = ""
    seller_order_id: str = ""
    serial: str = ""
    versions: int = 0
    sales: tuple[Sale, ...] = ()
    posts: int = 0
    keys: int = 0
    key_matches: bool | None = None
    records: int = 0
    story: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    troubles: tuple[str, ...] = field(default=())


def breaches(facts: Facts) -> tuple[str, ...]:
    """Return every promise that was not kept, one sentence each; none when all is well."""
    found = [*facts.troubles]
    found += [f"passed {place}, which no undisturbed run passes" for place in facts.unlisted[:3]]
    found += _about_money(facts)
    found += _about_the_certificate(facts)
    found += _about_the_end(facts)
    return tuple(found)


def _about_money(facts: Facts) -> list[str]:
    found = []
    if len(facts.sales) > 1:
        found.append(f"{len(facts.sales)} sales for one order")
    if any(sale.custom_order_id != facts.order_id for sale in facts.sales):
        found.append("a sale that does not carry the order's own id")
    allowed = 1 + sum(facts.story.count(kind) for kind in _UNSENT)
    if facts.posts > allowed:
        found.append(f"posted {facts.posts} times, where the audit allows {allowed}")
    ours = facts.seller_order_id
    if facts.sales and ours != facts.sales[0].seller_order_id:
        found.append(f"the seller sold {facts.sales[0].seller_order_id}, the inventory has {ours or 'no number'}")
    if not facts.sales and ours:
        found.append(f"the inventory has number {ours}, which the seller never sold")
    told = sum(facts.story.count(kind) for kind in _SOLD)
    if told != len(facts.sales):
        found.append(f"the audit tells of {told} sales, the seller of {len(facts.sales)}")
    if facts.sales and "purchase.sending" not in facts.story:
        found.append("a sale without an intention in the audit")
    return found


def _about_the_certificate(facts: Facts) -> list[str]:
    found = []
    if facts.state == OrderState.ISSUED:
        sold = facts.sales[0] if facts.sales else None
        if facts.keys != 1:
            found.append(f"{facts.keys} private keys for one order")
        if facts.key_matches is not True:
            found.append("the sealed key does not open the leaf")
        if facts.versions != 1:
            found.append(f"{facts.versions} versions of one certificate")
        if sold is not None and sold.serial != facts.serial:
            found.append(f"the inventory has serial {facts.serial}, the seller {sold.serial or 'none'}")
    elif facts.keys > 1:
        found.append(f"{facts.keys} private keys for one order")
    if facts.records:
        found.append(f"{facts.records} proof records left published")
    return found


def _about_the_end(facts: Facts) -> list[str]:
    if not facts.order_id:
        return ["no order came of it"]
    if not facts.state and facts.run_status == "CANCELED" and not facts.sales:
        return []  # stopped before there was an order
    found = []
    if not facts.state or not STATES[OrderState(facts.state)].is_end:
        found.append(f"not finished: {facts.state or 'no row'}, run {facts.run_status or 'unknown'}")
    elif facts.run_status == "RUNNING":
        found.append(f"the inventory says {facts.state}, the run still goes on")
    if facts.state in _MAY_END_UNSOLD:
        if any(not sale.refunded for sale in facts.sales):
            found.append(f"{facts.state}, with a sale that was not refunded")
    elif not facts.sales:
        found.append(f"{facts.state or 'no state'}, and nothing was sold")
    if facts.story and f"order.{facts.state}" not in facts.story:
        found.append(f"the audit does not tell of the end ({facts.state})")
    if not facts.story:
        found.append("the audit is empty")
    return found
