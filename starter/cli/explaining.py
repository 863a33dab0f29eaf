"""What is to be said about an order, in plain words, each statement with what proves it.

Pure: the row, the act at the seller, the audit and the run's history in, statements out. Event ids of the history are the
proof where Temporal could be asked; ids of audit rows stand beside them, and alone without it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.codes import CODES
from domain.inventory import ActRecord, ActState, AuditEvent, OrderRecord
from domain.order import STATES, OrderState
from domain.seller import Money
from starter.history import END, START, HistoryStep, RunHistory

_CANDIDATES = re.compile(r"orders without our reference: (\d+(?:, \d+)*)")
_ACTIVITIES = {
    OrderState.CHECKING: ("check_request", "check_offer", "check_zones", "take_over"),
    OrderState.PREPARING_KEY: ("prepare_key",),
    OrderState.PURCHASING: ("purchase",),
    OrderState.READING_PROOF: ("read_proof",),
    OrderState.PUBLISHING_PROOF: ("publish_proof",),
    OrderState.AWAITING_ISSUANCE: ("await_issuance",),
    OrderState.COLLECTING: ("collect",),
    OrderState.RECORDING: ("record",),
    OrderState.WITHDRAWING_PROOF: ("withdraw_proof",),
    OrderState.REFUNDING: ("request_refund",),
    OrderState.AWAITING_REFUND: ("await_refund",),
}
"""The activity that is at work in a state."""
_LOOKS = ("purchase", "await_issuance", "await_refund", "read_proof", "publish_proof", "collect", "check_offer")


@dataclass(frozen=True)
class Known:
    """All that is known of an order.

    Attributes:
        order: its row.
        act: the purchase, or None before it was begun.
        window: how long a sale may take to show up at the seller.
        audit: its rows, oldest first.
        history: of its newest run, or None.
        unasked: why there is no history, or ``""``.
        now: UTC.
    """

    order: OrderRecord
    act: ActRecord | None
    window: timedelta
    audit: tuple[AuditEvent, ...]
    history: RunHistory | None
    unasked: str
    now: datetime

    def events(self, *kinds: str) -> tuple[AuditEvent, ...]:
        """Return the audit rows of these kinds; a kind that ends in a dot stands for all that begin so."""
        return tuple(
            it for it in self.audit if any(it.kind == k or (k[-1] == "." and it.kind.startswith(k)) for k in kinds)
        )

    def steps(self, *names: str) -> tuple[HistoryStep, ...]:
        """Return the steps of the history by name; none without a history."""
        return self.history.named(*names) if self.history else ()

    @property
    def window_ends_at(self) -> datetime | None:
        """Until when a sale that was sent may show up."""
        return self.act.send_deadline + self.window if self.act and self.act.send_deadline else None

    @property
    def candidates(self) -> tuple[str, ...]:
        """Numbers of equal orders at the seller that do not carry our reference, from the last detail."""
        found = _CANDIDATES.search(self.order.detail)
        return tuple(found[1].split(", ")) if found else ()


@dataclass(frozen=True)
class Statement:
    """One sentence or two, and their proof.

    Attributes:
        about: ``order``, ``purchase``, ``refund``, ``alert``, ``state``, ``run``, ``look`` or ``help``.
        text: what is said.
        steps: of the run's history.
        audit: rows of the audit.
    """

    about: str
    text: str
    steps: tuple[HistoryStep, ...] = ()
    audit: tuple[AuditEvent, ...] = ()

    @property
    def proof(self) -> str:
        """The proof for people: event ids of the history, else ids of audit rows, else nothing."""
        if self.steps:
            spans = [str(it.first) if it.first == it.last else f"{it.first}-{it.last}" for it in self.steps]
            return f"event{'s' if len(spans) > 1 or '-' in spans[0] else ''} {', '.join(spans)}"
        return ", ".join(it.event_id for it in self.audit)


def statements(known: Known) -> tuple[Statement, ...]:
    """Return all that is to be said, in the order in which a person wants to hear it."""
    sales = (_purchase(known), _refund(known), _alerts(known))
    every = (_what(known), *sales, _state(known), _run(known), _look(known), _help(known))
    return tuple(it for it in every if it is not None)


def _what(known: Known) -> Statement:
    order = known.order
    who = f", asked for by {_said(order.requested_by)}" if order.requested_by else ""
    why = f" ({_said(order.reason)})" if order.reason else ""
    text = (
        f"{order.order_id} is an order for {order.common_name}: {order.product} for {order.months} months, seller account "
        f"{order.account}{who} on {_when(order.created_at)}{why}."
    )
    return Statement("order", text, known.steps(START), known.events("order.requested"))


def _purchase(known: Known) -> Statement:
    if known.act is None:
        return Statement("purchase", f"Nothing was bought{'' if _is_over(known) else ' so far'}.")
    steps = known.steps("purchase")
    match known.act.state:
        case ActState.PLACED:
            rows = known.events("purchase.placed", "purchase.adopted", "purchase.ruled-placed")
            settled = tuple(it for it in steps if it.outcome == "completed")
            return Statement("purchase", _bought(known, rows), settled or known.steps("resolve_purchase"), rows)
        case ActState.REJECTED:
            code = known.act.error_code
            text = f"Nothing was bought: {_meaning(code) or 'the seller refused'}{f' ({code})' if code else ''}."
        case ActState.ABANDONED:
            text = "A person gave up looking for the purchase; its money counts as spent."
        case ActState.RESERVED:
            text = "The purchase is written down as intended; nothing is at the seller yet."
        case ActState.NEEDS_PERSON if known.act.error_code == "seller-payment-required":
            text = "Nothing was bought: the seller wants to be paid first."
        case _:
            text = _in_doubt(known)
    return Statement("purchase", text, steps, known.events("purchase."))


def _bought(known: Known, rows: tuple[AuditEvent, ...]) -> str:
    act = known.act
    assert act is not None
    price = _money(act.charged or act.price)
    at = rows[-1].at if rows else act.changed_at
    text = f"It was bought once: seller order {act.seller_order_id}{f', {price}' if price else ''}"
    text += f", {_when(at)}." if at else "."
    if earlier := known.events("purchase.ruled-not-placed"):
        text += f" An earlier attempt never arrived, as {_said(earlier[-1].by)} ruled after the seller was asked again."
    match rows[-1].kind if rows else "":
        case "purchase.adopted":
            text += (
                " The seller's answer was lost and the order found again under our reference; nothing was sent twice."
            )
        case "purchase.ruled-placed":
            text += f" That it was placed {_said(rows[-1].by)} ruled{_because(rows[-1])}."
    return text


def _in_doubt(known: Known) -> str:
    act, ends_at = known.act, known.window_ends_at
    assert act is not None
    text = f"It may or may not have been bought (purchase {act.state.value}"
    text += f", to be sent until {_when(act.send_deadline)})" if act.send_deadline else ")"
    if ends_at is not None and known.now < ends_at:
        text += f": its answer is missing, and a sale may show up at the seller until {_when(ends_at)}."
    elif ends_at is not None:
        text += f": its answer is missing, and the time for a sale to show up was over at {_when(ends_at)}."
    if known.candidates:
        text += f" Equal orders at the seller without our reference: {', '.join(known.candidates)}."
    return text


def _refund(known: Known) -> Statement | None:
    rows = known.events("refund.", "order.cancel-asked")
    steps = known.steps("cancel", "request_refund", "await_refund")
    if not rows and not steps:
        return None
    asked = known.events("order.cancel-asked")
    text = f"{_said(asked[-1].by)} asked to cancel it{_because(asked[-1])}." if asked else "It is being cancelled."
    if known.events("refund.requested"):
        text += " The seller was asked for the refund once."
    elif known.events("refund."):
        text += " The refund is not asked for yet, or it cannot be told whether it was."
    for ruled in known.events("refund.ruled-refunded", "refund.ruled-not-refunded")[-1:]:
        text += f" {_said(ruled.by)} ruled {ruled.kind.removeprefix('refund.ruled-')}{_because(ruled)}."
    return Statement("refund", text, steps, rows)


def _alerts(known: Known) -> Statement | None:
    """Tell sales under this reference that a person has to settle, those of the audit that nobody has settled yet."""
    settled = {it.facts.get("alert") for it in known.events("alert.settled")}
    raised = tuple(it for it in known.events("alert.raised") if it.facts.get("alert") not in settled)
    if not raised:
        return None
    sales = ", ".join(f"{it.facts.get('seller_order', '')} ({it.facts.get('code', '')})" for it in raised)
    one = raised[0].facts.get("alert", "")
    text = f"A person has to settle sales that the seller lists under this reference: {sales}; see evercert alert show {one}."
    return Statement("alert", text, audit=raised)


def _state(known: Known) -> Statement:
    order, state = known.order, OrderState(known.order.state)
    detail = _said(order.detail) or STATES[state].sentence
    rows = known.events(f"order.{state.value}")[-1:]
    notes = tuple(it for it in known.steps("note_state") if it.summary.startswith(f"Note: {state.value}"))[-1:]
    since = f" since {_when(order.since)}" if order.since else ""
    if STATES[state].is_end:
        text = f"It ended as {state.value}{f' at {_when(order.since)}' if order.since else ''}: {detail}."
        if order.certificate_id and order.leaf_ends_at:
            text += f" Certificate {order.certificate_id} is good until {_when(order.leaf_ends_at)}."
        return Statement("state", text, (notes + known.steps(END)) if known.history else (), rows)
    whom = f", waiting for {_WHOM[order.waiting_for]}" if order.waiting_for in _WHOM else ""
    until = f", until {_when(order.until)}" if order.until else ""
    at_work = known.steps(*_ACTIVITIES.get(state, ()))[-1:]
    return Statement("state", f"It is in state {state.value}{since}{whom}{until}: {detail}.", at_work or notes, rows)


_WHOM = {
    "seller": "the seller",
    "dns": "the name servers",
    "ca": "the CA",
    "person": "a person",
    "account": "its seller account to be released",
}


def _run(known: Known) -> Statement | None:
    """Say when no run works on an order that has not ended, when nobody could be asked, or which run took it over."""
    if known.history is None:
        return Statement("run", f"Temporal could not be asked ({known.unasked}); the proofs are rows of the audit.")
    if known.history.is_open or _is_over(known):
        return _taken_over(known)
    ended = known.steps(END)
    text = f"Its run {known.history.workflow_id} was {ended[-1].outcome}, so nobody works on it."
    return Statement("run", text, ended)


def _taken_over(known: Known) -> Statement | None:
    rows = known.events("order.taken-over")[-1:]
    if not rows:
        return None
    runs = rows[0].facts
    text = (
        f"Its run {runs.get('from', '')} was lost; {runs.get('to', '')} took it over on {_when(rows[0].at)}, asked by "
        f"{_said(rows[0].by)}{_because(rows[0])}."
    )
    return Statement("run", text, known.steps("take_over"), rows)


def _look(known: Known) -> Statement | None:
    order = known.order
    if order.looked_at is None:
        return None
    text = f"The last look, at {_when(order.looked_at)}, saw: {_said(order.look) or 'nothing new'}."
    if order.next_look_at and order.next_look_at > known.now and not _is_over(known):
        text += f" The next one is at {_when(order.next_look_at)}."
    return Statement("look", text, known.steps(*_LOOKS)[-1:])


def _help(known: Known) -> Statement:
    commands = helps(known)
    return Statement(
        "help", f"You can: {'; '.join(commands)}." if commands else "There is nothing to do: it goes on by itself."
    )


def helps(known: Known) -> tuple[str, ...]:
    """Return the commands that help now."""
    order, state = known.order, OrderState(known.order.state)
    name = order.order_id
    if state is OrderState.ISSUED:
        return (f"evercert cert show {order.certificate_id or name}",)
    if STATES[state].is_end:
        return (f"evercert audit list {name}",)
    if known.history is not None and not known.history.is_open:
        return (f"evercert order resume {name}",)
    cancel = f"evercert order cancel {name} --reason TEXT"
    match state:
        case OrderState.NEEDS_PERSON if order.error_code in {"purchase-in-doubt", "order-not-ours"}:
            ruling = "--seller-order NUMBER | --not-placed | --abandon"
            return (f"evercert order check {name}", f"evercert order resolve {name} {ruling} --reason TEXT")
        case OrderState.AWAITING_REFUND | OrderState.NEEDS_PERSON if _awaits_refund(order):
            ruling = "--refunded | --not-refunded"
            return (f"evercert order check {name}", f"evercert order resolve {name} {ruling} --reason TEXT")
        case OrderState.NEEDS_PERSON:
            return (f"evercert order check {name}, once it is mended", cancel)
        case OrderState.AWAITING_ISSUANCE:
            return (f"evercert order check {name}", f"evercert order extend {name} --days N", cancel)
        case OrderState.RECORDING | OrderState.WITHDRAWING_PROOF | OrderState.REFUNDING:
            return ()
    return (cancel,)


def _awaits_refund(order: OrderRecord) -> bool:
    return order.state == OrderState.AWAITING_REFUND or order.error_code.startswith("refund-")


def _is_over(known: Known) -> bool:
    return STATES[OrderState(known.order.state)].is_end


def _meaning(code: str) -> str:
    return CODES[code].meaning if code in CODES else ""


def _because(row: AuditEvent) -> str:
    return f": {_said(row.reason)}" if row.reason else ""


def _money(amount: Money | None) -> str:
    return f"{amount.currency} {amount.amount:.2f}" if amount else ""


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


def _said(text: str) -> str:
    """Return foreign text in one line, without what a terminal would obey and without its full stop."""
    return " ".join("".join(it if it.isprintable() else " " for it in text).split()).rstrip(".")
