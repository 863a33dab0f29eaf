"""The answer for an order that nobody placed: learnt once, compared ever after, never guessed; and the second address."""

import json
from typing import Any

import pytest

from activities.adapters.http import HttpAnswer, HttpFault
from activities.adapters.seller import SellerDirectory
from activities.adapters.seller.bundled import bundled_products
from domain.errors import EvercertError, Misconfigured, NotSent, Refused, Unavailable
from domain.inventory import Environment
from domain.product import Product
from domain.seller import UnknownAnswer
from tests.adapters.raw_server import Gate
from tests.adapters.seller_support import (
    NOW,
    OURS,
    PLACEMENT,
    PRODUCT,
    TOKEN,
    CannedHttp,
    FixedClock,
    account,
    canned,
    client,
    error,
    order,
)
from tests.adapters.test_seller_directory import Accounts, Vault, directory

SUCCESS = {"isError": False}
BLANK = {"AuthResponse": SUCCESS, "TheSSLStoreOrderID": "", "CustomOrderID": "", "OrderStatus": None}
NULLS = {"AuthResponse": SUCCESS, "TheSSLStoreOrderID": None}
NO_RECORD = error("ErrorCode:-4711|Message:No record 12345 exists", TheSSLStoreOrderID=None)


async def learn(*answers: object) -> UnknownAnswer:
    return await canned(*answers).learn_unknown_answer()


@pytest.mark.parametrize(
    ("answer", "is_known", "part"),
    [
        (error("ErrorCode:-99009|Message:Order not found"), True, "error code=-99009"),
        (error("Order not found."), True, "error code=none"),
        (BLANK, True, "TheSSLStoreOrderID=blank,CustomOrderID=blank,PartnerOrderID=absent"),
        (NULLS, True, "TheSSLStoreOrderID=null,CustomOrderID=absent"),
        ({"AuthResponse": SUCCESS}, False, "success code=none ids=TheSSLStoreOrderID=absent"),
        (NO_RECORD, False, "message=no record # exists"),
    ],
)
async def test_shapes_that_may_mean_an_unknown_order(answer: object, is_known: bool, part: str) -> None:
    learnt = await learn(answer)
    assert learnt.is_known is is_known and part in learnt.shape
    assert TOKEN not in learnt.shape and len(learnt.shape) < 400


async def test_every_question_is_about_another_reference_and_none_is_in_the_shape() -> None:
    http = CannedHttp(error("Nothing under that name"))
    await client(http).learn_unknown_answer()
    asked = [sent["CustomOrderID"] for _, sent in http.sent]
    assert len(set(asked)) == 2 and all(reference.startswith("EC-") for reference in asked)

    class Echo(CannedHttp):
        async def post_json(self, url: str, payload: Any, **options: Any) -> HttpAnswer:
            self.answers = [
                HttpAnswer(200, json.dumps(error(f"no order {payload['CustomOrderID']}, trace 77-ab")).encode())
            ]
            return await super().post_json(url, payload, **options)

    learnt = await client(Echo(None)).learn_unknown_answer()
    assert learnt.message == "no order #, trace #"


@pytest.mark.parametrize(
    "answer",
    [
        order(),
        order(TheSSLStoreOrderID=""),
        error("ErrorCode:-9009|Message:Vendor returns error:Order not found"),
        error("ErrorCode:-99010|Message:The CustomOrderID was used before"),
        error("ErrorCode:-1|Message:ErrorCode:-9009|Message:Order not found"),
        error("Order not found", TheSSLStoreOrderID="77"),
        error("Order not found", VendorOrderID="77"),
        error("12345"),
        error(),
        {"AuthResponse": {"isError": True, "Message": None}},
        [error("Order not found")],
        [],
        {},
        b"<html>",
    ],
)
async def test_answers_that_could_be_anything_are_never_learnt(answer: object) -> None:
    with pytest.raises(Unavailable) as caught:
        await learn(answer)
    assert caught.value.code == "seller-answer-changed"


async def test_an_answer_that_is_not_the_same_twice_is_no_shape() -> None:
    with pytest.raises(Unavailable) as caught:
        await learn(error("Order not found"), error("Something broke"))
    assert caught.value.code == "seller-answer-changed"


async def test_a_bad_token_calibrates_nothing() -> None:
    with pytest.raises(Refused) as caught:
        await learn(error("-9008 Token/Authentication Failure"))
    assert caught.value.code == "auth-rejected"


