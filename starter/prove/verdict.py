"""What must be true after each case, as a pure judgement of what both sides show."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.order import STATES, OrderState

_SOLD = ("purchase.placed", "purchase.adopted", "purchase.ruled-placed")
_UNSENT = ("purchase.not-sent", "purchase.not-taken", "purchase.ruled-not-placed", "purchase.reopened")
_MAY_END_UNSOLD = ("rejected", "cancelled")


class Expects(StrEnum):
    """What a case must come to; all that is not named here holds for each of them."""

    ONE_SALE = "one-sale"
    """The promise: one order is one sale."""
    FORGOTTEN = "forgotten"
    """One sale, with its intention lost by an inventory that was put back: the installation's audit tells of the doubt."""
    ORPHAN_TOLD = "orphan-told"
    """A sale that shows up after a person gave the order up: the alert ``orphan-sale`` names it."""
    DOUBLE_TOLD = "double-told"
    """The chance that is left: sold again by a person's word; the alert ``double-sale`` names what is not the order's own."""


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
        alerts: kind and seller's number of each open alert about the order.
        installation_story: kinds of the audit rows of the installation, in order.
        expects: what the case must come to.
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
    alerts: tuple[tuple[str, str], ...] = ()
    installation_story: tuple[str, ...] = ()
    expects: Expects = Expects.ONE_SALE
    troubles: tuple[str, ...] = field(default=())

    @property
    def own_sale(self) -> Sale | None:
        """The sale whose number the inventory has; the only one where it has none."""
        own = [sale for sale in self.sales if sale.seller_order_id == self.seller_order_id]
        return next(iter(own or self.sales), None)


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
    if len(facts.sales) > 1 and facts.expects is not Expects.DOUBLE_TOLD:
        found.append(f"{len(facts.sales)} sales for one order")
    found += _about_alerts(facts)
    if any(sale.custom_order_id != facts.order_id for sale in facts.sales):
        found.append("a sale that does not carry the order's own id")
    allowed = 1 + sum(facts.story.count(kind) for kind in _UNSENT)
    if facts.posts > allowed:
        found.append(f"posted {facts.posts} times, where the audit allows {allowed}")
    ours, own = facts.seller_order_id, facts.own_sale
    is_given_up = facts.expects is Expects.ORPHAN_TOLD
    if own is not None and ours != ("" if is_given_up else own.seller_order_id):
        found.append(f"the seller sold {own.seller_order_id}, the inventory has {ours or 'no number'}")
    if not facts.sales and ours:
        found.append(f"the inventory has number {ours}, which the seller never sold")
    told = sum(facts.story.count(kind) for kind in _SOLD) + len(facts.alerts)
    if told != len(facts.sales):
        found.append(f"the audit tells of {told} sales, the seller of {len(facts.sales)}")
    found += _about_the_intention(facts)
    return found


def _about_alerts(facts: Facts) -> list[str]:
    own = facts.own_sale
    others = [sale for sale in facts.sales if sale is not own]
    match facts.expects:
        case Expects.ORPHAN_TOLD:
            wanted = {("orphan-sale", sale.seller_order_id) for sale in facts.sales}
        case Expects.DOUBLE_TOLD:
            wanted = {("double-sale", sale.seller_order_id) for sale in others}
        case _:
            wanted = set()
    if facts.expects in (Expects.ORPHAN_TOLD, Expects.DOUBLE_TOLD) and not wanted:
        return [f"the sale that was to be told of ({facts.expects}) was not made"]
    found = [f"no alert {kind} for the seller's order {number}" for kind, number in sorted(wanted - set(facts.alerts))]
    found += [f"an alert {kind} for the seller's order {number}" for kind, number in sorted(set(facts.alerts) - wanted)]
    if facts.alerts and "alert.raised" not in facts.story:
        found.append("an alert without its row in the audit")
    return found


def _about_the_intention(facts: Facts) -> list[str]:
    if not facts.sales or "purchase.sending" in facts.story:
        return []
    if facts.expects is not Expects.FORGOTTEN:
        return ["a sale without an intention in the audit"]
    doubts = ("reconcile.entered", "reconcile.finished")
    return [
        f"an intention was lost, and the audit has no {kind}" for kind in doubts if kind not in facts.installation_story
    ]


def _about_the_certificate(facts: Facts) -> list[str]:
    found = []
    if facts.state == OrderState.ISSUED:
        sold = facts.own_sale
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
