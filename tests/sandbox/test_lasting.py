"""State across restarts, the program itself, and rubbish of every kind."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.endpoints import ENDPOINTS
from deploy.sandbox.settings import Switches
from tests.sandbox.support import Client

ROOT = Path(__file__).parents[2]


def on_disk(path: Path) -> SandboxSettings:
    return SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.03, state_file=path)


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    state = on_disk(tmp_path / "state" / "sandbox.db")
    async with Sandbox(state) as box:
        client = Client(box)
        issued = await client.issue()
        pending = await client.buy("other.example.test", CustomOrderID="EC-2")
        await client.publish_proofs(issued | {"OrderStatus": pending["OrderStatus"]})
        await client.control("POST", "orders/EC-1/refund", {"approve": False})
        root, records, serial = box.root_pem, box.state.records(), box.state.zones[0].serial
        download = await client.call("order/download", CustomOrderID="EC-1")
        await client.http.aclose()
    assert (tmp_path / "state" / "sandbox.db").stat().st_mode & 0o077 == 0
    async with Sandbox(state) as box:
        client = Client(box)
        assert (box.root_pem, box.state.records(), box.state.zones[0].serial) == (root, records, serial)
        assert [sale.custom_order_id for sale in box.sales()] == ["EC-1", "EC-2"]
        assert (await client.call("order/download", CustomOrderID="EC-1"))["Certificates"] == download["Certificates"]
        await client.until_active(pending)
        next_id = int((await client.buy(CustomOrderID="EC-3"))["TheSSLStoreOrderID"])
        assert next_id > int(pending["TheSSLStoreOrderID"])
        await client.http.aclose()


async def run_program(folder: Path, *extra: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    ready = folder / "ready.json"
    arguments = ("-m", "deploy.sandbox", "--port", "0", "--dns-port", "0", "--ready-file", str(ready), *extra)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    while not ready.exists():
        assert process.returncode is None
        await asyncio.sleep(0.02)
    return process, json.loads(ready.read_text())


async def test_the_program_tells_sales_and_keeps_them_when_killed(tmp_path: Path) -> None:
    extra = ("--state", str(tmp_path / "box.db"), "--ca-poll-seconds", "0.05", "--seed", "7")
    process, ready = await run_program(tmp_path, *extra)
    ports = {"dns_port", "web_port", "smtp_port"}
    assert set(ready) == {"base_url", "control_url", "dns_host", "tsig_name", "pid", *ports}
    async with httpx.AsyncClient() as http:
        async with Sandbox(SandboxSettings(port=0, dns_port=0)) as unused:
            body = Client(unused).order_body()
        auth = {"PartnerCode": "12345678", "AuthToken": "sandbox-token"}
        await http.post(f"{ready['base_url']}/order/neworder/", json={"AuthRequest": auth, **body})
        process.kill()
        output, _ = await process.communicate()
        assert b"sandbox ready" in output and b"sold positivessl for www.example.test" in output
        (tmp_path / "ready.json").unlink()
        process, ready = await run_program(tmp_path, *extra)
        assert (await http.get(f"{ready['control_url']}/ledger")).json()["count"] == 1
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    assert not (tmp_path / "ready.json").exists()


async def test_a_taken_port_is_said_in_one_line(box: Sandbox) -> None:
    port = box.base_url.split(":")[2].partition("/")[0]
    arguments = ("-m", "deploy.sandbox", "--port", port, "--dns-port", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert len(errors.decode().strip().splitlines()) == 1 and "cannot start" in errors.decode()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["12", "true", "%", "*.a.test", "FILE", "EMAIL", "ApproverEmail", "www.example.test"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
MEMBERS = (
    "AddSAN",
    "ApproverEmails",
    "ApproverMethod",
    "AuthRequest",
    "DeleteSAN",
    "DomainApproverList",
    "DomainNames",
    "EditSAN",
    "ExtraSAN",
    "ModifiedSinceDate",
    "ReissueEmail",
    "ResendEmail",
    "ResendEmailType",
    "RevokeReason",
    "SerialNumber",
    "TSSOrganizationId",
    "Token",
    "url",
    "AdminContact",
    "ApproverEmail",
    "CNAMEAuthDVIndicator",
    "CSR",
    "CSRUniqueValue",
    "CustomOrderID",
    "DNSNames",
    "DomainName",
    "EndDate",
    "OrganizationInfo",
    "PageNumber",
    "PageSize",
    "ProductCode",
    "ProductType",
    "ReserveSANCount",
    "ReturnPKCS7Cert",
    "ServerCount",
    "SignatureHashAlgorithm",
    "StartDate",
    "TheSSLStoreOrderID",
    "RefundRequestID",
    "ValidityPeriod",
    "WebServerType",
)


@pytest.fixture
async def quiet() -> AsyncIterator[Client]:
    """A client of a sandbox whose CA sleeps, for tests that pile up orders."""
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600)) as box:
        made = Client(box)
        await made.buy(CustomOrderID="EC-issued", AdminContact={"Email": "hostmaster@example.test"})
        await made.buy(CustomOrderID="EC-digicert", ProductCode="digi_ssl_dv_geotrust_flex")
        await made.call("order/inviteorder", ProductCode="positivessl", ValidityPeriod=12, CustomOrderID="EC-invited")
        box.desk.issue(next(order for order in box.state.book if order.custom_order_id == "EC-issued"))
        yield made
        await made.http.aclose()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    endpoint=st.sampled_from(sorted(ENDPOINTS)),
    changes=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4),
    product=st.sampled_from(["positivessl", "positivemdcssl", "digi_ssl_basic"]),
    order=st.sampled_from(["EC-1", "EC-issued", "EC-digicert", "EC-invited"]),
)
async def test_no_member_of_any_kind_breaks_the_desk(
    quiet: Client, endpoint: str, changes: dict[str, Any], product: str, order: str
) -> None:
    usual = quiet.order_body(ProductCode=product, CustomOrderID=order) | {"ReissueEmail": "hostmaster@example.test"}
    body = {"AuthRequest": quiet.auth, **quiet.auth, **usual, **changes}
    answer = await quiet.http.post(f"{quiet.box.base_url}/{endpoint}", content=json.dumps(body))
    assert answer.status_code == 200
    assert "-99000" not in answer.text
    assert not quiet.box.state.journal.entries("desk.failed")
    answer.json()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    endpoint=st.sampled_from(sorted(ENDPOINTS)),
    body=st.binary(max_size=60) | VALUES.map(lambda v: json.dumps(v).encode()),
)
async def test_no_body_breaks_the_desk(quiet: Client, endpoint: str, body: bytes) -> None:
    answer = await quiet.http.post(f"{quiet.box.base_url}/{endpoint}", content=body)
    assert answer.status_code == 200 and "-99000" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 50_000,
        b'{"AuthRequest": {"PartnerCode": "\\ud800"}}',
        b'{"PageSize": ' + b"9" * 5000 + b"}",
        b'{"PageSize": NaN, "PageNumber": Infinity}',
        b"x" * 2_000_000,
    ],
)
async def test_hostile_bodies(client: Client, body: bytes) -> None:
    for endpoint in ("order/query", "order/neworder", "health/validate"):
        answer = await client.http.post(f"{client.box.base_url}/{endpoint}", content=body)
        assert answer.status_code == 200 and "-99000" not in answer.text and "true" in answer.text


async def test_numbers_that_are_none(client: Client) -> None:
    for size in (float("nan"), float("inf"), 1e308, 12.5, "9" * 5000, {"a": 1}):
        body = json.dumps({"AuthRequest": client.auth, "PageSize": size})
        answer = await client.http.post(f"{client.box.base_url}/order/query", content=body)
        assert "-99002" in answer.text


async def test_quirks_of_downloads_by_switch() -> None:
    quirky = Switches(percent_encoded_answers=True, download_before_issue="empty")
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.03, switches=quirky)) as box:
        client = Client(box)
        await client.buy(CustomOrderID="EC-2")
        assert (await client.call("order/download", CustomOrderID="EC-2"))["Certificates"] == []
        await client.issue()
        content = (await client.call("order/download", CustomOrderID="EC-1"))["Certificates"][0]["FileContent"]
        assert content.startswith("-----BEGIN%20CERTIFICATE-----%0A")
        box.switch(empty_certificates=True)
        content = (await client.call("order/download", CustomOrderID="EC-1"))["Certificates"][0]["FileContent"]
        assert content == ""
        await client.http.aclose()
