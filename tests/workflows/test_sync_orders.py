"""``SyncOrders``: what it asks for and in which order, what it leaves out and says so, and how long its history gets."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interface import SELLER_QUEUE, WORKFLOW_QUEUE, SyncActivities
from activities.messages import (
    AccountPage,
    Compared,
    CompareInput,
    InventoryMark,
    OrphanSearch,
    OrphansFound,
    SyncTally,
)
from domain.errors import InvariantBroken, Misconfigured, Unavailable
from starter.plugin import WORKFLOWS
from workflows import options
from workflows.messages import SkippedAccount, SyncResult
from workflows.search_attributes import KIND
from workflows.sync_orders import SyncOrders

pytestmark = pytest.mark.timeskip

AWAY = Unavailable("seller-unreachable", "the seller cannot be reached")


@dataclass
class SyncWorld(SyncActivities):
    """Batches of orders by where they begin, accounts by page, and what comparing each account gives."""

    batches: dict[str, OrphansFound] = field(default_factory=lambda: {"": OrphansFound(looked_at=2)})
    accounts: dict[str, AccountPage] = field(default_factory=lambda: {"": AccountPage(names=("main", "other"))})
    trouble: dict[str, list[Exception]] = field(default_factory=dict)
    finding: dict[str, Any] = field(default_factory=dict)
    on_search: Exception | None = None
    asked: list[str] = field(default_factory=list)
    searching_runs: set[str] = field(default_factory=set)
    tally: SyncTally | None = None
    sequence: int = 41

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.find_orphans, self.accounts_to_compare, self.compare_account, self.finish_sync]

    @activity.defn(name="find_orphans")
    async def find_orphans(self, given: OrphanSearch) -> OrphansFound:
        self.asked.append(f"orders {given.after}".strip())
        self.searching_runs.add(activity.info().workflow_run_id or "")
        if self.on_search is not None:
            raise self.on_search
        return self.batches[given.after]

    @activity.defn(name="accounts_to_compare")
    async def accounts_to_compare(self, after: str) -> AccountPage:
        self.asked.append(f"accounts {after}".strip())
        return self.accounts[after]

    @activity.defn(name="compare_account")
    async def compare_account(self, given: CompareInput) -> Compared:
        self.asked.append(given.account)
        if self.trouble.get(given.account):
            raise self.trouble[given.account].pop(0)
        since = datetime(2026, 11, 1, tzinfo=UTC)
        return Compared(account=given.account, since=since, listed=7, ours=3, **self.finding)

    @activity.defn(name="finish_sync")
    async def finish_sync(self, given: SyncTally) -> InventoryMark:
        self.tally = given
        return InventoryMark(audit_sequence=self.sequence)


Begin = Callable[..., Any]


@pytest.fixture
async def begin(env: WorkflowEnvironment) -> AsyncIterator[Begin]:
    """Start one run in a scripted world, as the schedule or a person would: without an input."""
    async with AsyncExitStack() as stack:

        async def run(world: SyncWorld) -> WorkflowHandle[Any, SyncResult]:
            for queue in (WORKFLOW_QUEUE, SELLER_QUEUE):
                worker = Worker(
                    env.client,
                    task_queue=queue,
                    workflows=WORKFLOWS if queue == WORKFLOW_QUEUE else [],
                    activities=world.all(),
                )
                await stack.enter_async_context(worker)
            return await env.client.start_workflow(
                "SyncOrders", id=f"sync-{uuid.uuid4()}", task_queue=WORKFLOW_QUEUE, result_type=SyncResult
            )

        yield run


async def test_orders_first_then_every_account_then_the_mark(begin: Begin) -> None:
    world = SyncWorld(
        batches={"": OrphansFound(looked_at=2, taken_up=("EC-A",), under_way=1, refused=(("EC-B", "resume-differs"),))},
        finding={"raised": ("alr_x",), "known_alerts": 2, "nudged": ("EC-C",)},
    )
    handle = await begin(world)
    assert await handle.result() == SyncResult(
        accounts_compared=("main", "other"),
        sales_listed=14,
        sales_ours=6,
        orders_looked_at=2,
        runs_started=1,
        orders_taken_up=("EC-A",),
        runs_under_way=1,
        orders_refused=(("EC-B", "resume-differs"),),
        alerts_raised=2,
        alert_ids=("alr_x", "alr_x"),
        alerts_seen=4,
        orders_nudged=2,
        audit_sequence=41,
    )
    assert world.asked[:2] == ["orders", "accounts"]
    assert sorted(world.asked[2:]) == ["main", "other"]
    assert world.tally == SyncTally(orders=2, taken_up=1, accounts=2, raised=2)
    assert (await handle.describe()).typed_search_attributes.get(KIND) == "sync"


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (Misconfigured("account-parked", "it is parked"), 1),
        (AWAY, 3),
    ],
)
async def test_an_account_that_cannot_be_asked_is_left_out_and_said_so(
    begin: Begin, trouble: Exception, tries: int
) -> None:
    world = SyncWorld(trouble={"main": [trouble] * 9})
    result = await (await begin(world)).result()
    assert [(it.account, it.code) for it in result.accounts_skipped] == [("main", trouble.code)]  # type: ignore[attr-defined]
    assert result.accounts_compared == ("other",)
    assert (world.asked.count("main"), result.alerts_raised) == (tries, 0)
    assert world.tally is not None and world.tally.skipped == 1


async def test_an_account_that_is_away_for_a_moment_is_compared(begin: Begin) -> None:
    world = SyncWorld(trouble={"main": [AWAY, AWAY]})
    result = await (await begin(world)).result()
    assert (result.accounts_compared, result.accounts_skipped) == (("main", "other"), ())
    assert world.asked.count("main") == 3


async def test_thousands_of_orders_and_accounts_go_on_in_new_runs(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "CONTINUE_AS_NEW_EVENTS", 20)
    ends = ["", *(f"EC-{number:03}" for number in range(30))]
    batches = {
        after: OrphansFound(looked_at=100, after=following, taken_up=(f"EC-lost-{after}",))
        for after, following in zip(ends, [*ends[1:], ""], strict=True)
    }
    accounts = {
        "": AccountPage(names=tuple(f"a{number}" for number in range(9)), after="a9"),
        "a9": AccountPage(names=("b", "c")),
    }
    world = SyncWorld(batches=batches, accounts=accounts, trouble={"a3": [Misconfigured("account-parked", "parked")]})
    handle = await begin(world)
    result = await handle.result()
    assert (result.orders_looked_at, result.runs_started) == (3100, 31)
    assert len(result.orders_taken_up) == 31
    assert result.accounts_compared == ("a0", "a1", "a2", "a4", "a5", "a6", "a7", "a8", "b", "c")
    assert result.accounts_skipped == (SkippedAccount(account="a3", code="account-parked", message="parked"),)
    assert [it for it in world.asked if it.startswith("orders")] == [f"orders {end}".strip() for end in ends]
    assert len(world.searching_runs) > 5  # of 31 batches, a few in each run
    described = await handle.describe()
    info = described.raw_description.workflow_execution_info
    assert info.first_run_id != described.run_id
    assert info.history_length < 100


async def test_a_long_list_of_ids_is_cut_and_the_counts_are_whole(begin: Begin) -> None:
    many = tuple(f"alr_{number}" for number in range(150))
    world = SyncWorld(finding={"raised": many})
    result = await (await begin(world)).result()
    assert (result.alerts_raised, len(result.alert_ids), result.is_cut) == (300, 100, True)


async def test_what_no_repeating_mends_ends_the_run_with_its_code(begin: Begin) -> None:
    world = SyncWorld(on_search=InvariantBroken("inventory-defect", "asked wrongly"))
    with pytest.raises(WorkflowFailureError) as caught:
        await (await begin(world)).result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert (caught.value.cause.type, caught.value.cause.non_retryable) == ("inventory-defect", True)
    assert "accounts" not in world.asked


async def test_a_run_can_be_cancelled_and_concludes_nothing(begin: Begin) -> None:
    world = SyncWorld(on_search=Unavailable("inventory-unavailable", "it is locked"))
    handle = await begin(world)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)


def test_the_type_is_registered() -> None:
    assert SyncOrders in WORKFLOWS
