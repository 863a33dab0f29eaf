"""Reconcile first: an inventory that may have lost what it knew buys nothing before the sellers' lists were compared.

A purchase is safe because its intention is a committed row. An inventory that was set back to an earlier state has no such
row any more; the sale shows at the seller alone, perhaps only after the account's visibility window. So facts from outside
of the inventory are held against it, and while there is doubt, each account waits for a list that was read late enough.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import Misconfigured
from domain.inventory import AccountRecord, Installation
from domain.purchase import SEND_SECONDS
from domain.seller import Message

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Watermark(Message):
    """The newest row of the audit that an act at the seller was sent behind, as it is kept outside of the inventory.

    Attributes:
        installation_id: whose it is.
        sequence, event_id: of that row; both, since a copy that went its own way may reach the same number.
        file_sequence: the newest row that the database's file held without its log; 0 where the database is a server.
        sent_until: the latest instant until which something may have been sent, UTC.
    """

    installation_id: str
    sequence: int
    event_id: str
    file_sequence: int = 0
    sent_until: datetime | None = None


class Standing(Message):
    """Where the inventory stands.

    Attributes:
        installation_id: whose it is.
        newest, newest_event_id: the newest row of the audit.
        event_id_there: of the row that was asked about; empty where there is none.
        file_sequence: see ``Watermark``; None where it could not be read.
        database_mark: which database this is and on which timeline; empty where there is nothing to ask, or no leave to.
        sent_until: newest deadline of an act, UTC.
        is_shared: other machines may work with it, so that no file of this one knows all that was sent.
    """

    installation_id: str
    newest: int
    newest_event_id: str = ""
    event_id_there: str = ""
    file_sequence: int | None = None
    database_mark: str = ""
    sent_until: datetime | None = None
    is_shared: bool = False


@dataclass(frozen=True)
class Reason:
    """Why the inventory is in doubt.

    Attributes:
        kind: ``behind``, ``file-set-back``, ``behind-sync``, ``database-changed``, ``cluster-changed`` or ``by-hand``.
        sentence: for people.
        past: audit rows up to this number may have been lost; new ones are numbered above, so that no number comes twice.
        sent_until: nothing that the inventory does not know of was sent later; None: not known.
    """

    kind: str
    sentence: str
    past: int = 0
    sent_until: datetime | None = None

    def sent_before(self, since: datetime) -> datetime:
        """Return until when something unknown may have been sent; a request under way when the doubt arose counts too."""
        return self.sent_until or since + timedelta(seconds=SEND_SECONDS)


@dataclass(frozen=True)
class Wait:
    """What an account waits for: a list whose reading began at ``ready_at`` or later."""

    reason: str
    since: datetime
    ready_at: datetime


def require_own(mark: Watermark, installation_id: str) -> None:
    """Refuse a mark of another installation: its inventory is not this one, and what it has sent is not known here.

    Raises:
        Misconfigured: ``sequence-foreign``.
    """
    if mark.installation_id != installation_id:
        raise Misconfigured(
            "sequence-foreign",
            "The sequence file beside the master key belongs to another inventory than the one that is configured.",
            next_step="configure the inventory it belongs to; if that one is lost, move evercert.sequence away and run: "
            "evercert db reconcile --reason TEXT",
        )


def higher(kept: Watermark, mark: Watermark) -> Watermark:
    """Return of two marks of one installation the further one, with the latest instant of both."""
    further = mark if mark.sequence >= kept.sequence else kept
    instants = [it.sent_until for it in (kept, mark) if it.sent_until is not None]
    return further.model_copy(update={"sent_until": max(instants, default=None)})


def set_back(mark: Watermark, standing: Standing) -> Reason | None:
    """Tell whether the inventory lacks what it is known to have held. The mark must be of this installation."""
    known = None if standing.is_shared else mark.sent_until
    if mark.sequence > standing.newest:
        sentence = f"the inventory ends at audit row {standing.newest}, and row {mark.sequence} was written before"
        return Reason("behind", sentence, mark.sequence, known)
    if mark.event_id != standing.event_id_there:
        sentence = f"audit row {mark.sequence} of the inventory is not the one that was written before"
        return Reason("behind", sentence, mark.sequence, known)
    if standing.file_sequence is not None and standing.file_sequence < mark.file_sequence:
        sentence = (
            f"the file of the inventory, its log left out, ends at audit row {standing.file_sequence}, "
            f"and held row {mark.file_sequence} before"
        )
        return Reason("file-set-back", sentence, mark.sequence, known)
    return None


def behind_sync(synced: int, standing: Standing) -> Reason | None:
    """Tell whether a finished synchronisation has seen later rows of the audit than there are."""
    if synced <= standing.newest:
        return None
    sentence = f"the inventory ends at audit row {standing.newest}, and a finished SyncOrders saw row {synced}"
    return Reason("behind-sync", sentence, synced)


def other_database(bound: str, standing: Standing) -> Reason | None:
    """Tell whether PostgreSQL's system identifier or timeline changed; what either side does not tell is left out."""
    before, now = _parts(bound), _parts(standing.database_mark)
    if any(old and new and old != new for old, new in zip(before, now, strict=True)):
        sentence = f"the database is another, or was recovered: {bound} is now {standing.database_mark}"
        return Reason("database-changed", sentence)
    return None


def _parts(mark: str) -> tuple[str, str]:
    system, _, timeline = mark.partition("/")
    return system, timeline


def merged_mark(bound: str, now: str) -> str:
    """Return the mark to remember: what the database tells now, and for what it does not tell, what it told before."""
    (old_system, old_line), (system, line) = _parts(bound), _parts(now)
    known = (system or old_system, line or old_line)
    return "/".join(known) if any(known) else ""


def other_cluster(bound: str, cluster: str, standing: Standing) -> Reason | None:
    """Tell whether the inventory is bound to another Temporal cluster than the one that answers."""
    if not bound or bound == cluster:
        return None
    # The inventory itself lost nothing; what it does not know of can have been sent by another machine alone.
    known = None if standing.is_shared else standing.sent_until or _NEVER
    return Reason("cluster-changed", "the inventory was bound to another Temporal cluster", sent_until=known)


def wait_of(installation: Installation, account: AccountRecord) -> Wait | None:
    """Return what an account waits for; None when its acts may leave.

    The list must have been read from after the doubt arose, and from after whatever may have been sent must show in it.
    """
    since = installation.reconcile_since
    if since is None:
        return None
    ready_at = since
    if installation.sent_until is not None:
        ready_at = max(since, installation.sent_until + account.window)
    if account.compared_at is not None and account.compared_at >= ready_at:
        return None
    return Wait(installation.reconcile_reason, since, ready_at)


def is_fresh(looked_at: datetime, installation: Installation, account: AccountRecord) -> bool:
    """Tell whether a look from then shows whatever was sent unknown to this inventory, also after the doubt has ended.

    An attempt may have looked before such a sale showed, and stood still until the lists were compared.
    """
    return installation.sent_until is None or looked_at >= installation.sent_until + account.window


def is_over(installation: Installation, accounts: Iterable[AccountRecord]) -> bool:
    """Tell whether every account was compared; without accounts there is nothing that could have been."""
    known = tuple(accounts)
    return bool(known) and all(wait_of(installation, account) is None for account in known)


def joined(before: str, reason: str) -> str:
    """Return the reasons of a wait that has a further one: all of them, each once."""
    if not before or before == reason:
        return reason
    return before if reason in before else f"{before}; {reason}"[:1000]
