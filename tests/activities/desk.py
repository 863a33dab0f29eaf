"""One order with everything around it, and how a test runs an activity: once, twice, or several times at once."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from temporalio.testing import ActivityEnvironment

from activities.adapters.inventory import SqlInventory
from activities.messages import (
    PurchaseInput,
    PurchaseResult,
    RefundInput,
    RefundResult,
    ResolveInput,
    RunRef,
    SellerRef,
)
from activities.purchase import Purchase
from activities.refund import Refund
from activities.rulings import Rulings
from domain import ids
from domain.errors import EvercertError, NotYet, Unavailable
from domain.inventory import ActRecord, ActState, NewOrder, OrderRecord
from domain.request import ResolvePurchase
from domain.seller import Money
from tests.activities.shop import KeptInMemory, Shop, StandingClock
from tests.adapters.inventory_support import NOW

Given = TypeVar("Given")
Result = TypeVar("Result")
_MOST_TRIES = 200

Activity = Callable[[Given], Awaitable[Result]]


async def run(fn: Activity[Given, Result], given: Given, **info: Any) -> Result:
    """Run an activity once, as an attempt that Temporal started; ``info`` changes what it is told about itself."""
    env = ActivityEnvironment()
    told = {"scheduled_time": NOW, "current_attempt_scheduled_time": NOW, **info}
    env.info = dataclasses.replace(ActivityEnvironment.default_info(), **told)
    result: Result = await env.run(fn, given)
    return result


async def twice(fn: Activity[Given, Result], given: Given) -> tuple[Result, Result]:
    """Run an activity to its end and then again: its first completion never reached Temporal."""
    return await run(fn, given), await run(fn, given, attempt=2)


async def at_once(fn: Activity[Given, Result], given: Given, times: int = 2) -> list[Result | BaseException]:
    """Run attempts of an activity at the same time: the first was taken for dead and is not."""
    attempts = [run(fn, given, attempt=number + 1) for number in range(times)]
    return await asyncio.gather(*attempts, return_exceptions=True)


@dataclass
class Desk:
    """One order at the moment of its purchase, and everything around it."""

    inventory: SqlInventory
    clock: StandingClock
    shop: Shop
    wanted: NewOrder
    attempts: int = 0
    watermarks: KeptInMemory = field(default_factory=KeptInMemory)

    @property
    def run(self) -> RunRef:
        return RunRef(
            order_id=self.wanted.order_id, workflow_id=self.wanted.workflow_id, first_run_id="run-1", account="sandbox"
        )

    @property
    def given(self) -> PurchaseInput:
        return PurchaseInput(
            run=self.run, product="positivessl", vendor="SECTIGO", months=12, names=self.wanted.names,
            key_id=ids.key_id(self.wanted.order_id, 1), quoted=Money(amount=Decimal("7.10")),
        )  # fmt: skip

    @property
    def at_seller(self) -> SellerRef:
        """The newest sale, as activities after the purchase know it."""
        return SellerRef(run=self.run, seller_order_id=self.shop.sold[-1].seller_order_id, names=self.wanted.names)

    def buyer(self, shop: Any = None, clock: Any = None) -> Purchase:
        return Purchase(self.inventory, shop or self.shop, self.watermarks, clock or self.clock)

    async def buy(self, shop: Any = None, *, clock: Any = None, **changes: Any) -> PurchaseResult:
        """One attempt of the activity, as Temporal would start it."""
        self.attempts += 1
        given = self.given.model_copy(update=changes)
        return await run(self.buyer(shop, clock).purchase, given, attempt=self.attempts)

    async def buy_until_settled(self, **changes: Any) -> PurchaseResult:
        """Retry as Temporal would: each *not yet* and *unavailable* later, by the pause it asks for."""
        return await self._until_settled(lambda: self.buy(**changes))

    async def rule(self, outcome: str, number: str | None = None) -> PurchaseResult:
        work = Rulings(self.inventory, self.shop, self.clock)
        return await run(work.resolve_purchase, self.ruling(outcome, number))

    def ruling(self, outcome: str, number: str | None = None) -> ResolveInput:
        payload = ResolvePurchase.model_validate(
            {"by": "ann@example.com", "outcome": outcome, "seller_order_id": number}
        )
        return ResolveInput(purchase=self.given, ruling=payload)

    def refund_given(self, **changes: Any) -> RefundInput:
        given = RefundInput(run=self.run, seller_order_id=self.shop.sold[-1].seller_order_id, reason="not needed")
        return given.model_copy(update=changes)

    async def refund(self, shop: Any = None, **changes: Any) -> RefundResult:
        """One attempt to ask for the refund."""
        work = Refund(self.inventory, shop or self.shop, self.watermarks, self.clock)
        return await run(work.request_refund, self.refund_given(**changes))

    async def refund_until_settled(self, **changes: Any) -> RefundResult:
        return await self._until_settled(lambda: self.refund(**changes))

    async def _until_settled(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        for _ in range(_MOST_TRIES):
            try:
                return await attempt()
            except (NotYet, Unavailable) as error:
                self.clock.at += error.retry_after or timedelta(seconds=10)
        raise AssertionError(f"not settled after {_MOST_TRIES} tries")

    async def order(self) -> OrderRecord:
        found = await self.inventory.order(self.wanted.order_id)
        assert found is not None
        return found

    async def act(self, act_id: str = "") -> ActRecord:
        act = await self.inventory.act(act_id or self.wanted.order_id)
        assert act is not None
        return act

    async def state(self) -> ActState:
        return (await self.act()).state

    async def trail(self, word: str = "purchase") -> list[str]:
        return [row.kind for row in await self.inventory.audit(subject=self.wanted.order_id) if word in row.kind]


async def refused(attempt: Awaitable[object]) -> EvercertError:
    """Return the error of ours that an attempt ends with."""
    try:
        result = await attempt
    except EvercertError as error:
        return error
    raise AssertionError(f"not refused: {result!r}")
