"""The seller's book: orders, proofs, sales, and how they looked a while ago.

Everything here is plain data with its own JSON form, so that a state file is nothing but rows of it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field

from deploy.sandbox.state import Store
from deploy.sandbox.vetting import VettingStep

Method = Literal["CNAME", "TXT", "FILE", "EMAIL"]
Major = Literal["Initial", "Pending", "Active", "Cancelled", "Expired", "Revoked"]
_VIEWS_KEPT = 40


class Proof(BaseModel):
    """What one name of an order needs before the CA believes in it."""

    name: str
    """As ordered, `*.` included."""
    method: Method
    record_name: str = ""
    record_value: str = Field(default="", repr=False)
    file_name: str = ""
    file_content: str = Field(default="", repr=False)
    approver: str = ""
    validated_at: datetime | None = None
    last_look_at: datetime | None = None
    last_result: str = ""
    made_at: datetime | None = None
    """When a random value was handed out; `None` until the CA first looks for it."""
    mail_asked_at: datetime | None = None
    """When somebody last asked for the approver mail again; the mailer sends one for every new instant."""
    check_asked_at: datetime | None = None
    """When somebody last asked the CA to look at once (`digicert/checkdcv`)."""

    @property
    def host(self) -> str:
        """The name without its wildcard label."""
        return self.name.removeprefix("*.")


class Leaf(BaseModel):
    """One issued certificate of an order."""

    serial: str
    """Upper-case hexadecimal."""
    pem: str
    chain_pem: str
    not_before: datetime
    not_after: datetime
    names: list[str]
    revoked_at: datetime | None = None
    revocation_reason: str = ""
    """As the request said it, free text."""


class Order(BaseModel):
    """One order as the seller knows it."""

    seller_order_id: str
    partner_order_id: str
    custom_order_id: str = ""
    vendor_order_id: str = ""
    token_id: str = Field(default="", repr=False)
    token_code: str = Field(default="", repr=False)
    product_code: str
    months: int
    server_count: int = 1
    names: list[str]
    """Common name first; the free names that the CA adds are among them."""
    free_names: list[str] = []
    """Those of `names` that nobody asked for by name."""
    reserved_sans: int = 0
    csr_der_hex: str = Field(repr=False)
    csr_sha256: str
    unique_value: str = ""
    amount: Decimal
    placed_at: datetime
    expires_at: datetime
    updated_at: datetime
    major: Major = "Pending"
    """What the CA does: `Pending` while it works on a leaf, also on the leaf of a reissue; `shown_major` is for answers."""
    minor: str = "Pending"
    web_server_type: str = ""
    signature_hash: str = ""
    approver_email: str = ""
    admin_contact: dict[str, str] = {}
    technical_contact: dict[str, str] = {}
    organization: dict[str, str] = {}
    proofs: list[Proof] = []
    proof_visible_at: datetime
    proven_at: datetime | None = None
    vetting: list[VettingStep] = []
    """Steps of the organisation's vetting; planned when the CA first works on the order."""
    leaf: Leaf | None = None
    """The newest leaf; `None` while the CA works on one."""
    earlier_leaves: list[Leaf] = []
    """Leaves of earlier generations, oldest first; the last one is served until a reissue is done."""
    sans_bought: int = 0
    wildcards_bought: int = 0
    """Additional names that are paid for, by kind; a reissue may use them freely."""
    is_invite: bool = False
    """Sold by `order/inviteorder`."""
    is_claimed: bool = False
    """Whether an invited order was completed with its token."""
    requestor_email: str = ""
    tss_organization_id: int = 0
    related_order_id: str = ""
    """The order that this one renews, as its buyer says."""
    refund_request_id: str = ""
    refund_approved: bool = False
    notes: list[tuple[datetime, str]] = []

    @property
    def ids(self) -> frozenset[str]:
        """Every id a fault rule may name this order by."""
        return frozenset(filter(None, (self.seller_order_id, self.custom_order_id, self.vendor_order_id)))

    @property
    def served_leaf(self) -> Leaf | None:
        """The leaf that a download gives: the newest, also while the next one is being made."""
        return self.leaf or (self.earlier_leaves[-1] if self.earlier_leaves else None)

    @property
    def leaves(self) -> list[Leaf]:
        """Every leaf of this order, oldest first."""
        return [*self.earlier_leaves, *([self.leaf] if self.leaf else [])]

    @property
    def is_being_reissued(self) -> bool:
        """Whether the CA works on a leaf although one is out already."""
        return self.major == "Pending" and bool(self.earlier_leaves)

    def shown_major(self, now: datetime) -> str:
        """Major status for answers: a reissue stays active; past its term an issued order is expired."""
        major = "Active" if self.is_being_reissued else self.major
        return "Expired" if major == "Active" and now >= self.expires_at else major


