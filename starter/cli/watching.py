"""Following an order in the inventory: a window, not the engine. Works while Temporal is down, and says how old it is.

On a terminal the line of the present state is redrawn; in a pipe, or accessible, there is one line per change and a
"still waiting" line after 1, 5, 15 and then every 60 minutes.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from activities.ports import Inventory
from domain.codes import CODES, Exit
from domain.errors import EvercertError, InvalidRequest, Refused
from domain.inventory import OrderRecord
from domain.order import STATES, OrderState
from starter.cli import doors as ways
from starter.cli import views
from starter.cli.call import Call
from starter.cli.streams import tell

_LOOK_SECONDS = 1.0
_APPEARS_SECONDS = 60
_STILL_MINUTES = (1, 5, 15, 60)
_END_CODES = {
    OrderState.NEEDS_PERSON: "order-needs-person",
    OrderState.REJECTED: "order-rejected",
    OrderState.EXPIRED: "order-expired",
    OrderState.CANCELLED: "order-cancelled",
    OrderState.ABANDONED: "purchase-abandoned",
}
_GOOD_ENDS = (OrderState.ISSUED, OrderState.DRY_RUN)
OPEN_DOUBTS = ("purchase-in-doubt", "order-not-ours")
"""Codes of an order that may have been bought: nothing goes on before a person settled that."""


class Watch:
    """Shows the changes of one order until it ends.

    Args:
        call: the command that watches.
        inventory: where it looks.
        order_id: the order; may appear a little later.
        say: takes a line.
        stops_for_person: end, with an error of exit 8, when a person is needed.
        past: a state that was known before and is no news: a person who was needed then does not end the watch.
        good_ends: the states that are wished for; any other end is an error.
    """

    def __init__(
        self,
        call: Call,
        inventory: Inventory,
        order_id: str,
        *,
        say: Callable[[str], None],
        stops_for_person: bool,
        past: OrderRecord | None = None,
        good_ends: tuple[OrderState, ...] = _GOOD_ENDS,
    ) -> None:
        self._call = call
        self._inventory = inventory
        self._order_id = order_id
        self._say = say
        self._stops_for_person = stops_for_person
        self._past = past
        self._good_ends = good_ends
        self._redraws = call.is_terminal and call.flags.output is None
        self._told = 0

    async def run(self) -> OrderRecord:
        """Return the order at its good end.

        Raises:
            EvercertError: when it ended otherwise, or (``stops_for_person``) needs a person.
        """
        seen = await self._appearance()
        self._greet(seen)
        self._changed(None, seen)
        while not self._is_over(seen):
            await ways.doors.pause(_LOOK_SECONDS)
            now = await self._inventory.order(self._order_id) or seen
            if _signature(now) != _signature(seen):
                self._changed(seen, now)
            else:
                self._waiting(now)
            seen = now
        if self._redraws:
            tell("")
        return self._ended(seen)

    async def _appearance(self) -> OrderRecord:
        """Wait for the order's row: the run writes it with its first step."""
        since = self._call.now()
        while (found := await self._inventory.order(self._order_id)) is None:
            if self._call.now() - since > timedelta(seconds=_APPEARS_SECONDS):
                raise Refused(
                    "no-worker",
                    "No worker has taken the order up yet; it waits in Temporal and nothing is lost.",
                    next_step=f"evercert worker run; then evercert order watch {self._order_id}",
                )
            await ways.doors.pause(_LOOK_SECONDS)
        return found

    def _greet(self, order: OrderRecord) -> None:
        if self._call.flags.output == "jsonl":
            return
        price = f"  {order.price.currency} {order.price.amount:.2f}" if order.price else ""
        self._say(
            f"{order.order_id} {order.common_name}  {order.product}  {order.months} months{price}"
            "  (Ctrl-C stops watching, not the order)"
        )

    def _is_over(self, order: OrderRecord) -> bool:
        state = OrderState(order.state)
        is_news = self._past is None or order.since != self._past.since
        return STATES[state].is_end or (self._stops_for_person and is_news and state is OrderState.NEEDS_PERSON)

    def _changed(self, before: OrderRecord | None, now: OrderRecord) -> None:
        self._told = 0
        if self._call.flags.output == "jsonl":
            self._say(json.dumps(views.order(now), ensure_ascii=False))
            return
        if before is not None and before.state != now.state:
            took = _span(before.since, now.since)
            self._line(
                f"  ok    {before.state:<18} {before.detail or STATES[OrderState(before.state)].sentence}  {took}"
            )
        word = "end " if STATES[OrderState(now.state)].is_end else "now "
        self._line(f"  {word}  {now.state:<18} {self._present(now)}", redrawn=word == "now ")

    def _waiting(self, now: OrderRecord) -> None:
        """Tell that nothing has changed: redrawn on a terminal, else at growing distances."""
        if self._redraws:
            self._line(f"  now   {now.state:<18} {self._present(now)}", redrawn=True)
            return
        waited = self._call.now() - (now.since or self._call.now())
        step = _STILL_MINUTES[min(self._told, len(_STILL_MINUTES) - 1)]
        further = 60 * max(0, self._told - len(_STILL_MINUTES) + 1)
        if waited >= timedelta(minutes=step + further) and self._call.flags.output != "jsonl":
            self._told += 1
            self._line(f"  now   {now.state:<18} still {self._present(now)}")

    def _present(self, order: OrderRecord) -> str:
        facts = STATES[OrderState(order.state)]
        parts = [order.detail or facts.sentence]
        if not facts.is_end:
            if order.waiting_for != "nobody" and order.since:
                parts.append(f"waiting for {order.waiting_for} since {order.since:%H:%M:%S} UTC")
            if order.next_look_at:
                parts.append(f"next look {order.next_look_at:%H:%M:%S} UTC")
            parts.append(f"told {_span(order.looked_at or order.updated_at, self._call.now())} ago")
        return ", ".join(parts)

    def _line(self, text: str, *, redrawn: bool = False) -> None:
        if not self._redraws:
            self._say(text)
        elif redrawn:
            tell(f"\r\x1b[K{text[:200]}", end="")
        else:
            tell("\r\x1b[K", end="")
            self._say(text)

    def _ended(self, order: OrderRecord) -> OrderRecord:
        if OrderState(order.state) in self._good_ends:
            return order
        raise end_of(order)


