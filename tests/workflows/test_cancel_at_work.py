"""Cancels that meet an order at work. None of them skips time, and they have a server of their own.

On a busy machine the time-skipping server sometimes stops to skip for good after an update that cancels an activity, so that
what waits for hours in other tests would wait for hours.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from activities.messages import CancelInput, Recorded, RecordInput, RefundResult
from domain.errors import NotYet
from tests.workflows.conftest import Start
from tests.workflows.test_doubt_and_cancel import cancelled, knock
from tests.workflows.test_issue import BY, until
from tests.workflows.world import Script, World, not_yet, not_yet_for_a_moment

pytestmark = pytest.mark.timeskip


@dataclass
class SlowToCancel(World):
    """A world where Temporal is asked to cancel only after a while."""

    may_ask: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="request_cancel")
    async def request_cancel(self, given: CancelInput) -> None:
        await self.may_ask.wait()
        await super().request_cancel(given)


async def test_a_cancel_that_was_accepted_stops_the_purchase_at_once(start: Start, env: WorkflowEnvironment) -> None:
    """Not only once Temporal has been asked: until then the order would go on to its purchase."""
    away = NotYet("issuance-pending", "not at the first try", retry_after=timedelta(seconds=3))
    world = SlowToCancel(checking=Script([away, None]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "checking" and world.checking.calls > 0)
        asking = asyncio.create_task(handle.execute_update("cancel", BY))
        await until(handle, lambda s: bool(world.notes))
        await env.sleep(5)  # the check is tried again before
        await asyncio.sleep(2)  # and the order would have gone on to its purchase
        world.may_ask.set()
        assert (await asking)["done"]
        await cancelled(handle)
    assert world.purchases.calls == 0
    assert [note.kind or note.state for note in world.notes] == ["order.cancel-asked", "cancelled"]


@dataclass
class SlowToRecord(World):
    """A world where the version is recorded only once it may be."""

    tries: int = 0
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="record")
    async def record(self, given: RecordInput) -> Recorded:
        self.tries += 1
        await self.may_end.wait()
        return await super().record(given)


async def test_a_native_cancel_comes_too_late_once_the_version_is_being_recorded(
    start: Start, env: WorkflowEnvironment
) -> None:
    world = SlowToRecord()
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        while world.tries == 0:
            await asyncio.sleep(0.05)
        await handle.cancel(reason="changed our mind")
        while world.tries == 1 and world.refunds.calls == 0:  # until the run has taken notice, one way or the other
            await asyncio.sleep(0.05)
        world.may_end.set()
        assert (await handle.result())["state"] == "issued"
    assert (world.refunds.calls, world.states()[-1]) == (0, "issued")


@pytest.mark.parametrize("door", ["update", "signal", "native"])
async def test_cancel_after_the_purchase_asks_for_the_refund(start: Start, env: WorkflowEnvironment, door: str) -> None:
    world = World(looks=Script([not_yet()]), decisions=Script([not_yet_for_a_moment()]))
    with env.auto_time_skipping_disabled():
        handle = await start(world)
        await until(handle, lambda s: s["state"] == "awaiting-issuance")
        await knock(handle, door)
        await until(handle, lambda s: s["state"] == "awaiting-refund")
        world.decisions.answers = [RefundResult(outcome="approved")]
        await cancelled(handle)
    assert (world.refunds.calls, world.withdrawn, world.states()[-1]) == (1, 1, "cancelled")
    assert world.notes[-1].detail.startswith("refunded")
    if door != "native":
        assert (world.notes[0].kind, world.notes[0].by) == ("order.cancel-asked", "ann@example.com")
