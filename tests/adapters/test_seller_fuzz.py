"""Whatever the seller answers, to whichever call: only errors of ours, and no outcome known that is not.

Three kinds of answers: arbitrary bytes, arbitrary JSON, and real answers with one thing changed. An outcome may be told as
known only if the answer, read by the plainest means, carries what that outcome rests on.
"""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.adapters.http import HttpAnswer
from activities.adapters.seller import SellerClient
from activities.ports import MethodChoice
from domain.errors import Ambiguous, EvercertError, InvariantBroken, NotSent, NotYet, Refused, Unavailable
from domain.seller import ProofMethod, SellerOrder, SellerState
from tests.adapters.raw_server import Gate
from tests.adapters.seller_support import CSR, NOW, OURS, PLACEMENT, PRODUCT, TOKEN, CannedHttp, client, error, order
from tests.adapters.test_seller_changes import FILE, NUMBER, PENDING, WANTED, shows
from tests.adapters.test_seller_orders import LEAF, download

Call = Callable[[SellerClient], Awaitable[object]]
GOOD = {"isError": False, "Message": []}

CALLS: dict[str, Call] = {
    "check_credentials": lambda it: it.check_credentials(),
    "products": lambda it: it.products(),
    "one_product": lambda it: it.products("positivessl"),
    "validate": lambda it: it.validate(PLACEMENT),
    "find": lambda it: it.find(custom_order_id=OURS),
    "find_by_number": lambda it: it.find(seller_order_id=NUMBER),
    "list_orders": lambda it: it.list_orders(since=NOW),
    "download": lambda it: it.download(NUMBER),
    "learn_unknown_answer": lambda it: it.learn_unknown_answer(),
    "resend_approver_mail": lambda it: it.resend_approver_mail(NUMBER),
    "change_approver": lambda it: it.change_approver(NUMBER, name="www.shop.test", email="admin@shop.test"),
    "change_to_file": lambda it: it.change_method(NUMBER, name="www.shop.test", method=ProofMethod.FILE),
    "change_to_mail": lambda it: it.change_method(NUMBER, name="www.shop.test", method=ProofMethod.EMAIL),
    "check_dcv": lambda it: it.check_dcv(NUMBER, name="www.shop.test"),
    "approver_list": lambda it: it.approver_list("positivessl", "www.shop.test"),
    "agreement": lambda it: it.agreement("positivessl", 12),
    "decode_csr": lambda it: it.decode_csr("positivessl", CSR),
    "service_status": lambda it: it.service_status(),
    "account_detail": lambda it: it.account_detail(),
    "organizations": lambda it: it.organizations(),
    "modified_since": lambda it: it.modified_since(NOW),
    "live_status": lambda it: it.live_status(NUMBER),
    "refund_status": lambda it: it.refund_status(NUMBER),
    "domain_info": lambda it: it.domain_info(NUMBER, "www.shop.test"),
    "check_csr": lambda it: it.check_csr("positivessl", CSR, 12),
    "set_methods": lambda it: it.set_methods(NUMBER, [MethodChoice("www.shop.test", ProofMethod.FILE)]),
    "set_callback": lambda it: it.set_callback("https://hooks.shop.test/seller"),
    "end_callback": lambda it: it.set_callback(""),
}
ACTS: dict[str, Call] = {
    "place": lambda it: it.place(PLACEMENT, Gate()),
    "request_refund": lambda it: it.request_refund(NUMBER, reason="r", gate=Gate()),
    "reissue": lambda it: it.reissue(WANTED, Gate()),
    "revoke": lambda it: it.revoke(NUMBER, serial="A1", reason="r", gate=Gate()),
}
ANSWERS: tuple[Any, ...] = (
    order(),
    order(RefundRequestID="77"),
    PENDING,
    shows(**FILE),
    [order()],
    [PRODUCT],
    download(LEAF),
    error("ErrorCode:-99009|Message:Order not found"),
    error("-9008 Token/Authentication Failure"),
    error("ErrorCode:-99008|Message:no money"),
    {"AuthResponse": GOOD, "TheSSLStoreOrderID": None},
    {"isError": False, "Message": ["Success"]},
    {"AuthResponse": GOOD, "ApproverEmailList": ["admin@shop.test"], "Agreement": "yes", "DomainName": "www.shop.test"},
    {"AuthResponse": {"isError": True}, "PartnerCode": "12345678", "AccountBalance": "1.00"},
    {
        "AuthResponse": GOOD,
        "dcvDetails": {"dcvMethod": "dns"},
        "validations": [{"type": "dv", "dcv_status": "pending"}],
    },
    {"AuthResponse": GOOD, "OrganizationList": [{"TSSOrganizationId": 1}], "Orders": [order()], "TotalOrders": 1},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
TELLING = ("TheSSLStoreOrderID", "CustomOrderID", "PartnerOrderID", "RefundRequestID", "OrderStatus", "AuthResponse")
other_ids = st.sampled_from(["1", "9912346", "EC-OTHER", OURS.lower(), " ", "0", "3300456"])
small_values = st.sampled_from([None, "", [], {}, 0, -1, True, False, "true", "x", [None], {"a": 1}, 1e308, "9" * 5000])
statuses = st.sampled_from([200, 200, 200, 202, 302, 400, 404, 429, 500, 503])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, it in inner for deeper in places(it, (*path, key)))]


