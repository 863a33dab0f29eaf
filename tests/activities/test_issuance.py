"""Waiting for the CA and fetching what it issued; twice each, and told apart: not yet, and could not look."""

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from temporalio.testing import ActivityEnvironment

from activities import seller_lists
from activities.adapters.x509 import CryptographyX509
from activities.issuance import FailingLooks, Issuance, view_of
from activities.messages import AwaitInput, AwaitResult, Collected, CollectInput, SellerView
from activities.ports import MadeKey
from deploy.sandbox.ca import CertificateAuthority, LeafOrder, WrongLeaf
from deploy.sandbox.state import Store
from domain import ids
from domain.errors import Ambiguous, EvercertError, InvariantBroken, NotYet, Unavailable
from domain.inventory import AccountRecord, AlertKind, Environment, KeyRecord, VersionState
from domain.seller import NameProof, SellerState
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import AWAY
from tests.adapters.inventory_support import NOW, event

X509 = CryptographyX509()
CA = CertificateAuthority(Store(None), "http://127.0.0.1:8560")
BROKEN = InvariantBroken("internal-error", "an answer that no code of ours expected")


@pytest.fixture
async def bought(desk: Desk) -> Desk:
    await desk.buy()
    return desk


def issuance(desk: Desk) -> Issuance:
    return Issuance(desk.inventory, desk.shop, X509, desk.clock)


def awaiting(desk: Desk, seen: SellerView | None = None) -> AwaitInput:
    return AwaitInput(seller=desk.at_seller, seen=seen)


def seen_now(desk: Desk) -> SellerView:
    return view_of(desk.shop.sold[-1])


@dataclass
class Poll:
    """Attempts of one poll as Temporal makes them: by the pause asked for, with the heartbeat of the one before."""

    desk: Desk
    given: AwaitInput
    attempt: int = 0
    details: list[Any] = field(default_factory=list)

    async def look(self) -> AwaitResult | EvercertError:
        """Look once; afterwards the clock stands where the next look is due."""
        self.attempt += 1
        beats: list[Any] = []
        env = ActivityEnvironment()
        env.info = _info(env, attempt=self.attempt, details=self.details)
        env.on_heartbeat = lambda *told: beats.append(told)
        try:
            return await env.run(issuance(self.desk).await_issuance, self.given)
        except EvercertError as error:
            self.details = [told.model_dump(mode="json") for told in beats[-1]] if beats else self.details
            self.desk.clock.at += error.retry_after or timedelta.max
            return error


def _info(env: ActivityEnvironment, *, attempt: int, details: list[Any]) -> Any:
    return dataclasses.replace(
        env.info,
        attempt=attempt,
        heartbeat_details=details,
        scheduled_time=NOW,
        current_attempt_scheduled_time=NOW,
    )


async def test_twice_await_issuance(bought: Desk) -> None:
    before = seen_now(bought)
    bought.shop.alter(state=SellerState.ACTIVE, status_text="Active")
    first, second = await twice(issuance(bought).await_issuance, awaiting(bought, before))
    assert first == second
    assert first.view == seen_now(bought)
    assert first.code == ""


async def test_polls_at_once_see_the_same(bought: Desk) -> None:
    results = await at_once(issuance(bought).await_issuance, awaiting(bought), times=3)
    assert results == [AwaitResult(view=seen_now(bought))] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"state": SellerState.ACTIVE},
        {"status_text": "Pending: waiting for the CA"},
        {"proof_records": ()},
        {"name_proofs": (NameProof(name="www.example.test", status="Validated", is_validated=True),)},
        {"state": SellerState.UNREADABLE},
    ],
)
async def test_any_change_of_the_view_is_told_at_once(bought: Desk, change: dict[str, Any]) -> None:
    before = seen_now(bought)
    bought.shop.alter(**change)
    result = await run(issuance(bought).await_issuance, awaiting(bought, before))
    assert result.view == seen_now(bought) != before


async def test_not_yet_pauses_by_the_time_waited(bought: Desk) -> None:
    poll, pauses = Poll(bought, awaiting(bought, seen_now(bought))), []
    while bought.clock.at < NOW + timedelta(days=3):
        error = await poll.look()
        assert isinstance(error, NotYet)
        assert error.code == "issuance-pending"
        pauses.append(error.retry_after or timedelta())
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=2), timedelta(hours=4))
    assert timedelta(minutes=15) in pauses
    shown = await bought.order()
    assert "not issued yet" in shown.look
    assert shown.next_look_at == bought.clock.at


