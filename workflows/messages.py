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


class SkippedAccount(Message):
    """An account whose list was not compared, and why; nothing was concluded about it."""

    account: str
    code: str
    message: str = ""


class SyncResult(Message):
    """Result of ``SyncOrders``.

    Attributes:
        accounts_compared: whose lists were read whole and compared.
        accounts_skipped: whose were not, with the reason; they are tried again by the next run.
        sales_listed: sales in all lists; sales_ours: those that carry a reference of ours.
        orders_looked_at: open orders whose runs were asked for.
        runs_started: lost orders that are being taken up from now on, ``orders_taken_up`` names them; runs_under_way: how
            many were being taken up already.
        orders_refused: lost orders that could not be taken up, each with the code.
        alerts_raised: new alerts, ``alert_ids`` names them; alerts_seen: alerts found again, settled ones too.
        orders_nudged: orders in doubt that were told to look.
        audit_sequence: the newest row of the inventory's audit at the end.
        is_cut: a list of ids here was longer than 100 and is cut; the counts are whole.
    """

    accounts_compared: tuple[str, ...] = ()
    accounts_skipped: tuple[SkippedAccount, ...] = ()
    sales_listed: int = 0
    sales_ours: int = 0
    orders_looked_at: int = 0
    runs_started: int = 0
    orders_taken_up: tuple[str, ...] = ()
    runs_under_way: int = 0
    orders_refused: tuple[tuple[str, str], ...] = ()
    alerts_raised: int = 0
    alert_ids: tuple[str, ...] = ()
    alerts_seen: int = 0
    orders_nudged: int = 0
    audit_sequence: int = 0
    is_cut: bool = False


class SyncInput(Message):
    """Input of ``SyncOrders``: none is needed; a run that goes on as a new one carries here how far it had come.

    Attributes:
        orders_after: open orders behind this id are still to be looked at; None once all were.
        accounts_after: accounts behind this name are still to be compared.
        so_far: what was found up to there.
    """

    orders_after: str | None = ""
    accounts_after: str = ""
    so_far: SyncResult = SyncResult()


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
