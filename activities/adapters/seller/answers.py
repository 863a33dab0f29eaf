"""From an HTTP answer to an envelope, and from a seller's error to ours, in our own sentences.

HTTP 200 with ``isError`` and an error status with a readable envelope are the same thing: the seller said no. Everything
foreign that is shown is bounded, marked as the seller's own words, and free of the credential.
"""

from dataclasses import dataclass

from activities.adapters.http import HttpAnswer
from activities.adapters.seller.credential import Credential
from activities.adapters.seller.errors import Meaning, SellerError, read_error
from activities.adapters.seller.wire import Envelope, read_envelope
from domain.errors import Ambiguous, EvercertError, Refused, Unavailable
from domain.inventory import Environment

_THROTTLED = (429, 503)


@dataclass(frozen=True)
class Deed:
    """Something that is sent once because it may cost money, and how doubt about it is told.

    Attributes:
        endpoint: below the account's address.
        noun: for sentences, with its article.
        doubt_code: code of the doubt.
        doubt_step: what to do, and what not, while in doubt.
    """

    endpoint: str
    noun: str
    doubt_code: str
    doubt_step: str


PURCHASE = Deed(
    "order/neworder",
    "the purchase",
    "purchase-outcome-unknown",
    "Do not order again: the order is looked up by its own reference.",
)
REFUND = Deed(
    "order/refundrequest",
    "the refund request",
    "refund-outcome-unknown",
    "Nothing: the order is looked up and shows whether a refund was asked for.",
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
        envelope = read_envelope(answer.body)
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
            case Meaning.NOT_ISSUED | Meaning.UNKNOWN_ORDER | Meaning.VENDOR | Meaning.DUPLICATE | Meaning.OTHER:
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

    def refusal_of_refund(self, error: SellerError) -> Refused:
        """Return the refusal of a refund request; only for errors of which the table says that none was taken."""
        if error.meaning is Meaning.AUTHENTICATION:
            return self._bad_credential(error)
        return Refused(
            "refund-refused",
            "the seller refuses to cancel and refund this order; nothing has changed there",
            next_step="Settle it with the seller, then state the outcome.",
            why=self.quotes(error),
        )

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
