"""The seller's adapter against the sandbox, which knows nothing of Evercert: every call, quirk and fault, over sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from activities.adapters.dns import AuthoritativeResolver
from activities.adapters.dns.directory import tsig_key
from activities.adapters.dns.rfc2136 import Rfc2136Publisher, UpdateServer
from activities.adapters.http import HttpClient
from activities.adapters.seller import Credential, SellerClient
from activities.ports import SendGate
from deploy.sandbox import Sandbox, SandboxSettings
from domain.dcv import scope_problem, sectigo_mismatch, sectigo_token
from domain.errors import Ambiguous, NotSent, NotYet, Refused, Unavailable
from domain.inventory import AccountRecord, DnsAccountRecord, Environment
from domain.seller import Placement, SellerOrder, SellerState

NAME = "www.shop.test"


class OpenGate:
    def may_send(self) -> bool:
        return True


class Clock:
    async def now(self) -> datetime:
        return datetime.now(UTC)

    def send_gate(self, deadline: datetime) -> SendGate:
        return OpenGate()


class DnsAccounts:
    def __init__(self, box: Sandbox) -> None:
        self._box = box

    async def dns_account(self, name: str) -> DnsAccountRecord | None:
        return DnsAccountRecord(
            name=name,
            server=self._box.dns_host,
            port=self._box.dns_port,
            zones=("test",),
            tsig_name=self._box.tsig_name,
            secret_id="s",
            environment=Environment.SANDBOX,
        )

    async def sealed_secret(self, secret_id: str) -> bytes:
        return b""


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.05)) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    made = HttpClient()
    yield made
    await made.close()


@pytest.fixture
def seller(box: Sandbox, http: HttpClient) -> SellerClient:
    return client(box, http)


def client(box: Sandbox, http: HttpClient, *, token: str = "sandbox-token", encoding: str = "percent") -> SellerClient:
    account = AccountRecord(
        name="sandbox",
        environment=Environment.SANDBOX,
        base_url=box.base_url,
        partner_code="12345678",
        secret_id="s",
        csr_encoding=encoding,
        contact_email="certs@shop.test",
    )
    return SellerClient(account, Credential("12345678", token), http, Clock())


def request_for(name: str) -> x509.CertificateSigningRequest:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def placement(
    name: str = NAME, *, order_id: str = "EC-1", product: str = "positivessl", vendor: str = "COMODO", months: int = 12
) -> Placement:
    csr = request_for(name).public_bytes(Encoding.PEM).decode()
    return Placement(
        order_id=order_id,
        product=product,
        vendor=vendor,
        months=months,
        common_name=name,
        csr=csr,
        unique_value="ec1Unique",
    )


async def until(seller: SellerClient, number: str, state: SellerState) -> SellerOrder:
    while True:
        seen = await seller.find(seller_order_id=number)
        if seen is not None and seen.state is state:
            return seen
        await asyncio.sleep(0.02)


async def test_credentials(box: Sandbox, http: HttpClient, seller: SellerClient) -> None:
    await seller.check_credentials()
    with pytest.raises(Refused) as caught:
        await client(box, http, token="wrong").check_credentials()
    assert caught.value.code == "auth-rejected"
    with pytest.raises(Refused):
        await client(box, http, token="wrong").place(placement(), OpenGate())
    assert box.sales() == []


async def test_catalogue(seller: SellerClient) -> None:
    products = await seller.products()
    one = await seller.products("positivessl")
    assert [product.code for product in one] == ["positivessl"]
    assert one[0] in [p.model_copy(update={"read_at": one[0].read_at}) for p in products]
    assert one[0].level == "dv" and one[0].term(12) is not None and not one[0].is_wildcard
    wildcards = {product.code for product in products if product.is_wildcard}
    assert "essentialwildcard" in wildcards
    assert await seller.products("nonsense") == ()


@pytest.mark.parametrize(
    ("product", "vendor", "name", "encoding"),
    [
        ("positivessl", "COMODO", NAME, "percent"),
        ("positivessl", "COMODO", NAME, "raw"),
        ("sectigowildcard", "SECTIGO", "*.shop.test", "percent"),
        ("digi_rapidssl", "DIGICERT", NAME, "percent"),
    ],
)
@pytest.mark.parametrize("percent_encoded_answers", [False, True])
async def test_from_order_to_certificate(
    box: Sandbox, http: HttpClient, product: str, vendor: str, name: str, encoding: str, percent_encoded_answers: bool
) -> None:
    box.switch(percent_encoded_answers=percent_encoded_answers)
    seller = client(box, http, encoding=encoding)
    order = placement(name, product=product, vendor=vendor)
    await seller.validate(order)
    assert await seller.find(custom_order_id=order.order_id) is None
    placed = await seller.place(order, OpenGate())
    assert placed.state is SellerState.PENDING and placed.names[0] == name and placed.months == 12
    assert placed.amount is not None and placed.amount.amount == Decimal(box.sales()[0].amount)
    assert await seller.find(custom_order_id=order.order_id) == placed
    with pytest.raises(NotYet):
        await seller.download(placed.seller_order_id)
    await prove(box, placed, order)
    issued = await until(seller, placed.seller_order_id, SellerState.ACTIVE)
    assert issued.serial and issued.certificate_ends_at and issued.term_ends_at
    assert all(proof.is_validated for proof in issued.name_proofs)
    pems = await seller.download(placed.seller_order_id)
    serials = {f"{x509.load_pem_x509_certificate(pem.encode()).serial_number:X}" for pem in pems}
    assert issued.serial in serials
    assert len(box.sales()) == 1


async def prove(box: Sandbox, placed: SellerOrder, order: Placement) -> None:
    """Publish what the seller shows, as it is, and see it from outside."""
    assert placed.proof_records
    key = tsig_key(box.tsig_name, box.tsig_secret.encode(), "hmac-sha256")
    publisher = Rfc2136Publisher(UpdateServer(box.dns_host, box.dns_port, ("test",), key))
    resolver = AuthoritativeResolver(DnsAccounts(box))
    token = sectigo_token(x509.load_pem_x509_csr(order.csr.encode()).public_bytes(Encoding.DER), order.unique_value)
    for record in placed.proof_records:
        assert scope_problem(record, [order.common_name]) is None
        if order.vendor != "DIGICERT":
            assert sectigo_mismatch(record, token) is None
        await publisher.publish(record)
        assert [view.seen for view in await resolver.views(record, "main")] == [True]


@pytest.mark.parametrize("layout", ["code_and_message", "code_then_text"])
@pytest.mark.parametrize("status", [200, 400])
async def test_refusals_with_a_code_are_definite(box: Sandbox, seller: SellerClient, layout: str, status: int) -> None:
    box.switch(error_text=layout, error_status=status)
    cases = {
        "product-refused": placement(product="nonsense"),
        "order-parameters-refused": placement(months=7),
    }
    for code, wrong in cases.items():
        for act in (seller.validate(wrong), seller.place(wrong, OpenGate())):
            with pytest.raises(Refused) as caught:
                await act
            assert caught.value.code == code
    box.switch(account_credit="1.00")
    with pytest.raises(Refused) as caught:
        await seller.place(placement(), OpenGate())
    assert caught.value.code == "seller-payment-required"
    assert box.sales() == []


async def test_a_refusal_without_a_code_is_doubt(box: Sandbox, seller: SellerClient) -> None:
    box.switch(error_text="text_only")
    with pytest.raises(Ambiguous):
        await seller.place(placement(months=7), OpenGate())


@pytest.mark.parametrize("shape", ["error", "empty_success", "null_ids"])
@pytest.mark.parametrize("layout", ["code_and_message", "code_then_text", "text_only"])
async def test_the_unknown_order_in_every_known_shape(
    box: Sandbox, seller: SellerClient, shape: str, layout: str
) -> None:
    box.switch(unknown_order=shape, error_text=layout)
    assert await seller.find(custom_order_id="EC-NOBODY") is None
    assert await seller.find(seller_order_id="1") is None
    await seller.check_credentials()


async def test_an_id_that_was_used_before_is_doubt_or_the_same_order(box: Sandbox, seller: SellerClient) -> None:
    first = await seller.place(placement(), OpenGate())
    box.switch(duplicate_custom_order_id="reject")
    with pytest.raises(Ambiguous):
        await seller.place(placement(), OpenGate())
    box.switch(duplicate_custom_order_id="return_existing")
    assert (await seller.place(placement(), OpenGate())).seller_order_id == first.seller_order_id
    assert len(box.sales()) == 1


@pytest.mark.parametrize("fault", ["drop_after_sale", "reset_before_body", "truncated_json"])
async def test_a_lost_answer_is_doubt_and_the_order_is_found(box: Sandbox, seller: SellerClient, fault: str) -> None:
    box.add_fault(fault, endpoint="order/neworder", times=1)
    with pytest.raises(Ambiguous) as caught:
        await seller.place(placement(), OpenGate())
    assert caught.value.code == "purchase-outcome-unknown"
    found = await seller.find(custom_order_id="EC-1")
    assert found is not None and found.seller_order_id == box.sales()[0].seller_order_id
    assert len(box.sales()) == 1


@pytest.mark.parametrize("fault", ["close_unanswered", "http_502"])
async def test_faults_before_the_sale_are_doubt_too(box: Sandbox, seller: SellerClient, fault: str) -> None:
    box.add_fault(fault, endpoint="order/neworder", times=1)
    with pytest.raises(Ambiguous):
        await seller.place(placement(), OpenGate())
    assert await seller.find(custom_order_id="EC-1") is None
    assert box.sales() == []


async def test_refused_connections_are_not_sent(box: Sandbox, seller: SellerClient) -> None:
    box.add_fault("refuse_connections", seconds=60)
    with pytest.raises(NotSent):
        await seller.place(placement(), OpenGate())
    with pytest.raises(Unavailable) as caught:
        await seller.find(custom_order_id="EC-1")
    assert caught.value.code == "seller-unreachable"
    box.clear_faults()
    assert await seller.find(custom_order_id="EC-1") is None
    assert box.sales() == []


@pytest.mark.parametrize("fault", ["close_unanswered", "http_502", "reset_before_body", "truncated_json"])
async def test_a_look_that_fails_is_not_an_unknown_order(box: Sandbox, seller: SellerClient, fault: str) -> None:
    await seller.place(placement(), OpenGate())
    box.add_fault(fault, endpoint="order/status", times=1)
    with pytest.raises(Unavailable):
        await seller.find(custom_order_id="EC-1")
    assert await seller.find(custom_order_id="EC-1") is not None


async def test_the_list_pages_until_it_is_empty(box: Sandbox, seller: SellerClient) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    assert await seller.list_orders(since=since) == ()
    numbers = [(await seller.place(placement(order_id=f"EC-{n}"), OpenGate())).seller_order_id for n in range(3)]
    listed = await seller.list_orders(since=since)
    assert [order.seller_order_id for order in listed] == numbers
    assert [order.custom_order_id for order in listed] == ["EC-0", "EC-1", "EC-2"]
    assert await seller.list_orders(since=since, page=2) == ()
    assert await seller.list_orders(since=datetime.now(UTC) + timedelta(hours=1)) == ()
    box.switch(query_custom_order_id="absent")
    assert {order.custom_order_id for order in await seller.list_orders(since=since)} == {""}


async def test_proof_that_shows_up_later_and_proof_that_is_not_ours(box: Sandbox, seller: SellerClient) -> None:
    box.switch(proof_delay_seconds=3600)
    placed = await seller.place(placement(), OpenGate())
    assert placed.proof_records == ()
    box.clock.advance(3601)
    shown = await seller.find(seller_order_id=placed.seller_order_id)
    assert shown is not None and len(shown.proof_records) == 1
    box.add_fault("foreign_proof", name="_x.stranger.test", value="evil.test")
    foreign = await seller.find(seller_order_id=placed.seller_order_id)
    assert foreign is not None
    assert [scope_problem(record, [NAME]) is not None for record in foreign.proof_records] == [True]


@pytest.mark.parametrize("switches", [{"download_before_issue": "empty"}, {"download_before_issue": "error"}])
async def test_nothing_to_download_yet(box: Sandbox, seller: SellerClient, switches: dict[str, str]) -> None:
    box.switch(**switches)
    placed = await seller.place(placement(), OpenGate())
    with pytest.raises(NotYet):
        await seller.download(placed.seller_order_id)


async def test_a_cancelled_order(box: Sandbox, seller: SellerClient) -> None:
    placed = await seller.place(placement(), OpenGate())
    order = box.state.book.by_id(placed.seller_order_id)
    assert order is not None
    box.state.cancel(order, "rejected")
    seen = await seller.find(seller_order_id=placed.seller_order_id)
    assert seen is not None and seen.state is SellerState.CANCELLED and seen.state.is_dead
