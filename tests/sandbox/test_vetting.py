"""Vetting of organisations, step by step at the sandbox's clock; and random values that grow old."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox import Sandbox, SandboxSettings
from tests.sandbox.support import Client, add_record, update_dns

ORGANIZATION = {
    "OrganizationName": "Example Ltd",
    "RegistrationNumber": "12345",
    "JurisdictionCountry": "US",
    "OrganizationAddress": {"AddressLine1": "1 Main St", "City": "Anytown", "Region": "WA", "Country": "US"},
}
OV = {"ProductCode": "sectigoovssl", "OrganizationInfo": ORGANIZATION}
EV = {"ProductCode": "digi_ssl_ev_basic", "SignatureHashAlgorithm": "sha256", "OrganizationInfo": ORGANIZATION}


@pytest.fixture
async def box() -> Any:
    """The CA looks only when the test says so, and time stands still."""
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600)) as running:
        running.clock.freeze()
        yield running


async def states(client: Client, order: dict[str, Any]) -> tuple[str, list[str]]:
    await client.box.desk.round()
    shown = (await client.status(order))["OrderStatus"]
    return shown["MajorStatus"], [step["Status"][0] for step in shown["AuthenticationStatuses"]]


async def test_steps_take_their_shares_of_the_time_beside_the_proof(client: Client, box: Sandbox) -> None:
    box.switch(vetting_seconds=400)
    order = await client.buy(**EV)
    assert await states(client, order) == ("Pending", ["P", "P", "P", "P", "P"])
    box.clock.advance(250)  # before anything is published
    assert await states(client, order) == ("Pending", ["P", "C", "C", "P", "P"])
    await client.publish_proofs(order)
    assert await states(client, order) == ("Pending", ["C", "C", "C", "P", "P"])
    box.clock.advance(149)
    assert (await states(client, order))[0] == "Pending"
    box.clock.advance(1)
    assert await states(client, order) == ("Active", ["C"] * 5)
    steps = (await client.status(order))["OrderStatus"]["AuthenticationStatuses"]
    assert [step["AuthenticationStep"] for step in steps[1:]] == [
        "Organization Authentication", "Legal Existence", "Verification Call", "Final Approval",
    ]  # fmt: skip


async def issued_at_once(client: Client, **members: Any) -> bool:
    order = await client.buy(**members)
    await client.publish_proofs(order)
    return (await states(client, order))[0] == "Active"


async def test_what_was_vetted_once_is_good_for_398_days(client: Client, box: Sandbox) -> None:
    assert await issued_at_once(client, **OV)
    box.switch(vetting_seconds=3600)
    assert await issued_at_once(client, **OV)
    box.clock.advance(timedelta(days=398).total_seconds() - 1)
    assert await issued_at_once(client, **OV)
    assert not await issued_at_once(client, **EV)  # what does for OV does not do for EV
    other = {**ORGANIZATION, "OrganizationName": "Another Ltd"}
    assert not await issued_at_once(client, **{**OV, "OrganizationInfo": other})
    box.clock.advance(1)
    assert not await issued_at_once(client, **OV)


async def test_pre_vetted_organisations_skip_the_steps(client: Client, box: Sandbox) -> None:
    box.switch(vetting_seconds=3600)
    answer = await client.control("POST", "organizations", {"name": "EXAMPLE  ltd", "country": "us"})
    assert [each["level"] for each in answer.json()["organizations"]] == ["EV"]
    assert await issued_at_once(client, **EV)
    assert await issued_at_once(client, **OV)
    old = (box.clock.now() - timedelta(days=398)).isoformat()
    await client.control("POST", "organizations", {"name": "Old Ltd", "country": "US", "vetted_at": old})
    assert not await issued_at_once(
        client, **{**OV, "OrganizationInfo": {**ORGANIZATION, "OrganizationName": "Old Ltd"}}
    )
    for bad in (
        {"name": "", "country": "US"},
        {"name": "x", "country": "USA"},
        {"name": "x", "vetted_at": "2026-01-01"},
    ):
        assert (await client.control("POST", "organizations", bad)).status_code == 400


async def test_a_person_may_end_the_vetting(client: Client, box: Sandbox) -> None:
    box.switch(vetting_seconds=3600)
    order = await client.buy(**OV)
    assert (await client.control("POST", "orders/nobody/vet", {})).status_code == 404
    await client.publish_proofs(order)
    assert await states(client, order) == ("Pending", ["C", "P", "P"])
    path = f"orders/{order['TheSSLStoreOrderID']}/vet"
    assert (await client.control("POST", path, {})).status_code == 200
    assert await states(client, order) == ("Active", ["C", "C", "C"])
    assert (await client.control("POST", path, {})).status_code == 409


async def test_vetting_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600, state_file=path)) as box:
        client = Client(box)
        assert await issued_at_once(client, **OV)
        await client.http.aclose()
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600, state_file=path)) as box:
        box.switch(vetting_seconds=3600)
        client = Client(box)
        assert await issued_at_once(client, **OV)
        await client.http.aclose()


DIGICERT = {"ProductCode": "digi_rapidssl", "SignatureHashAlgorithm": "sha256"}


@pytest.mark.parametrize("method", ["txt", "cname", "file"])
async def test_a_random_value_lives_thirty_days(client: Client, box: Sandbox, method: str) -> None:
    box.switch(digicert_dns="txt" if method == "file" else method)
    by_file = {"CNAMEAuthDVIndicator": False, "FileAuthDVIndicator": True} if method == "file" else {}
    order = await client.buy(**DIGICERT, **by_file)
    await box.desk.round()

    async def shown() -> dict[str, Any]:
        vetting: dict[str, Any] = (await client.status(order))["OrderStatus"]["DomainAuthVettingStatus"][0]
        return vetting

    member = "FileContents" if method == "file" else "DNSEntry"
    box.clock.advance(timedelta(days=30).total_seconds() - 1)
    await box.desk.round()
    first = (await shown())[member]
    assert first == order["OrderStatus"]["DomainAuthVettingStatus"][0][member]
    box.clock.advance(1)
    if method != "file":
        await client.publish_proofs(order)  # too late: the value is worthless by now
    await box.desk.round()
    fresh = await shown()
    assert fresh[member] != first and len(fresh[member]) == len(first)
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    box.clock.advance(timedelta(days=29).total_seconds())
    if method == "file":
        path = "files/www.example.test/.well-known/pki-validation/fileauth.txt"
        await client.control("PUT", path, {"content": fresh[member]})
    else:
        await update_dns(box, lambda update: update.delete("_dnsauth.www.example.test."))
        await client.publish_proofs(await client.status(order))
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Active"


async def test_a_value_from_the_csr_does_not_grow_old(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    await box.desk.round()
    box.clock.advance(timedelta(days=60).total_seconds())
    await client.publish_proofs(order)
    assert (await states(client, order))[0] == "Active"


@pytest.mark.parametrize("owner", ["_dnsauth.www.example.test", "www.example.test", "example.test"])
async def test_a_txt_value_in_several_strings_counts(client: Client, box: Sandbox, owner: str) -> None:
    order = await client.buy(**DIGICERT)
    value = order["CNAMEAuthValue"]
    await add_record(box, owner, "TXT", f'"{value[:10]}" "{value[10:].upper()}"')
    assert (await states(client, order))[0] == "Active"


async def test_a_check_on_demand_does_not_wait_for_the_schedule(client: Client) -> None:
    order = await client.buy(**DIGICERT)
    await client.publish_proofs(order)
    await client.call("digicert/checkdcv", TheSSLStoreOrderID=order["TheSSLStoreOrderID"])
    await client.until_active(order)
