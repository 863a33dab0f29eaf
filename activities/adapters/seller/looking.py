"""Looking one order up: found, positively unknown, or no answer at all."""

from activities.adapters.seller import body as bodies
from activities.adapters.seller.errors import Meaning
from activities.adapters.seller.line import SellerLine, must_be_order_id
from activities.adapters.seller.proof import host
from activities.adapters.seller.translate import is_order_id, order_of
from activities.adapters.seller.unknown import describe, never_used
from activities.adapters.seller.wire import DomainInfoWire, Envelope, OrderWire
from activities.ports import DomainInfo, DomainValidation
from domain.errors import InvariantBroken, Unavailable
from domain.seller import SellerOrder, UnknownAnswer


class SellerLooks(SellerLine):
    """The look-ups of the client."""

    async def find(self, *, seller_order_id: str = "", custom_order_id: str = "") -> SellerOrder | None:
        """Look one order up; an answer about another order than the one asked for is no answer."""
        if not seller_order_id and not custom_order_id:
            raise InvariantBroken("look-up-without-id", "an order was looked up without any id")
        return await self._look("order/status", seller_order_id, custom_order_id)

    async def refund_status(self, seller_order_id: str) -> SellerOrder | None:
        """Return the order with the state of its refund request; told apart from an unknown order as ``find`` does."""
        return await self._look("order/refundstatus", must_be_order_id(seller_order_id), "")

    async def _look(self, endpoint: str, seller_order_id: str, custom_order_id: str) -> SellerOrder | None:
        envelope = await self._status(seller_order_id, custom_order_id, endpoint)
        error = self._answers.error(envelope)
        if envelope.is_error and error.meaning is Meaning.AUTHENTICATION:
            raise self._answers.refusal(error)
        unknown = describe(envelope, error, (seller_order_id, custom_order_id))
        if unknown is not None and self._is_recognised(unknown):
            if envelope.is_from_fallback:
                raise self._answers.unreachable("its second address does not show the order, which proves nothing")
            return None
        if envelope.is_error:
            raise self._answers.changed("refuses the look-up in a way that is not known", error)
        return self._shown(envelope, seller_order_id, custom_order_id)

    async def learn_unknown_answer(self) -> UnknownAnswer:
        """Ask for two references that never existed: what differs between them is no shape."""
        first, second = await self._unknown_answer(), await self._unknown_answer()
        if first.shape != second.shape:
            raise self._answers.changed("to an unknown order is not the same twice")
        return first

    async def _unknown_answer(self) -> UnknownAnswer:
        reference = never_used()
        envelope = await self._status("", reference)
        error = self._answers.error(envelope)
        if envelope.is_error and error.meaning is Meaning.AUTHENTICATION:
            raise self._answers.refusal(error)
        if envelope.is_from_fallback:
            raise self._answers.unreachable("only its second address answers, which calibrates nothing")
        found = describe(envelope, error, (reference,))
        if found is None:
            raise self._answers.changed("to an unknown order is not one that can be told from others", error)
        return found

    def _is_recognised(self, unknown: UnknownAnswer) -> bool:
        """Tell whether it is the learnt shape; before anything was learnt, one of those known beforehand."""
        learnt = self._account.unknown_answer
        return unknown.shape == learnt if learnt else unknown.is_known

    async def _status(self, seller_order_id: str, custom_order_id: str, endpoint: str = "order/status") -> Envelope:
        reference = bodies.order_reference(seller_order_id, custom_order_id)
        envelope = await self._ask(endpoint, self._with_auth(reference))
        if envelope.is_error is None or envelope.is_array:
            raise self._answers.changed("is no answer about an order")
        row = envelope.rows[0] if envelope.rows else {}
        if row.get("thesslstoreorderid") and not OrderWire.model_validate(row).the_ssl_store_order_id:
            # a list, an object, blanks: something stands where the number belongs, so that nothing is proved unknown
            raise self._answers.changed("numbers the order in a way that is not known")
        return envelope

    async def live_status(self, seller_order_id: str) -> SellerOrder | None:
        """Return the order as the CA has it now; where the service cannot tell, as ``order/status`` shows it."""
        reference = bodies.order_reference(must_be_order_id(seller_order_id))
        try:
            envelope = await self._ask("order/live-order-status", self._with_auth(reference))
            if envelope.is_error is False and not envelope.is_array:
                return self._shown(envelope, seller_order_id, "")
        except Unavailable as error:
            if error.code == "seller-throttled":
                raise
        return await self.find(seller_order_id=seller_order_id)

    async def domain_info(self, seller_order_id: str, name: str) -> DomainInfo:
        """Return DigiCert's view of one name; an answer about another name, or about none, is no answer."""
        fields = {**bodies.order_reference(must_be_order_id(seller_order_id)), "DomainName": name}
        envelope = await self._ask("digicert/getdomaininfo", self._with_auth(fields))
        self._answers.expect_success(envelope)
        wire = DomainInfoWire.model_validate(envelope.rows[0])
        if not (wire.dcv_details or wire.validations):
            raise self._answers.changed("tells nothing about the name")
        if any(host(it.domain_name) not in ("", host(name)) for it in wire.dcv_details):
            raise self._answers.changed("is about another name")
        quote = self._credential.quote
        return DomainInfo(
            name=name,
            methods=tuple(dict.fromkeys(quote(it.dcv_method) for it in wire.dcv_details if it.dcv_method)),
            statuses=tuple(dict.fromkeys(quote(it.dcv_status) for it in wire.dcv_details if it.dcv_status)),
            validations=tuple(
                DomainValidation(kind=quote(it.type), status=quote(it.status), dcv_status=quote(it.dcv_status))
                for it in wire.validations
            ),
        )

    def _shown(self, envelope: Envelope, seller_order_id: str, custom_order_id: str) -> SellerOrder:
        wire = OrderWire.model_validate(envelope.rows[0])
        if not is_order_id(wire.the_ssl_store_order_id):
            raise self._answers.changed("shows an order without its number")
        order = order_of(wire)
        if seller_order_id and order.seller_order_id != seller_order_id:
            raise self._answers.changed("shows another order than the one asked for")
        if custom_order_id and order.custom_order_id != custom_order_id:
            raise self._answers.changed("shows another order than the one asked for")
        return order
