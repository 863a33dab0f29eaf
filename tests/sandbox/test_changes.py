"""Changing how an order is proven, reading CSRs, the account, call-backs, lists of changes, the catalogue."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.sandbox import Sandbox
from deploy.sandbox.catalogue import PRODUCTS
from tests.sandbox.support import Client, make_csr
from tests.sandbox.test_seller import refusal

MAIL = {"CNAMEAuthDVIndicator": False, "ApproverEmail": "admin@example.test"}


def vetting(order: dict[str, Any]) -> dict[str, Any]:
    (only,) = order["OrderStatus"]["DomainAuthVettingStatus"]
    return dict(only)


async def change(client: Client, endpoint: str, order: dict[str, Any], **members: Any) -> dict[str, Any]:
    return dict(await client.call(endpoint, TheSSLStoreOrderID=order["TheSSLStoreOrderID"], **members))


async def test_a_mail_is_sent_again_and_to_somebody_else(client: Client, box: Sandbox) -> None:
    order = await client.buy(**MAIL)
    stored = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert stored is not None and stored.proofs[0].mail_asked_at is None
    assert (await change(client, "order/resend", order, ResendEmailType="approveremail"))["isError"] is False
    assert stored.proofs[0].mail_asked_at is None
    assert (await change(client, "order/resend", order, ResendEmailType="ApproverEmail"))["isError"] is False
    assert stored.proofs[0].mail_asked_at is not None
    wanted = {"ResendEmail": "postmaster@example.test", "DomainNames": "www.example.test"}
    assert (await change(client, "order/changeapproveremail", order, **wanted))["isError"] is False
    assert (await client.status(order))["ApproverEmail"] == "postmaster@example.test"
    for bad in ({"ResendEmail": "ceo@example.test"}, {"DomainNames": "other.test"}):
        assert (await change(client, "order/changeapproveremail", order, **wanted | bad))["isError"] is True
    dns_order = await client.buy("two.example.test", CustomOrderID="EC-2")
    assert (await change(client, "order/resend", dns_order, ResendEmailType="ApproverEmail"))["isError"] is True


async def test_a_method_changes_by_upper_case_words_only(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    for word in ("Email", "file", "DNS", "", None):
        answer = await change(client, "order/changeapprovermethod", order, ApproverMethod=word)
        assert answer["isError"] is False and answer["Message"] == ["Success"]
        assert vetting(await client.status(order))["DNSName"] == vetting(order)["DNSName"]
    assert (await change(client, "order/changeapprovermethod", order, ApproverMethod="FILE"))["isError"] is False
    shown = await client.status(order)
    assert vetting(shown)["dcvMethod"] == "HTTP" and shown["AuthFileName"].endswith(".txt")
    assert shown["CNAMEAuthName"] == ""
    mail = {"ApproverMethod": "EMAIL", "ApproverEmail": "webmaster@example.test", "DomainNames": "www.example.test"}
    await change(client, "order/changeapprovermethod", order, **mail)
    assert (await client.status(order))["ApproverEmail"] == "webmaster@example.test"
    refused = await change(client, "order/changeapprovermethod", order, **mail | {"ApproverEmail": "x@example.test"})
    assert refused["isError"] is True and "AuthResponse" not in refused
    box.switch(approver_method_envelope="wrapped", unknown_values="refused")
    assert refusal(await change(client, "order/changeapprovermethod", order, ApproverMethod="Email")) == -99002
    wrapped = await change(client, "order/changeapprovermethod", order, ApproverMethod="CNAME")
    assert wrapped["AuthResponse"]["isError"] is False and "isError" not in wrapped
    assert (await client.status(order))["CNAMEAuthName"] == order["CNAMEAuthName"]


async def test_the_helpers_of_digicert(client: Client, box: Sandbox) -> None:
    order = await client.buy(ProductCode="digi_rapidssl")
    name = {"DomainName": "www.example.test"}
    for endpoint in ("digicert/getdomaininfo", "digicert/domaininfo"):
        info = await change(client, endpoint, order, **name)
        assert info["dcvDetails"]["DNSEntry"] == vetting(order)["DNSEntry"]
        assert info["validations"][0]["status"] == "pending" and "OrganizationDetails" in info
    assert (await change(client, "digicert/checkdcv", order, **name))["isError"] is False
    stored = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert stored is not None and stored.proofs[0].check_asked_at is not None
    listed = [{"DomainName": "www.example.test", "ApproverMethod": "HTTP"}, {"ApproverMethod": "carrier pigeon"}]
    assert (await change(client, "digicert/setapprovermethod", order, DomainApproverList=listed))["isError"] is False
    assert (await client.status(order))["AuthFileName"] == "fileauth.txt"
    listed[0]["ApproverMethod"] = "dns_cname_token"
    await change(client, "digicert/setapprovermethod", order, DomainApproverList=listed[0])
    assert (await client.status(order))["CNAMEAuthValue"].endswith("dcv.digicert.com")
    assert (await change(client, "digicert/checkdcv", order, DomainName="other.test"))["isError"] is True
    sectigo = await client.buy("two.example.test", CustomOrderID="EC-2")
    assert refusal(await change(client, "digicert/getdomaininfo", sectigo, DomainName="two.example.test")) == -99015
    box.switch(unknown_order="null_ids")
    assert (await client.call("digicert/getdomaininfo", TheSSLStoreOrderID="1"))["dcvDetails"] is None
    assert (await client.call("order/resend", TheSSLStoreOrderID="1"))["isError"] is False


async def test_csrs_are_decoded(client: Client) -> None:
    body = {"ProductCode": "positivessl", "CSR": make_csr("www.example.test", "example.test")}
    check = body | {"ValidityPeriod": "12", "ServerCount": "1", "WebServerType": "apache"}
    for endpoint, sent in (("csr", body), ("csr/decodecsr", {"CSR": body["CSR"]}), ("order/validate/", check)):
        answer = await client.call(endpoint, **sent)
        assert answer["DomainName"] == answer["DominName"] == "www.example.test"
        assert answer["DNSNames"] == ["www.example.test", "example.test"]
        assert (len(answer["MD5Hash"]), len(answer["SHA1Hash"]), len(answer["sha256"])) == (32, 40, 64)
        assert answer["isValidDomainName"] is True and answer["isWildcardCSR"] is False
    assert refusal(await client.call("csr", **body | {"CSR": "nonsense"})) == -99006
    assert refusal(await client.call("csr", **body | {"CSR": "x", "ProductCode": "digi_rapidssl"})) == -99007
    assert refusal(await client.call("order/validate", **check | {"ValidityPeriod": 13})) == -99004
    agreed = await client.call("order/agreement", ProductCode="positivessl", ValidityPeriod=12, ServerCount=1)
    assert "PositiveSSL" in agreed["Agreement"]
    assert refusal(await client.call("order/agreement", ProductCode="nonesuch", ValidityPeriod=12)) == -99003


async def test_the_account_calls_its_success_an_error(client: Client, box: Sandbox) -> None:
    box.switch(account_credit="100.00")
    await client.buy()
    address = f"{client.box.base_url}/user/accountdetail/"
    answer = (await client.http.post(address, json=client.auth)).json()
    assert answer["AuthResponse"]["isError"] is True and answer["AuthResponse"]["Message"] is None
    assert (answer["PartnerCode"], answer["AccountBalance"]) == ("12345678", "92.05")
    bad = (await client.http.post(address, json=client.auth | {"AuthToken": "no"})).json()
    assert "PartnerCode" not in bad and "-9008" in bad["AuthResponse"]["Message"][0]
    box.switch(account_detail_is_error=False)
    assert (await client.http.post(address, json=client.auth)).json()["AuthResponse"]["isError"] is False


async def test_what_changed_since_when(client: Client, box: Sandbox) -> None:
    box.clock.freeze(datetime(2026, 11, 1, tzinfo=UTC))
    orders = [await client.buy(f"n{number}.example.test", CustomOrderID=f"EC-{number}") for number in range(3)]
    await box.desk.round()  # the first look at an order's proof is a change too
    box.clock.advance(86_400)
    await change(client, "order/changeapprovermethod", orders[1], ApproverMethod="FILE")
    since = f"/Date({int(box.clock.now().timestamp() * 1000)})/"
    everything = await client.call("order/getmodifiedorderssummary", PageNumber="1", PageSize="2", StartDate=None)
    assert (len(everything["Orders"]), everything["TotalOrders"]) == (2, 3)
    for member in ("StartDate", "ModifiedSinceDate"):
        answer = await client.call("order/getmodifiedorderssummary", **{member: since})
        (row,) = answer["Orders"]
        assert row["TheSSLStoreOrderID"] == orders[1]["TheSSLStoreOrderID"] and "OrderAmount" not in row
        assert row["ModifiedDateInUTC"] == "11/2/2026 12:00:00 AM" and row["MajorStatus"] == "Pending"
    box.switch(modified_orders="full")
    (row,) = (await client.call("order/getmodifiedorderssummary", StartDate=since))["Orders"]
    assert row["OrderAmount"] == "7.95" and row["Token"] == ""


async def test_the_live_status_does_not_lag(client: Client, box: Sandbox) -> None:
    box.clock.freeze(datetime(2026, 11, 1, tzinfo=UTC))
    order = await client.buy()
    box.clock.advance(10)
    await change(client, "order/changeapprovermethod", order, ApproverMethod="FILE")
    box.add_fault("status_lag", seconds=5)
    assert vetting(await client.status(order))["dcvMethod"] == "CNAME"
    for endpoint in ("order/live-order-status", "order/info"):
        assert vetting(await change(client, endpoint, order))["dcvMethod"] == "HTTP"


class Listener:
    """A tiny HTTP server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.bodies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        self.bodies.put_nowait(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield made
    server.close()


async def test_changes_of_status_are_called_back(client: Client, box: Sandbox, listener: Listener) -> None:
    assert (await client.call("setting/setordercallback", url=listener.url))["isError"] is False
    assert (await client.call("setting/setpricecallback", url=listener.url))["isError"] is False
    order = await client.issue()
    told = await listener.bodies.get()
    ids = {key: order[key] for key in ("TheSSLStoreOrderID", "PartnerOrderID", "CustomOrderID")}
    assert told == ids | {"MajorStatus": "Active", "MinorStatus": "Active"}
    stored = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert stored is not None
    for shape in ("ids_only", "order"):
        box.switch(callback_payload=shape)
        stored.minor = shape
        box.state.book.save(stored, box.clock.now())
        told = await listener.bodies.get()
        assert told == ids if shape == "ids_only" else told["Token"] == "" and told["OrderAmount"] == "7.95"
    assert (await client.call("setting/cancelnotification", url="http://127.0.0.1:1/"))["isError"] is False
    assert box.state.book.callback_url == listener.url
    await client.call("setting/cancelnotification", url=None)
    assert box.state.book.callback_url == ""


@pytest.mark.parametrize(
    "url", ["", "https://127.0.0.1/x", "http://example.test/", "http://192.0.2.1/", "http://[", "x"]
)
async def test_call_backs_stay_on_loopback(client: Client, box: Sandbox, url: str) -> None:
    assert (await client.call("setting/setordercallback", url=url))["isError"] is True
    assert box.state.book.callback_url == ""


async def test_a_listener_that_is_gone_harms_nobody(client: Client, box: Sandbox) -> None:
    await client.call("setting/setordercallback", url="http://localhost:1/")
    await client.issue()
    while not box.state.journal.entries("callback.sent"):
        await asyncio.sleep(0.01)
    assert "ConnectError" in box.state.journal.entries("callback.sent")[0].text


def test_the_catalogue_is_whole() -> None:
    assert len(PRODUCTS) >= 60 and len({product.code for product in PRODUCTS}) == len(PRODUCTS)
    assert {product.vendor for product in PRODUCTS} == {"COMODO", "SECTIGO", "DIGICERT"}
    for product in PRODUCTS:
        assert product.price_for(12) is not None
        assert all(0 < row.price < row.srp for row in product.prices), product.code
        assert (product.max_sans > 0) == any(row.per_san > 0 for row in product.prices), product.code
        assert product.included_sans <= product.max_sans
        assert not (product.is_wildcard and (product.level == "EV" or product.max_sans)), product.code
        assert product.may_have_wildcards or all(row.per_wildcard_san == 0 for row in product.prices)
