"""One case, from the scene to the facts: what is common to all disasters."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.errors import EvercertError
from domain.inventory import OrderRecord
from domain.order import STATES, OrderState
from domain.request import Act, ResolvePurchase
from starter.client import StartedOrder
from starter.prove.boundaries import is_of_an_order
from starter.prove.case import Case, Line
from starter.prove.lane import LOOK_SECONDS, Lane
from starter.prove.looking import look
from starter.prove.operating import give_up_worker
from starter.prove.verdict import Expects, Facts

if TYPE_CHECKING:
    from starter.prove.workers import WatchedWorker

_PURCHASE = "order/neworder"
_PERSON = "prove"
_RULED = ("purchase-in-doubt", "order-not-ours")
_PAUSE = 1.0
_MISSED_BY_ITSELF = 4


class Trial:
    """A case that runs in a lane.

    Args:
        lane: where it runs; nothing else runs there meanwhile.
        case: what is done.
    """

    def __init__(self, lane: Lane, case: Case) -> None:
        self.lane = lane
        self.case = case
        self.name = lane.new_name()
        self.started: StartedOrder | None = None
        self.persons: list[str] = []
        self.troubles: list[str] = []
        self.missed = ""
        self.expects = Expects.ONE_SALE
        self._passed: dict[bool, dict[str, None]] = {False: {}, True: {}}

    async def set_scene(self) -> None:
        """Let the seller behave as the case wants it."""
        lane, case = self.lane, self.case
        await lane.forget()
        await lane.switch(duplicate_custom_order_id=case.repeated.value)
        match case.line:
            case Line.PLAIN:
                pass
            case Line.LOST:
                await lane.fault("drop_after_sale", times=1)
            case Line.TORN:
                await lane.fault("reset_before_body", endpoint=_PURCHASE, times=1)
            case Line.RESET:
                await lane.fault("close_unanswered", endpoint=_PURCHASE, times=1)
            case Line.SLOW:
                await lane.fault("drop_after_sale", times=1)
                await lane.hide_sales()

    async def order(self) -> StartedOrder:
        """Start the order of this case."""
        self.started = await self.lane.order(self.name)
        return self.started

    async def until_struck(
        self, *workers: "WatchedWorker", goes_on: bool = False, over: Coroutine[Any, Any, None] | None = None
    ) -> bool:
        """Wait until one of the workers has struck itself; False, and a trouble, when the order was over before.

        Args:
            workers: where one of them is to strike itself.
            goes_on: see ``compare``.
            over: ends when all is over; what follows the one order of the case, if not given.
        """
        waiting = [asyncio.create_task(worker.until_struck()) for worker in workers]
        waiting.append(asyncio.create_task(over or self.finish()))
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for worker in workers:
            self.compare(worker, goes_on=goes_on)
        has_struck = any(worker.has_struck for worker in workers)
        if not has_struck:
            self.missed = f"never came to {self.case.at}"
            self.troubles.append(self.missed)
        return has_struck

    def compare(self, worker: "WatchedWorker", *, goes_on: bool = False) -> None:
        """Note what a worker passed, to be compared with what undisturbed runs pass once those are known.

        Args:
            worker: to look at.
            goes_on: it took up what another one had begun, so that the runs of all lines count.
        """
        self._passed[goes_on] |= dict.fromkeys(place for place in worker.passed if is_of_an_order(place))

    def unlisted(self, listed: Collection[str], known: Collection[str]) -> tuple[str, ...]:
        """Return what the workers of this case passed that no undisturbed run passes.

        Args:
            listed: what an undisturbed run of its line passes; empty: nothing to compare with.
            known: what those of all lines pass together: a run that goes on after a crash passes no other.
        """
        compared = ((self._passed[False], listed), (self._passed[True], known))
        return tuple(place for passed, those in compared if those for place in passed if place not in those)

    async def miss_worker(self) -> None:
        """Let Temporal miss the worker of this case, which is dead, and no other one lives: at once by three seeds in four.

        By the others it is missed as it would be at night, when a heartbeat has stayed out.
        """
        if self.started is not None and self.case.seed % _MISSED_BY_ITSELF != 0:
            with contextlib.suppress(RPCError):  # the run was never begun
                await give_up_worker(self.lane.temporal, self.started.workflow_id)

    async def finish(self, *, also: Callable[[OrderRecord], bool] = lambda record: False) -> None:
        """Follow the order to its end, and act where a person is waited for.

        Args:
            also: ends the following before the end of the order.
        """
        assert self.started is not None
        while True:
            record = await self.lane.record(self.started)
            if record is None:
                if await self._ended_without_a_row():
                    return
            elif also(record) or await self.is_over(record):
                return
            else:
                await self._help(record)
            await asyncio.sleep(LOOK_SECONDS)

    async def facts(self) -> Facts:
        """Look at both sides."""
        return await look(
            self.lane,
            self.name,
            self.started,
            persons=self.persons,
            troubles=self.troubles,
            expects=self.expects,
        )

    async def _ended_without_a_row(self) -> bool:
        """Tell whether the run was stopped before its order came to be."""
        assert self.started is not None
        described = await self.lane.run_of(self.started).describe()
        return described.status is WorkflowExecutionStatus.CANCELED

    async def is_over(self, record: OrderRecord) -> bool:
        """Tell whether an order has ended, and its run, too."""
        if not STATES[OrderState(record.state)].is_end:
            return False
        try:
            described = await self.lane.temporal.get_workflow_handle(record.workflow_id).describe()
        except RPCError:
            return True
        return described.status is not WorkflowExecutionStatus.RUNNING

    async def _help(self, record: OrderRecord) -> None:
        """Do what the order's surroundings would do in time: a sale shows up, a person acts."""
        if self.case.line is Line.SLOW and ("does not show" in record.look or record.waiting_for == "person"):
            await self.lane.heal()
        if record.waiting_for == "person":
            await self._act_as_person(record)
            await asyncio.sleep(_PAUSE)
        elif record.state == OrderState.AWAITING_ISSUANCE:
            # A look that died with its worker is tried again after a minute; an operator would not wait for it either.
            assert self.started is not None
            await self.lane.look_at_once(self.started)
            await asyncio.sleep(_PAUSE)

    async def _act_as_person(self, record: OrderRecord) -> None:
        """Do what a person would who reads what the run says of itself."""
        try:
            status = await self.lane.client.status(record)
            if status.waiting_for != "person":
                return
            if not status.help or not status.detail:
                self.troubles.append(f"waits for a person and does not say for what ({status.code})")
            if status.code in _RULED:
                await self._rule(record, status.code)
            else:
                await self.lane.client.check_now(record, Act(by=_PERSON, reason="mended"))
                self._did(f"{status.code}: check_now")
        except EvercertError:
            return  # refused so far, or nobody there to ask: asked again with the next look

    async def _rule(self, record: OrderRecord, code: str) -> None:
        """Look into the seller's own book, as a person does in the seller's panel, and say what stands there."""
        sold = await self.lane.sold(self.name)
        number = str(sold[0]["seller_order_id"]) if sold else None
        outcome = "placed" if sold else "not-placed"
        ruling = ResolvePurchase.model_validate(
            {"by": _PERSON, "reason": "seen in the seller's book", "outcome": outcome, "seller_order_id": number}
        )
        answer = await self.lane.client.resolve_purchase(record, ruling)
        if answer.done:
            self._did(f"{code}: {outcome}")

    def _did(self, act: str) -> None:
        if act not in self.persons:
            self.persons.append(act)
