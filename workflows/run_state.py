"""What one run of an order workflow knows and shows: its state, for whom it waits, and how that reaches people."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.order import STATES, OrderState, WaitingFor, may_follow
    from domain.seller import Money, ProofRecord
    from workflows.messages import OrderStatus

from workflows import details, search_attributes

_POLL_CADENCE = (
    "seconds after a change, then a quarter of the time waited: at most every 15 min on the first day, 4 h later"
)

_CHECK_NOW = 'Update `check_now` {"by": "you@example.com"}: look again at once. Costs nothing.'
_EXTEND = 'Update `extend_deadline` {"by": "you@example.com", "days": 7}: wait longer. Costs nothing.'
_CANCEL = 'Update `cancel` {"by": "you@example.com", "reason": "…"}: stop; what was paid is asked back.'
_RESOLVE = (
    'Update `resolve_purchase` {"by": "you@example.com", "reason": "…", "outcome": "placed", "seller_order_id": "…"}, '
    'or outcome "not-placed" (buys it now) or "abandon" (the money counts as spent).'
)
_REFUND = (
    'Update `resolve_purchase` {"by": "you@example.com", "reason": "…", "outcome": "refunded"} or "not-refunded": '
    "state what the seller decided."
)
_ACCOUNT = "An administrator: `evercert account check NAME` once the seller's account is right again."
_COMPARED = (
    "Nothing: the seller's orders are compared with the inventory, then this goes on by itself. "
    "`evercert doctor` tells since when, why, and what is still missing."
)
_RECONCILE = "reconcile-first"
_IN_DOUBT = ("purchase-in-doubt", "order-not-ours")
_REFUND_CODES = ("refund-undecided", "refund-in-doubt", "refund-refused")


class RunState:
    """The state of one run and its three mirrors: search attributes, current details, the ``status`` query.

    Args:
        kind: word for ``EvercertKind``: ``issue``.
        order_id: of the order.
        account, product, name: what was asked for, as typed until the names are checked.
    """

    def __init__(self, kind: str, *, order_id: str, account: str, product: str, name: str) -> None:
        self.order_id = order_id
        self.state = OrderState.CHECKING
        self.waiting_for = WaitingFor.NOBODY
        self.detail = ""
        self.code = ""
        self.since = workflow.now()
        self.until: datetime | None = None
        self.not_after: datetime | None = None
        self.names: tuple[str, ...] = (name,)
        self.seller_order_id = ""
        self.price: Money | None = None
        self.term_text = ""
        self.records: tuple[ProofRecord, ...] = ()
        self.cancel_note = ""
        self.alert = ""
        self._kind = kind
        self._account = account
        self._product = product
        self._known: dict[str, search_attributes.Value] = {}

    def enter(
        self,
        state: OrderState,
        *,
        waiting_for: WaitingFor | None = None,
        detail: str = "",
        code: str = "",
        until: datetime | None = None,
    ) -> None:
        """Go to a state and show it everywhere; a step that the table does not know is a bug and refused.

        ``waiting_for`` defaults to what the table says of the state.
        """
        if not may_follow(self.state, state):
            workflow.logger.error(f"state.unexpected {self.state} -> {state}")
        waiting = STATES[state].waiting_for if waiting_for is None else waiting_for
        if (state, waiting) != (self.state, self.waiting_for):
            self.since = workflow.now()
        self.state, self.waiting_for, self.detail, self.code, self.until = state, waiting, detail, code, until
        self.show()

    def show(self) -> None:
        """Bring search attributes and current details up to date; at most one event."""
        values: dict[str, search_attributes.Value] = {
            "EvercertKind": self._kind,
            "EvercertState": self.state.value,
            "EvercertName": self.names[0],
            "EvercertOrder": self.order_id,
            "EvercertSellerOrder": self.seller_order_id or None,
            "EvercertAccount": self._account,
            "EvercertProduct": self._product,
            "EvercertWaitingFor": self.waiting_for.value,
            "EvercertNames": self.names,
            "EvercertDeadline": self.until,
            "EvercertNotAfter": self.not_after,
            "EvercertNeedsPerson": self.needs_person,
        }
        changes = search_attributes.updates(values, self._known)
        if changes:
            workflow.upsert_search_attributes(changes)
            self._known = values
        workflow.set_current_details(self.page())

    @property
    def needs_person(self) -> bool:
        """Whether the run stands still until a person acts."""
        if self.code == _RECONCILE:
            return False
        return self.waiting_for in (WaitingFor.PERSON, WaitingFor.ACCOUNT)

    def helps(self) -> tuple[str, ...]:
        """Return what a person may do now, one sentence each."""
        if self.waiting_for is WaitingFor.ACCOUNT:
            return (_COMPARED if self.code == _RECONCILE else _ACCOUNT, _CHECK_NOW, _CANCEL)
        if self.state is OrderState.AWAITING_REFUND or self.code in _REFUND_CODES:
            return (_CHECK_NOW, _REFUND)
        if self.state is OrderState.NEEDS_PERSON:
            return (_CHECK_NOW, _RESOLVE if self.code in _IN_DOUBT else _CANCEL)
        if self.state is OrderState.AWAITING_ISSUANCE:
            return (_CHECK_NOW, _EXTEND, _CANCEL)
        return ()

    def page(self) -> str:
        """Return the current details of this moment."""
        facts: Sequence[tuple[str, str]] = (
            ("Alert", details.foreign(self.alert, 600)),
            ("Why", details.foreign(self.detail, 1200)),
            ("Code", self.code),
            ("Names", details.foreign(", ".join(self.names))),
            (
                "Order",
                self.order_id
                + (f", seller order {details.foreign(self.seller_order_id)}" if self.seller_order_id else ""),
            ),
            ("Price", " ".join(text for text in (details.money(self.price), self.term_text) if text)),
            ("Cancel", self.cancel_note),
        )
        polls = self.state is OrderState.AWAITING_ISSUANCE
        return details.page(
            headline=self._headline(),
            since=self.since,
            until=self.until,
            cadence=_POLL_CADENCE if polls else "",
            facts=facts,
            records=self.records,
            helps=self.helps(),
        )

    def _headline(self) -> str:
        if STATES[self.state].is_end:
            return f"{self.state.value}: {STATES[self.state].sentence}"
        if self.waiting_for is WaitingFor.ACCOUNT and self.code == _RECONCILE:
            return f"Waiting for: the comparison of the seller's orders with ours ({STATES[self.state].sentence})"
        whom = {
            WaitingFor.NOBODY: "nobody, it is at work",
            WaitingFor.SELLER: "the seller",
            WaitingFor.DNS: "the DNS",
            WaitingFor.CA: "the CA",
            WaitingFor.PERSON: "**you**",
            WaitingFor.ACCOUNT: "an administrator: the seller account is parked",
        }[self.waiting_for]
        return f"Waiting for: {whom} ({STATES[self.state].sentence})"

    def status(self) -> OrderStatus:
        """Return the answer of the query ``status``."""
        return OrderStatus(
            order_id=self.order_id,
            state=self.state.value,
            sentence=STATES[self.state].sentence,
            waiting_for=self.waiting_for.value,
            detail=self.detail,
            code=self.code,
            since=self.since,
            until=self.until,
            seller_order_id=self.seller_order_id,
            help=self.helps(),
        )
