"""The line to one account at the seller: what is asked, what is changed, and what is sent once.

Reads go to the account's second address when the first cannot be connected to; whatever changes something never does.
Nothing is retried in here. What is sent once divides what can happen into three: surely not sent, definitely refused
before anything existed, and everything else, which is ambiguous. Money depends on it.
"""

from collections.abc import Callable
from typing import TypeVar

from activities.adapters.http import HttpAnswer, HttpClient, HttpFault
from activities.adapters.seller import body as bodies
from activities.adapters.seller.answers import Answers, Deed
from activities.adapters.seller.credential import Credential
from activities.adapters.seller.errors import SellerError
from activities.adapters.seller.translate import is_order_id
from activities.adapters.seller.wire import Envelope, OrderWire, read_envelope
from activities.ports import Clock, SendGate
from domain.errors import EvercertError, InvariantBroken, NotSent, Unavailable
from domain.inventory import AccountRecord

ACT_READ_SECONDS = 90.0
Result = TypeVar("Result")


class SellerLine:
    """Base of the client's parts.

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
        return f"{type(self).__name__}(account={self._account.name!r})"

    def _with_auth(self, fields: bodies.Body) -> bodies.Body:
        return bodies.with_auth(self._credential, fields)

    async def _ask(self, endpoint: str, payload: bodies.Body) -> Envelope:
        """Make a call that changes nothing; raises ``Unavailable`` when there is no readable answer."""
        answer = await self._exchange(self._account.base_url, endpoint, payload)
        if isinstance(answer, HttpFault) and not answer.began and self._account.fallback_url:
            answer = await self._exchange(self._account.fallback_url, endpoint, payload)
            if not isinstance(answer, HttpFault):
                return self._answers.read(answer).model_copy(update={"is_from_fallback": True})
        if isinstance(answer, HttpFault):
            raise self._answers.unreachable(answer.why)
        return self._answers.read(answer)

    async def _get(self, endpoint: str) -> Envelope:
        """Ask what needs neither credential nor body; raises ``Unavailable`` when there is no readable answer."""
        fault: HttpFault | None = None
        try:
            answer = await self._http.get(_url(self._account.base_url, endpoint))
        except HttpFault as error:
            fault = error
        if fault is not None:
            raise self._answers.unreachable(fault.why)
        return self._answers.read(answer)

    async def _change(self, endpoint: str, payload: bodies.Body) -> None:
        """Make a call that changes something for free and may be repeated; at the account's own address alone.

        The acknowledgement comes flat or nested, and says nothing but yes or no.
        """
        answer = await self._exchange(self._account.base_url, endpoint, payload)
        if isinstance(answer, HttpFault):
            raise self._answers.unreachable(answer.why)
        envelope = self._answers.read(answer)
        if envelope.is_error:
            raise self._answers.refusal_of_change(self._answers.error(envelope))
        if envelope.is_error is None or envelope.is_array:
            raise self._answers.changed("says neither yes nor no")

    async def _exchange(self, base_url: str, endpoint: str, payload: bodies.Body) -> "HttpAnswer | HttpFault":
        try:
            return await self._http.post_json(_url(base_url, endpoint), payload)
        except HttpFault as error:
            return error

    async def _send_once(
        self, deed: Deed, payload: bodies.Body, gate: SendGate, read: Callable[[HttpAnswer], Result]
    ) -> Result:
        """Send what may cost money, behind a gate and without a second try; whatever is not clear is doubt."""
        fault: HttpFault | None = None
        try:
            answer = await self._http.post_json(
                _url(self._account.base_url, deed.endpoint), payload, read_seconds=ACT_READ_SECONDS, gate=gate
            )
        except HttpFault as error:
            fault = error
        if fault is not None:
            raise _unsent(deed, fault) if not fault.began else self._answers.in_doubt(deed, fault.why)
        try:
            return read(answer)
        except EvercertError:
            raise
        except Exception:  # noqa: BLE001, S110 a bug while reading must not hide that something was sent
            pass
        raise self._answers.in_doubt(deed, "the answer could not be worked through")

    def _told(self, deed: Deed, answer: HttpAnswer) -> OrderWire:
        """Return what a success shows of an order; raise a definite no, or doubt."""
        envelope = read_envelope(answer.body, self._credential.hidden)
        if envelope is None or envelope.is_array or envelope.is_error is None:
            raise self._answers.in_doubt(deed, f"the answer (HTTP {answer.status}) cannot be read")
        if not envelope.is_error and not answer.is_success:
            raise self._answers.in_doubt(deed, f"the answer came with HTTP {answer.status}")
        wire = OrderWire.model_validate(envelope.rows[0])
        if envelope.is_error:
            raise self._no(deed, answer, self._answers.error(envelope), wire)
        return wire

    def _no(self, deed: Deed, answer: HttpAnswer, error: SellerError, wire: OrderWire) -> EvercertError:
        """Return what an error is: definite only by the table, below HTTP 500, and without a trace of the deed."""
        if answer.status < 500 and deed.is_definite(error) and not deed.trace(wire):
            return self._answers.refusal_of(deed, error)
        return self._answers.in_doubt(deed, "the seller's error does not exclude that it was done", error)


def must_be_order_id(seller_order_id: str) -> str:
    """Return the number; raise for what cannot be one, before anything is sent."""
    if not is_order_id(seller_order_id):
        raise InvariantBroken("look-up-without-id", "an order was to be named without the seller's number")
    return seller_order_id


def _url(base_url: str, endpoint: str) -> str:
    return f"{base_url.rstrip('/')}/{endpoint}"


def _unsent(deed: Deed, fault: HttpFault) -> Unavailable:
    if fault.gate_shut:
        why = "its time for sending was over"
        return NotSent("send-window-over", f"{deed.noun} was not sent: {why}", why=(fault.why,))
    return NotSent("seller-unreachable", f"{deed.noun} was not sent: the seller could not be reached", why=(fault.why,))