async def test_looks_that_fail_for_six_hours_end_with_a_result(bought: Desk) -> None:
    bought.shop.on_find = AWAY
    poll = Poll(bought, awaiting(bought, seen_now(bought)))
    while isinstance(result := await poll.look(), EvercertError):
        assert isinstance(result, Unavailable)
        assert bought.clock.at < NOW + timedelta(hours=7)
    assert (result.view, result.code, result.failing_since) == (None, AWAY.code, NOW)
    assert bought.clock.at >= NOW + timedelta(hours=6)


async def test_one_good_look_starts_the_six_hours_anew(bought: Desk) -> None:
    poll = Poll(bought, awaiting(bought, seen_now(bought)))
    bought.shop.on_find = AWAY
    while bought.clock.at < NOW + timedelta(hours=5):
        await poll.look()
    bought.shop.on_find = None
    assert isinstance(await poll.look(), NotYet)
    bought.shop.on_find = AWAY
    began = bought.clock.at
    while isinstance(result := await poll.look(), EvercertError):
        pass
    assert result.failing_since == began
    assert bought.clock.at >= began + timedelta(hours=6)


async def test_a_defect_three_times_ends_with_a_result(bought: Desk) -> None:
    bought.shop.on_find = BROKEN
    poll = Poll(bought, awaiting(bought, seen_now(bought)))
    looks = [await poll.look() for _ in range(3)]
    assert [type(look) for look in looks] == [InvariantBroken, InvariantBroken, AwaitResult]
    assert isinstance(looks[-1], AwaitResult)
    assert looks[-1].code == "internal-error"


async def test_an_order_that_the_seller_does_not_show_is_looked_for_again(bought: Desk) -> None:
    given = awaiting(bought)
    bought.shop.sold.clear()
    bought.shop.sold_at.clear()
    error = await refused(run(issuance(bought).await_issuance, given))
    assert (type(error), error.code) == (Unavailable, "seller-order-missing")


async def test_a_pause_that_the_seller_asks_for_is_kept(bought: Desk) -> None:
    bought.shop.on_find = Unavailable("seller-throttles", "too often", retry_after=timedelta(minutes=33))
    error = await Poll(bought, awaiting(bought)).look()
    assert isinstance(error, Unavailable)
    assert error.retry_after == timedelta(minutes=33)


async def test_the_heartbeat_of_older_workers_is_understood() -> None:
    assert FailingLooks.model_validate({"since": None, "added later": 1}) == FailingLooks()


# collect


@pytest.fixture
async def keyed(open_desk: Desk) -> Desk:
    """An order with a real key, about to be bought; the sandbox's CA issues its leaf whenever it is asked for."""
    roots = AccountRecord(
        name="rooted", environment=Environment.SANDBOX, base_url="http://127.0.0.1:1/rest", partner_code="1",
        secret_id="r", trust_roots=CA.root.pem,
    )  # fmt: skip
    await open_desk.inventory.add_account(roots, b"sealed", event("rooted"))
    key = await X509.make_key("ecdsa", 256, open_desk.wanted.names)
    record = KeyRecord(
        key_id=ids.key_id(open_desk.wanted.order_id, 1), order_id=open_desk.wanted.order_id, algorithm="ecdsa",
        size=256, csr=key.csr, spki_sha256=key.spki_sha256,
    )  # fmt: skip
    await open_desk.inventory.put_key(record, b"sealed", NOW)
    open_desk.shop.leaves = leaves(key)
    return open_desk


@pytest.fixture
async def issued(keyed: Desk) -> Desk:
    """An order bought by one request, and issued."""
    await keyed.buy()
    keyed.shop.alter(state=SellerState.ACTIVE, status_text="Active", term_ends_at=NOW + timedelta(days=365))
    return keyed


def leaves(key: MadeKey, wrong: WrongLeaf | None = None) -> tuple[str, ...]:
    public_key = x509.load_pem_x509_csr(key.csr.encode()).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    wanted = LeafOrder(("www.example.test",), public_key, "sectigo", "DV", NOW + timedelta(days=365), {})
    got = CA.issue(wanted, NOW, wrong)
    return (CA.root.pem, got.chain_pem, got.leaf_pem)


def collecting(desk: Desk) -> CollectInput:
    rooted = desk.run.model_copy(update={"account": "rooted"})
    return CollectInput(
        seller=desk.at_seller.model_copy(update={"run": rooted}),
        key_id=ids.key_id(desk.wanted.order_id, 1),
        certificate_id=ids.certificate_id(desk.wanted.order_id),
    )


async def rows(desk: Desk) -> list[tuple[VersionState, int]]:
    found = await desk.inventory.versions(ids.certificate_id(desk.wanted.order_id))
    return [(version.state, version.number) for version in found]


