"""SyncOrders on real processes: lost orders are taken up by themselves, sales that nobody knows of call a person."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from temporalio.client import Client

from activities.adapters.build import adapter_settings, open_adapters
from domain import ids
from domain.inventory import AlertRecord
from domain.request import ResolvePurchase
from domain.seller import Placement, SellerOrder
from starter.client import StartedOrder
from starter.schedules import SYNC_SCHEDULE, missing_schedules
from starter.stack import ACCOUNT, NAMESPACE, Stack, StackOptions
from tests.integration.support import House, open_house, until_true
from workflows.messages import SyncResult

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A machine whose worker takes a lost order over after seconds, and whose seller shows each sale at once."""
    async with open_house(tmp_path_factory.mktemp("home"), with_worker=False, visibility_minutes=0) as house:
        stack = house.stack
        stack.options = dataclasses.replace(stack.options, worker_module="tests.integration.hasty_worker")
        await stack.start_worker()
        yield house


async def synced(house: House) -> SyncResult:
    """Run SyncOrders once, to its end."""
    return await house.client.wait_for_sync(await house.client.sync())


async def alerts(house: House, order_id: str) -> list[AlertRecord]:
    return [it for it in await house.client.inventory.alerts(settled_too=True) if it.order_id == order_id]


def csr(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def sold_for(house: House, started: StartedOrder) -> list[str]:
    """Return the seller's numbers of an order's sales, in their order, as its own book has them."""
    ledger: Any = house.stack.control("ledger")
    return [str(sale["seller_order_id"]) for sale in ledger["sales"] if sale["custom_order_id"] == started.order_id]


async def buy_elsewhere(house: House, order_id: str, name: str) -> SellerOrder:
    """Buy with a reference of ours, and without a word to the inventory: as a lost or second installation would."""
    placement = Placement(
        order_id=order_id, product="positivessl", vendor="SECTIGO", months=12, common_name=name, csr=csr(name)
    )
    async with open_adapters(adapter_settings(house.stack.settings)) as adapters:
        seller = await adapters.sellers.open(ACCOUNT)
        gate = adapters.clock.send_gate(await adapters.clock.now() + timedelta(seconds=30))
        return await seller.place(placement, gate)


async def waiting(house: House, name: str) -> StartedOrder:
    """An order that is bought and waits for its certificate, which does not come until the house is healed."""
    await house.fault("issue_delay", seconds=3600)
    started = await house.order(name)
    await house.until_state(started, "awaiting-issuance")
    return started


async def in_doubt(house: House, name: str) -> StartedOrder:
    """An order that is bought, of which neither its run nor anybody else sees anything until the house is healed."""
    await house.fault("drop_after_sale", times=1)
    await house.fault("unknown_order_shape", shape="error", hide=True)
    await house.fault("query_lag", seconds=86_400)
    started = await house.order(name)
    await house.until_state(started, "needs-person", "purchase-in-doubt")
    return started


async def test_a_terminated_order_is_taken_up_by_itself_and_not_bought_again(healed: House) -> None:
    house = healed
    started = await waiting(house, "lost.example.test")
    await house.handle(started).terminate("an accident")
    first = await synced(house)
    assert (first.orders_taken_up, first.runs_started) == ((started.order_id,), 1)
    assert first.accounts_compared == (ACCOUNT,)
    again = await synced(house)
    assert (again.runs_started, again.orders_refused) == (0, ())
    await house.heal()
    record = await house.until_state(started, "issued")
    assert record.workflow_id == ids.resume_workflow_id(started.order_id, 1)
    assert house.sales(started) == 1
    (taken,) = [it for it in await house.client.inventory.audit(subject=started.order_id) if "taken" in it.kind]
    assert (taken.by, taken.claim, taken.reason) == ("evercert", "system", "its run is closed or unknown at Temporal")
    assert taken.facts == {"from": started.workflow_id, "to": record.workflow_id}
    assert await alerts(house, started.order_id) == []


async def test_a_successor_that_is_lost_too_is_followed_by_the_next_one(healed: House) -> None:
    house = healed
    started = await waiting(house, "twice-lost.example.test")
    for number in (1, 2):
        record = await house.record(started)
        await house.client.temporal.get_workflow_handle(record.workflow_id).terminate("an accident")
        assert (await synced(house)).orders_taken_up == (started.order_id,)
        successor = ids.resume_workflow_id(started.order_id, number)
        await house.until_order(started, lambda it, successor=successor: it.workflow_id == successor)  # type: ignore[misc]
    await house.heal()
    await house.until_state(started, "issued")
    assert house.sales(started) == 1


async def test_a_sale_that_nobody_here_knows_of_calls_a_person_until_it_is_settled(house: House) -> None:
    stranger = ids.order_id("evercert", "another-installation", "run-1")
    sold = await buy_elsewhere(house, stranger, "stranger.example.test")
    result = await synced(house)
    (alert,) = await alerts(house, stranger)
    assert result.alert_ids == (alert.alert_id,)
    assert (alert.kind, alert.account, alert.seller_order_id) == ("orphan-sale", ACCOUNT, sold.seller_order_id)
    assert alert.facts["name"] == "stranger.example.test"

    doctor = await house.cli("doctor", "alerts", "--fail-on", "failed", "-o", "json")
    assert doctor.code == 11
    assert [it["next"] for it in doctor.json["data"]] == [f"evercert alert show {alert.alert_id}"]
    listed = await house.cli("alert", "list", "-o", "json")
    assert [it["id"] for it in listed.json["data"]] == [alert.alert_id]
    settled = await house.cli("alert", "settle", alert.alert_id, "--by", "ann", "--reason", "the old machine bought it")
    assert settled.code == 0, settled.err
    again = await synced(house)
    assert (again.alerts_raised, again.alerts_seen) == (0, 1)
    assert (await house.cli("doctor", "alerts", "--fail-on", "failed")).code == 0
    assert await house.story(stranger) == ["alert.raised", "alert.settled"]


async def test_a_sale_that_the_inventory_forgot_calls_a_person(house: House) -> None:
    """The inventory counts the order as rejected, as one that was set back and ruled on would; the seller sold it."""
    started = await house.order("www.readonly.test", months=13)
    await house.failure(started)
    sold = await buy_elsewhere(house, started.order_id, "forgotten.example.test")
    await synced(house)
    (alert,) = await alerts(house, started.order_id)
    assert (alert.kind, alert.seller_order_id) == ("orphan-sale", sold.seller_order_id)
    assert alert.facts["order_state"] == "rejected"


async def test_two_sales_under_one_reference_are_a_double_sale(house: House) -> None:
    started = await house.order("double.example.test")
    result = await house.issued(started)
    further = await buy_elsewhere(house, started.order_id, "double.example.test")
    await synced(house)
    (alert,) = await alerts(house, started.order_id)
    assert (alert.kind, alert.seller_order_id) == ("double-sale", further.seller_order_id)
    assert alert.facts["own_seller_order"] == result.seller_order_id
    assert house.sales(started) == 2


async def test_what_collection_tells_is_the_same_alert(healed: House) -> None:
    """The chance that is left: a person ruled *not placed*, the order bought again, and then the first sale shows up."""
    house = healed
    started = await in_doubt(house, "collected.example.test")
    ruling = ResolvePurchase(by="ann@example.com", reason="the seller shows nothing", outcome="not-placed")
    order = await house.client.inventory.order(started.order_id)
    assert order is not None
    assert (await house.client.resolve_purchase(order, ruling)).done

    async def is_sold_again() -> bool:
        return house.sales(started) == 2

    await until_true(is_sold_again)
    await house.heal()
    await house.issued(started)
    (alert,) = await alerts(house, started.order_id)
    issued = await house.client.inventory.order(started.order_id)
    assert issued is not None
    first, second = sold_for(house, started)
    assert (alert.kind, alert.seller_order_id, issued.seller_order_id) == ("double-sale", first, second)
    assert {"alert.raised", "order.double-sale"} <= set(await house.story(started.order_id))
    assert (await synced(house)).alerts_raised == 0
    (seen,) = await alerts(house, started.order_id)
    assert seen.last_seen_at > alert.last_seen_at
    assert (await house.story(started.order_id)).count("alert.raised") == 1


async def test_an_order_in_doubt_that_shows_up_is_adopted_without_a_person(healed: House) -> None:
    house = healed
    started = await in_doubt(house, "doubt.example.test")
    assert (await synced(house)).orders_nudged == 0
    await house.heal()
    result = await synced(house)
    assert (result.orders_nudged, result.alerts_raised) == (1, 0)
    await house.issued(started)
    assert house.sales(started) == 1
    assert "purchase.adopted" in await house.story(started.order_id)


@pytest.mark.parametrize(
    ("fault", "rule", "code"),
    [
        ("http_502", {"endpoint": "order/query"}, "seller-unreachable"),
        ("token_rejected", {"endpoint": "order/query"}, "auth-rejected"),
    ],
)
async def test_an_account_that_cannot_be_asked_is_left_out_and_raises_no_alert(
    healed: House, fault: str, rule: dict[str, Any], code: str
) -> None:
    house = healed
    stranger = ids.order_id("evercert", f"unseen-{fault}", "run-1")
    await buy_elsewhere(house, stranger, f"{code}.example.test")
    await house.fault(fault, **rule)
    result = await synced(house)
    assert [(it.account, it.code) for it in result.accounts_skipped] == [(ACCOUNT, code)]
    assert (result.accounts_compared, await alerts(house, stranger)) == ((), [])
    await house.heal()
    assert (await house.cli("account", "check", ACCOUNT)).code == 0
    assert (await synced(house)).accounts_compared == (ACCOUNT,)
    assert len(await alerts(house, stranger)) == 1


async def test_the_schedule_is_provided_by_command_and_starts_a_look(house: House) -> None:
    planned = await house.cli("temporal", "provision", "--dry-run", "-o", "json")
    assert planned.json["data"]["changed"] == ["schedule evercert-sync made, every 15 minutes"]
    assert (await house.cli("temporal", "provision", "--yes", "-o", "json")).json["changed"] is True
    assert (await house.cli("temporal", "provision", "--yes", "-o", "json")).json["changed"] is False
    handle = house.client.temporal.get_schedule_handle(SYNC_SCHEDULE)
    try:
        await handle.trigger()

        async def has_started() -> bool:
            return bool((await handle.describe()).info.recent_actions)

        await until_true(has_started)
        started = (await handle.describe()).info.recent_actions[0].action
        run = house.client.temporal.get_workflow_handle(started.workflow_id, result_type=SyncResult)  # type: ignore[attr-defined]
        result = await run.result()
        assert result.accounts_compared == (ACCOUNT,)
        installation = await house.client.inventory.installation()
        assert 0 < result.audit_sequence <= installation.audit_sequence
    finally:
        await handle.delete()


async def test_a_look_by_hand_tells_what_it_found(house: House) -> None:
    told = await house.cli("order", "sync", "--wait", "--request-id", "by-hand", "-o", "json")
    assert told.code == 0, told.err
    row = told.json["data"]
    assert (row["id"], row["accounts_compared"], row["alerts_raised"]) == ("sync-by-hand", [ACCOUNT], 0)
    again = await house.cli("order", "sync", "--wait", "--request-id", "by-hand", "-o", "json")
    assert again.json["data"]["run_id"] == row["run_id"]


async def test_a_machine_of_ones_own_has_the_schedule_and_keeps_its_pause(tmp_path: Path) -> None:
    wanted = StackOptions(home=tmp_path, ui_port=None, with_worker=False, with_schedules=True)
    for missing in ((), ("evercert-sync is paused",)):
        async with Stack(wanted, print) as stack:
            client = await Client.connect(stack.server.address, namespace=NAMESPACE)
            assert await missing_schedules(client) == missing
            await client.get_schedule_handle(SYNC_SCHEDULE).pause(note="for the test")
