"""From the seller's words to ours, and the bodies that are sent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from activities.adapters.http import HttpAnswer, HttpFault
from domain.errors import EvercertError, NotYet, Refused, Unavailable
from domain.inventory import Environment
from domain.seller import ProofRecord, SellerOrder, SellerState
from tests.adapters.raw_server import Gate
from tests.adapters.seller_support import (
    CSR,
    NOW,
    OURS,
    PLACEMENT,
    PRODUCT,
    TOKEN,
    CannedHttp,
    canned,
    client,
    error,
    order,
    with_status,
)


async def find(answer: object, **by: str) -> SellerOrder | None:
    return await canned(answer).find(**(by or {"custom_order_id": OURS}))


async def found(answer: object, **by: str) -> SellerOrder:
    result = await find(answer, **by)
    assert result is not None
    return result


async def test_an_order_in_our_words() -> None:
    seen = await found(order())
    assert seen.seller_order_id == "9912345"
    assert seen.custom_order_id == OURS
    assert (seen.state, seen.status_text) == (SellerState.PENDING, "Pending / Pending")
    assert seen.names == ("www.shop.test",)
    assert seen.amount is not None and seen.amount.amount == Decimal("7.95")
    assert seen.ordered_at == datetime(2026, 11, 25, 11, 15, 30, tzinfo=UTC)
    assert seen.term_ends_at == datetime(2027, 11, 25, 11, 15, 30, tzinfo=UTC)
    assert seen.certificate_ends_at is None
    assert seen.proof_records == (
        ProofRecord(
            name="www.shop.test",
            record_type="CNAME",
            owner="_e5f0.www.shop.test",
            value="4d7a.9b21.tc0001.sectigo.com",
        ),
    )
    assert [(p.name, p.status, p.is_validated) for p in seen.name_proofs] == [("www.shop.test", "Not Validated", False)]


async def test_tokens_logins_and_links_are_dropped() -> None:
    seen = await found(order())
    shown = repr(seen) + seen.model_dump_json()
    for secret in ("c0de", "T123456", "secret-link", "login-of-the-order", "password-of-the-order"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("major", "minor", "state"),
    [
        ("Initial", "", SellerState.INITIAL),
        ("pending", "WF_DOMAIN_APPROVAL", SellerState.PENDING),
        ("Active", "Active", SellerState.ACTIVE),
        ("ACTIVE", "pending reissue", SellerState.REISSUE_PENDING),
        ("Active", "PENDING_REISSUE", SellerState.REISSUE_PENDING),
        ("Pending", "PENDING_REISSUE", SellerState.PENDING),
        ("Cancelled", "", SellerState.CANCELLED),
        ("Refunded", "", SellerState.CANCELLED),
        ("Expired", "", SellerState.EXPIRED),
        ("Revoked", "", SellerState.REVOKED),
        ("Rejected", "", SellerState.REJECTED),
        ("Hibernating", "Deep", SellerState.UNREADABLE),
        (None, None, SellerState.UNREADABLE),
    ],
)
async def test_states(major: object, minor: object, state: SellerState) -> None:
    assert (await found(with_status(major, minor))).state is state


async def test_unknown_status_words_are_kept() -> None:
    assert (await found(with_status("Hibernating\n", "Deep\x07"))).status_text == "Hibernating / Deep\\u0007"


async def test_loose_types_are_read() -> None:
    answer = order(
        AuthResponse={"IsError": "False", "Message": None},
        TheSSLStoreOrderID=9912345,
        Validity="12",
        DNSNames=["A.shop.test.", None, "b.shop.test"],
        isRefundApproved="true",
        RefundRequestID=77,
        SerialNumber="00:a1:b2",
        OrderAmount=7.95,
        CertificateEndDateInUTC="/Date(1784814620000)/",
    )
    seen = await found(answer)
    assert seen.seller_order_id == "9912345"
    assert seen.months == 12
    assert seen.names == ("www.shop.test", "a.shop.test", "b.shop.test")
    assert seen.is_refund_approved and seen.refund_request_id == "77"
    assert seen.serial == "A1B2"
    assert seen.amount is not None and seen.amount.amount == Decimal("7.95")
    assert seen.certificate_ends_at == datetime(2026, 7, 23, 13, 50, 20, tzinfo=UTC)


async def test_a_label_that_is_no_name_is_no_common_name() -> None:
    seen = await found(order(CommonName="Not configured", DNSNames="a.shop.test"))
    assert (seen.common_name, seen.names) == ("a.shop.test", ("a.shop.test",))


async def test_the_local_twin_of_a_date_counts_only_with_a_zone() -> None:
    assert (await found(order(PurchaseDateInUTC=None))).ordered_at is None
    seen = await found(order(PurchaseDateInUTC=None, PurchaseDate="2026-11-25T06:15:30-05:00"))
    assert seen.ordered_at == datetime(2026, 11, 25, 11, 15, 30, tzinfo=UTC)


def vetting(**members: Any) -> dict[str, Any]:
    return {"domain": "www.shop.test", "dcvStatus": "Pending", **members}


def proof_order(*vettings: dict[str, Any], **members: Any) -> dict[str, Any]:
    status = {"MajorStatus": "Pending", "MinorStatus": "", "DomainAuthVettingStatus": list(vettings)}
    return order(**{"OrderStatus": status, "CNAMEAuthName": "", "CNAMEAuthValue": "", **members})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (proof_order(), []),
        (proof_order(vetting(DNSName=None, DNSEntry=None, FileName="x.txt", FileContents="y")), []),
        (
            proof_order(vetting(DNSName="_x", DNSEntry="a.dcv.digicert.com")),
            [("www.shop.test", "CNAME", "_x.www.shop.test", "a.dcv.digicert.com")],
        ),
        (
            proof_order(vetting(DNSName="_X.shop.test", DNSEntry="a.sectigo.com")),
            [("www.shop.test", "CNAME", "_x.shop.test", "a.sectigo.com")],
        ),
        (
            proof_order(vetting(DNSName="_dnsauth.www.shop.test", DNSEntry='"Abc123Token"')),
            [("www.shop.test", "TXT", "_dnsauth.www.shop.test", "Abc123Token")],
        ),
        (
            proof_order(CNAMEAuthName="_x.www.shop.test", CNAMEAuthValue="A.sectigo.com."),
            [("www.shop.test", "CNAME", "_x.www.shop.test", "a.sectigo.com")],
        ),
        (
            proof_order(
                vetting(DNSName="_x", DNSEntry="new.sectigo.com"),
                CNAMEAuthName="_x.www.shop.test",
                CNAMEAuthValue="old.sectigo.com",
            ),
            [("www.shop.test", "CNAME", "_x.www.shop.test", "new.sectigo.com")],
        ),
        (
            proof_order(
                vetting(DNSName="_dnsauth", DNSEntry="token1"),
                CNAMEAuthName="_dnsauth.www.shop.test",
                CNAMEAuthValue="token2",
            ),
            [
                ("www.shop.test", "TXT", "_dnsauth.www.shop.test", "token1"),
                ("www.shop.test", "TXT", "_dnsauth.www.shop.test", "token2"),
            ],
        ),
        (
            proof_order(
                vetting(domain="shop.test", DNSName="_x.shop.test", DNSEntry="a.sectigo.com"), CommonName="*.shop.test"
            ),
            [("*.shop.test", "CNAME", "_x.shop.test", "a.sectigo.com")],
        ),
        (
            proof_order(
                vetting(domain="*.shop.test", DNSName="_x", DNSEntry="a.sectigo.com"), CommonName="*.shop.test"
            ),
            [("*.shop.test", "CNAME", "_x.shop.test", "a.sectigo.com")],
        ),
        (
            proof_order(vetting(DNSName="_x.mail.evil.example", DNSEntry="a.sectigo.com")),
            [("www.shop.test", "CNAME", "_x.mail.evil.example", "a.sectigo.com")],
        ),
        (
            proof_order(vetting(DNSName="_x.stranger.com", DNSEntry="a.sectigo.com")),
            [("www.shop.test", "CNAME", "_x.stranger.com", "a.sectigo.com")],
        ),
        (
            proof_order(vetting(DNSName="_x.nowhere.", DNSEntry="a.sectigo.com")),
            [("www.shop.test", "CNAME", "_x.nowhere", "a.sectigo.com")],
        ),
    ],
)
async def test_proof_records_are_made_uniform(answer: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    seen = await found(answer)
    assert [(r.name, r.record_type, r.owner, r.value) for r in seen.proof_records] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Validated", True),
        ("COMPLETE", True),
        ("approved", True),
        ("Satisfied", True),
        ("Not Validated", False),
        ("unvalidated", False),
        ("Awaiting validation", False),
        ("Pending validation", False),
        ("Invalid", False),
        ("", False),
        ("???", False),
    ],
)
async def test_words_for_a_validated_name(word: str, expected: bool) -> None:
    seen = await found(proof_order(vetting(dcvStatus=word)))
    assert seen.name_proofs[0].is_validated is expected


@pytest.mark.parametrize(
    "answer",
    [
        error("ErrorCode:-99009|Message:Order not found"),
        error("Order not found"),
        {"AuthResponse": {"isError": False}, "TheSSLStoreOrderID": None, "OrderStatus": None},
        {
            "AuthResponse": {"isError": False},
            "TheSSLStoreOrderID": "",
            "CustomOrderID": "",
            "OrderStatus": {"MajorStatus": ""},
        },
    ],
)
async def test_only_the_recognised_unknown_order_is_none(answer: object) -> None:
    assert await find(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        error("The database is down"),
        error("ErrorCode:-9009|Message:Vendor returns error:Order not found at vendor"),
        error(),
        {"AuthResponse": {"isError": True, "Message": None}},
        {"AuthResponse": {"isError": False}},
        {"AuthResponse": {}, "TheSSLStoreOrderID": ""},
        {"TheSSLStoreOrderID": ""},
        order(TheSSLStoreOrderID=""),
        order(TheSSLStoreOrderID="abc"),
        {"AuthResponse": {"isError": False}, "TheSSLStoreOrderID": "", "OrderStatus": {"MajorStatus": "Pending"}},
        order(CustomOrderID="EC-OTHER"),
        order(CustomOrderID=None),
        [order()],
        [],
        b"not json",
        b"<html>maintenance</html>",
    ],
)
async def test_any_other_answer_to_a_look_up_is_no_answer(answer: object) -> None:
    with pytest.raises(Unavailable) as caught:
        await find(answer)
    assert caught.value.code == "seller-answer-changed"


async def test_the_number_asked_for_is_the_number_shown() -> None:
    assert (await found(order(CustomOrderID=""), seller_order_id="9912345")).seller_order_id == "9912345"
    with pytest.raises(Unavailable, match="another order"):
        await find(order(), seller_order_id="9912346")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (HttpAnswer(502, b"<html>Bad Gateway</html>"), Unavailable, "seller-unreachable"),
        (HttpAnswer(500, b'{"AuthResponse":{"isError":false}}'), Unavailable, "seller-unreachable"),
        (HttpAnswer(302, b""), Unavailable, "seller-unreachable"),
        (HttpAnswer(429, b"slow down", timedelta(seconds=7)), Unavailable, "seller-throttled"),
        (HttpAnswer(503, b"{}", timedelta(seconds=7)), Unavailable, "seller-throttled"),
        (HttpFault("no connection", began=False), Unavailable, "seller-unreachable"),
        (HttpFault("closed", began=True), Unavailable, "seller-unreachable"),
        (error("-9008 Token/Authentication Failure"), Refused, "auth-rejected"),
        (error("Token/Authentication Failure"), Refused, "auth-rejected"),
        (
            HttpAnswer(400, b'{"AuthResponse":{"isError":true,"Message":["ErrorCode:-9008|Message:x"]}}'),
            Refused,
            "auth-rejected",
        ),
    ],
)
async def test_answers_that_are_none(answer: object, kind: type[EvercertError], code: str) -> None:
    with pytest.raises(kind) as caught:
        await find(answer)
    assert caught.value.code == code
    if code == "seller-throttled":
        assert caught.value.retry_after == timedelta(seconds=7)


async def test_an_error_status_with_an_envelope_is_the_sellers_own_no() -> None:
    answer = HttpAnswer(
        400, b'{"AuthResponse":{"isError":true,"Message":["ErrorCode:-99009|Message:Order not found"]}}'
    )
    assert await find(answer) is None


async def test_credentials_are_probed_twice() -> None:
    flat = {"isError": False, "Message": ["Success"]}
    http = CannedHttp(flat, error("Order not found"))
    await client(http).check_credentials()
    assert [url.removeprefix("https://seller.test/rest/") for url, _ in http.sent] == [
        "health/validate",
        "order/status",
    ]
    assert http.sent[0][1]["AuthToken"] == TOKEN
    await canned(flat, {"AuthResponse": {"isError": False}, "TheSSLStoreOrderID": None}).check_credentials()
    for answers in (
        (error("-9008 Token/Authentication Failure"),),
        (flat, error("-9008 Token/Authentication Failure")),
    ):
        with pytest.raises(Refused) as caught:
            await canned(*answers).check_credentials()
        assert caught.value.code == "auth-rejected"
    with pytest.raises(Unavailable):
        await canned({"Message": []}).check_credentials()


async def test_products_with_their_terms() -> None:
    other = {**PRODUCT, "ProductCode": "digi", "isDVProduct": False, "isEVProduct": "true", "isFlexProduct": 1}
    scan = {**PRODUCT, "ProductCode": "scan", "isScanProduct": True, "PricingInfo": None}
    products = await canned(
        [PRODUCT, {**other, "MaxSan": "250"}, scan, {"AuthResponse": PRODUCT["AuthResponse"]}]
    ).products()
    assert [(p.code, p.level, p.max_sans) for p in products] == [
        ("positivessl", "dv", 0),
        ("digi", "ev", 250),
        ("scan", "other", 0),
    ]
    assert [(t.months, t.price, t.list_price) for t in products[0].terms] == [
        (12, Decimal("7.95"), Decimal(49)),
        (24, Decimal("14.9"), Decimal("98.0")),
    ]
    assert products[0].read_at == NOW


async def test_one_product_and_none() -> None:
    assert [p.code for p in await canned([PRODUCT]).products("positivessl")] == ["positivessl"]
    assert await canned([PRODUCT]).products("other") == ()
    assert await canned([error("ErrorCode:-99003|Message:The product code is unknown")]).products("nonsense") == ()
    with pytest.raises(Refused):
        await canned([error("-9008 Token/Authentication Failure")]).products()
    with pytest.raises(Unavailable):
        await canned(PRODUCT).products()


async def test_lists_of_orders() -> None:
    http = CannedHttp([order(), order(TheSSLStoreOrderID="9912346", CustomOrderID=None)])
    orders = await client(http).list_orders(since=datetime(2026, 9, 1, tzinfo=UTC), page=3)
    assert [(o.seller_order_id, o.custom_order_id) for o in orders] == [("9912345", OURS), ("9912346", "")]
    sent = http.sent[0][1]
    assert (sent["StartDate"], sent["PageNumber"], sent["PageSize"]) == ("/Date(1788220800000)/", 3, 100)
    assert await canned([]).list_orders(since=NOW) == ()


@pytest.mark.parametrize(
    "answer", [[order(TheSSLStoreOrderID=None)], {"AuthResponse": {"isError": False}}, b"[1]", b"{"]
)
async def test_a_list_that_cannot_be_read_is_no_shorter_list(answer: object) -> None:
    with pytest.raises(Unavailable):
        await canned(answer).list_orders(since=NOW)


LEAF = "-----BEGIN CERTIFICATE-----\nTEVB\n-----END CERTIFICATE-----\n"
ISSUER = "-----BEGIN CERTIFICATE-----\nSVNT\n-----END CERTIFICATE-----\n"


def download(*contents: object, number: object = "9912345") -> dict[str, Any]:
    files = [{"FileName": "x", "FileContent": content} for content in contents]
    return {"AuthResponse": {"isError": False}, "TheSSLStoreOrderID": number, "Certificates": files}


@pytest.mark.parametrize(
    "answer",
    [
        download(ISSUER, LEAF),
        download(LEAF + ISSUER, None, ""),
        download((ISSUER + LEAF).replace("\n", "\r\n")),
        download(quote(LEAF, safe=""), quote(ISSUER, safe="")),
        download("junk before\n" + LEAF + "junk between" + ISSUER, LEAF),
        download(LEAF, ISSUER, number=None),
    ],
)
async def test_every_certificate_comes_out_once(answer: object) -> None:
    assert sorted(await canned(answer).download("9912345")) == sorted([LEAF, ISSUER])


@pytest.mark.parametrize(
    "answer",
    [
        download(),
        download("", None),
        {"AuthResponse": {"isError": False}, "TheSSLStoreOrderID": "9912345", "Certificates": None},
        download("-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----"),
        error("ErrorCode:-99014|Message:The certificate is not issued yet"),
        error("The certificate is not issued yet"),
    ],
)
async def test_nothing_to_download_is_not_yet(answer: object) -> None:
    with pytest.raises(NotYet) as caught:
        await canned(answer).download("9912345")
    assert caught.value.code == "download-unavailable"


@pytest.mark.parametrize("answer", [download(LEAF, number="1"), [download(LEAF)], error("boom"), b""])
async def test_a_strange_download_is_no_certificate(answer: object) -> None:
    with pytest.raises(Unavailable):
        await canned(answer).download("9912345")


async def test_the_body_of_an_order() -> None:
    http = CannedHttp(order())
    await client(http).place(PLACEMENT, Gate())
    url, sent = http.sent[0]
    assert url == "https://seller.test/rest/order/neworder"
    auth = sent.pop("AuthRequest")
    assert (auth["PartnerCode"], auth["AuthToken"], auth["IsUsedForTokenSystem"]) == ("12345678", TOKEN, False)
    contact = dict.fromkeys(
        ["FirstName", "LastName", "Phone", "Title", "OrganizationName", "AddressLine1", "City", "Region", "PostalCode"],
        "",
    )
    contact |= {"Email": "certs@shop.test", "Country": ""}
    assert sent == {
        "CustomOrderID": OURS,
        "ProductCode": "positivessl",
        "ExtraProductCodes": "",
        "ValidityPeriod": 12,
        "ServerCount": 1,
        "CSR": "-----BEGIN%20CERTIFICATE%20REQUEST-----%0AMIIB%2B%2F%3D%3D%0A-----END%20CERTIFICATE%20REQUEST-----%0A",
        "DomainName": "www.shop.test",
        "WebServerType": "Other",
        "DNSNames": [],
        "ReserveSANCount": 0,
        "WildcardReserveSANCount": 0,
        "isCUOrder": False,
        "isRenewalOrder": False,
        "isTrialOrder": False,
        "AutoWWW": False,
        "RelatedTheSSLStoreOrderID": "",
        "SpecialInstructions": "",
        "AdminContact": contact,
        "TechnicalContact": contact,
        "ApproverEmail": "admin@shop.test",
        "FileAuthDVIndicator": False,
        "HTTPSFileAuthDVIndicator": False,
        "CNAMEAuthDVIndicator": True,
        "CSRUniqueValue": "ec1",
        "SignatureHashAlgorithm": "PREFER_SHA2",
        "CertTransparencyIndicator": True,
        "RenewalDays": 0,
        "AddInstallationSupport": False,
        "EmailLanguageCode": "EN",
        "DateTimeCulture": "en-US",
    }


async def test_digicert_gets_its_own_words_and_raw_accounts_a_raw_csr() -> None:
    http = CannedHttp(order())
    placement = PLACEMENT.model_copy(update={"vendor": "DigiCert", "csr": CSR.replace("\n", "\r\n")})
    await client(http, Environment.SANDBOX, csr_encoding="raw").place(placement, Gate())
    sent = http.sent[0][1]
    assert (sent["SignatureHashAlgorithm"], sent["ApproverEmail"]) == ("sha256", "dns_cname_token")
    assert sent["CSR"] == CSR


async def test_a_dry_run_sends_what_would_be_placed() -> None:
    http = CannedHttp({"AuthResponse": {"isError": False}}, order())
    seller = client(http)
    await seller.validate(PLACEMENT)
    await seller.place(PLACEMENT, Gate())
    (dry_url, dry), (_, wet) = http.sent
    assert dry_url.endswith("/order/validateorderparameters")
    del dry["AuthRequest"], wet["AuthRequest"]
    assert dry == wet


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("ErrorCode:-99002|Message:A parameter is invalid"), "order-parameters-refused"),
        (error("ErrorCode:-9009|Message:Vendor returns error:bad country"), "order-parameters-refused"),
        (error("csr_invalid"), "order-parameters-refused"),
        (error("ErrorCode:-99003|Message:The product code is unknown"), "product-refused"),
        (error("ErrorCode:-99008|Message:The account balance does not cover this order"), "seller-payment-required"),
        (error("-9008 Token/Authentication Failure"), "auth-rejected"),
    ],
)
async def test_a_dry_run_that_is_refused(answer: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await canned(answer).validate(PLACEMENT)
    assert caught.value.code == code
    assert caught.value.why and caught.value.why[0].startswith("the seller's words: ")