async def test_twice_collect(issued: Desk) -> None:
    first, second = await twice(issuance(issued).collect, collecting(issued))
    assert first == second
    assert first.problems == ()
    assert await rows(issued) == [(VersionState.CANDIDATE, 0)]
    assert (await issued.order()).term_ends_at == NOW + timedelta(days=365)


async def test_collections_at_once_keep_one_row(issued: Desk) -> None:
    results = await at_once(issuance(issued).collect, collecting(issued), times=3)
    assert isinstance(results[0], Collected)
    assert results == [results[0]] * 3
    assert await rows(issued) == [(VersionState.CANDIDATE, 0)]


@pytest.mark.parametrize("wrong", ["name", "key", "chain", "dates"])
async def test_a_leaf_that_does_not_match_is_kept_in_quarantine(issued: Desk, wrong: WrongLeaf) -> None:
    record = await issued.inventory.key(ids.key_id(issued.wanted.order_id, 1))
    assert record is not None
    issued.shop.leaves = leaves(MadeKey(b"", record.csr, record.spki_sha256), wrong)
    first, second = await twice(issuance(issued).collect, collecting(issued))
    assert first == second
    assert {problem.partition(":")[0] for problem in first.problems} == {wrong}
    assert await rows(issued) == [(VersionState.QUARANTINED, 0)]


async def test_nothing_to_download_yet(issued: Desk) -> None:
    issued.shop.leaves = ()
    error = await refused(run(issuance(issued).collect, collecting(issued)))
    assert (type(error), error.code) == (NotYet, "download-unavailable")
    assert await rows(issued) == []


async def test_a_leaf_without_our_key_in_the_inventory_is_a_bug(issued: Desk) -> None:
    strange = collecting(issued).model_copy(update={"key_id": "key_unknown"})
    assert (await refused(run(issuance(issued).collect, strange))).code == "key-missing"


async def test_a_sale_that_shows_after_not_placed_is_told_when_the_leaf_is_collected(keyed: Desk) -> None:
    """The chance that is left: the answer was lost, the seller showed nothing, a person ruled, and it was sold again."""
    shop = keyed.shop
    shop.shows_after, shop.after_sale = timedelta(days=1), Ambiguous("purchase-outcome-unknown", "the answer was lost")
    assert (await keyed.buy_until_settled()).outcome == "in-doubt"
    keyed.clock.move(minutes=1)
    await keyed.rule("not-placed")
    shop.after_sale = None
    assert (await keyed.buy_until_settled()).outcome == "placed"
    first, second = shop.sold
    shop.shows_after = timedelta()
    result, _ = await twice(issuance(keyed).collect, collecting(keyed))
    assert (result.problems, result.other_sales) == ((), (first.seller_order_id,))
    (alert,) = await keyed.inventory.alerts()
    assert (alert.kind, alert.order_id) == (AlertKind.DOUBLE_SALE, keyed.wanted.order_id)
    assert (alert.account, alert.seller_order_id) == ("sandbox", first.seller_order_id)
    assert alert.facts["own_seller_order"] == second.seller_order_id
    assert await keyed.trail("alert") == ["alert.raised"]


async def test_a_further_sale_is_told_where_an_inventory_was_put_back(
    issued: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy may be from before the first request: what it says of the act is not all that happened."""
    given = collecting(issued)
    second = issued.shop.sell(issued.wanted.order_id, "positivessl", "www.example.test")
    issued.shop.sell("", "positivessl", "www.example.test")
    await put_back(issued, monkeypatch)
    result, _ = await twice(issuance(issued).collect, given)
    assert (result.problems, result.other_sales) == ((), (second.seller_order_id,))
    (alert,) = await issued.inventory.alerts()
    assert (alert.kind, alert.seller_order_id) == (AlertKind.DOUBLE_SALE, second.seller_order_id)
    assert alert.facts["own_seller_order"] == given.seller.seller_order_id


async def test_an_order_that_was_sent_once_reads_no_list_when_it_is_collected(
    issued: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(**_: Any) -> Any:
        raise AssertionError("the list was read")

    monkeypatch.setattr(issued.shop, "list_orders", asked)
    assert (await run(issuance(issued).collect, collecting(issued))).other_sales == ()


async def put_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the inventory say that it was set back since the order began."""

    async def is_fresh(account: str, looked_at: datetime) -> bool:
        assert (account, looked_at) == ("sandbox", (await desk.order()).created_at)
        return False

    monkeypatch.setattr(desk.inventory, "is_look_fresh", is_fresh)


async def test_a_list_too_long_to_be_read_keeps_no_leaf_from_being_collected(
    issued: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller_lists, "MOST_PAGES", 0)
    await put_back(issued, monkeypatch)
    collected = await run(issuance(issued).collect, collecting(issued))
    assert (collected.problems, collected.other_sales) == ((), ())
