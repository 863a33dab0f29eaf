"""Who may act for an order: one run takes over, no former one calls out any more, a parked account is waited for."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.adapters.vault import EnvelopeVault, KeyEncryptionKey
from activities.adapters.x509 import CryptographyX509
from activities.checks import Checks
from activities.dcv import Dcv
from activities.inventory import InventoryWriter
from activities.issuance import Issuance
from activities.keys import KeyMaker
from activities.messages import (
    AwaitInput,
    CancelInput,
    CheckInput,
    CollectInput,
    PrepareKeyInput,
    PublishInput,
    RecordInput,
    RunRef,
    TakeOverInput,
)
from activities.ownership import SURE_AFTER, Ownership
from activities.ports import Seller
from activities.refund import Refund
from activities.rulings import Rulings
from domain import ids, policy
from domain.errors import NotYet, Refused
from domain.inventory import AccountRecord, ActState, OrderChange
from domain.order import OrderState
from domain.request import DcvChoice, OrderRequest
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import PROOF, KeptInMemory, Shop
from tests.activities.zone import Zone
from tests.adapters.inventory_support import NOW, ON_BOTH, event, order

REQUEST = OrderRequest(
    account="sandbox", product="positivessl", common_name="www.example.test", months=12,
    dcv=DcvChoice(dns_account="dns"), requested_by="ann",
)  # fmt: skip


@dataclass
class FakeRuns:
    """Temporal as far as ownership is concerned: which workflows are alive, and what was asked to be cancelled."""

    alive: set[str] = field(default_factory=set)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    asked: int = 0
    comparisons: int = 0

    async def ask(self) -> None:
        self.comparisons += 1

    async def is_alive(self, workflow_id: str, run_id: str) -> bool:
        self.asked += 1
        return workflow_id in self.alive

    async def cancel(self, workflow_id: str, reason: str) -> None:
        self.cancelled.append((workflow_id, reason))


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


def ownership(desk: Desk, runs: FakeRuns) -> Ownership:
    return Ownership(desk.inventory, runs, runs, desk.clock)


def successor(desk: Desk, number: int = 1) -> RunRef:
    workflow_id = ids.resume_workflow_id(desk.wanted.order_id, number)
    return desk.run.model_copy(update={"workflow_id": workflow_id, "first_run_id": f"run-of-{number}"})


def taking(desk: Desk, number: int = 1) -> TakeOverInput:
    return TakeOverInput(run=successor(desk, number), request=REQUEST)


@pytest.fixture
async def lost_desk(blank_desk: Desk) -> Desk:
    """An order whose run is gone, with its purchase under way."""
    blank_desk.wanted = order().model_copy(update={"request_digest": policy.request_digest(REQUEST)})
    await blank_desk.inventory.open_order(blank_desk.wanted, NOW)
    await blank_desk.inventory.reserve(
        blank_desk.wanted.order_id, fingerprint="f", owner=blank_desk.run.owner, price=_price(blank_desk),
        body_hash="h", now=NOW,
    )  # fmt: skip
    return blank_desk


def _price(desk: Desk) -> Any:
    assert desk.given.quoted is not None
    return desk.given.quoted


async def owner(desk: Desk) -> tuple[str, str]:
    found = await desk.order()
    return found.workflow_id, found.run_id


async def test_twice_take_over(lost_desk: Desk, runs: FakeRuns) -> None:
    work, given = ownership(lost_desk, runs), taking(lost_desk)
    first = await refused(run(work.take_over, given))
    assert (type(first), first.code, first.retry_after) == (NotYet, "owner-missing-once", SURE_AFTER)
    before = await lost_desk.act()
    await run(work.take_over, given, attempt=2)
    await twice(work.take_over, given)
    assert await owner(lost_desk) == (given.run.workflow_id, given.run.first_run_id)
    after = await lost_desk.act()
    assert (after.owner, after.fence, after.state) == (given.run.owner, before.fence + 1, ActState.RESERVED)
    assert await lost_desk.trail("taken") == ["order.taken-over"]
    assert runs.asked == 2


@ON_BOTH
async def test_of_two_that_take_over_at_once_one_wins(lost_desk: Desk, runs: FakeRuns) -> None:
    work = ownership(lost_desk, runs)
    runs.alive = {successor(lost_desk, number).workflow_id for number in (1, 2)}
    first, second = (run(work.take_over, taking(lost_desk, number), attempt=2) for number in (1, 2))
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Refused"]
    assert await lost_desk.trail("taken") == ["order.taken-over"]


async def test_an_order_in_living_hands_stays_there(lost_desk: Desk, runs: FakeRuns) -> None:
    runs.alive.add(lost_desk.wanted.workflow_id)
    for attempt in (1, 2):
        error = await refused(run(ownership(lost_desk, runs).take_over, taking(lost_desk), attempt=attempt))
        assert (type(error), error.code) == (Refused, "run-alive")
    assert await owner(lost_desk) == (lost_desk.wanted.workflow_id, "run-1")


async def test_a_run_that_came_back_between_the_looks_keeps_its_order(lost_desk: Desk, runs: FakeRuns) -> None:
    work = ownership(lost_desk, runs)
    await refused(run(work.take_over, taking(lost_desk)))
    runs.alive.add(lost_desk.wanted.workflow_id)
    assert (await refused(run(work.take_over, taking(lost_desk), attempt=2))).code == "run-alive"


async def test_only_the_same_request_takes_an_open_order(lost_desk: Desk, runs: FakeRuns) -> None:
    work, given = ownership(lost_desk, runs), taking(lost_desk)
    other = given.model_copy(update={"request": REQUEST.model_copy(update={"months": 24})})
    assert (await refused(run(work.take_over, other, attempt=2))).code == "resume-differs"
    nowhere = given.model_copy(update={"run": given.run.model_copy(update={"order_id": "EC-X"})})
    assert (await refused(run(work.take_over, nowhere, attempt=2))).code == "not-found"
    ended = OrderChange(state=OrderState.CANCELLED.value)
    await lost_desk.inventory.change_order(lost_desk.wanted.order_id, ended, None, NOW)
    assert (await refused(run(work.take_over, given, attempt=2))).code == "order-ended"
    assert runs.asked == 0


async def test_twice_request_cancel(open_desk: Desk, runs: FakeRuns) -> None:
    given = CancelInput(run=open_desk.run, reason="not needed")
    await twice(ownership(open_desk, runs).request_cancel, given)
    await at_once(ownership(open_desk, runs).request_cancel, given)
    assert set(runs.cancelled) == {(open_desk.wanted.workflow_id, "not needed")}
    assert await open_desk.trail("cancel") == []


async def test_twice_await_account(open_desk: Desk, runs: FakeRuns) -> None:
    work = ownership(open_desk, runs)
    await open_desk.inventory.park_account("sandbox", "auth-rejected", event("sandbox", "account.parked"))
    for attempt in (1, 2):
        error = await refused(run(work.await_account, open_desk.run, attempt=attempt))
        assert (type(error), error.code) == (NotYet, "account-parked")
        assert error.retry_after is not None
    await open_desk.inventory.release_account("sandbox", event("sandbox", "account.released"))
    assert await twice(work.await_account, open_desk.run) == (None, None)


# A run that lost its order


class Untouchable(Shop):
    """A seller that must not be called."""

    async def open(self, account: str | AccountRecord) -> Seller:
        raise AssertionError("the seller was called by a run that is no longer owner")


OUTWARD = (
    "check_offer", "check_zones", "prepare_key", "purchase", "resolve_purchase", "request_refund", "await_refund",
    "read_proof", "publish_proof", "withdraw_proof", "await_issuance", "collect", "record",
)  # fmt: skip


def outward(desk: Desk, zone: Zone) -> dict[str, tuple[Any, Any]]:
    """Every activity that calls out or makes something, and what it is asked by the run that lost its order."""
    inventory, clock, shop = desk.inventory, desk.clock, Untouchable(desk.clock)
    key_id = ids.key_id(desk.wanted.order_id, 1)
    checks, proof = Checks(inventory, shop, zone, clock), Dcv(inventory, shop, zone, zone, clock)
    issuance = Issuance(inventory, shop, CryptographyX509(), clock)
    refund, vault = Refund(inventory, shop, KeptInMemory(), clock), EnvelopeVault(KeyEncryptionKey(bytes(32)), "i")
    publish = PublishInput(run=desk.run, dns_account="dns", names=desk.wanted.names, records=(PROOF,))
    asked = CheckInput(run=desk.run, request=REQUEST)
    key = PrepareKeyInput(run=desk.run, names=desk.wanted.names, algorithm="ecdsa", size=256)
    return {
        "check_offer": (checks.check_offer, asked),
        "check_zones": (checks.check_zones, asked),
        "prepare_key": (KeyMaker(inventory, vault, CryptographyX509(), clock).prepare_key, key),
        "purchase": (desk.buyer(shop).purchase, desk.given),
        "resolve_purchase": (Rulings(inventory, shop, clock).resolve_purchase, desk.ruling("abandon")),
        "request_refund": (refund.request_refund, desk.refund_given()),
        "await_refund": (refund.await_refund, desk.refund_given()),
        "read_proof": (proof.read_proof, desk.at_seller),
        "publish_proof": (proof.publish_proof, publish),
        "withdraw_proof": (proof.withdraw_proof, publish),
        "await_issuance": (issuance.await_issuance, AwaitInput(seller=desk.at_seller)),
        "collect": (issuance.collect, CollectInput(seller=desk.at_seller, key_id=key_id, certificate_id="c")),
        "record": (InventoryWriter(inventory, clock).record, RecordInput(run=desk.run, serial="A1")),
    }


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("name", OUTWARD)
async def test_a_run_that_lost_its_order_stops_before_any_call(desk: Desk, name: str, attempt: int) -> None:
    desk.shop.sell(desk.wanted.order_id, "positivessl", "www.example.test")
    zone = Zone()
    work, given = outward(desk, zone)[name]
    taken = await desk.inventory.take_over(
        desk.wanted.order_id, seen=(desk.wanted.workflow_id, "run-1"), workflow_id="resume-1", run_id="run-9",
        event=event(desk.wanted.order_id, "order.taken-over"), now=NOW,
    )  # fmt: skip
    assert taken
    before = await desk.order()
    error = await refused(run(work, given, attempt=attempt))
    assert (type(error), error.code) == (Refused, "not-owner")
    assert zone.writes == []
    assert await desk.order() == before
