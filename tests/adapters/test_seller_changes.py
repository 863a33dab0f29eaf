"""Changes of an order: sent once where they may cost something, and believed only when the order shows them."""

from typing import Any

import pytest

from activities.adapters.http import HttpAnswer, HttpFault
from activities.ports import MethodChoice
from domain.errors import Ambiguous, EvercertError, InvariantBroken, NotSent, NotYet, Refused, Unavailable
from domain.inventory import Environment
from domain.seller import FileProof, ProofMethod, Reissue, SellerOrder, SellerState
from tests.adapters.raw_server import Gate
from tests.adapters.seller_support import CSR, TOKEN, CannedHttp, canned, client, error, order

NUMBER = "9912345"
WANTED = Reissue(
    seller_order_id=NUMBER,
    partner_order_id="3300456",
    product="positivessl",
    vendor="COMODO",
    common_name="www.shop.test",
    csr=CSR,
    names=("www.shop.test", "b.shop.test"),
    add_names=("b.shop.test",),
    remove_names=("c.shop.test",),
    unique_value="ec2",
)
ACK = {"isError": False, "Message": ["Success"]}
PENDING = order(OrderStatus={"MajorStatus": "Active", "MinorStatus": "PENDING_REISSUE"}, PartnerOrderID="3300457")
AWAY = HttpFault("no connection", began=False)
LOST = HttpFault("closed", began=True)


async def test_a_reissue_that_shows() -> None:
    http = CannedHttp(PENDING)
    seen = await client(http).reissue(WANTED, Gate())
    assert (seen.state, seen.partner_order_id) == (SellerState.REISSUE_PENDING, "3300457")
    (url, sent), *more = http.sent
    assert url.endswith("/order/reissue") and not more
    assert sent["AddSAN"] == [{"OldValue": "", "NewValue": "b.shop.test"}]
    assert sent["DeleteSAN"] == [{"OldValue": "c.shop.test", "NewValue": ""}]
    assert (sent["ReissueEmail"], sent["CNAMEAuthDVIndicator"], sent["DNSNames"]) == (
        "certs@shop.test",
        True,
        ["b.shop.test"],
    )
    assert "%0A" in sent["CSR"] and "CustomOrderID" not in sent


async def test_a_reissue_issued_at_once_and_one_that_shows_later() -> None:
    quick = order(OrderStatus={"MajorStatus": "Active"}, PartnerOrderID="3300457")
    assert (await canned(quick).reissue(WANTED, Gate())).partner_order_id == "3300457"
    unchanged = order(OrderStatus={"MajorStatus": "Active"})
    assert (await canned(unchanged, PENDING).reissue(WANTED, Gate())).state is SellerState.REISSUE_PENDING


@pytest.mark.parametrize(
    "answers",
    [
        (order(OrderStatus={"MajorStatus": "Active"}), order(OrderStatus={"MajorStatus": "Active"})),
        (order(OrderStatus={"MajorStatus": "Active"}), AWAY),
        (order(TheSSLStoreOrderID="1"),),
        ({**PENDING, "TheSSLStoreOrderID": None},),
        (ACK,),
        ([PENDING],),
        (b"<html>",),
        (HttpAnswer(502, b"<html>"),),
        (LOST,),
        (error("ErrorCode:-9009|Message:Vendor returns error:x"),),
        (error("no"),),
        (error("ErrorCode:-99015|Message:state", OrderStatus=PENDING["OrderStatus"]),),
    ],
)
async def test_a_reissue_in_doubt(answers: tuple[object, ...]) -> None:
    with pytest.raises(Ambiguous) as caught:
        await canned(*answers).reissue(WANTED, Gate())
    assert caught.value.code == "reissue-outcome-unknown"


REFUSALS = [("-9008", "auth-rejected"), ("-99015", ""), ("-99009", ""), ("-99014", "")]


