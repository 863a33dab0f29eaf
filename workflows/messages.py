"""What people and services get back from a run: its result, the answers of updates, and what queries tell."""

from datetime import datetime

from domain.seller import Message, Money, ProofRecord


class OrderResult(Message):
    """Result of ``IssueCertificate``: small and boring.

    ``state`` is ``issued`` or ``dry-run``; the fields of the version are empty for a rehearsal.
    """

    order_id: str
    state: str
    seller_order_id: str = ""
    certificate_id: str = ""
    version: int = 0
    serial: str = ""
    fingerprint: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    key_id: str = ""
    price: Money | None = None
    leaf_days: int = 0
    leaves_needed: int = 0


class ActAnswer(Message):
    """Answer of an update: whether it was taken, and what happens now."""

    done: bool
    message: str


class OrderStatus(Message):
    """Answer of the query ``status``: what the order waits for, since when, until when, what would help."""

    order_id: str
    state: str
    sentence: str
    waiting_for: str
    detail: str = ""
    code: str = ""
    since: datetime
    until: datetime | None = None
    seller_order_id: str = ""
    help: tuple[str, ...] = ()


class Instructions(Message):
    """Answer of the query ``instructions``: what must be visible in DNS, whoever publishes it."""

    order_id: str
    records: tuple[ProofRecord, ...] = ()
    published_by_evercert: bool = True
