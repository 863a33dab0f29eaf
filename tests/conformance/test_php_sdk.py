"""The vendor's own PHP client, with another host and nothing else changed, against the sandbox.

The checkout of the client is named by EVERCERT_PHP_SDK; it is copied, never changed. A driver makes one call per process
and tells what the client understood: which members it filled, what its fields hold, and what PHP reads the dates as.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from deploy.sandbox import Sandbox, SandboxSettings
from tests.sandbox.support import KEY, Client, add_record, make_csr

pytestmark = pytest.mark.php

HOST = "https://sandbox-wbapi.thesslstore.com"
NAME = "www.shop.test"
ADMIN = {"FirstName": "Ada", "LastName": "Admin", "Email": "ada@shop.test", "Phone": "+15555550100"}
#: Warnings about PHP 8 fashions that the client is too old for are no part of the question.
PHP = ("php", "-d", "error_reporting=24575", "-d", "display_errors=stderr", "-d", "log_errors=0")
DRIVER = r"""<?php
$job = json_decode(stream_get_contents(STDIN), true);
spl_autoload_register(function ($class) use ($job) {
    $inside = substr($class, strlen('WebLogic\\sslstore\\'));
    require $job['sdk'] . '/src/' . str_replace('\\', '/', $inside) . '.php';
});

function fill($target, $members) {
    foreach ($members as $name => $value) {
        if (!property_exists($target, $name)) throw new Exception("the SDK has no member $name");
        if (is_object($target->$name)) fill($target->$name, $value); else $target->$name = $value;
    }
    return $target;
}

function readDates($row) {
    $dates = [];
    foreach (get_object_vars($row) as $name => $text) {
        if (substr($name, -5) !== 'InUTC') continue;
        $local = substr($name, 0, -5);
        $zone = new DateTimeZone('America/New_York');
        $dates[$local] = [(new DateTimeImmutable($text, new DateTimeZone('UTC')))->getTimestamp(),
                          (new DateTimeImmutable($row->$local, $zone))->getTimestamp()];
    }
    return $dates;
}

$kind = 'WebLogic\\sslstore\\requests\\' . $job['request'];
$request = fill(new $kind(), $job['members']);
$client = new WebLogic\sslstore\sslstore($job['partner'], $job['token'], '', '', '', false, 'TEST');
$client->logPath = $job['log'];
$answer = $client->{$job['call']}($request);
$sent = isset($request->AuthRequest) ? $request->AuthRequest->ReplayToken : $request->ReplayToken;
$row = is_array($answer) ? (object) end($answer) : $answer;
$unset = array_keys(array_filter(is_array($answer) ? [] : get_object_vars($answer), 'is_null'));
echo json_encode(['kind' => is_object($answer) ? basename(str_replace('\\', '/', get_class($answer))) : gettype($answer),
    'answer' => $answer, 'unset' => $unset, 'replay' => $sent, 'dates' => readDates($row)]);
"""


@dataclass(frozen=True)
class Reading:
    """What the client made of one answer."""

    kind: str
    answer: Any
    unset: list[str]
    """Members that the client knows and the answer left without a value."""
    replay: str
    """The replay token that the client sent."""
    dates: dict[str, tuple[int, int]]
    """Dates by name: seconds since 1970 read from the UTC twin, and from the text in the service's zone."""

    @property
    def envelope(self) -> dict[str, Any]:
        row = self.answer[0] if isinstance(self.answer, list) else self.answer
        envelope: dict[str, Any] = row.get("AuthResponse") or row
        return envelope

    def well(self) -> "Reading":
        assert self.envelope["isError"] is False, self.envelope
        assert self.envelope["ReplayToken"] == self.replay and self.replay.startswith("SSLSTORE-PHP")
        return self

    def date(self, name: str) -> datetime:
        universal, local = self.dates[name]
        assert universal == local
        return datetime.fromtimestamp(universal, UTC)


