"""The page at `/`: shows what goes on, acts only for its own forms, and believes no text of others."""

import re
from typing import Any

import pytest

from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.files import WebFile
from tests.sandbox.support import Client, add_record


@pytest.fixture
async def box() -> Any:
    """The CA looks only when the test says so."""
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600)) as running:
        yield running


async def show(client: Client) -> str:
    answer = await client.http.get(f"{client.box.state.address}/")
    assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text and "//" not in re.sub(r"http://[a-z.]+\.test", "", answer.text)
    return answer.text


async def press(client: Client, act: str, status: int = 303, **members: str) -> str:
    """Post what the form of a button holds."""
    found = re.search(r'name="token" value="([^"]+)"', await show(client))
    assert found is not None
    form = {"token": found[1], "act": act, **members}
    answer = await client.http.post(f"{client.box.state.address}/page", data=form)
    assert answer.status_code == status, answer.text
    return answer.text


async def test_it_shows_orders_mails_records_files_sales_and_faults(client: Client, box: Sandbox) -> None:
    empty = await show(client)
    assert empty.count(">none<") == 5  # the zones are never empty
    await client.buy("mail.example.test", CNAMEAuthDVIndicator=False, ApproverEmail="admin@example.test")
    await add_record(box, "_x.example.test", "CNAME", "y.sectigo.com")
    box.state.files.put("www.example.test", "/a.txt", WebFile(content="some content"))
    box.add_fault("delay", endpoint="order/status", seconds=0.5)
    await box.desk.round()
    text = await show(client)
    for part in (
        "mail.example.test: EMAIL waiting for approval by admin@example.test", "Sales: 1, 7.95 USD", "_x.example.test.",
        "http://www.example.test/a.txt", "some content", "delay endpoint=order/status seconds=0.5",
    ):  # fmt: skip
        assert part in text
    link = re.search(r'href="(/approve/[^"]+)"', text)
    assert link is not None
    assert "I approve" in (await client.http.get(box.state.address + link[1])).text


async def test_buttons_act(client: Client, box: Sandbox) -> None:
    first, second, third = [await client.buy(CustomOrderID=f"EC-{n}") for n in range(3)]
    assert "take as proven" in await show(client)
    await press(client, "prove", order=first["TheSSLStoreOrderID"])
    await box.desk.round()
    assert (await client.status(first))["OrderStatus"]["MajorStatus"] == "Active"
    await press(client, "cancel", order=second["TheSSLStoreOrderID"])
    assert (await client.status(second))["OrderStatus"]["MajorStatus"] == "Cancelled"
    await press(client, "refund", 409, order=third["TheSSLStoreOrderID"])
    await client.call("order/refundrequest", TheSSLStoreOrderID=third["TheSSLStoreOrderID"])
    assert "approve refund" in await show(client)
    await press(client, "refuse", order=third["TheSSLStoreOrderID"])
    await press(client, "refund", order=third["TheSSLStoreOrderID"])
    assert (await client.status(third))["isRefundApproved"] is True
    await press(client, "fault-on", fault="status_lag", seconds="60", times="2", endpoint="", order="EC-1")
    (rule,) = box.state.faults.rules()
    assert (rule.fault, rule.seconds, rule.times, rule.order, rule.endpoint) == ("status_lag", 60, 2, "EC-1", None)
    await press(client, "fault-off", fault="status_lag")
    assert box.state.faults.rules() == []
    assert "status_lag needs seconds above zero" in await press(client, "fault-on", 400, fault="status_lag")
    await press(client, "cancel", 404, order="nobody")
    await press(client, "explode", 400)


async def test_foreign_posts_do_nothing(client: Client, box: Sandbox) -> None:
    url = f"{box.state.address}/page"
    form = {"act": "fault-on", "fault": "http_502"}
    for answer in (
        await client.http.post(url, data=form),
        await client.http.post(url, data={**form, "token": "guessed"}),
        await client.http.post(url, data=form, headers={"host": "evil.test"}),
        await client.http.get(f"{box.state.address}/", headers={"host": "evil.test"}),
    ):
        assert answer.status_code == 403
    assert (await client.http.post(url, content="ü".encode())).status_code == 400
    assert (await client.http.post(url, content=b"x" * 20_000)).status_code == 413
    assert (await client.http.post(f"{box.control_url}/faults", data=form)).status_code == 415
    assert box.state.faults.rules() == []


async def test_text_of_others_stays_text(client: Client, box: Sandbox) -> None:
    evil = '"><script>alert(1)</script>'
    await client.buy(CustomOrderID=evil)
    box.state.files.put("www.example.test", "/" + evil, WebFile(content=evil))
    box.add_fault("delay", seconds=1, order=evil)
    await add_record(box, "www.example.test", "TXT", '"<script>"')
    assert (await show(client)).count("&lt;script&gt;") == 5
