"""A seller in memory that can lose answers, lag and misbehave, and a clock that stands still until it is moved."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from activities.ports import Seller, SendGate
from domain.errors import Ambiguous, EvercertError, NotSent, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord
from domain.product import Product, ProductTerm
from domain.reconcile import Watermark, higher
from domain.seller import Money, Placement, ProofRecord, SellerOrder, SellerState
from tests.adapters.inventory_support import NOW

PROOF = ProofRecord(name="www.example.test", record_type="CNAME", owner="_p.www.example.test", value="x.sectigo.com")


@dataclass
class StandingClock:
    """A clock under the test's hand; a gate made from it can be drifted apart."""

    at: datetime = NOW
    is_drifting: bool = False

    async def now(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)

    def send_gate(self, deadline: datetime) -> SendGate:
        return _Gate(self, deadline)


@dataclass
class _Gate:
    clock: StandingClock
    deadline: datetime

    def may_send(self) -> bool:
        return self.clock.at < self.deadline and not self.clock.is_drifting


@dataclass
class KeptInMemory:
    """How far the inventory was when something was last sent, kept where no copy of the inventory reaches."""

    mark: Watermark | None = None
    on_keep: EvercertError | None = None
    on_read: EvercertError | None = None

    async def read(self) -> Watermark | None:
        if self.on_read is not None:
            raise self.on_read
        return self.mark

    async def keep(self, mark: Watermark) -> None:
        if self.on_keep is not None:
            raise self.on_keep
        self.mark = mark if self.mark is None else higher(self.mark, mark)


@dataclass
class Shop:
    """The seller: what it sold, and how it treats its customers.

    Attributes:
        sold: every sale, in order; two with one reference are a double sale.
        shows_after: how long a sale stays invisible, by id and by list.
        repeated: what a second order with a known reference does: ``accept``, ``reject``, ``return``.
        before_sale, after_sale: raised before or after the sale is made.
        on_find: raised instead of an answer to a look-up.
        before_post: called when a post arrives, for races.
        leaves: what there is to download.
        offers: what it sells instead of the one product.
    """

    clock: StandingClock
    sold: list[SellerOrder] = field(default_factory=list)
    sold_at: list[datetime] = field(default_factory=list)
    shows_after: timedelta = timedelta()
    repeated: str = "accept"
    price: Decimal = Decimal("7.10")
    charges: Decimal | None = None
    before_sale: EvercertError | None = None
    after_sale: EvercertError | None = None
    on_find: EvercertError | None = None
    on_validate: EvercertError | None = None
    lists_reference: bool = True
    posts: int = 0
    finds: int = 0
    before_post: Callable[[], None] = lambda: None
    leaves: tuple[str, ...] = ()
    offers: tuple[Product, ...] | None = None

    async def open(self, account: str | AccountRecord) -> Seller:
        return cast("Seller", self)  # as far as the activities under test need one

    async def catalogue(self, account: str) -> tuple[Product, ...]:
        return await self.products()

    async def check_credentials(self) -> None:
        return None

    async def products(self, code: str = "") -> tuple[Product, ...]:
        if self.offers is not None:
            return self.offers
        term = ProductTerm(months=12, price=self.price)
        return (
            Product(code="positivessl", name="P", vendor="SECTIGO", level="dv", terms=(term,), read_at=self.clock.at),
        )

    async def validate(self, placement: Placement) -> None:
        if self.on_validate is not None:
            raise self.on_validate

    async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
        self.before_post()
        await asyncio.sleep(0)
        if not gate.may_send():
            raise NotSent("send-window-over", "the gate was shut")
        self.posts += 1
        if self.before_sale is not None:
            raise self.before_sale
        earlier = [order for order in self.sold if order.custom_order_id == placement.order_id]
        if earlier and self.repeated == "reject":
            raise Ambiguous("purchase-outcome-unknown", "the reference is known already")
        if earlier and self.repeated == "return":
            return earlier[0]
        order = self.sell(placement.order_id, placement.product, placement.common_name)
        if self.after_sale is not None:
            raise self.after_sale
        return order

    def sell(self, reference: str, product: str, name: str) -> SellerOrder:
        """Make a sale."""
        order = SellerOrder(
            seller_order_id=str(9_900_000 + len(self.sold)),
            custom_order_id=reference,
            state=SellerState.PENDING,
            status_text="Pending",
            product=product,
            common_name=name,
            names=(name,),
            months=12,
            amount=Money(amount=self.price if self.charges is None else self.charges),
            proof_records=(PROOF,),
            ordered_at=self.clock.at,
        )
        self.sold.append(order)
        self.sold_at.append(self.clock.at)
        return order

    def alter(self, **facts: object) -> SellerOrder:
        """Let the newest sale be shown otherwise from now on."""
        self.sold[-1] = self.sold[-1].model_copy(update=facts)
        return self.sold[-1]

    def _shown(self) -> list[SellerOrder]:
        return [o for o, at in zip(self.sold, self.sold_at, strict=True) if at + self.shows_after <= self.clock.at]

    async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
        self.finds += 1
        if self.on_find is not None:
            raise afresh(self.on_find)
        for order in reversed(self._shown()):
            if seller_order_id in ("", order.seller_order_id) and custom_order_id in ("", order.custom_order_id):
                return order
        return None

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        if page > 1:
            return ()
        rows = self._shown()
        if not self.lists_reference:
            rows = [row.model_copy(update={"custom_order_id": ""}) for row in rows]
        return tuple(rows)

    async def request_refund(self, seller_order_id: str, *, reason: str, gate: SendGate) -> SellerOrder:
        self.before_post()
        await asyncio.sleep(0)
        if not gate.may_send():
            raise NotSent("send-window-over", "the gate was shut")
        self.posts += 1
        if self.before_sale is not None:
            raise self.before_sale
        index = next(i for i, order in enumerate(self.sold) if order.seller_order_id == seller_order_id)
        self.sold[index] = self.sold[index].model_copy(update={"refund_request_id": "77"})
        if self.after_sale is not None:
            raise self.after_sale
        return self.sold[index]

    async def download(self, seller_order_id: str) -> tuple[str, ...]:
        if not self.leaves:
            raise NotYet("download-unavailable", "nothing to download yet")
        return self.leaves


def afresh(error: EvercertError) -> EvercertError:
    """Return an error of its own for each raise: who catches one may write a pause into it."""
    return type(error)(error.code, error.message, retry_after=error.retry_after)


LOST = Ambiguous("purchase-outcome-unknown", "the connection closed after the request was sent")
AWAY = Unavailable("seller-unreachable", "nobody answers")
REJECTED_TOKEN = Refused("auth-rejected", "the credential was turned down")
