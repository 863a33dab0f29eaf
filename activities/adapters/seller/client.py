"""One account at the seller: credentials, catalogue, purchase, look-ups and downloads.

Looking orders up is in ``looking.py``, changing them in ``changing.py``, further reads in ``asking.py``; how a call is made
and read is ``line.py``.
"""

from datetime import datetime, timedelta

from activities.adapters.http import HttpAnswer
from activities.adapters.seller import body as bodies
from activities.adapters.seller.answers import PURCHASE, REFUND
from activities.adapters.seller.asking import SellerReads
from activities.adapters.seller.changing import SellerChanges
from activities.adapters.seller.errors import Meaning
from activities.adapters.seller.line import must_be_order_id
from activities.adapters.seller.translate import certificates_of, is_order_id, order_of, product_of
from activities.adapters.seller.wire import DownloadWire, OrderWire, ProductWire
from activities.ports import SendGate
from domain.errors import NotYet
from domain.product import Product
from domain.seller import Placement, SellerOrder

_PROBE_ORDER_ID = "999999999"
_DOWNLOAD_AGAIN = timedelta(minutes=1)


class SellerClient(SellerChanges, SellerReads):
    """Implements ``activities.ports.Seller``."""

    async def check_credentials(self) -> None:
        """Ask ``health/validate``, then probe ``order/status``: the first alone is known to miss a bad token."""
        envelope = await self._ask("health/validate", bodies.flat_auth(self._credential))
        if envelope.is_error is not False:
            error = self._answers.error(envelope)
            raise (
                self._answers.refusal(error) if envelope.is_error else self._answers.changed("says neither yes nor no")
            )
        probe = bodies.order_reference(seller_order_id=_PROBE_ORDER_ID)
        envelope = await self._ask("order/status", self._with_auth(probe))
        error = self._answers.error(envelope)
        if envelope.is_error and error.meaning is Meaning.AUTHENTICATION:
            raise self._answers.refusal(error)

    async def products(self, code: str = "") -> tuple[Product, ...]:
        """Return the catalogue, or the one product; empty when the seller does not know the code."""
        fields: bodies.Body = {"ProductCode": code, "ProductType": 0, "NeedSortedList": True}
        envelope = await self._ask("product/query", self._with_auth(fields))
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
        payload = self._with_auth(bodies.refund_request(must_be_order_id(seller_order_id), reason))
        return await self._send_once(REFUND, payload, gate, lambda answer: self._refund_taken(answer, seller_order_id))

    async def list_orders(self, *, since: datetime, page: int = 1) -> tuple[SellerOrder, ...]:
        """Return one page; a row without an order number makes the whole page unreadable rather than shorter."""
        query = bodies.order_query(since, page)
        envelope = await self._ask("order/query", self._with_auth(query))
        self._answers.expect_success(envelope, in_array=True)
        orders = tuple(order_of(OrderWire.model_validate(row)) for row in envelope.rows)
        if not all(is_order_id(order.seller_order_id) for order in orders):
            raise self._answers.changed("lists an order without its number")
        return orders

    async def download(self, seller_order_id: str) -> tuple[str, ...]:
        """Return every certificate of the order; none, or empty files as sandboxes show them, are *not yet*."""
        fields = {**bodies.order_reference(seller_order_id), "ReturnPKCS7Cert": False}
        envelope = await self._ask("order/download", self._with_auth(fields))
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

    def _placing_body(self, placement: Placement) -> bodies.Body:
        fields = bodies.new_order(
            placement, contact_email=self._account.contact_email, csr_encoding=self._account.csr_encoding
        )
        return self._with_auth(fields)

    def _placed(self, answer: HttpAnswer, placement: Placement) -> SellerOrder:
        """Read the answer to neworder: our order, a definite no, or doubt."""
        order = order_of(self._told(PURCHASE, answer))
        if not is_order_id(order.seller_order_id) or order.custom_order_id != placement.order_id:
            raise self._answers.in_doubt(PURCHASE, "the answer does not name our order")
        return order

    def _refund_taken(self, answer: HttpAnswer, seller_order_id: str) -> SellerOrder:
        """Read the answer to refundrequest: the order with the request's number, a definite no, or doubt."""
        order = order_of(self._told(REFUND, answer))
        if order.seller_order_id != seller_order_id:
            raise self._answers.in_doubt(REFUND, "the answer does not name our order")
        if not order.refund_request_id:
            raise self._answers.in_doubt(REFUND, "the answer does not number the request")
        return order


def _nothing_to_download() -> NotYet:
    return NotYet("download-unavailable", "the seller has no certificate to download yet", retry_after=_DOWNLOAD_AGAIN)
