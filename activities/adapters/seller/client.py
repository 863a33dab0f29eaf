"""One account at the seller: the port's calls over HTTP.

Reads may be repeated by whoever calls; nothing is retried in here. ``place`` and ``request_refund`` divide what can happen
into three: surely not sent, definitely refused before anything existed, and everything else, which is ambiguous. Money
depends on it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from activities.adapters.http import HttpAnswer, HttpClient, HttpFault
from activities.adapters.seller import body as bodies
from activities.adapters.seller.answers import PURCHASE, REFUND, Answers, Deed
from activities.adapters.seller.credential import Credential
from activities.adapters.seller.errors import Meaning, SellerError
from activities.adapters.seller.translate import certificates_of, is_order_id, order_of, product_of
from activities.adapters.seller.wire import DownloadWire, Envelope, OrderWire, ProductWire, read_envelope
from activities.ports import Clock, SendGate
from domain.errors import EvercertError, InvariantBroken, NotSent, NotYet
from domain.inventory import AccountRecord
from domain.product import Product
from domain.seller import Placement, SellerOrder

PLACE_READ_SECONDS = 90.0
_PROBE_ORDER_ID = "999999999"
_DOWNLOAD_AGAIN = timedelta(minutes=1)


class SellerClient:
    """Implements ``activities.ports.Seller``.

    Args:
        account: address and settings.
        credential: opened for this object alone.
        http: the door.
        clock: dates the catalogue.
    """

    def __init__(self, account: AccountRecord, credential: Credential, http: HttpClient, clock: Clock) -> None:
        self._account = account
        self._credential = credential
        self._http = http
        self._clock = clock
        self._answers = Answers(credential, account.environment)

    def __repr__(self) -> str:
        return f"SellerClient(account={self._account.name!r})"

    async def check_credentials(self) -> None:
        """Ask ``health/validate``, then probe ``order/status``: the first alone is known to miss a bad token."""
        envelope = await self._ask("health/validate", bodies.flat_auth(self._credential))
        if envelope.is_error is not False:
            error = self._answers.error(envelope)
            raise (
                self._answers.refusal(error) if envelope.is_error else self._answers.changed("says neither yes nor no")
            )
        probe = bodies.order_reference(seller_order_id=_PROBE_ORDER_ID)
        envelope = await self._ask("order/status", bodies.with_auth(self._credential, probe))
        error = self._answers.error(envelope)
        if envelope.is_error and error.meaning is Meaning.AUTHENTICATION:
            raise self._answers.refusal(error)

    async def products(self, code: str = "") -> tuple[Product, ...]:
        """Return the catalogue, or the one product; empty when the seller does not know the code."""
        fields: bodies.Body = {"ProductCode": code, "ProductType": 0, "NeedSortedList": True}
        envelope = await self._ask("product/query", bodies.with_auth(self._credential, fields))
        if envelope.is_error and self._answers.error(envelope).meaning is Meaning.PRODUCT:
            return ()
        self._answers.expect_success(envelope, in_array=True)
        now = await self._clock.now()
        wires = (ProductWire.model_validate(row) for row in envelope.rows)
        return tuple(product_of(wire, now) for wire in wires if wire.product_code and code in ("", wire.product_code))

    async def validate(self, placement: Placement) -> None:
        """Let the seller check the very body that would be placed."""
        envelope = await self._ask("order/validateorderparameters", self._placing_body(placement))
        if envelope.is_error is None:
            raise self._answers.changed("says neither yes nor no")
        if envelope.is_error:
            raise self._answers.refusal_of_parameters(self._answers.error(envelope))

    async def place(self, placement: Placement, gate: SendGate) -> SellerOrder:
        """Buy, once; see the port for what is raised."""
        payload = self._placing_body(placement)
        return await self._send_once(PURCHASE, payload, gate, lambda answer: self._placed(answer, placement))

    async def request_refund(self, seller_order_id: str, *, reason: str, gate: SendGate) -> SellerOrder:
        """Ask for cancellation and refund of the whole order, once; see the port for what is raised.

        The reason is sent as one line of at most 200 printable characters.
        """
        if not is_order_id(seller_order_id):
            raise InvariantBroken(
                "look-up-without-id", "a refund was to be asked for without the seller's order number"
            )
        payload = bodies.with_auth(self._credential, bodies.refund_request(seller_order_id, reason))
        return await self._send_once(REFUND, payload, gate, lambda answer: self._refund_taken(answer, seller_order_id))

    async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
        """Look one order up; an answer about another order than the one asked for is no answer."""
        if not seller_order_id and not custom_order_id:
            raise InvariantBroken("look-up-without-id", "an order was looked up without any id")
        reference = bodies.order_reference(seller_order_id, custom_order_id)
        envelope = await self._ask("order/status", bodies.with_auth(self._credential, reference))
        if envelope.is_error is None or envelope.is_array:
            raise self._answers.changed("is no answer about an order")
        if envelope.is_error:
            error = self._answers.error(envelope)
            if error.is_unknown_order:
                return None
            if error.meaning is Meaning.AUTHENTICATION:
                raise self._answers.refusal(error)
            raise self._answers.changed("refuses the look-up in a way that is not known", error)
        return self._found(envelope, seller_order_id, custom_order_id)

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        """Return one page; a row without an order number makes the whole page unreadable rather than shorter."""
        query = bodies.order_query(since, page)
        envelope = await self._ask("order/query", bodies.with_auth(self._credential, query))
        self._answers.expect_success(envelope, in_array=True)
        orders = tuple(order_of(OrderWire.model_validate(row)) for row in envelope.rows)
        if not all(is_order_id(order.seller_order_id) for order in orders):
            raise self._answers.changed("lists an order without its number")
        return orders

    async def download(self, seller_order_id: str) -> tuple[str, ...]:
        """Return every certificate of the order; none, or empty files as sandboxes show them, are *not yet*."""
        fields = {**bodies.order_reference(seller_order_id), "ReturnPKCS7Cert": False}
        envelope = await self._ask("order/download", bodies.with_auth(self._credential, fields))
        if envelope.is_error and self._answers.error(envelope).meaning is Meaning.NOT_ISSUED:
            raise _nothing_to_download()
        self._answers.expect_success(envelope)
        wire = DownloadWire.model_validate(envelope.rows[0])
        if wire.the_ssl_store_order_id not in ("", seller_order_id):
            raise self._answers.changed("hands out another order's certificate")
        found = certificates_of(file.file_content for file in wire.certificates)
        if not found:
            raise _nothing_to_download()
        return found

    async def _ask(self, endpoint: str, payload: bodies.Body) -> Envelope:
        """Make a call that changes nothing; raises ``Unavailable`` when there is no readable answer."""
        fault: HttpFault | None = None
        try:
            answer = await self._http.post_json(self._url(endpoint), payload)
        except HttpFault as error:
            fault = error
        if fault is not None:
            raise self._answers.unreachable(fault.why)
        return self._answers.read(answer)

    async def _send_once(
        self, deed: Deed, payload: bodies.Body, gate: SendGate, read: Callable[[HttpAnswer], SellerOrder]
    ) -> SellerOrder:
        """Send what may cost money, behind a gate and without a second try; whatever is not clear is doubt."""
        fault: HttpFault | None = None
        try:
            answer = await self._http.post_json(
                self._url(deed.endpoint), payload, read_seconds=PLACE_READ_SECONDS, gate=gate
            )
        except HttpFault as error:
            fault = error
        if fault is not None:
            raise _unsent(deed, fault) if not fault.began else self._answers.in_doubt(deed, fault.why)
        order: SellerOrder | None = None
        try:
            order = read(answer)
        except EvercertError:
            raise
        except Exception:  # noqa: BLE001, S110 a bug while reading must not hide that something was sent
            pass
        if order is None:
            raise self._answers.in_doubt(deed, "the answer could not be worked through")
        return order

    def _url(self, endpoint: str) -> str:
        return f"{self._account.base_url.rstrip('/')}/{endpoint}"

    def _placing_body(self, placement: Placement) -> bodies.Body:
        fields = bodies.new_order(
            placement, contact_email=self._account.contact_email, csr_encoding=self._account.csr_encoding
        )
        return bodies.with_auth(self._credential, fields)

    def _placed(self, answer: HttpAnswer, placement: Placement) -> SellerOrder:
        """Read the answer to neworder: our order, a definite no, or doubt."""
        wire, error = self._told(PURCHASE, answer)
        if error is not None:
            if answer.status < 500 and error.is_before_order and not wire.the_ssl_store_order_id:
                raise self._answers.refusal(error)
            raise self._answers.in_doubt(PURCHASE, "the seller's error does not exclude an order", error)
        order = order_of(wire)
        if not is_order_id(order.seller_order_id) or order.custom_order_id != placement.order_id:
            raise self._answers.in_doubt(PURCHASE, "the answer does not name our order")
        return order

    def _refund_taken(self, answer: HttpAnswer, seller_order_id: str) -> SellerOrder:
        """Read the answer to refundrequest: the order with the request's number, a definite no, or doubt."""
        wire, error = self._told(REFUND, answer)
        if error is not None:
            if answer.status < 500 and error.is_before_refund and not wire.refund_request_id:
                raise self._answers.refusal_of_refund(error)
            raise self._answers.in_doubt(REFUND, "the seller's error does not exclude that it was taken", error)
        order = order_of(wire)
        if order.seller_order_id != seller_order_id:
            raise self._answers.in_doubt(REFUND, "the answer does not name our order")
        if not order.refund_request_id:
            raise self._answers.in_doubt(REFUND, "the answer does not number the request")
        return order

    def _told(self, deed: Deed, answer: HttpAnswer) -> tuple[OrderWire, SellerError | None]:
        """Return what an answer to something sent once shows, and the error where it is one; else doubt."""
        envelope = read_envelope(answer.body)
        if envelope is None or envelope.is_array or envelope.is_error is None:
            raise self._answers.in_doubt(deed, f"the answer (HTTP {answer.status}) cannot be read")
        if not envelope.is_error and not answer.is_success:
            raise self._answers.in_doubt(deed, f"the answer came with HTTP {answer.status}")
        wire = OrderWire.model_validate(envelope.rows[0])
        return wire, self._answers.error(envelope) if envelope.is_error else None

    def _found(self, envelope: Envelope, seller_order_id: str, custom_order_id: str) -> SellerOrder | None:
        wire = OrderWire.model_validate(envelope.rows[0])
        if "thesslstoreorderid" in envelope.rows[0] and _is_blank(wire):
            return None
        if not is_order_id(wire.the_ssl_store_order_id):
            raise self._answers.changed("shows an order without its number")
        order = order_of(wire)
        if seller_order_id and order.seller_order_id != seller_order_id:
            raise self._answers.changed("shows another order than the one asked for")
        if custom_order_id and order.custom_order_id != custom_order_id:
            raise self._answers.changed("shows another order than the one asked for")
        return order


def _is_blank(wire: OrderWire) -> bool:
    """Tell whether a success speaks of no order at all: every number and both status words are empty."""
    ids = (wire.the_ssl_store_order_id, wire.custom_order_id, wire.partner_order_id, wire.vendor_order_id)
    words = (wire.order_status.major_status, wire.order_status.minor_status, wire.product_code, wire.common_name)
    return not any((*ids, *words))


def _unsent(deed: Deed, fault: HttpFault) -> NotSent:
    if fault.gate_shut:
        why = "its time for sending was over"
        return NotSent("send-window-over", f"{deed.noun} was not sent: {why}", why=(fault.why,))
    return NotSent("seller-unreachable", f"{deed.noun} was not sent: the seller could not be reached", why=(fault.why,))


def _nothing_to_download() -> NotYet:
    return NotYet("download-unavailable", "the seller has no certificate to download yet", retry_after=_DOWNLOAD_AGAIN)
