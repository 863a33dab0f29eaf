"""The one reviewed table of the seller's errors, and what each means to us.

An error is free text with a code somewhere inside. Only -9008 and -9009 were ever seen from the real service; numbers
from -99001 on are made up by the sandbox and count for sandbox accounts alone. ``before_order`` says that the error is
raised before an order exists: only such a row lets a purchase be called refused. ``before_refund``, ``before_reissue`` and
``before_revoke`` say the same of those requests: whoever gets this error has asked for nothing. A row is added here after
review, with its source, and nowhere else.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.inventory import Environment

_CODE = re.compile(r"ErrorCode:\s*(-\d{3,6})\b|(?<![\w.-])(-\d{4,6})\b", re.ASCII | re.IGNORECASE)
_LEAD = re.compile(r"^\s*(?:ErrorCode:\s*-?\d+\s*\|?\s*)?(?:Message:\s*)?(?:-\d+\s+)?", re.ASCII | re.IGNORECASE)
_FIRST_SYNTHETIC = -99000
_UNKNOWN_ORDER_TEXT = "order not found"
_AUTHENTICATION_TEXT = "token/authentication failure"
_NOT_ISSUED = re.compile(r"not (yet )?issued|not (yet )?available|not been issued", re.IGNORECASE)
_BAD_CSR = re.compile(r"csr_invalid|the csr cannot be decoded", re.IGNORECASE)


class Meaning(StrEnum):
    """What an error of the seller means to us."""

    AUTHENTICATION = "authentication"
    PAYMENT = "payment"
    PARAMETERS = "parameters"
    PRODUCT = "product"
    UNKNOWN_ORDER = "unknown-order"
    NOT_ISSUED = "not-issued"
    VENDOR = "vendor"
    DUPLICATE = "duplicate"
    STATE = "state"
    ENDPOINT = "endpoint"
    OTHER = "other"


@dataclass(frozen=True)
class ErrorRow:
    """One reviewed error: its meaning, and whether it is raised before an order or another request exists."""

    meaning: Meaning
    before_order: bool = False
    before_refund: bool = False
    before_reissue: bool = False
    before_revoke: bool = False


def _early(meaning: Meaning) -> ErrorRow:
    """Raised before the service looks at what is wanted: nothing of any kind was done."""
    return ErrorRow(meaning, before_order=True, before_refund=True, before_reissue=True, before_revoke=True)


def _of_content(meaning: Meaning) -> ErrorRow:
    """Raised while the content of an order or reissue is checked, before either exists."""
    return ErrorRow(meaning, before_order=True, before_reissue=True)


_OTHER = ErrorRow(Meaning.OTHER)

ERRORS: dict[int, ErrorRow] = {
    -9008: _early(Meaning.AUTHENTICATION),  # Token/Authentication Failure; observed
    -9009: ErrorRow(Meaning.VENDOR),  # the CA refused after the seller took the order: never a definite no
    -99001: _early(Meaning.PARAMETERS),  # body is no JSON object
    -99002: _early(Meaning.PARAMETERS),  # a parameter
    -99003: ErrorRow(Meaning.PRODUCT, before_order=True),  # product code unknown
    -99004: ErrorRow(Meaning.PARAMETERS, before_order=True),  # term not sold
    -99005: _of_content(Meaning.PARAMETERS),  # names not covered by the product
    -99006: _of_content(Meaning.PARAMETERS),  # CSR cannot be decoded
    -99007: _of_content(Meaning.PARAMETERS),  # csr_invalid
    -99008: ErrorRow(Meaning.PAYMENT, before_order=True),  # balance does not cover the order
    -99009: ErrorRow(Meaning.UNKNOWN_ORDER, before_refund=True, before_reissue=True, before_revoke=True),
    -99010: ErrorRow(Meaning.DUPLICATE),  # our id was used before: that means sold, not refused
    -99011: _of_content(Meaning.PARAMETERS),  # approver
    -99012: _of_content(Meaning.PARAMETERS),  # proof method
    -99013: ErrorRow(Meaning.PARAMETERS, before_order=True),  # organisation incomplete
    -99014: ErrorRow(Meaning.NOT_ISSUED, before_reissue=True, before_revoke=True),
    -99015: ErrorRow(Meaning.STATE, before_refund=True, before_reissue=True, before_revoke=True),
    -99016: ErrorRow(Meaning.ENDPOINT),  # no such endpoint
}


@dataclass(frozen=True)
class SellerError:
    """An error that the seller told, reduced to codes and meaning; its words are kept for people.

    Attributes:
        codes: all codes found in the messages, in order.
        rows: the reviewed row of each code; ``OTHER`` where there is none.
        words: the messages, verbatim and foreign: only to be shown through ``Credential.quote``.
    """

    codes: tuple[int, ...]
    rows: tuple[ErrorRow, ...]
    words: tuple[str, ...]

    @property
    def meaning(self) -> Meaning:
        """The first code's meaning; without any code the two sentences that are known by their wording."""
        if self.rows:
            return self.rows[0].meaning
        said = {plain(word) for word in self.words}
        if said == {_AUTHENTICATION_TEXT}:
            return Meaning.AUTHENTICATION
        if said == {_UNKNOWN_ORDER_TEXT}:
            return Meaning.UNKNOWN_ORDER
        return Meaning.NOT_ISSUED if any(_NOT_ISSUED.search(word) for word in self.words) else Meaning.OTHER

    @property
    def is_before_order(self) -> bool:
        """Every code is one that is raised before an order exists, and there is at least one."""
        return bool(self.rows) and all(row.before_order for row in self.rows)

    @property
    def is_before_refund(self) -> bool:
        """Every code is one that is raised before a refund request exists, and there is at least one."""
        return bool(self.rows) and all(row.before_refund for row in self.rows)

    @property
    def is_before_reissue(self) -> bool:
        """Every code is one that is raised before a reissue exists, and there is at least one."""
        return bool(self.rows) and all(row.before_reissue for row in self.rows)

    @property
    def is_before_revoke(self) -> bool:
        """Every code is one that is raised before a revocation was asked for, and there is at least one."""
        return bool(self.rows) and all(row.before_revoke for row in self.rows)

    @property
    def says_csr(self) -> bool:
        """The words are one of the two that were seen for a request that cannot be read; they come without a code."""
        return any(_BAD_CSR.search(word[:4000]) for word in self.words)

    @property
    def is_unknown_order(self) -> bool:
        """Positively the answer to a look-up of an order that nobody placed: its wording, and no code against it."""
        said = {plain(word) for word in self.words} == {_UNKNOWN_ORDER_TEXT}
        return said and all(row.meaning in (Meaning.UNKNOWN_ORDER, Meaning.OTHER) for row in self.rows)


def read_error(words: tuple[str, ...], environment: Environment) -> SellerError:
    """Find the codes in the seller's messages and look them up."""
    codes = tuple(int(match[1] or match[2]) for word in words for match in _CODE.finditer(word[:4000]))
    return SellerError(codes, tuple(_row(code, environment) for code in codes), words)


def _row(code: int, environment: Environment) -> ErrorRow:
    if code <= _FIRST_SYNTHETIC and environment is not Environment.SANDBOX:
        return _OTHER
    return ERRORS.get(code, _OTHER)


def plain(word: str) -> str:
    """Return a sentence without the code before it, case folded, without blanks and stops around it."""
    return _LEAD.sub("", word[:4000], count=1).strip(" .!\r\n\t").casefold()
