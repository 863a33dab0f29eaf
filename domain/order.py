"""The states of an order, as a table.

The table is the whole truth about which state may follow which; ``tests/domain/test_order.py`` reads it as a table. A
change here changes the order of commands of running workflows and needs ``workflow.patched`` with a recorded history.
"""

from dataclasses import dataclass
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands; the value is what people see in the UI, the CLI and the inventory."""

    CHECKING = "checking"
    PREPARING_KEY = "preparing-key"
    PURCHASING = "purchasing"
    READING_PROOF = "reading-proof"
    PUBLISHING_PROOF = "publishing-proof"
    AWAITING_ISSUANCE = "awaiting-issuance"
    COLLECTING = "collecting"
    RECORDING = "recording"
    WITHDRAWING_PROOF = "withdrawing-proof"
    NEEDS_PERSON = "needs-person"
    REFUNDING = "refunding"
    AWAITING_REFUND = "awaiting-refund"
    ISSUED = "issued"
    DRY_RUN = "dry-run"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class WaitingFor(StrEnum):
    """Whom an order waits for."""

    NOBODY = "nobody"
    SELLER = "seller"
    DNS = "dns"
    CA = "ca"
    PERSON = "person"
    ACCOUNT = "account"


@dataclass(frozen=True)
class StateFacts:
    """What is true of a state.

    Attributes:
        sentence: what happens, for people; starts in lower case.
        waiting_for: whom the order waits for in this state when all goes well.
        next: the states that may follow.
        is_end: nothing follows.
        has_bought: the order may have cost money: such a run never simply fails.
    """

    sentence: str
    waiting_for: WaitingFor
    next: tuple[OrderState, ...] = ()
    is_end: bool = False
    has_bought: bool = True


_S = OrderState
_W = WaitingFor

STATES: dict[OrderState, StateFacts] = {
    _S.CHECKING: StateFacts(
        "the request is checked with the seller, the DNS and the inventory",
        _W.NOBODY,
        (_S.PREPARING_KEY, _S.DRY_RUN, _S.REJECTED, _S.CANCELLED),
        has_bought=False,
    ),
    _S.PREPARING_KEY: StateFacts(
        "the key and the certificate signing request are made",
        _W.NOBODY,
        (_S.PURCHASING, _S.CANCELLED, _S.REJECTED),
        has_bought=False,
    ),
    _S.PURCHASING: StateFacts(
        "the order is placed at the seller",
        _W.SELLER,
        (_S.READING_PROOF, _S.NEEDS_PERSON, _S.REFUNDING, _S.REJECTED, _S.CANCELLED, _S.ABANDONED),
    ),
    _S.READING_PROOF: StateFacts(
        "the seller is asked what must be published",
        _W.SELLER,
        (_S.PUBLISHING_PROOF, _S.COLLECTING, _S.NEEDS_PERSON, _S.REFUNDING),
    ),
    _S.PUBLISHING_PROOF: StateFacts(
        "the proof of control is published and read back",
        _W.DNS,
        (_S.AWAITING_ISSUANCE, _S.NEEDS_PERSON, _S.REFUNDING),
    ),
    _S.AWAITING_ISSUANCE: StateFacts(
        "the CA looks for the proof and issues",
        _W.CA,
        (_S.COLLECTING, _S.READING_PROOF, _S.NEEDS_PERSON, _S.REFUNDING),
    ),
    _S.COLLECTING: StateFacts(
        "the certificate is downloaded and verified",
        _W.SELLER,
        (_S.RECORDING, _S.NEEDS_PERSON, _S.REFUNDING),
    ),
    _S.RECORDING: StateFacts(
        "the new version becomes current in the inventory", _W.NOBODY, (_S.WITHDRAWING_PROOF, _S.NEEDS_PERSON)
    ),
    _S.WITHDRAWING_PROOF: StateFacts(
        "the proof is removed again",
        _W.DNS,
        (_S.ISSUED, _S.EXPIRED, _S.CANCELLED),
    ),
    _S.NEEDS_PERSON: StateFacts(
        "a person has to decide",
        _W.PERSON,
        (
            _S.PURCHASING,
            _S.READING_PROOF,
            _S.PUBLISHING_PROOF,
            _S.AWAITING_ISSUANCE,
            _S.COLLECTING,
            _S.RECORDING,
            _S.WITHDRAWING_PROOF,
            _S.REFUNDING,
            _S.AWAITING_REFUND,
            _S.REJECTED,
            _S.EXPIRED,
            _S.CANCELLED,
        ),
    ),
    _S.REFUNDING: StateFacts(
        "the seller is asked to cancel the order and refund it", _W.SELLER, (_S.AWAITING_REFUND, _S.NEEDS_PERSON)
    ),
    _S.AWAITING_REFUND: StateFacts(
        "the seller decides about the refund", _W.SELLER, (_S.WITHDRAWING_PROOF, _S.READING_PROOF, _S.NEEDS_PERSON)
    ),
    _S.ISSUED: StateFacts("the certificate is in the inventory", _W.NOBODY, is_end=True),
    _S.DRY_RUN: StateFacts("all was checked and priced, nothing bought", _W.NOBODY, is_end=True, has_bought=False),
    _S.REJECTED: StateFacts("refused; nothing was bought", _W.NOBODY, is_end=True, has_bought=False),
    _S.EXPIRED: StateFacts("the paid term is over without a certificate", _W.NOBODY, is_end=True),
    _S.CANCELLED: StateFacts("cancelled", _W.NOBODY, is_end=True),
    _S.ABANDONED: StateFacts("given up by a person; the money counts as spent", _W.NOBODY, is_end=True),
}


def may_follow(before: OrderState, after: OrderState) -> bool:
    """Tell whether ``after`` may follow ``before``; a state may always be told again."""
    return before == after or after in STATES[before].next
