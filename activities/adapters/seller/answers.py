"""From an HTTP answer to an envelope, and from a seller's error to ours, in our own sentences.

HTTP 200 with ``isError`` and an error status with a readable envelope are the same thing: the seller said no. Everything
foreign that is shown is bounded, marked as the seller's own words, and free of the credential.
"""

from collections.abc import Callable
from dataclasses import dataclass

from activities.adapters.http import HttpAnswer
from activities.adapters.seller.credential import Credential
from activities.adapters.seller.errors import Meaning, SellerError, read_error
from activities.adapters.seller.translate import state_of
from activities.adapters.seller.wire import Envelope, OrderWire, read_envelope
from domain.errors import Ambiguous, EvercertError, Refused, Unavailable
from domain.inventory import Environment
from domain.seller import SellerState

_THROTTLED = (429, 503)


@dataclass(frozen=True)
class Deed:
    """Something that is sent once because it may cost money, and how doubt about it is told.

    Attributes:
        endpoint: below the account's address.
        noun: for sentences, with its article.
        doubt_code: code of the doubt.
        doubt_step: what to do, and what not, while in doubt.
        is_definite: tells of an error whether it excludes that the deed was done.
        trace: tells of an error whether it shows what only the deed could have made.
        refusal_code, refusal: code and sentence of a definite refusal; a purchase has finer ones of its own.
    """

    endpoint: str
    noun: str
    doubt_code: str
    doubt_step: str
    is_definite: Callable[[SellerError], bool]
    trace: Callable[[OrderWire], bool]
    refusal_code: str = ""
    refusal: str = ""


def _is_reissue_pending(wire: OrderWire) -> bool:
    status = wire.order_status
    return state_of(status.major_status, status.minor_status) is SellerState.REISSUE_PENDING


PURCHASE = Deed(
    "order/neworder",
    "the purchase",
    "purchase-outcome-unknown",
    "Do not order again: the order is looked up by its own reference.",
    lambda error: error.is_before_order,
    lambda wire: bool(wire.the_ssl_store_order_id),
)
REFUND = Deed(
    "order/refundrequest",
    "the refund request",
    "refund-outcome-unknown",
    "Nothing: the order is looked up and shows whether a refund was asked for.",
    lambda error: error.is_before_refund,
    lambda wire: bool(wire.refund_request_id),
    "refund-refused",
    "the seller refuses to cancel and refund this order; nothing has changed there",
)
REISSUE = Deed(
    "order/reissue",
    "the reissue",
    "reissue-outcome-unknown",
    "Do not ask again: the order is looked up and shows whether a reissue is under way.",
    lambda error: error.is_before_reissue,
    _is_reissue_pending,
    "reissue-refused",
    "the seller refuses to reissue this order; nothing has changed there",
)
REVOCATION = Deed(
    "order/certificaterevokerequest",
    "the revocation",
    "revocation-outcome-unknown",
    "Nothing: revocation lists and the order show whether it was taken.",
    lambda error: error.is_before_revoke,
    lambda wire: False,
    "revocation-refused",
    "the seller refuses to revoke this certificate; nothing has changed there",
)