@pytest.mark.parametrize(("number", "code"), [*REFUSALS, ("-99006", "")])
async def test_a_reissue_that_is_definitely_refused(number: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await canned(error(f"ErrorCode:{number}|Message:no")).reissue(WANTED, Gate())
    assert caught.value.code == (code or "reissue-refused")


async def test_acts_that_never_left() -> None:
    for seller, gate, code in (
        (canned(AWAY), Gate(), "seller-unreachable"),
        (canned(HttpFault("over", began=False, gate_shut=True)), Gate(is_open=False), "send-window-over"),
    ):
        for act in (seller.reissue(WANTED, gate), seller.revoke(NUMBER, serial="A1", reason="r", gate=gate)):
            with pytest.raises(NotSent) as caught:
                await act
            assert caught.value.code == code


@pytest.mark.parametrize("answer", [ACK, {"AuthResponse": ACK}])
async def test_a_revocation_that_was_taken(answer: object) -> None:
    http = CannedHttp(answer, order())
    seen = await client(http).revoke(NUMBER, serial="A1B2", reason="key\ncompromise", gate=Gate())
    assert seen.seller_order_id == NUMBER
    sent = http.sent[0][1]
    assert (sent["SerialNumber"], sent["RevokeReason"], sent["RefundReason"]) == ("A1B2", *["key compromise"] * 2)


@pytest.mark.parametrize(("number", "code"), REFUSALS)
async def test_a_revocation_that_is_definitely_refused(number: str, code: str) -> None:
    flat = {"isError": True, "Message": [f"ErrorCode:{number}|Message:no"]}
    with pytest.raises(Refused) as caught:
        await canned(flat).revoke(NUMBER, serial="A1", reason="r", gate=Gate())
    assert caught.value.code == (code or "revocation-refused")


@pytest.mark.parametrize(
    "answers",
    [
        (LOST,),
        ({"isError": True, "Message": None},),
        ({},),
        (b"",),
        ([ACK],),
        (HttpAnswer(500, b"{}"),),
        (ACK, error("Order not found")),
        (ACK, AWAY),
    ],
)
async def test_a_revocation_in_doubt(answers: tuple[object, ...]) -> None:
    with pytest.raises(Ambiguous) as caught:
        await canned(*answers).revoke(NUMBER, serial="A1", reason="r", gate=Gate())
    assert caught.value.code == "revocation-outcome-unknown"


@pytest.mark.parametrize("serial", ["", "a1", "0xA1", "A1 B2", "A" * 65])
async def test_nothing_is_revoked_without_saying_exactly_what(serial: str) -> None:
    http = CannedHttp(ACK)
    with pytest.raises(InvariantBroken):
        await client(http).revoke(NUMBER, serial=serial, reason="r", gate=Gate())
    assert not http.sent


async def test_synthetic_codes_refuse_nothing_for_a_live_account() -> None:
    seller = canned(error("ErrorCode:-99015|Message:no"), environment=Environment.LIVE)
    with pytest.raises(Ambiguous):
        await seller.reissue(WANTED, Gate())


@pytest.mark.parametrize("number", ["", "abc", "1/2"])
async def test_changes_name_an_order_or_nothing_is_sent(number: str) -> None:
    http = CannedHttp(ACK)
    seller = client(http)
    for act in (
        seller.reissue(WANTED.model_copy(update={"seller_order_id": number}), Gate()),
        seller.revoke(number, serial="A1", reason="r", gate=Gate()),
        seller.resend_approver_mail(number),
        seller.change_approver(number, name="a.test", email="admin@a.test"),
        seller.change_method(number, name="a.test", method=ProofMethod.FILE),
        seller.check_dcv(number, name="a.test"),
        seller.live_status(number),
    ):
        with pytest.raises(InvariantBroken):
            await act
    assert not http.sent


async def test_mail_and_check_are_acknowledged() -> None:
    http = CannedHttp(ACK)
    seller = client(http)
    await seller.resend_approver_mail(NUMBER)
    await seller.resend_approver_mail(NUMBER, name="www.shop.test")
    await seller.check_dcv(NUMBER, name="www.shop.test")
    sent = [body for _, body in http.sent]
    assert sent[0]["ResendEmailType"] == "ApproverEmail" and "DomainNames" not in sent[0]
    assert sent[1]["DomainNames"] == sent[2]["DomainName"] == "www.shop.test"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ({"isError": True, "Message": ["ErrorCode:-99015|Message:no"]}, Refused, "change-refused"),
        (error("ErrorCode:-99009|Message:Order not found"), Refused, "change-refused"),
        (error("ErrorCode:-99002|Message:no"), Refused, "change-refused"),
        (error("-9008 Token/Authentication Failure"), Refused, "auth-rejected"),
        (error("no"), Unavailable, "seller-error"),
        ({}, Unavailable, "seller-answer-changed"),
        ([ACK], Unavailable, "seller-answer-changed"),
        (HttpAnswer(429, b""), Unavailable, "seller-throttled"),
        (LOST, Unavailable, "seller-unreachable"),
    ],
)
async def test_changes_that_did_not_happen(answer: object, kind: type[EvercertError], code: str) -> None:
    seller = canned(answer)
    for act in (
        seller.resend_approver_mail(NUMBER),
        seller.check_dcv(NUMBER, name="a.test"),
        seller.change_approver(NUMBER, name="a.test", email="admin@a.test"),
        seller.change_method(NUMBER, name="a.test", method=ProofMethod.EMAIL),
    ):
        with pytest.raises(kind) as caught:
            await act
        assert caught.value.code == code and TOKEN not in repr(caught.value)