class Sale(BaseModel):
    """One line of the ledger: money that changed hands."""

    seller_order_id: str
    custom_order_id: str
    product: str
    names: list[str]
    amount: Decimal
    currency: str = "USD"
    at: datetime


class Book:
    """All orders and sales, in the order of purchase."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orders: dict[str, Order] = {}
        self._by_custom: dict[str, str] = {}
        self._views: dict[str, list[Order]] = {}
        self.callback_url = store.row("callback", "order") or ""
        """Where changes of status are told; empty for nowhere."""
        self.status_changed: Callable[[Order], None] = lambda order: None
        """Called when the status of a saved order is another one than before."""
        self.sales: list[Sale] = [Sale.model_validate_json(row) for row in store.rows("sale")]
        for row in store.rows("order"):
            self._index(Order.model_validate_json(row))

    def __iter__(self) -> Iterator[Order]:
        return iter(list(self._orders.values()))

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def spent(self) -> Decimal:
        """USD spent so far."""
        return sum((sale.amount for sale in self.sales), Decimal(0))

    def pending(self) -> list[Order]:
        """Orders the CA still works on."""
        return [order for order in self._orders.values() if order.major == "Pending"]

    def by_id(self, seller_order_id: str) -> Order | None:
        """The order of a seller's id."""
        return self._orders.get(seller_order_id)

    def by_custom_id(self, custom_order_id: str) -> Order | None:
        """The latest order of a caller's id; an empty id finds nothing."""
        return self._orders.get(self._by_custom.get(custom_order_id, ""))

    def by_token(self, token: str) -> Order | None:
        """The order of a per-order token, `<TokenID>#!<TokenCode>`."""
        return next((o for o in self._orders.values() if token == f"{o.token_id}#!{o.token_code}"), None)

    def sell(self, order: Order) -> Sale:
        """Commit a purchase: the order and its ledger line, together."""
        sale = Sale(
            seller_order_id=order.seller_order_id,
            custom_order_id=order.custom_order_id,
            product=order.product_code,
            names=order.names,
            amount=order.amount,
            at=order.placed_at,
        )
        self._index(order)
        self.sales.append(sale)
        self._store.put_all(
            ("order", order.seller_order_id, order.model_dump_json()),
            ("sale", order.seller_order_id, sale.model_dump_json()),
        )
        return sale

    def bill(self, order: Order, amount: Decimal, now: datetime) -> None:
        """Add to what an order costs, with a ledger line of its own."""
        line = self.sales[[sale.seller_order_id for sale in self.sales].index(order.seller_order_id)]
        extra = line.model_copy(update={"amount": amount, "at": now, "names": list(order.names)})
        order.amount += amount
        self.sales.append(extra)
        self._store.put_all(("sale", f"{order.seller_order_id}/{len(self.sales)}", extra.model_dump_json()))

    def call_back(self, url: str) -> None:
        """Set where changes of status are told; empty for nowhere."""
        self.callback_url = url
        self._store.put_all(("callback", "order", url))

    def save(self, order: Order, now: datetime) -> None:
        """Commit a change of an order, and remember how it looked for answers that lag.

        An order that was forgotten meanwhile (a reset) stays forgotten.
        """
        if self._orders.get(order.seller_order_id) is not order:
            return
        before = self._views[order.seller_order_id][-1]
        order.updated_at = now
        # The token of an invited order may bring the id; a newer order of that id stays first.
        if order.custom_order_id:
            self._by_custom.setdefault(order.custom_order_id, order.seller_order_id)
        self._remember(order)
        self._store.put_all(("order", order.seller_order_id, order.model_dump_json()))
        if (before.major, before.minor) != (order.major, order.minor):
            self.status_changed(order)

    def as_of(self, order: Order, now: datetime, lag_seconds: float) -> Order | None:
        """How an order looked some seconds ago; `None` when it was not there yet."""
        if lag_seconds <= 0:
            return order
        until = now - timedelta(seconds=lag_seconds)
        seen = [view for view in self._views[order.seller_order_id] if view.updated_at <= until]
        return seen[-1] if seen else None

    def clear(self) -> None:
        """Forget all orders and sales."""
        self._orders.clear()
        self._by_custom.clear()
        self._views.clear()
        self.sales.clear()
        self.callback_url = ""
        self._store.drop("order", "sale", "callback")

    def _index(self, order: Order) -> None:
        self._orders[order.seller_order_id] = order
        if order.custom_order_id:
            self._by_custom[order.custom_order_id] = order.seller_order_id
        self._remember(order)

    def _remember(self, order: Order) -> None:
        views = self._views.setdefault(order.seller_order_id, [])
        views.append(order.model_copy(deep=True))
        del views[:-_VIEWS_KEPT]