class Answers:
    """Reads the answers of one account.

    Args:
        credential: what must never be shown.
        environment: synthetic codes count for sandbox accounts alone.
    """

    def __init__(self, credential: Credential, environment: Environment) -> None:
        self._credential = credential
        self._environment = environment

    def read(self, answer: HttpAnswer) -> Envelope:
        """Return the envelope of an answer to a read; raises ``Unavailable`` when there is none to be had."""
        if answer.status in _THROTTLED:
            raise Unavailable(
                "seller-throttled",
                "the seller asks to come back later",
                why=(f"HTTP {answer.status}",),
                retry_after=answer.retry_after,
            )
        envelope = read_envelope(answer.body, self._credential.hidden)
        is_readable = envelope is not None and (answer.is_success or envelope.is_error is True)
        if envelope is None or not is_readable:
            if not answer.is_success:
                raise self.unreachable(f"HTTP {answer.status} without a readable answer")
            raise self.changed("is no JSON object or list")
        if answer.status >= 500 and self.error(envelope).meaning is not Meaning.AUTHENTICATION:
            raise self.unreachable(f"HTTP {answer.status}")
        return envelope

    def error(self, envelope: Envelope) -> SellerError:
        """Return what the messages of an envelope say."""
        return read_error(envelope.messages, self._environment)

    def expect_success(self, envelope: Envelope, *, in_array: bool = False) -> None:
        """Raise unless the envelope says success in the shape that the endpoint has."""
        if envelope.is_error:
            raise self.refusal(self.error(envelope))
        if envelope.is_error is None or envelope.is_array is not in_array:
            raise self.changed("has another shape than this call has")

    def refusal(self, error: SellerError) -> EvercertError:
        """Return what a definite error of the seller is to us; an unknown one is not definite."""
        quotes = self.quotes(error)
        match error.meaning:
            case Meaning.AUTHENTICATION:
                return self._bad_credential(error)
            case Meaning.PAYMENT:
                return Refused(
                    "seller-payment-required",
                    "the seller's balance does not cover this order; nothing was bought",
                    next_step="Pay in at the seller, then let the order go on.",
                    why=quotes,
                )
            case Meaning.PRODUCT:
                return Refused("product-refused", "the seller does not sell this product", why=quotes)
            case Meaning.PARAMETERS:
                return self._bad_parameters(error)
            case _:
                return Unavailable(
                    "seller-error", "the seller answered with an error that Evercert does not know", why=quotes
                )

    def refusal_of_parameters(self, error: SellerError) -> EvercertError:
        """Return the refusal of a dry run: nothing is placed by it, so that any no is a no."""
        known = error.meaning in (Meaning.AUTHENTICATION, Meaning.PAYMENT, Meaning.PRODUCT)
        return self.refusal(error) if known else self._bad_parameters(error)

    def _bad_credential(self, error: SellerError) -> Refused:
        return Refused(
            "auth-rejected",
            "the seller rejects the account's credential",
            next_step="Rotate the account's token: evercert account rotate-token.",
            why=self.quotes(error),
        )

    def _bad_parameters(self, error: SellerError) -> Refused:
        return Refused(
            "order-parameters-refused",
            "the seller refuses the order as it stands; nothing was bought",
            next_step="Correct what the seller names and order again.",
            why=self.quotes(error),
        )

    def refusal_of(self, deed: Deed, error: SellerError) -> EvercertError:
        """Return the refusal of a deed; only for errors of which the table says that nothing was done."""
        if not deed.refusal_code:
            return self.refusal(error)
        if error.meaning is Meaning.AUTHENTICATION:
            return self._bad_credential(error)
        step = "Settle it with the seller, then state the outcome."
        return Refused(deed.refusal_code, deed.refusal, next_step=step, why=self.quotes(error))

    def refusal_of_change(self, error: SellerError) -> EvercertError:
        """Return what an error means for a change that is free and may be repeated; an unknown one is not definite."""
        if error.meaning in (Meaning.UNKNOWN_ORDER, Meaning.STATE, Meaning.PARAMETERS, Meaning.NOT_ISSUED):
            sentence = "the seller refuses this change of the order; it stays as it is"
            return Refused("change-refused", sentence, why=self.quotes(error))
        return self.refusal(error)

    def refusal_of_csr(self, error: SellerError) -> EvercertError:
        """Return what an error means for the decoding of a CSR."""
        if error.meaning in (Meaning.PARAMETERS, Meaning.VENDOR) or error.says_csr:
            return Refused("csr-refused", "the seller cannot read the certificate request", why=self.quotes(error))
        return self.refusal(error)

    def in_doubt(self, deed: Deed, what: str, error: SellerError | None = None) -> Ambiguous:
        """Return the error for a deed that may or may not have happened."""
        return Ambiguous(
            deed.doubt_code,
            f"{deed.noun} was sent, and whether it was taken cannot be told from the answer",
            next_step=deed.doubt_step,
            why=(what, *(self.quotes(error) if error else ())),
        )

    def changed(self, how: str, error: SellerError | None = None) -> Unavailable:
        """Return the error for an answer whose shape nobody has seen before."""
        return Unavailable(
            "seller-answer-changed",
            f"the seller's answer {how}",
            next_step="If it stays: the seller may have changed its API; report it.",
            why=self.quotes(error) if error else (),
        )

    def unreachable(self, why: str) -> Unavailable:
        """Return the error for a seller that could not be asked."""
        return Unavailable("seller-unreachable", "the seller could not be asked", why=(why,))

    def quotes(self, error: SellerError) -> tuple[str, ...]:
        """Return up to two of the seller's own sentences, marked as such."""
        return tuple(f"the seller's words: “{self._credential.quote(word)}”" for word in error.words[:2])