async def approver(shown: object, names: object = "") -> SellerOrder:
    seller = canned(ACK, order(ApproverEmail=shown, DNSNames=names))
    return await seller.change_approver(NUMBER, name="www.shop.test", email="Admin@shop.test")


@pytest.mark.parametrize(
    ("shown", "names"),
    [("admin@shop.test", ""), ("ADMIN@shop.test,x@shop.test", "b.shop.test"), ("x@shop.test,admin@shop.test", "")],
)
async def test_an_approver_that_shows(shown: str, names: str) -> None:
    assert "admin@shop.test" in (await approver(shown, names)).approver_emails


@pytest.mark.parametrize(
    ("shown", "names"), [("", ""), ("DNS", ""), ("x@shop.test", ""), ("x@shop.test,admin@shop.test", "b.shop.test")]
)
async def test_an_approver_that_does_not_show_was_not_taken(shown: str, names: str) -> None:
    with pytest.raises(Refused) as caught:
        await approver(shown, names)
    assert caught.value.code == "change-not-taken"


def shows(method: str = "", **members: Any) -> dict[str, Any]:
    vetting = {"domain": "www.shop.test", "dcvMethod": method, "dcvStatus": "Pending", **members}
    status = {"MajorStatus": "Pending", "DomainAuthVettingStatus": [vetting]}
    return order(OrderStatus=status, CNAMEAuthName="", CNAMEAuthValue="", ApproverEmail="admin@shop.test")