class PhpClient:
    """A copy of the client whose host is a sandbox."""

    def __init__(self, folder: Path, box: Sandbox, token: str = "sandbox-token") -> None:
        self.box, self.token, self.folder, self.sdk = box, token, folder, folder / "sdk"
        self.driver = folder / "driver.php"
        self.driver.write_text(DRIVER)

    async def call(self, call: str, request: str = "", /, **members: object) -> Reading:
        job = {"sdk": str(self.sdk), "log": f"{self.folder}/", "partner": "12345678", "token": self.token, "call": call}
        job_text = json.dumps({**job, "request": request or f"{call}_request", "members": members})
        process = await asyncio.create_subprocess_exec(
            *PHP,
            str(self.driver),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},  # above all no proxy
        )
        out, complaints = await process.communicate(job_text.encode())
        assert (process.returncode, complaints.decode()) == (0, ""), out.decode()
        return Reading(**json.loads(out))

    async def order(self, custom_id: str, **changes: object) -> Reading:
        members = {
            "CustomOrderID": custom_id,
            "ProductCode": "positivessl",
            "ValidityPeriod": 12,
            "ServerCount": 1,
            "CSR": make_csr(NAME),
            "DomainName": NAME,
            "WebServerType": "Other",
            "AdminContact": ADMIN,
            "TechnicalContact": ADMIN,
            "DateTimeCulture": "en-US",
        }
        return (await self.call("order_neworder", **{**members, **changes})).well()

    async def until(self, number: str, major: str, minor: str) -> Reading:
        while True:
            seen = (await self.call("order_status", TheSSLStoreOrderID=number, DateTimeCulture="en-US")).well()
            if (seen.answer["OrderStatus"]["MajorStatus"], seen.answer["OrderStatus"]["MinorStatus"]) == (major, minor):
                return seen


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.03)) as running:
        yield running


@pytest.fixture
def php(box: Sandbox, tmp_path: Path) -> PhpClient:
    checkout = os.environ.get("EVERCERT_PHP_SDK", "")
    assert checkout, "EVERCERT_PHP_SDK names no checkout of the vendor's PHP SDK (see deploy/docs/other-clients.md)"
    shutil.copytree(Path(checkout) / "src", tmp_path / "sdk" / "src")
    source = tmp_path / "sdk" / "src" / "sslstore.php"
    text = source.read_bytes()
    assert text.count(HOST.encode()) == 1
    source.write_bytes(text.replace(HOST.encode(), box.base_url.removesuffix("/rest").encode()))
    return PhpClient(tmp_path, box)


async def publish(box: Sandbox, order: Reading) -> None:
    """Publish the record of an answer, read from the members that this client knows."""
    await add_record(box, order.answer["CNAMEAuthName"], "CNAME", order.answer["CNAMEAuthValue"])


def leaf_of(download: Reading) -> x509.Certificate:
    """The first certificate of a download; it is one for the test's key."""
    leaf = x509.load_pem_x509_certificate(download.answer["Certificates"][0]["FileContent"].encode())
    assert leaf.public_key() == KEY.public_key()
    return leaf


async def test_account_catalogue_and_checks(php: PhpClient) -> None:
    assert (await php.call("health_validate")).well().kind == "health_validate_response"
    account = await php.call("user_account_detail")
    assert account.kind == "user_account_detail_response" and not account.unset
    assert account.answer["PartnerCode"] == "12345678" and float(account.answer["AccountBalance"]) == 1_000_000
    assert account.envelope["isError"] is True  # as the real service says of a success

    products = (await php.call("product_query", ProductCode="positivessl", ProductType=0, NeedSortedList=True)).well()
    assert products.kind == "array" and [row["ProductCode"] for row in products.answer] == ["positivessl"]
    assert 12 in {price["NumberOfMonths"] for price in products.answer[0]["PricingInfo"]}
    everything = (await php.call("product_query")).well()
    assert len(everything.answer) > 20

    terms = {"ProductCode": "positivessl", "ServerCount": 1, "ValidityPeriod": 12, "WebServerType": "Other"}
    checked = (await php.call("order_validate", **terms, CSR=make_csr(NAME))).well()
    assert checked.answer["DomainName"] == NAME
    refused = await php.call("order_validate", **terms, CSR="no request")
    assert refused.envelope["isError"] is True and refused.envelope["Message"]

    agreement = (await php.call("order_agreement", **terms)).well()
    assert agreement.kind == "order_agreement_response" and "PositiveSSL" in agreement.answer["Agreement"]
    boxes = (await php.call("order_approverlist", ProductCode="positivessl", DomainName=NAME)).well()
    assert boxes.kind == "order_approverlist_response" and "admin@shop.test" in boxes.answer["ApproverEmailList"]
    assert not php.box.sales()