def changed(answer: Any, path: tuple[Any, ...], to: Any) -> Any:
    if not path:
        return to
    result = copy.deepcopy(answer)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return result


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    answer = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(0, 2))):
        everywhere = places(answer)
        telling = [it for it in everywhere if it and it[-1] in TELLING] or everywhere
        answer = changed(
            answer,
            draw(st.sampled_from(telling) | st.sampled_from(everywhere)),
            draw(small_values | other_ids | json_values),
        )
    body = json.dumps(answer).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) and draw(st.booleans()) else body


bodies = st.one_of(st.binary(max_size=60), json_values.map(lambda it: json.dumps(it).encode()), mutated(), mutated())
answers = st.lists(st.builds(HttpAnswer, statuses, bodies), min_size=1, max_size=3)


def outcome(call: Call, given_answers: list[HttpAnswer], learnt: str = "") -> object:
    """What a call returns, or the error that it raises; anything foreign gets through and fails the test."""
    seller = client(CannedHttp(*given_answers), unknown_answer=learnt)
    try:
        return asyncio.run(_awaited(call, seller))
    except EvercertError as caught:
        told = f"{caught} {caught.why} {caught.next_step}"
        assert TOKEN not in told and "c0de" not in told
        return caught


async def _awaited(call: Call, seller: SellerClient) -> object:
    return await call(seller)


def members(answer: HttpAnswer) -> dict[str, Any]:
    """The answer's members as a plain reader sees them, in lower case; none for what is no JSON object."""
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        return {}
    return {key.lower(): it for key, it in parsed.items()} if isinstance(parsed, dict) else {}


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=60, deadline=None)
@given(given_answers=answers)
def test_reads_and_changes_raise_nothing_but_our_errors(name: str, given_answers: list[HttpAnswer]) -> None:
    result = outcome(CALLS[name], given_answers)
    if isinstance(result, EvercertError):
        assert isinstance(result, Unavailable | Refused | NotYet) and not isinstance(result, NotSent | InvariantBroken)


@pytest.mark.parametrize("name", ["find", "find_by_number", "live_status", "refund_status"])
@pytest.mark.parametrize("learnt", [False, True])
@settings(max_examples=120, deadline=None)
@given(given_answers=answers)
def test_an_order_is_found_or_unknown_only_by_what_the_answer_holds(
    name: str, learnt: bool, given_answers: list[HttpAnswer]
) -> None:
    shape = "v1 error code=-99009 ids=TheSSLStoreOrderID=null,CustomOrderID=absent message=order not found"
    result = outcome(CALLS[name], given_answers, shape if learnt else "")
    if isinstance(result, EvercertError):
        return
    used = [members(answer) for answer in given_answers]
    if result is None:
        assert not learnt
        assert any(
            b"rder not found" in it.body or not seen.get("thesslstoreorderid")
            for it, seen in zip(given_answers, used, strict=True)
        )
    else:
        member, value = ("customorderid", OURS) if name == "find" else ("thesslstoreorderid", NUMBER)
        assert any(value in str(seen.get(member)) for seen in used)


@pytest.mark.parametrize("name", ACTS)
@settings(max_examples=250, deadline=None)
@given(given_answers=answers)
def test_what_was_sent_is_done_refused_or_in_doubt_and_never_known_without_a_reason(
    name: str, given_answers: list[HttpAnswer]
) -> None:
    result = outcome(ACTS[name], given_answers)
    first = members(given_answers[0])
    if isinstance(result, Ambiguous):
        return
    if isinstance(result, EvercertError):
        assert isinstance(result, Refused), "a posted body is never told as not sent, nor as a mere failure to look"
        assert given_answers[0].status < 500
        assert any(code in given_answers[0].body for code in (b"-99", b"-9008")), "refused without a reviewed code"
        return
    assert given_answers[0].is_success
    if name == "revoke":
        assert any(NUMBER in str(members(it).get("thesslstoreorderid")) for it in given_answers)
    if name in ("request_refund", "reissue"):
        assert NUMBER in str(first.get("thesslstoreorderid"))
    if name == "place":
        assert first.get("thesslstoreorderid")
        assert OURS in str(first.get("customorderid"))
    if name == "reissue":
        assert isinstance(result, SellerOrder)
        assert result.state is SellerState.REISSUE_PENDING or result.partner_order_id not in ("", "3300456")
    if name == "request_refund":
        assert first.get("refundrequestid")


def test_every_call_of_the_port_is_fed() -> None:
    calls = {it for it in dir(SellerClient) if not it.startswith("_")}
    again = {"one_product": "products", "find_by_number": "find", "end_callback": "set_callback"}
    fed = {again.get(it, it) for it in CALLS | ACTS}
    assert calls - fed == {"change_method"} and {"change_to_file", "change_to_mail"} <= fed
