"""Answers in the seller's shapes, composed by us, and a client that gets them without a network."""

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities.adapters.http import HttpAnswer, HttpClient, HttpFault
from activities.adapters.seller import Credential, SellerClient
from activities.ports import SendGate
from domain.inventory import AccountRecord, Environment
from domain.seller import Placement
from tests.adapters.raw_server import Gate

TOKEN = "0F1E2D3C-AAAA-BBBB-CCCC-0123456789AB"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OURS = "EC-AAAABBBBCCCCDDDDEEEEFFFF22"
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB+/==\n-----END CERTIFICATE REQUEST-----\n"
PLACEMENT = Placement(
    order_id=OURS,
    product="positivessl",
    vendor="COMODO",
    months=12,
    common_name="www.shop.test",
    csr=CSR,
    unique_value="ec1",
)
GOOD = {
    "isError": False,
    "Message": [],
    "Timestamp": "2026-11-25T12:00:00.0Z",
    "ReplayToken": "x",
    "InvokingPartnerCode": "12345678",
}
ORDER: dict[str, Any] = {
    "AuthResponse": GOOD,
    "TheSSLStoreOrderID": "9912345",
    "PartnerOrderID": "3300456",
    "CustomOrderID": OURS,
    "VendorOrderID": "1846601234",
    "RefundRequestID": "",
    "isRefundApproved": False,
    "TinyOrderLink": "https://enrol.invalid/secret-link",
    "Token": "T123456#!c0de",
    "TokenID": "T123456",
    "TokenCode": "c0de",
    "OrderStatus": {
        "isTinyOrder": False,
        "MajorStatus": "Pending",
        "MinorStatus": "Pending",
        "AuthenticationStatuses": None,
        "OrderNotes": [],
        "DomainAuthVettingStatus": [
            {
                "domain": "www.shop.test",
                "dcvMethod": "CNAME",
                "dcvStatus": "Not Validated",
                "FileName": None,
                "FileContents": None,
                "DNSName": "_E5F0.www.shop.test.",
                "DNSEntry": "4d7a.9b21.TC0001.sectigo.com.",
                "PollStatus": "",
                "LastPollDate": None,
            }
        ],
    },
    "OrderAmount": "7.95",
    "PurchaseDate": "11/25/2026 6:15:30 AM",
    "PurchaseDateInUTC": "11/25/2026 11:15:30 AM",
    "OrderExpiryDateInUTC": "11/25/2027 11:15:30 AM",
    "CertificateStartDate": "",
    "CertificateEndDate": "1/1/1900 12:00:00 AM",
    "CertificateEndDateInUTC": "1/1/1900 12:00:00 AM",
    "CommonName": "www.shop.test",
    "DNSNames": "",
    "SANCount": 0,
    "Validity": 12,
    "ProductCode": "positivessl",
    "VendorName": "COMODO",
    "SerialNumber": None,
    "CNAMEAuthName": "_e5f0.www.shop.test",
    "CNAMEAuthValue": "4d7a.9b21.tc0001.sectigo.com",
    "CustomerLoginName": "login-of-the-order",
    "CustomerPassword": "password-of-the-order",
}
PRODUCT: dict[str, Any] = {
    "AuthResponse": GOOD,
    "ProductCode": "positivessl",
    "ProductName": "PositiveSSL",
    "VendorName": "COMODO",
    "ProductType": 1,
    "isDVProduct": True,
    "isWlidcard": "false",
    "IsSanEnable": False,
    "MaxSan": 0,
    "CurrencyCode": "USD",
    "PricingInfo": [
        {"NumberOfMonths": 24, "NumberOfServer": 1, "Price": 14.90, "SRP": 98.0},
        {"NumberOfMonths": "12", "NumberOfServer": 5, "Price": 99.0, "SRP": 490.0},
        {"NumberOfMonths": "12", "NumberOfServer": 1, "Price": "7.95", "SRP": 49},
    ],
}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def with_status(major: object, minor: object = "") -> dict[str, Any]:
    return order(OrderStatus={"MajorStatus": major, "MinorStatus": minor, "DomainAuthVettingStatus": None})


def error(*messages: object, **members: Any) -> dict[str, Any]:
    return {"AuthResponse": {**GOOD, "isError": True, "Message": list(messages)}, **members}


class CannedHttp(HttpClient):
    """Answers from a list, the last one again and again; keeps what was sent."""

    def __init__(self, *answers: object, status: int = 200) -> None:
        self.answers = [_answer(item, status) for item in answers]
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def get(self, url: str) -> HttpAnswer:
        return await self.post_json(url, {})

    async def post_json(
        self,
        url: str,
        payload: Mapping[str, object],
        *,
        read_seconds: float | None = None,
        gate: SendGate | None = None,
    ) -> HttpAnswer:
        self.sent.append((url, json.loads(json.dumps(payload))))
        if gate is not None:
            gate.may_send()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, HttpFault):
            raise answer
        return answer


def _answer(item: object, status: int) -> HttpAnswer | HttpFault:
    if isinstance(item, HttpAnswer | HttpFault):
        return item
    body = item if isinstance(item, bytes) else json.dumps(item).encode()
    return HttpAnswer(status, body)


class FixedClock:
    async def now(self) -> datetime:
        return NOW

    def send_gate(self, deadline: datetime) -> SendGate:
        return Gate(is_open=deadline > NOW)


def account(environment: Environment = Environment.SANDBOX, **changes: Any) -> AccountRecord:
    fields: dict[str, Any] = {
        "name": "main",
        "environment": environment,
        "base_url": "https://seller.test/rest",
        "partner_code": "12345678",
        "secret_id": "sec_1",
        "contact_email": "certs@shop.test",
    }
    return AccountRecord(**(fields | changes))


def client(http: HttpClient, environment: Environment = Environment.SANDBOX, **changes: Any) -> SellerClient:
    record = account(environment, **changes)
    return SellerClient(record, Credential(record.partner_code, TOKEN), http, FixedClock())


def canned(*answers: object, status: int = 200, environment: Environment = Environment.SANDBOX) -> SellerClient:
    return client(CannedHttp(*answers, status=status), environment)
