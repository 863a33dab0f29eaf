"""The whole surface of the seller's client against the sandbox: in process and over a port, under every switch.

The walk asks for what has to hold whatever the real service turns out to do; where a switch changes what is right, the walk
says so. A new switch of the sandbox is walked without anybody adding it here.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from activities.adapters.seller import SellerClient
from activities.ports import MethodChoice
from deploy.sandbox.settings import Switches
from domain.errors import Ambiguous, EvercertError, NotYet, Refused, Unavailable
from domain.seller import Placement, ProofMethod, Reissue, SellerOrder, SellerState
from tests.conformance.seller_worlds import NAME, OpenGate, SellerWorld, csr, in_process, over_a_port, placement, until

BRANDS = (("positivessl", "COMODO"), ("digi_rapidssl", "DIGICERT"))
NEVER = "EC-NOBODYEVERPLACEDTHISORDER2"


def switch_values() -> list[tuple[str, object]]:
    """Every value of every switch, defaults left out but once; delays and credit at one telling value."""
    found: list[tuple[str, object]] = [("", None)]
    for name, field in Switches.model_fields.items():
        kind: Any = field.annotation
        if get_origin(kind) is Literal:
            values: list[object] = list(get_args(kind))
        elif kind is bool:
            values = [True, False]
        elif kind is Decimal:
            values = ["1.00"]
        else:
            values = [3600]
        found += [(name, value) for value in values if value != field.default]
    return found


@pytest.fixture(scope="module", params=["in process", "over a port"])
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SellerWorld]:
    if request.param == "in process":
        async with in_process() as world:
            yield world
    else:
        async with over_a_port(tmp_path_factory.mktemp("sandbox")) as world:
            yield world


@pytest.mark.parametrize(("switch", "value"), switch_values())
async def test_the_whole_surface(running: SellerWorld, switch: str, value: object) -> None:
    await running.begin(**({switch: value} if switch else {}))
    plain = running.seller()
    await plain.check_credentials()
    learnt = await plain.learn_unknown_answer()
    assert learnt.is_known
    seller = running.seller(unknown_answer=learnt.shape)
    assert await seller.find(custom_order_id=NEVER) is None
    await reads_about_no_order(seller, running)
    for product, vendor in BRANDS:
        order = placement(product, vendor, f"EC-{product}-1")
        await seller.validate(order)
        await wrong_orders_buy_nothing(seller, product, vendor, running)
        if switch == "account_credit":
            with pytest.raises(Refused) as caught:
                await seller.place(order, OpenGate())
            assert caught.value.code == "seller-payment-required" and await running.sales() == 0
            continue
        before = await running.sales()
        placed = await seller.place(order, OpenGate())
        assert await running.sales() == before + 1
        await changes_of_a_pending_order(seller, placed, vendor, running)
        await an_issued_order(seller, placed, order, running, has_files=switch != "empty_certificates")
        await reissue_revoke_refund(seller, placed, order, running)
        assert await running.sales() == before + 1


async def reads_about_no_order(seller: SellerClient, world: SellerWorld) -> None:
    products = {product.code: product for product in await seller.products()}
    assert products["positivessl"].term(12) is not None
    boxes = await seller.approver_list("positivessl", NAME)
    assert "admin@shop.test" in boxes and all("@" in box for box in boxes)
    assert "positivessl" in (await seller.agreement("positivessl", 12)).lower()
    request = csr()
    der = x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.DER)
    facts = await seller.decode_csr("positivessl", request)
    assert (facts.common_name, facts.sha256) == (NAME, hashlib.sha256(der).hexdigest())
    assert facts.md5 == hashlib.md5(der).hexdigest() and not facts.is_wildcard
    with pytest.raises(EvercertError):
        await seller.decode_csr(
            "positivessl", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
        )
    await seller.check_csr("positivessl", request, 12)
    with pytest.raises(Refused):
        await seller.check_csr("positivessl", request, 7)
    await seller.set_callback("http://127.0.0.1:9/nobody-listens")
    await seller.set_callback("")
    await seller.service_status()
    await world.seller(token="wrong").service_status()  # it needs no credential
    detail = await seller.account_detail()
    assert detail.partner_code == "12345678" and detail.balance is not None
    organizations = await seller.organizations()
    assert any(it.is_active for it in organizations) and all(it.organization_id > 0 for it in organizations)
    assert (await seller.modified_since(_yesterday())).orders == ()
    with pytest.raises(Refused) as caught:
        await world.seller(token="wrong").account_detail()
    assert caught.value.code == "auth-rejected"


async def wrong_orders_buy_nothing(seller: SellerClient, product: str, vendor: str, world: SellerWorld) -> None:
    before = await world.sales()
    for wrong in (placement(product, vendor, "EC-w1", months=7), placement("nonsense", vendor, "EC-w2")):
        with pytest.raises(Refused):
            await seller.validate(wrong)
        with pytest.raises((Refused, Ambiguous)):
            await seller.place(wrong, OpenGate())
        with pytest.raises(Refused) as caught:
            await world.seller(token="wrong").validate(wrong)
        assert caught.value.code == "auth-rejected"
    assert await world.sales() == before


async def changes_of_a_pending_order(
    seller: SellerClient, placed: SellerOrder, vendor: str, world: SellerWorld
) -> None:
    number = placed.seller_order_id
    assert (await seller.find(custom_order_id=placed.custom_order_id)) is not None
    listed = await seller.list_orders(since=_yesterday())
    assert number in {order.seller_order_id for order in listed}
    page = await seller.modified_since(_yesterday())
    assert number in {order.seller_order_id for order in page.orders} and page.total in (None, len(page.orders))
    await world.advance(3600)
    shown = await seller.live_status(number)
    assert shown is not None and shown.state is SellerState.PENDING and shown.proof_records
    await as_shown(seller, number, ProofMethod.FILE, world)
    shown = await seller.find(seller_order_id=number)
    assert shown is not None and {it.name for it in shown.file_proofs} >= {NAME}
    approvers = await seller.approver_list(placed.product, NAME)
    await as_shown(seller, number, ProofMethod.EMAIL, world, approvers[0])
    await seller.resend_approver_mail(number, name=NAME)
    changed = await seller.change_approver(number, name=NAME, email=approvers[1])
    assert approvers[1] in changed.approver_emails and not changed.file_proofs
    with suppress(Refused, Unavailable):  # an address that may not approve: refused, with or without a reviewed code
        stranger = await seller.change_approver(number, name=NAME, email="stranger@elsewhere.test")
        assert "stranger@elsewhere.test" in stranger.approver_emails
    await as_shown(seller, number, ProofMethod.CNAME, world)
    with pytest.raises((Refused, Unavailable)):
        await seller.resend_approver_mail(number, name=NAME)
    if vendor == "DIGICERT":
        await seller.check_dcv(number, name=NAME)
        info = await seller.domain_info(number, NAME)
        assert info.methods and info.validations
        with suppress(NotYet):  # where the material comes later
            await seller.set_methods(number, [MethodChoice(NAME, ProofMethod.CNAME)])
        await world.advance(3600)
        shown = await seller.find(seller_order_id=number)
        assert shown is not None and any(it.name == NAME for it in shown.proof_records)
    else:
        with pytest.raises((Refused, Unavailable)):
            await seller.set_methods(number, [MethodChoice(NAME, ProofMethod.CNAME)])
        with pytest.raises((Refused, Unavailable)):
            await seller.domain_info(number, NAME)
        with pytest.raises((Refused, Unavailable)):
            await seller.check_dcv(number, name=NAME)
    with pytest.raises(NotYet):
        await seller.download(number)


async def as_shown(
    seller: SellerClient, number: str, method: ProofMethod, world: SellerWorld, approver: str = ""
) -> None:
    """Change the method; where the material comes later it has come an hour later."""
    with suppress(NotYet):
        await seller.change_method(number, name=NAME, method=method, approver_email=approver)
    await world.advance(3600)
    shown = await seller.find(seller_order_id=number)
    assert shown is not None
    is_shown = {
        ProofMethod.FILE: any(it.name == NAME for it in shown.file_proofs),
        ProofMethod.CNAME: any(it.name == NAME for it in shown.proof_records),
        ProofMethod.EMAIL: approver in shown.approver_emails,
    }
    assert [it for it, told in is_shown.items() if told] == [method]


async def an_issued_order(
    seller: SellerClient, placed: SellerOrder, order: Placement, world: SellerWorld, *, has_files: bool
) -> None:
    number = placed.seller_order_id
    await world.control(f"orders/{number}/validate", {})
    issued = await until(seller, number, SellerState.ACTIVE, world)
    assert issued.serial and issued.certificate_ends_at and issued.custom_order_id == order.order_id
    if not has_files:
        with pytest.raises(NotYet):
            await seller.download(number)
        return
    leaves = [x509.load_pem_x509_certificate(pem.encode()) for pem in await seller.download(number)]
    assert f"{leaves[0].serial_number:X}" == issued.serial or issued.serial in {
        f"{it.serial_number:X}" for it in leaves
    }


async def reissue_revoke_refund(
    seller: SellerClient, placed: SellerOrder, order: Placement, world: SellerWorld
) -> None:
    number = placed.seller_order_id
    active = await seller.find(seller_order_id=number)
    assert active is not None
    wanted = Reissue(
        seller_order_id=number,
        partner_order_id=active.partner_order_id,
        product=order.product,
        vendor=order.vendor,
        common_name=NAME,
        csr=csr(),
        names=(NAME,),
        unique_value="ec2Unique",
    )
    again = await seller.reissue(wanted, OpenGate())
    assert again.custom_order_id == order.order_id and again.partner_order_id != active.partner_order_id
    seen = await seller.revoke(number, serial=active.serial, reason="superseded", gate=OpenGate())
    assert seen.seller_order_id == number
    with pytest.raises((Refused, Ambiguous)):
        await seller.revoke("123456789012", serial="A1", reason="no such order", gate=OpenGate())
    with pytest.raises((Refused, Ambiguous)):
        await seller.reissue(wanted.model_copy(update={"seller_order_id": "123456789012"}), OpenGate())
    with suppress(Refused, Ambiguous):  # a cancelled order is refunded no more
        refunded = await seller.request_refund(number, reason="ordered by mistake", gate=OpenGate())
        assert refunded.refund_request_id
        told = await seller.refund_status(number)
        assert told is not None and told.refund_request_id == refunded.refund_request_id


def _yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


READS: dict[str, Callable[[SellerClient, str], Awaitable[object]]] = {
    "health/validate": lambda it, _: it.check_credentials(),
    "product/query": lambda it, _: it.products(),
    "order/approverlist": lambda it, _: it.approver_list("positivessl", NAME),
    "order/agreement": lambda it, _: it.agreement("positivessl", 12),
    "csr": lambda it, _: it.decode_csr("positivessl", csr()),
    "user/accountdetail": lambda it, _: it.account_detail(),
    "digicert/organizationlist": lambda it, _: it.organizations(),
    "order/getmodifiedorderssummary": lambda it, _: it.modified_since(_yesterday()),
    "order/query": lambda it, _: it.list_orders(since=_yesterday()),
    "order/validate": lambda it, _: it.check_csr("positivessl", csr(), 12),
    "order/refundstatus": lambda it, number: it.refund_status(number),
    "order/status": lambda it, number: it.find(seller_order_id=number),
    "order/changeapprovermethod": lambda it, number: it.change_method(number, name=NAME, method=ProofMethod.FILE),
    "order/validateorderparameters": lambda it, _: it.validate(placement("positivessl", "COMODO", "EC-v")),
}


@pytest.mark.parametrize("endpoint", READS)
async def test_every_call_tells_a_broken_answer_from_an_answer(running: SellerWorld, endpoint: str) -> None:
    await running.begin()
    seller = running.seller()
    number = (await seller.place(placement("positivessl", "COMODO", "EC-f"), OpenGate())).seller_order_id
    for fault in ("close_unanswered", "http_502", "reset_before_body", "truncated_json", "token_rejected"):
        await running.control("faults", {"fault": fault, "endpoint": endpoint, "times": 1})
        with pytest.raises((Unavailable, Refused)) as caught:
            await READS[endpoint](seller, number)
        assert caught.value.code == ("auth-rejected" if fault == "token_rejected" else caught.value.code)
        assert isinstance(caught.value, Refused) is (fault == "token_rejected")
    await READS[endpoint](seller, number)
    assert await running.sales() == 1


@pytest.mark.parametrize("endpoint", ["order/reissue", "order/certificaterevokerequest", "order/refundrequest"])
@pytest.mark.parametrize("fault", ["close_unanswered", "http_502", "reset_before_body", "truncated_json"])
async def test_a_lost_answer_to_an_act_is_doubt(running: SellerWorld, endpoint: str, fault: str) -> None:
    await running.begin()
    seller = running.seller()
    order = placement("positivessl", "COMODO", "EC-f")
    placed = await seller.place(order, OpenGate())
    await running.control(f"orders/{placed.seller_order_id}/validate", {})
    active = await until(seller, placed.seller_order_id, SellerState.ACTIVE, running)
    wanted = Reissue(
        seller_order_id=active.seller_order_id,
        partner_order_id=active.partner_order_id,
        product=order.product,
        vendor=order.vendor,
        common_name=NAME,
        csr=csr(),
        unique_value="ec2Unique",
    )
    await running.control("faults", {"fault": fault, "endpoint": endpoint, "times": 1})
    number, gate = active.seller_order_id, OpenGate()
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "order/reissue": lambda: seller.reissue(wanted, gate),
        "order/refundrequest": lambda: seller.request_refund(number, reason="r", gate=gate),
        "order/certificaterevokerequest": lambda: seller.revoke(number, serial=active.serial, reason="r", gate=gate),
    }
    with pytest.raises(Ambiguous):
        await acts[endpoint]()


@pytest.mark.parametrize("endpoint", READS)
async def test_every_call_tells_how_long_the_seller_wants_peace(running: SellerWorld, endpoint: str) -> None:
    await running.begin()
    seller = running.seller()
    number = (await seller.place(placement("positivessl", "COMODO", "EC-t"), OpenGate())).seller_order_id
    await running.control("faults", {"fault": "throttled", "endpoint": endpoint, "seconds": 7, "times": 1})
    with pytest.raises(Unavailable) as caught:
        await READS[endpoint](seller, number)
    assert (caught.value.code, caught.value.retry_after) == ("seller-throttled", timedelta(seconds=7))


async def test_an_error_without_words_is_no_unknown_order_and_no_refusal(running: SellerWorld) -> None:
    await running.begin()
    seller = running.seller()
    for endpoint in ("order/status", "order/neworder"):
        await running.control("faults", {"fault": "null_message", "endpoint": endpoint})
    with pytest.raises(Unavailable) as caught:
        await seller.find(custom_order_id=NEVER)
    assert caught.value.code == "seller-answer-changed"
    with pytest.raises(Unavailable):
        await seller.learn_unknown_answer()
    with pytest.raises(Ambiguous):
        await seller.place(placement("positivessl", "COMODO", "EC-n", months=7), OpenGate())


async def test_rows_that_stand_twice_are_one_order_each(running: SellerWorld) -> None:
    await running.begin()
    seller = running.seller()
    placed = await seller.place(placement("positivessl", "COMODO", "EC-d"), OpenGate())
    await running.control("faults", {"fault": "duplicate_rows"})
    listed = await seller.list_orders(since=_yesterday())
    assert {order.seller_order_id for order in listed} == {placed.seller_order_id}