async def until_cancelled(call: Call, inventory: Inventory, order: OrderRecord) -> OrderRecord:
    """Follow an order that was asked to stop until it is cancelled, or a person is needed.

    Raises:
        EvercertError: it ended otherwise, or a person has to act first.
    """
    is_stuck = order.state == OrderState.NEEDS_PERSON and order.error_code in OPEN_DOUBTS
    watching = Watch(
        call,
        inventory,
        order.order_id,
        say=call.note,
        stops_for_person=True,
        past=None if is_stuck else order,
        good_ends=(OrderState.CANCELLED,),
    )
    return await watching.run()


def end_of(order: OrderRecord) -> EvercertError:
    """Return the error that stands for an end without a certificate, or for a person who is needed."""
    state = OrderState(order.state)
    if state in _GOOD_ENDS:
        return Refused("too-late-to-cancel", f"The order ended as {state.value} before it could be stopped.")
    code = order.error_code if order.error_code in CODES else _END_CODES[state]
    message = order.detail or STATES[state].sentence
    if state is not OrderState.NEEDS_PERSON:
        return InvalidRequest(code, message, next_step=f"evercert order show {order.order_id}")
    if CODES[code].exit_code is Exit.PERSON:
        return Refused(code, message)
    return Refused("order-needs-person", message, why=(f"code {code}",), next_step=CODES[code].next_step)


def _signature(order: OrderRecord) -> tuple[str, str, str, str]:
    return order.state, order.waiting_for, order.detail, order.error_code


def _span(since: datetime | None, until: datetime | None) -> str:
    """Return a duration as ``41 s``, ``3 min`` or ``2 h``."""
    seconds = max(0, int((until - since).total_seconds())) if since and until else 0
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
