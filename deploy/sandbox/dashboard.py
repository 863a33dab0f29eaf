"""The tables of the page at `/`, as markup; what stands in them was written by anybody and is escaped here."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, get_args

from deploy.sandbox.book import Order
from deploy.sandbox.faults import FaultName, Rule
from deploy.sandbox.markup import escape
from deploy.sandbox.world import World

_MOST_ROWS = 100
Row = TypeVar("Row")


class Dashboard:
    """Everything a person may want to see at a glance."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token

    def render(self) -> str:
        """All tables, one under the other."""
        now = self._world.clock.now()
        frozen = ", standing still" if self._world.clock.is_frozen else ""
        return "".join(
            (
                f'<p class="quiet">It is {now:%Y-%m-%d %H:%M:%S} UTC here{frozen}.</p>',
                self._orders(),
                self._mails(),
                self._records(),
                self._files(),
                self._sales(),
                self._faults(),
            )
        )

    def _orders(self) -> str:
        rows = [
            (
                f"{escape(order.seller_order_id)}<br><small>{escape(order.custom_order_id)}</small>",
                escape(order.product_code),
                escape(", ".join(order.names)),
                escape(order.shown_major(self._world.clock.now())),
                _waits_for(order),
                self._order_buttons(order),
            )
            for order in _latest(self._world.book)
        ]
        return _table("Orders", ("order", "product", "names", "status", "waits for", ""), rows)

    def _order_buttons(self, order: Order) -> str:
        acts: list[tuple[str, str]] = []
        if order.major == "Pending" and any(proof.validated_at is None for proof in order.proofs):
            acts.append(("prove", "take as proven"))
        if order.refund_request_id and not order.refund_approved and order.major != "Cancelled":
            acts += [("refund", "approve refund"), ("refuse", "deny refund")]
        if order.major in {"Pending", "Active"}:
            acts.append(("cancel", "cancel"))
        return " ".join(self._button(act, text, order=order.seller_order_id) for act, text in acts)

    def _mails(self) -> str:
        rows = [
            (
                escape(approval.order_id),
                escape(approval.name),
                escape(approval.approver),
                f"{approval.made_at:%Y-%m-%d %H:%M}",
                f'<a href="/approve/{escape(approval.token)}">open the link</a>',
            )
            for approval in _latest(self._world.approvals.waiting(self._world.clock.now()))
        ]
        return _table("Mails waiting for a click", ("order", "name", "to", "sent", ""), rows)

    def _records(self) -> str:
        rows = [
            tuple(escape(record[member]) for member in ("name", "type", "ttl", "value"))
            for record in self._world.records()[-_MOST_ROWS:]
        ]
        return _table("DNS records", ("name", "type", "TTL", "value"), rows)

    def _files(self) -> str:
        rows = [
            (escape(f"http://{host}{path}"), escape(file.location or file.content))
            for host, path, file in self._world.files.files()[-_MOST_ROWS:]
        ]
        return _table("Files on web servers", ("address", "content"), rows)

    def _sales(self) -> str:
        rows = [
            (
                f"{sale.at:%Y-%m-%d %H:%M:%S}",
                escape(sale.seller_order_id),
                escape(sale.product),
                escape(", ".join(sale.names)),
                f"{sale.amount:.2f} {escape(sale.currency)}",
            )
            for sale in _latest(self._world.book.sales)
        ]
        title = f"Sales: {len(self._world.book.sales)}, {self._world.book.spent:.2f} USD"
        return _table(title, ("when", "order", "product", "names", "amount"), rows)

    def _faults(self) -> str:
        rows = [
            (escape(_said(rule)), self._button("fault-off", "off", fault=rule.fault))
            for rule in self._world.faults.rules()
        ]
        choices = "".join(f"<option>{escape(name)}</option>" for name in get_args(FaultName))
        form = (
            f'<form method="post" action="/page"><input type="hidden" name="token" value="{escape(self._token)}">'
            f'<input type="hidden" name="act" value="fault-on"><label>fault <select name="fault">{choices}</select></label> '
            f'<label>endpoint <input name="endpoint" size="16"></label> <label>order <input name="order" size="14"></label> '
            f'<label>seconds <input name="seconds" size="4"></label> <label>times <input name="times" size="3"></label> '
            f"<button>on</button></form>"
        )
        return _table("Faults in force", ("rule", ""), rows) + form

    def _button(self, act: str, text: str, **members: str) -> str:
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in {"token": self._token, "act": act, **members}.items()
        )
        return f'<form method="post" action="/page">{hidden}<button>{escape(text)}</button></form>'


def _waits_for(order: Order) -> str:
    """What keeps a pending order from its leaf, a line each."""
    if order.major != "Pending":
        return escape(order.notes[-1][1]) if order.notes and order.major == "Cancelled" else ""
    waits = [f"{p.name}: {p.method} {p.last_result}" for p in order.proofs if p.validated_at is None]
    waits += [step.name for step in order.vetting if step.completed_at is None]
    if order.notes and not waits:
        waits.append(order.notes[-1][1])
    return "<br>".join(map(escape, waits))


def _said(rule: Rule) -> str:
    members = rule.model_dump(exclude_defaults=True, exclude={"fault"})
    return " ".join([rule.fault, *(f"{name}={value}" for name, value in members.items())])


def _latest(items: Iterable[Row]) -> list[Row]:
    """The last hundred, newest first."""
    return list(items)[: -_MOST_ROWS - 1 : -1]


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready-made cells; without rows only its title."""
    if not rows:
        return f'<h2>{escape(title)}</h2><p class="quiet">none</p>'
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<h2>{escape(title)}</h2><div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
