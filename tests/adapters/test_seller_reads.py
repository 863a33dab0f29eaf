"""Further reads: what they understand, and what they do not take for an answer."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from activities.adapters.http import HttpAnswer, HttpFault
from activities.ports import DomainInfo, DomainValidation, ListedOrganization
from domain.errors import EvercertError, Refused, Unavailable
from domain.seller import ModifiedOrder, Money, SellerState
from tests.adapters.seller_support import CSR, NOW, TOKEN, CannedHttp, canned, client, error, order, with_status

GOOD = {"isError": False, "Message": []}
BAD_TOKEN = error("-9008 Token/Authentication Failure")


def good(**members: Any) -> dict[str, Any]:
    return {"AuthResponse": GOOD, **members}


async def test_approvers() -> None:
    told = [
        "Admin@shop.test",
        "",
        None,
        "support@geotrust.com",
        "no address",
        "hostmaster@shop.test",
        "admin@shop.test",
    ]
    http = CannedHttp(good(ApproverEmailList=told, baseDomainName="shop.test"))
    expected = ("admin@shop.test", "hostmaster@shop.test")
    assert await client(http).approver_list("positivessl", "www.shop.test", seller_order_id="7") == expected
    assert http.sent[0][1]["RelatedTheSSLStoreOrderID"] == "7"
    assert await canned(good(ApproverEmailList=None)).approver_list("p", "a.test") == ()


async def test_agreements() -> None:
    assert await canned(good(Agreement="<p>Yes</p>")).agreement("positivessl", 12) == "<p>Yes</p>"
    assert await canned(good(Agreement=None, OrderAgreement="Yes")).agreement("positivessl", 12) == "Yes"
    with pytest.raises(Unavailable):
        await canned(good()).agreement("positivessl", 12)


async def test_requests_as_the_seller_reads_them() -> None:
    answer = good(
        DominName="WWW.shop.test",
        DNSNames="www.shop.test,b.shop.test",
        Country="US",
        MD5Hash="E5" * 16,
        SHA1Hash="nonsense",
        sha256="ab" * 32,
        hasBadExtensions="true",
    )
    http = CannedHttp(answer)
    facts = await client(http).decode_csr("positivessl", CSR)
    assert (facts.common_name, facts.names) == ("www.shop.test", ("www.shop.test", "b.shop.test"))
    assert (facts.md5, facts.sha1, facts.sha256) == ("e5" * 16, "", "ab" * 32)
    assert facts.has_bad_extensions and not facts.is_wildcard and "%0A" in http.sent[0][1]["CSR"]
    with pytest.raises(Unavailable):
        await canned(good(DomainName="")).decode_csr("positivessl", CSR)


@pytest.mark.parametrize(
    "words", ["The CSR cannot be decoded!", "ErrorCode:-99006|Message:x", "ErrorCode:-9009|Message:x", "csr_invalid"]
)
async def test_requests_that_the_seller_cannot_read(words: str) -> None:
    with pytest.raises(Refused) as caught:
        await canned(error(words)).decode_csr("positivessl", CSR)
    assert caught.value.code == "csr-refused"


@pytest.mark.parametrize("is_error", [True, False, None, "true"])
async def test_an_account_is_what_the_answer_holds_whatever_it_says_of_errors(is_error: object) -> None:
    answer = {
        "PartnerCode": 12345678,
        "CompanyName": "Shop\n Ltd",
        "AccountBalance": "$1,250.00",
        "AllowCredit": "false",
        "AuthResponse": {"isError": is_error, "Message": None},
    }
    http = CannedHttp(answer)
    detail = await client(http).account_detail()
    assert (detail.partner_code, detail.company) == ("12345678", "Shop Ltd")
    assert detail.balance == Money(amount=Decimal("1250.00")) and not detail.allows_credit
    assert http.sent[0][1]["AuthToken"] == TOKEN and "AuthRequest" not in http.sent[0][1]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BAD_TOKEN, "auth-rejected"),
        ({**BAD_TOKEN, "PartnerCode": "12345678"}, "auth-rejected"),
        (error("down"), "seller-error"),
        (good(), "seller-answer-changed"),
        (good(PartnerCode="87654321", AccountBalance="9"), "seller-answer-changed"),
        ([good(PartnerCode="12345678")], "seller-answer-changed"),
        ([], "seller-answer-changed"),
    ],
)
async def test_an_account_that_is_not_ours_or_not_there(answer: object, code: str) -> None:
    with pytest.raises(EvercertError) as caught:
        await canned(answer).account_detail()
    assert caught.value.code == code


async def test_organisations() -> None:
    rows = [
        {"TSSOrganizationId": "54321", "Name": "Shop Ltd", "City": "Town", "Country": "us", "Status": "Active"},
        {"TSSOrganizationId": 2, "Name": "Old Ltd", "Country": "United States", "Status": "inactive"},
        {"TSSOrganizationId": 3, "Name": "Far Ltd", "Country": "Ruritania"},
        {"TSSOrganizationId": 4, "Name": "Dry Ltd", "Country": "the U.K."},
        {"TSSOrganizationId": 5, "Name": "Nowhere Ltd", "Country": None},
        {"TSSOrganizationId": None, "Name": "None"},
        None,
    ]
    http = CannedHttp(good(OrganizationList=rows))
    assert await client(http).organizations() == (
        ListedOrganization(
            organization_id=54321, name="Shop Ltd", city="Town", country="US", status="Active", is_active=True
        ),
        ListedOrganization(organization_id=2, name="Old Ltd", country="US", status="inactive"),
        ListedOrganization(organization_id=3, name="Far Ltd", country="Ruritania", has_unknown_country=True),
        ListedOrganization(organization_id=4, name="Dry Ltd", country="GB"),
        ListedOrganization(organization_id=5, name="Nowhere Ltd"),
    )
    sent = http.sent[0][1]
    assert sent["AuthToken"] == sent["AuthRequest"]["AuthToken"] == TOKEN
    assert await canned(good(OrganizationList=None)).organizations() == ()


async def test_changed_orders() -> None:
    rows = [
        {"TheSSLStoreOrderID": 7, "CustomOrderID": "EC-1", "MajorStatus": "Active", "MinorStatus": "PENDING_REISSUE"},
        {**order(), "ModifiedDateInUTC": "11/25/2026 12:00:00 PM"},
    ]
    http = CannedHttp(good(Orders=rows, TotalOrders="2"))
    page = await client(http).modified_since(datetime(2026, 9, 1, tzinfo=UTC), page=2)
    assert page.total == 2 and page.orders[0] == ModifiedOrder(
        seller_order_id="7",
        custom_order_id="EC-1",
        state=SellerState.REISSUE_PENDING,
        status_text="Active / PENDING_REISSUE",
    )
    assert (page.orders[1].state, page.orders[1].modified_at) == (SellerState.PENDING, NOW)
    sent = http.sent[0][1]
    assert (sent["StartDate"], sent["ModifiedSinceDate"], sent["PageNumber"]) == (*["/Date(1788220800000)/"] * 2, 2)
    empty = await canned(good(Orders=[], TotalOrders=0)).modified_since(NOW)
    assert (empty.orders, empty.total) == ((), 0)
    assert (await canned(good(Orders=[], TotalOrders="many")).modified_since(NOW)).total is None


@pytest.mark.parametrize(
    "answer", [good(), good(Orders=None), good(Orders=[{"MajorStatus": "Active"}]), [good()], b"x"]
)
async def test_changed_orders_that_cannot_be_read_are_no_shorter_list(answer: object) -> None:
    with pytest.raises(Unavailable):
        await canned(answer).modified_since(NOW)


async def test_the_live_status() -> None:
    seen = await canned(with_status("Active")).live_status("9912345")
    assert seen is not None and seen.state is SellerState.ACTIVE


@pytest.mark.parametrize(
    "first",
    [
        HttpAnswer(404, b""),
        error("ErrorCode:-99016|Message:No such endpoint"),
        error("ErrorCode:-99009|Message:Order not found"),
        good(),
        order(TheSSLStoreOrderID="1"),
        [order()],
        b"<html>",
        HttpFault("closed", began=True),
    ],
)
async def test_without_a_live_status_the_stored_one_counts(first: object) -> None:
    http = CannedHttp(first, with_status("Active"))
    seen = await client(http).live_status("9912345")
    assert seen is not None and seen.state is SellerState.ACTIVE
    assert [url.rpartition("/")[2] for url, _ in http.sent] == ["live-order-status", "status"]
    assert await canned(first, error("Order not found")).live_status("9912345") is None


async def test_a_seller_that_wants_a_pause_is_not_asked_twice() -> None:
    http = CannedHttp(HttpAnswer(429, b""))
    with pytest.raises(Unavailable):
        await client(http).live_status("9912345")
    assert len(http.sent) == 1


@pytest.mark.parametrize("answer", [BAD_TOKEN, HttpAnswer(502, b"<html>"), {}, [], b"7", HttpFault("x", began=False)])
async def test_no_read_takes_a_failure_for_an_answer(answer: object) -> None:
    seller = canned(answer)
    for ask in (
        seller.approver_list("p", "a.test"),
        seller.agreement("p", 12),
        seller.decode_csr("p", CSR),
        seller.account_detail(),
        seller.organizations(),
        seller.modified_since(NOW),
        seller.live_status("1"),
        seller.refund_status("1"),
        seller.domain_info("1", "a.test"),
        seller.check_csr("p", CSR, 12),
    ):
        with pytest.raises(EvercertError) as caught:
            await ask
        assert TOKEN not in repr(caught.value) + str(caught.value.why)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("The CSR cannot be decoded!", "csr-refused"),
        ("ErrorCode:-9009|Message:x", "csr-refused"),
        ("ErrorCode:-99004|Message:x", "order-parameters-refused"),
        ("never seen before", "order-parameters-refused"),
        ("-9008 Token/Authentication Failure", "auth-rejected"),
    ],
)
async def test_the_light_check_says_what_is_wrong(words: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await canned(error(words)).check_csr("positivessl", CSR, 12)
    assert caught.value.code == code


async def test_the_light_check_sends_what_it_checks() -> None:
    http = CannedHttp(good(DomainName="www.shop.test"))
    await client(http).check_csr("positivessl", CSR, 12, server_count=2)
    (url, sent), *_ = http.sent
    assert url.endswith("/order/validate") and "%0A" in sent["CSR"]
    assert (sent["ValidityPeriod"], sent["ServerCount"], sent["WebServerType"]) == (12, 2, "Other")


async def test_the_state_of_a_refund() -> None:
    http = CannedHttp(order(RefundRequestID="77", isRefundApproved="true"))
    seen = await client(http).refund_status("9912345")
    assert seen is not None and (seen.refund_request_id, seen.is_refund_approved) == ("77", True)
    assert http.sent[0][0].endswith("/order/refundstatus")
    assert await canned(error("Order not found")).refund_status("9912345") is None
    with pytest.raises(Unavailable):
        await canned(order(TheSSLStoreOrderID="1")).refund_status("9912345")


@pytest.mark.parametrize("as_list", [True, False])
async def test_a_name_as_digicert_sees_it(as_list: bool) -> None:
    details = {
        "DomainName": "WWW.shop.test",
        "dcvMethod": "dns-cname",
        "dcvStatus": "pending",
        "DNSEntry": "s3cret.dcv.test",
    }
    answer = good(
        dcvDetails=[details] if as_list else details,
        validations=[{"type": "dv", "status": "active", "dcv_status": "complete", "token": "s3cret"}, None],
    )
    info = await canned(answer).domain_info("9912345", "www.shop.test")
    assert info == DomainInfo(
        "www.shop.test", ("dns-cname",), ("pending",), (DomainValidation("dv", "active", "complete"),)
    )
    assert "s3cret" not in repr(info)


@pytest.mark.parametrize(
    "answer",
    [good(), good(dcvDetails=None, validations=None), good(dcvDetails={"DomainName": "b.test", "dcvMethod": "dns"})],
)
async def test_no_view_of_a_name(answer: object) -> None:
    with pytest.raises(Unavailable) as caught:
        await canned(answer).domain_info("9912345", "www.shop.test")
    assert caught.value.code == "seller-answer-changed"


@pytest.mark.parametrize("number", [["9912345"], {"id": "9912345"}, " "])
async def test_a_number_that_cannot_be_read_is_no_unknown_order(number: object) -> None:
    seller = canned(good(TheSSLStoreOrderID=number))
    for look in (seller.find(seller_order_id="9912345"), seller.refund_status("9912345")):
        with pytest.raises(Unavailable) as caught:
            await look
        assert caught.value.code == "seller-answer-changed"