FILE = {"FileName": "AB.txt", "FileContents": "ab\nsectigo.com"}
DNS = {"DNSName": "_ab", "DNSEntry": "x.sectigo.com"}


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        (ProofMethod.FILE, shows(**FILE)),
        (ProofMethod.FILE, shows("CNAME", **FILE)),
        (ProofMethod.CNAME, shows("", **DNS)),
        (ProofMethod.EMAIL, shows("email")),
        (ProofMethod.FILE, shows("HTTPS")),
    ],
)
async def test_a_method_that_shows(method: ProofMethod, shown: dict[str, Any]) -> None:
    http = CannedHttp(ACK, shown)
    seen = await client(http).change_method(NUMBER, name="www.shop.test", method=method)
    assert seen.seller_order_id == NUMBER
    assert http.sent[0][1]["ApproverMethod"] in ("FILE", "CNAME", "EMAIL")


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        (ProofMethod.FILE, shows("", **DNS)),
        (ProofMethod.CNAME, shows("FILE", **FILE)),
        (ProofMethod.EMAIL, shows("EMAIL", **DNS)),
        (ProofMethod.EMAIL, shows("CNAME")),
        (ProofMethod.FILE, shows("", **DNS, **FILE)),
    ],
)
async def test_a_method_that_does_not_show_was_not_taken(method: ProofMethod, shown: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        await canned(ACK, shown).change_method(NUMBER, name="www.shop.test", method=method)
    assert caught.value.code == "change-not-taken"


async def test_a_mail_to_somebody_else_is_not_what_was_asked_for() -> None:
    with pytest.raises(Refused):
        await canned(ACK, shows("EMAIL")).change_method(
            NUMBER, name="www.shop.test", method=ProofMethod.EMAIL, approver_email="other@shop.test"
        )


@pytest.mark.parametrize("shown", [shows(), shows("something new")])
async def test_a_method_whose_material_is_not_told_yet(shown: dict[str, Any]) -> None:
    with pytest.raises(NotYet) as caught:
        await canned(ACK, shown).change_method(NUMBER, name="www.shop.test", method=ProofMethod.FILE)
    assert caught.value.code == "dcv-details-pending"


async def test_an_order_that_is_gone_after_its_change() -> None:
    with pytest.raises(Unavailable) as caught:
        await canned(ACK, error("Order not found")).change_approver(NUMBER, name="a.test", email="admin@a.test")
    assert caught.value.code == "seller-order-missing"


async def test_files_of_an_order() -> None:
    seen = await canned(shows(**FILE)).find(seller_order_id=NUMBER)
    proof = FileProof(name="www.shop.test", file_name="AB.txt", content="ab\nsectigo.com")
    assert seen is not None and seen.file_proofs == (proof,)
    main = order(AuthFileName="AB.txt", AuthFileContent="ab\nsectigo.com")
    seen = await canned(main).find(seller_order_id=NUMBER)
    assert seen is not None and seen.file_proofs == (proof,)
    long = order(AuthFileName="AB.txt", AuthFileContent="x" * 20_000)
    seen = await canned(long).find(seller_order_id=NUMBER)
    assert seen is not None and seen.file_proofs == ()


async def test_methods_of_several_names_count_only_when_the_order_shows_each() -> None:
    by_file = [MethodChoice("www.shop.test", ProofMethod.FILE)]
    http = CannedHttp(ACK, shows(**FILE))
    assert (await client(http).set_methods(NUMBER, by_file)).file_proofs
    (url, sent), *_ = http.sent
    assert url.endswith("/digicert/setapprovermethod")
    assert sent["DomainApproverList"] == [
        {"DomainName": "www.shop.test", "ApproverMethod": "FILE", "ApproverEmail": ""}
    ]
    with pytest.raises(Refused) as caught:
        await canned(ACK, order()).set_methods(NUMBER, by_file)
    assert caught.value.code == "change-not-taken"
    both = [*by_file, MethodChoice("b.shop.test", ProofMethod.FILE)]
    with pytest.raises(NotYet):
        await canned(ACK, shows(**FILE)).set_methods(NUMBER, both)


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("https://hooks.shop.test/x", Environment.LIVE),
        ("https://hooks.shop.test:8443/x?y=1", Environment.SANDBOX),
        ("http://127.0.0.1:9000/x", Environment.SANDBOX),
        ("http://localhost/x", Environment.SANDBOX),
        ("https://[::1]/x", Environment.SANDBOX),
    ],
)
async def test_call_backs_that_may_be_set(url: str, environment: Environment) -> None:
    http = CannedHttp(ACK)
    await client(http, environment).set_callback(url)
    assert http.sent[0][0].endswith("/setting/setordercallback") and http.sent[0][1]["url"] == url
    await client(http, environment).set_callback("")
    assert http.sent[1][0].endswith("/setting/cancelnotification")


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("http://hooks.shop.test/x", Environment.SANDBOX),
        ("http://127.0.0.1/x", Environment.LIVE),
        ("https://localhost/x", Environment.LIVE),
        ("https://localhost./x", Environment.LIVE),
        ("https://10.0.0.1/x", Environment.SANDBOX),
        ("https://169.254.169.254/x", Environment.LIVE),
        ("https://intranet/x", Environment.LIVE),
        ("https://user:word@hooks.shop.test/x", Environment.LIVE),
        ("https://hooks.shop.test:99999/x", Environment.LIVE),
        ("https://[x/", Environment.LIVE),
        ("ftp://127.0.0.1/x", Environment.SANDBOX),
        ("https://hooks.shop.test/\n", Environment.LIVE),
        ("nonsense", Environment.SANDBOX),
    ],
)
async def test_call_backs_that_are_refused_before_anything_is_sent(url: str, environment: Environment) -> None:
    http = CannedHttp(ACK)
    with pytest.raises(Refused) as caught:
        await client(http, environment).set_callback(url)
    assert caught.value.code == "callback-url-refused" and not http.sent
