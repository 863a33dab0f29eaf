"""Proof of control: read, published, withdrawn; twice each, and never what does not belong to the order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from activities.dcv import Dcv
from activities.messages import ProofToPublish, PublishInput
from domain.errors import NotYet, Refused
from domain.inventory import StoredProof
from domain.order import OrderState
from domain.seller import ProofRecord, SellerState
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import AWAY, PROOF
from tests.activities.zone import SERVERS, Zone
from tests.adapters.inventory_support import NOW

EVIL = ProofRecord(name="www.example.test", record_type="CNAME", owner="_p.www.other.test", value="x.sectigo.com")
STANDING = (PROOF.owner, PROOF.record_type, PROOF.value)


@pytest.fixture
async def bought(desk: Desk) -> Desk:
    await desk.buy()
    return desk


def proofs(desk: Desk, zone: Zone) -> Dcv:
    return Dcv(desk.inventory, desk.shop, zone, zone, desk.clock)


def publishing(desk: Desk, *records: ProofRecord) -> PublishInput:
    return PublishInput(run=desk.run, dns_account="dns", names=desk.wanted.names, records=records or (PROOF,))


async def stored(desk: Desk) -> tuple[StoredProof, ...]:
    return await desk.inventory.proof(desk.wanted.order_id)


async def test_twice_read_proof(bought: Desk) -> None:
    work = proofs(bought, Zone())
    first, second = await twice(work.read_proof, bought.at_seller)
    assert first == second
    assert first.records == (PROOF,)
    assert first.view.records == (PROOF,)
    rows = await stored(bought)
    assert [(row.owner, row.value, row.published_at) for row in rows] == [(PROOF.owner, PROOF.value, None)]


async def test_read_proof_at_once_keeps_one_row(bought: Desk) -> None:
    results = await at_once(proofs(bought, Zone()).read_proof, bought.at_seller, times=3)
    assert all(isinstance(result, ProofToPublish) for result in results)
    assert len(await stored(bought)) == 1


async def test_proof_outside_the_ordered_names_is_refused_as_a_whole_and_nothing_is_kept(bought: Desk) -> None:
    bought.shop.alter(proof_records=(PROOF, EVIL))
    zone = Zone()
    for _ in range(2):
        error = await refused(run(proofs(bought, zone).read_proof, bought.at_seller))
        assert (type(error), error.code) == (Refused, "proof-out-of-scope")
    assert await stored(bought) == ()
    assert zone.writes == []


async def test_proof_outside_is_not_published_either_whoever_asks(bought: Desk) -> None:
    zone = Zone()
    error = await refused(run(proofs(bought, zone).publish_proof, publishing(bought, PROOF, EVIL)))
    assert (error.code, zone.writes, await stored(bought)) == ("proof-out-of-scope", [], ())


async def test_proof_that_is_not_told_yet_is_asked_for_ever_more_seldom(bought: Desk) -> None:
    bought.shop.alter(proof_records=())
    work, pauses = proofs(bought, Zone()), []
    for minutes in (0, 8, 2 * 24 * 60):
        bought.clock.at = NOW + timedelta(minutes=minutes)
        error = await refused(run(work.read_proof, bought.at_seller))
        assert (type(error), error.code) == (NotYet, "dcv-details-pending")
        pauses.append(error.retry_after)
    assert pauses == [timedelta(seconds=2), timedelta(minutes=2), timedelta(hours=4)]
    shown = await bought.order()
    assert shown.next_look_at == bought.clock.at + timedelta(hours=4)


async def test_an_order_issued_meanwhile_needs_no_proof(bought: Desk) -> None:
    bought.shop.alter(state=SellerState.ACTIVE, proof_records=())
    result = await run(proofs(bought, Zone()).read_proof, bought.at_seller)
    assert (result.records, result.view.state) == ((), SellerState.ACTIVE)
    assert await stored(bought) == ()


async def test_twice_publish_proof(bought: Desk) -> None:
    zone = Zone(records={(PROOF.owner, "TXT", "somebody else's")})
    work = proofs(bought, zone)
    await twice(work.publish_proof, publishing(bought))
    assert zone.records == {STANDING, (PROOF.owner, "TXT", "somebody else's")}
    rows = await stored(bought)
    assert [(row.published_at, row.withdrawn_at) for row in rows] == [(NOW, None)]


async def test_publish_proof_at_once_publishes_one_record(bought: Desk) -> None:
    zone = Zone()
    assert await at_once(proofs(bought, zone).publish_proof, publishing(bought), times=3) == [None] * 3
    assert zone.records == {STANDING}
    assert len(await stored(bought)) == 1


async def test_a_conflict_publishes_nothing_and_calls_a_person(bought: Desk) -> None:
    zone = Zone(foreign={PROOF.owner})
    for _ in range(2):
        error = await refused(run(proofs(bought, zone).publish_proof, publishing(bought)))
        assert (type(error), error.code) == (Refused, "dns-conflict")
    assert zone.records == set()
    assert all(row.published_at is None for row in await stored(bought))


async def test_proof_that_one_server_does_not_show_is_waited_for(bought: Desk) -> None:
    zone = Zone(hidden_at={SERVERS[1]})
    work = proofs(bought, zone)
    bought.clock.at = NOW + timedelta(minutes=2)
    error = await refused(run(work.publish_proof, publishing(bought)))
    assert (type(error), error.code, error.retry_after) == (NotYet, "dns-not-visible", timedelta(seconds=30))
    assert error.why == (f"{SERVERS[1]} shows nothing there",)
    assert "1 of 2 answers" in (await bought.order()).look
    zone.hidden_at.clear()
    await run(work.publish_proof, publishing(bought), attempt=2)
    assert zone.records == {STANDING}


async def test_twice_withdraw_proof(bought: Desk) -> None:
    zone, other = Zone(), (PROOF.owner, "TXT", "somebody else's")
    work = proofs(bought, zone)
    await run(work.publish_proof, publishing(bought))
    zone.records.add(other)
    zone.writes.clear()
    await twice(work.withdraw_proof, publishing(bought))
    assert zone.records == {other}
    assert zone.writes == [f"withdraw {PROOF.owner} {PROOF.value}"]
    assert [row.withdrawn_at for row in await stored(bought)] == [NOW]


async def test_twice_withdraw_what_a_restored_inventory_forgot(bought: Desk) -> None:
    zone = Zone()
    zone.records |= {STANDING, (EVIL.owner, EVIL.record_type, EVIL.value)}
    await twice(proofs(bought, zone).withdraw_proof, publishing(bought, PROOF, EVIL))
    assert zone.records == {(EVIL.owner, EVIL.record_type, EVIL.value)}, "which was never ours"
    assert [row.withdrawn_at for row in await stored(bought)] == [NOW]


async def test_withdrawals_at_once_and_absence_are_success(bought: Desk) -> None:
    zone = Zone()
    work = proofs(bought, zone)
    await run(work.publish_proof, publishing(bought))
    zone.records.clear()  # somebody tidied up by hand
    assert await at_once(work.withdraw_proof, publishing(bought), times=3) == [None] * 3
    assert all(row.withdrawn_at is not None for row in await stored(bought))


async def test_only_what_is_left_is_withdrawn_after_a_failure(bought: Desk) -> None:
    second = PROOF.model_copy(update={"owner": "_q.example.test"})
    zone = Zone()
    work = proofs(bought, zone)
    await run(work.publish_proof, publishing(bought, PROOF, second))
    await bought.inventory.mark_proof(bought.wanted.order_id, PROOF, published=False, now=NOW)
    zone.refuses, zone.writes = AWAY, []
    assert (await refused(run(work.withdraw_proof, publishing(bought)))).code == AWAY.code
    zone.refuses = None
    await run(work.withdraw_proof, publishing(bought), attempt=2)
    assert zone.writes == [f"withdraw {second.owner} {second.value}"] * 2
    assert zone.records == {STANDING}, "what the inventory holds for withdrawn is left alone"


async def test_what_was_saved_but_perhaps_not_published_is_withdrawn_too(bought: Desk) -> None:
    """A worker may die between the write and the note of it."""
    zone = Zone(records={STANDING})
    await run(proofs(bought, zone).read_proof, bought.at_seller)
    await run(proofs(bought, zone).withdraw_proof, publishing(bought))
    assert zone.records == set()


async def test_a_withdrawal_shows_its_state(bought: Desk) -> None:
    await run(proofs(bought, Zone()).withdraw_proof, publishing(bought))
    assert (await bought.order()).state == OrderState.WITHDRAWING_PROOF


async def test_a_try_that_slept_before_it_began_publishes_nothing(bought: Desk) -> None:
    zone = Zone()
    work = proofs(bought, zone)
    later = NOW + timedelta(seconds=12)
    await run(work.publish_proof, publishing(bought), attempt=2, current_attempt_scheduled_time=later)
    await run(work.withdraw_proof, publishing(bought), current_attempt_scheduled_time=later + timedelta(seconds=5))
    shown = await bought.order()
    zone.writes.clear()
    for _ in range(2):
        error = await refused(run(work.publish_proof, publishing(bought)))
        assert (type(error), error.code) == (NotYet, "try-overtaken")
    assert (zone.records, zone.writes, await bought.order()) == (set(), [], shown)


async def test_a_try_that_slept_while_the_proof_was_withdrawn_takes_away_what_it_published(bought: Desk) -> None:
    zone = SleepyZone()
    work = proofs(bought, zone)
    await run(work.publish_proof, publishing(bought))  # the try that was begun anew
    zone.meanwhile = lambda: run(work.withdraw_proof, publishing(bought))
    error = await refused(run(work.publish_proof, publishing(bought)))
    assert (type(error), error.code) == (NotYet, "try-overtaken")
    assert zone.records == set()
    assert all(row.withdrawn_at is not None for row in await stored(bought))
    await run(work.publish_proof, publishing(bought), attempt=2)  # one that is wanted, after a reset, say
    assert zone.records == {STANDING}


@dataclass
class SleepyZone(Zone):
    """A zone where something happens between the wish to publish and the record."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def publish(self, record: ProofRecord) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        await super().publish(record)