@pytest.mark.parametrize("answer", [error("Order not found"), BLANK, NULLS, NO_RECORD, {"AuthResponse": SUCCESS}])
async def test_what_was_learnt_counts_and_nothing_else(answer: object) -> None:
    shape = (await learn(answer)).shape
    for other in (error("Order not found"), BLANK, NULLS, NO_RECORD, {"AuthResponse": SUCCESS}):
        seller = client(CannedHttp(other), unknown_answer=shape)
        if other == answer:
            assert await seller.find(custom_order_id=OURS) is None
            continue
        with pytest.raises(Unavailable) as caught:
            await seller.find(custom_order_id=OURS)
        assert caught.value.code == "seller-answer-changed"


async def test_an_order_is_found_whatever_was_learnt() -> None:
    found = await client(CannedHttp(order()), unknown_answer="v1 nonsense").find(custom_order_id=OURS)
    assert found is not None and found.seller_order_id == "9912345"


EU = "https://eu.seller.test/rest"
GONE = HttpFault("no connection: refused, name not found, or TLS failed", began=False)


async def test_reads_try_the_second_address_when_the_first_cannot_be_connected_to() -> None:
    http = CannedHttp(GONE, [PRODUCT])
    products = await client(http, fallback_url=EU + "/").products()
    assert [product.code for product in products] == ["positivessl"]
    assert [url for url, _ in http.sent] == ["https://seller.test/rest/product/query", f"{EU}/product/query"]


@pytest.mark.parametrize("first", [HttpFault("closed", began=True), HttpAnswer(502, b"<html>")])
async def test_a_seller_that_was_reached_is_not_asked_elsewhere(first: object) -> None:
    http = CannedHttp(first, [PRODUCT])
    with pytest.raises(Unavailable):
        await client(http, fallback_url=EU).products()
    assert len(http.sent) == 1


async def test_an_order_that_the_second_address_does_not_show_is_not_unknown() -> None:
    assert await client(CannedHttp(GONE, order()), fallback_url=EU).find(custom_order_id=OURS) is not None
    with pytest.raises(Unavailable) as caught:
        await client(CannedHttp(GONE, error("Order not found")), fallback_url=EU).find(custom_order_id=OURS)
    assert caught.value.code == "seller-unreachable"
    with pytest.raises(Unavailable):
        await client(CannedHttp(GONE, error("Order not found")), fallback_url=EU).learn_unknown_answer()


async def test_what_changes_something_goes_to_one_address_alone() -> None:
    http = CannedHttp(GONE)
    seller = client(http, fallback_url=EU)
    for act in (seller.place(PLACEMENT, Gate()), seller.request_refund("1", reason="r", gate=Gate())):
        with pytest.raises(NotSent):
            await act
    for change in (seller.resend_approver_mail("1"), seller.check_dcv("1", name="a.test")):
        with pytest.raises(EvercertError):
            await change
    assert all(url.startswith("https://seller.test/") for url, _ in http.sent) and len(http.sent) == 4


@pytest.mark.parametrize("second", ["http://eu.seller.example/rest", "https://127.0.0.1/rest", "nonsense"])
async def test_a_live_token_does_not_go_to_an_unsafe_second_address_either(second: str) -> None:
    record = account(Environment.LIVE, base_url="https://api.seller.example/rest", fallback_url=second)
    with pytest.raises(Misconfigured) as caught:
        await directory(record, Vault(b"x")).open("main")
    assert caught.value.code == "account-address-unsafe"


def test_the_bundled_table_helps_with_forms_and_sells_nothing() -> None:
    products = bundled_products()
    by_code = {product.code: product for product in products}
    assert len(by_code) == len(products) >= 55
    assert all(it.is_bundled and not it.terms and it.term(12) is None and it.known_months for it in products)
    assert by_code["positivemdcssl"].max_sans > 0 and by_code["digi_rapidssl_wc"].is_wildcard
    assert by_code["positivessl"].level == "dv" and not by_code["positivessl"].max_sans
    assert {it.level for it in products} == {"dv", "ov", "ev", "other"}


async def test_the_catalogue_is_what_was_read_last_else_the_bundled_table() -> None:
    accounts = Accounts(account())
    sellers = SellerDirectory(accounts, Vault(b"x"), CannedHttp({}), FixedClock())
    assert await sellers.catalogue("main") == bundled_products()
    accounts.stored = (Product(code="x", name="X", vendor="COMODO", level="dv", read_at=NOW),)
    assert await sellers.catalogue("main") == accounts.stored