async def test_an_order_from_purchase_to_refund(php: PhpClient) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    bought = await php.order("EC-PHP-1", CNAMEAuthDVIndicator=True, CSRUniqueValue="ec1Unique")
    number, first_partner_id = bought.answer["TheSSLStoreOrderID"], bought.answer["PartnerOrderID"]
    assert bought.kind == "order_response" and number and first_partner_id and not bought.unset
    assert [(sale.seller_order_id, sale.custom_order_id) for sale in php.box.sales()] == [(number, "EC-PHP-1")]
    pending = await php.until(number, "Pending", bought.answer["OrderStatus"]["MinorStatus"])
    assert pending.answer["CustomOrderID"] == "EC-PHP-1" and pending.answer["CommonName"] == NAME
    assert before <= pending.date("PurchaseDate") <= datetime.now(UTC)
    no_date = datetime.fromtimestamp(pending.dates["CertificateEndDate"][0], UTC)
    assert no_date == datetime(1900, 1, 1, tzinfo=UTC)  # there is no leaf, and this text stands for none in every zone
    early = await php.call("order_download", TheSSLStoreOrderID=number)
    assert early.envelope["isError"] is True

    await publish(php.box, pending)
    active = await php.until(number, "Active", "Active")
    assert not active.unset
    download = (await php.call("order_download", TheSSLStoreOrderID=number, DateTimeCulture="en-US")).well()
    leaf = leaf_of(download)
    assert download.kind == "order_download_response" and not download.unset
    assert download.answer["CertificateStatus"] == "Active"
    assert int(active.answer["SerialNumber"], 16) == leaf.serial_number
    for shown in (active, download):
        assert shown.date("CertificateStartDate") == leaf.not_valid_before_utc
        assert shown.date("CertificateEndDate") == leaf.not_valid_after_utc
    as_pkcs7 = (await php.call("order_download", TheSSLStoreOrderID=number, ReturnPKCS7Cert=True)).well()
    assert "BEGIN PKCS7" in as_pkcs7.answer["Certificates"][0]["FileContent"]

    again = await php.call(
        "order_reissue",
        TheSSLStoreOrderID=number,
        CSR=make_csr(NAME),
        WebServerType="Other",
        ReissueEmail=ADMIN["Email"],
        CNAMEAuthDVIndicator=True,
        CSRUniqueValue="ec2Unique",
    )
    assert again.well().answer["PartnerOrderID"] != first_partner_id
    assert again.answer["OrderStatus"]["MinorStatus"] == "PENDING_REISSUE" and not again.unset
    await publish(php.box, again)
    reissued = await php.until(number, "Active", "Active")
    newer = leaf_of((await php.call("order_download", CustomOrderID="EC-PHP-1")).well())
    assert newer.serial_number == int(reissued.answer["SerialNumber"], 16) != leaf.serial_number

    listed = (
        await php.call("order_query", StartDate=dotnet(before - timedelta(days=1)), PageNumber=1, PageSize=9)
    ).well()
    assert listed.kind == "array" and [row["TheSSLStoreOrderID"] for row in listed.answer] == [number]
    assert listed.date("CertificateEndDate") == newer.not_valid_after_utc
    later = await php.call("order_query", StartDate=dotnet(before + timedelta(days=2)))
    assert later.answer == []

    assert len(php.box.sales()) == 1
    await revoked_and_refunded(php, number, reissued)


