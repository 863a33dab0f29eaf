"""Asking for a refund: what counts as not sent, as refused, as taken, and that everything else is doubt."""

import json
import traceback
from typing import Any

import pytest

from activities.adapters.http import HttpClient, HttpFault
from activities.adapters.seller.errors import ERRORS
from domain.errors import Ambiguous, EvercertError, InvariantBroken, NotSent, Refused
from domain.inventory import Environment
from domain.seller import SellerOrder
from tests.adapters.raw_server import Exchange, Gate, answering, raw_server
from tests.adapters.seller_support import PLACEMENT, TOKEN, CannedHttp, canned, client, error, order

NUMBER = "9912345"
TAKEN = order(RefundRequestID="77123")
KINDS = {"refund-outcome-unknown": Ambiguous, "seller-unreachable": NotSent, "send-window-over": NotSent}


async def outcome(answer: object, *, status: int = 200, environment: Environment = Environment.SANDBOX) -> str:
    """Return `taken` or the error's code; the sort of the error has to fit the code, and it tells no secret."""
    failure: EvercertError | None = None
    found: SellerOrder | None = None
    try:
        seller = canned(answer, status=status, environment=environment)
        found = await seller.request_refund(NUMBER, reason="a mistake", gate=Gate())
    except EvercertError as caught:
        failure = caught
    if failure is None:
        assert found is not None and found.seller_order_id == NUMBER and found.refund_request_id
        return "taken"
    assert type(failure) is KINDS.get(failure.code, Refused)
    assert TOKEN not in "".join(traceback.format_exception(failure)) + str(failure.why) + failure.next_step
    assert failure.__context__ is None
    return failure.code


async def test_what_is_sent() -> None:
    http = CannedHttp(TAKEN)
    found = await client(http).request_refund(NUMBER, reason="Ordered by mistake", gate=Gate())
    assert (found.refund_request_id, found.is_refund_approved) == ("77123", False)
    ((url, sent),) = http.sent
    assert url == "https://seller.test/rest/order/refundrequest"
    assert sent.pop("AuthRequest")["AuthToken"] == TOKEN
    assert sent == {
        "TheSSLStoreOrderID": NUMBER,
        "RefundReason": "Ordered by mistake",
        "DateTimeCulture": "en-US",
    }


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("", ""),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("bell \x07", "bell \\u0007"),
        ("é" * 200, "é" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("\x00" * 5000, None),
    ],
)
async def test_a_reason_is_one_line_of_200_printable_characters(reason: str, sent: str | None) -> None:
    http = CannedHttp(TAKEN)
    await client(http).request_refund(NUMBER, reason=reason, gate=Gate())
    told = http.sent[0][1]["RefundReason"]
    assert told == sent or sent is None
    assert len(told) <= 200 and told.isprintable()


@pytest.mark.parametrize("number", ["", "A-1", "EC-1", " 9912345"])
async def test_nothing_is_sent_without_the_sellers_number(number: str) -> None:
    http = CannedHttp(TAKEN)
    with pytest.raises(InvariantBroken):
        await client(http).request_refund(number, reason="r", gate=Gate())
    assert http.sent == []


async def test_a_request_that_was_taken() -> None:
    assert await outcome(TAKEN) == "taken"
    assert await outcome(order(RefundRequestID="77123", isRefundApproved=True)) == "taken"


@pytest.mark.parametrize(
    "answer",
    [
        order(),
        order(RefundRequestID=None),
        order(RefundRequestID="  "),
        order(isRefundApproved=True),
        order(RefundRequestID="77123", TheSSLStoreOrderID="9912346"),
        order(RefundRequestID="77123", TheSSLStoreOrderID=None),
        order(RefundRequestID="77123", AuthResponse=None),
        order(RefundRequestID="77123", AuthResponse={"isError": "perhaps"}),
        [TAKEN],
        {},
        [],
        b"",
        b"<html>",
        json.dumps(TAKEN).encode()[:-20],
        HttpFault("the connection broke", began=True),
        error("text without a code"),
        error("Order not found"),
        error("Token/Authentication Failure"),
        error("ErrorCode:-9009|Message:Vendor returns error:x"),
        error("ErrorCode:-77777|Message:Refund refused"),
        error("ErrorCode:-99015|Message:x", "ErrorCode:-9009|Message:y"),
        error("ErrorCode:-99015|Message:x", RefundRequestID="77123"),
        error(),
    ],
)
async def test_what_does_not_say_yes_or_no_is_doubt(answer: object) -> None:
    assert await outcome(answer) == "refund-outcome-unknown"


@pytest.mark.parametrize("status", [302, 404, 500, 502])
async def test_a_yes_with_another_status_is_doubt(status: int) -> None:
    assert await outcome(TAKEN, status=status) == "refund-outcome-unknown"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("-9008 Token/Authentication Failure"), "auth-rejected"),
        (error("ErrorCode:-99015|Message:The order is cancelled already"), "refund-refused"),
        (error("ErrorCode:-99009|Message:Order not found"), "refund-refused"),
        (error("ErrorCode:-99002|Message:A parameter is invalid"), "refund-refused"),
    ],
)
async def test_a_definite_refusal_needs_a_reviewed_code(answer: object, code: str) -> None:
    assert await outcome(answer) == await outcome(answer, status=400) == code
    assert await outcome(answer, status=500) == "refund-outcome-unknown"


@pytest.mark.parametrize("number", sorted(ERRORS))
async def test_on_a_live_account_only_observed_codes_are_definite(number: int) -> None:
    told = await outcome(error(f"ErrorCode:{number}|Message:x"), environment=Environment.LIVE)
    assert told == ("auth-rejected" if number == -9008 else "refund-outcome-unknown")


@pytest.mark.parametrize("gate_shut", [True, False])
async def test_nothing_sent_is_not_sent(gate_shut: bool) -> None:
    code = await outcome(HttpFault("no connection", began=False, gate_shut=gate_shut))
    assert code == ("send-window-over" if gate_shut else "seller-unreachable")


async def test_over_a_socket_a_shut_gate_lets_no_byte_of_the_body_out() -> None:
    http = HttpClient()

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.read_all()

    async with raw_server(behave) as server:
        seller = client(http, base_url=server.url)
        with pytest.raises(NotSent, match="send-window-over"):
            await seller.request_refund(NUMBER, reason="r", gate=Gate(is_open=False))
    assert [exchange.body for exchange in server.exchanges] == [b""]
    async with raw_server(answering(json.dumps(TAKEN).encode())) as server:
        await client(http, base_url=server.url).request_refund(NUMBER, reason="r", gate=Gate())
    assert [b"RefundReason" in exchange.body for exchange in server.exchanges] == [True]
    await http.close()


@pytest.mark.parametrize(("members", "seen"), [({}, ("", False)), ({"isRefundApproved": "TRUE"}, ("", True))])
async def test_a_look_shows_how_a_refund_stands(members: dict[str, Any], seen: tuple[str, bool]) -> None:
    found = await canned(order(**members)).find(seller_order_id=NUMBER)
    assert found is not None and (found.refund_request_id, found.is_refund_approved) == seen
    found = await canned(order(RefundRequestID=77123, isRefundApproved=1)).find(seller_order_id=NUMBER)
    assert found is not None and (found.refund_request_id, found.is_refund_approved) == ("77123", True)


async def test_no_product_is_left_to_add_names_by_itself() -> None:
    http = CannedHttp(order())
    await client(http).place(PLACEMENT, Gate())
    assert http.sent[0][1]["AutoWWW"] is False