async def revoked_and_refunded(php: PhpClient, number: str, order: Reading) -> None:
    serial = order.answer["SerialNumber"]
    revoked = await php.call("order_certificaterevokerequest", TheSSLStoreOrderID=number, SerialNumber=serial)
    assert revoked.well().kind == "apiresponse" and revoked.answer["isError"] is False
    journal = (await control(php.box, "journal?kind=certificate.revoked"))["entries"]
    assert [entry["text"].split()[1] for entry in journal] == [serial]
    stranger = await php.call("order_certificaterevokerequest", TheSSLStoreOrderID=number, SerialNumber="ABCDEF")
    assert stranger.answer["isError"] is True

    asked = (await php.call("order_refundrequest", TheSSLStoreOrderID=number, RefundReason="by mistake")).well()
    refund = asked.answer["RefundRequestID"]
    assert refund and asked.answer["isRefundApproved"] is False and not asked.unset
    open_one = (await php.call("order_refundstatus", TheSSLStoreOrderID=number, RefundRequestID=refund)).well()
    assert open_one.answer["RefundRequestID"] == refund and open_one.answer["isRefundApproved"] is False
    php.box.switch(refund="auto")
    other = await php.order("EC-PHP-2", CNAMEAuthDVIndicator=True)
    id_of_other = other.answer["TheSSLStoreOrderID"]
    await php.call("order_refundrequest", TheSSLStoreOrderID=id_of_other, RefundReason="by mistake")
    decided = (await php.call("order_refundstatus", TheSSLStoreOrderID=id_of_other)).well()
    assert decided.answer["isRefundApproved"] is True
    assert decided.answer["OrderStatus"]["MajorStatus"] == "Cancelled"


async def control(box: Sandbox, path: str) -> Any:
    client = Client(box)
    answer = await client.control("GET", path)
    await client.http.aclose()
    return answer.json()


def dotnet(instant: datetime) -> str:
    return f"/Date({int(instant.timestamp()) * 1000})/"


async def test_an_order_proven_by_mail(php: PhpClient) -> None:
    bought = await php.order("EC-PHP-3", ApproverEmail="admin@shop.test", EmailLanguageCode="EN")
    number = bought.answer["TheSSLStoreOrderID"]
    assert bought.answer["ApproverEmail"] == "admin@shop.test" and not bought.answer["CNAMEAuthName"]
    await mails_to(php.box, "admin@shop.test", 1)
    resent = await php.call("order_resend", TheSSLStoreOrderID=number, ResendEmailType="ApproverEmail")
    assert resent.well().kind == "apiresponse" and resent.answer["isError"] is False
    await mails_to(php.box, "admin@shop.test", 2)

    members = {"TheSSLStoreOrderID": number, "DomainNames": NAME}
    changed = await php.call("order_changeapproveremail", **members, ResendEmail="webmaster@shop.test")
    assert changed.well().kind == "apiresponse"
    await mails_to(php.box, "webmaster@shop.test", 1)
    stranger = await php.call("order_changeapproveremail", **members, ResendEmail="me@elsewhere.test")
    assert stranger.answer["isError"] is True
    seen = (await php.call("order_status", TheSSLStoreOrderID=number)).well()
    assert seen.answer["ApproverEmail"] == "webmaster@shop.test"


async def mails_to(box: Sandbox, address: str, count: int) -> None:
    """Wait until so many mails came to an address."""
    while len((await control(box, f"mails?to={address}"))["mails"]) < count:
        await asyncio.sleep(0.02)


async def test_a_wrong_token_is_seen_in_every_envelope(php: PhpClient) -> None:
    order = await php.order("EC-PHP-4", CNAMEAuthDVIndicator=True)
    php.token = "wrong"
    number = order.answer["TheSSLStoreOrderID"]
    for call in ("health_validate", "user_account_detail", "product_query", "order_query", "order_agreement"):
        assert "-9008" in (await php.call(call)).envelope["Message"][0]
    for call in ("order_status", "order_download", "order_resend", "order_refundrequest"):
        refused = await php.call(call, TheSSLStoreOrderID=number)
        assert refused.envelope["isError"] is True and "-9008" in refused.envelope["Message"][0]
