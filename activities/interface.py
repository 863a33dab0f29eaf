"""The activities as workflows see them: names, inputs, outputs. The classes of this package implement them.

Workflows import this page and no implementation, so that neither dated rules nor adapters are part of a replay. An
activity runs at least once, perhaps twice at the same time: each says what a second run does.
"""

from abc import ABC, abstractmethod

from temporalio import activity

from activities.messages import (
    AccountPage,
    AwaitInput,
    AwaitResult,
    CancelInput,
    CheckInput,
    CheckResult,
    Collected,
    CollectInput,
    Compared,
    CompareInput,
    InventoryMark,
    OrphanSearch,
    OrphansFound,
    PreparedKey,
    PrepareKeyInput,
    ProofToPublish,
    PublishInput,
    PurchaseInput,
    PurchaseResult,
    Recorded,
    RecordInput,
    RefundInput,
    RefundResult,
    ResolveInput,
    RunRef,
    SellerRef,
    StateNote,
    SyncTally,
    TakeOverInput,
)

SELLER_QUEUE = "evercert-seller"
DNS_QUEUE = "evercert-dns"
KEYS_QUEUE = "evercert-keys"
WORKFLOW_QUEUE = "evercert"


class CheckActivities(ABC):
    """All that must be right before money is spent; each returns its findings, the workflow joins them."""

    @activity.defn(name="check_request")
    @abstractmethod
    async def check_request(self, given: CheckInput) -> CheckResult:
        """Open the order in the inventory; check names, account, DNS account and other orders. Twice: one order row."""

    @activity.defn(name="check_offer")
    @abstractmethod
    async def check_offer(self, given: CheckInput) -> CheckResult:
        """Check product, term and price with the seller and store its catalogue. Twice: stored again."""

    @activity.defn(name="check_zones")
    @abstractmethod
    async def check_zones(self, given: CheckInput) -> CheckResult:
        """Write and remove a throw-away record in the zone of each name. Twice: written and removed again."""


class KeyActivities(ABC):
    """Private keys; they never leave the keys role unsealed."""

    @activity.defn(name="prepare_key")
    @abstractmethod
    async def prepare_key(self, given: PrepareKeyInput) -> PreparedKey:
        """Make key and CSR and seal the key. Twice: the first key stays, the second is thrown away."""


class PurchaseActivities(ABC):
    """The one place that spends money."""

    @activity.defn(name="purchase")
    @abstractmethod
    async def purchase(self, given: PurchaseInput) -> PurchaseResult:
        """Buy the order, at most once, following ``domain.purchase``. Twice: looks first, never posts again."""


class RulingActivities(ABC):
    """What a person rules about a purchase in doubt."""

    @activity.defn(name="resolve_purchase")
    @abstractmethod
    async def resolve_purchase(self, given: ResolveInput) -> PurchaseResult:
        """Take a person's ruling, or refuse it. Twice: the same answer, one change."""


class OwnershipActivities(ABC):
    """Who may act for an order."""

    @activity.defn(name="take_over")
    @abstractmethod
    async def take_over(self, given: TakeOverInput) -> None:
        """Become the owner of an order whose run is closed or missing. Twice: owner already."""

    @activity.defn(name="request_cancel")
    @abstractmethod
    async def request_cancel(self, given: CancelInput) -> None:
        """Ask Temporal to cancel the run, so that it can end as cancelled. Twice: asked already."""

    @activity.defn(name="await_account")
    @abstractmethod
    async def await_account(self, run: RunRef) -> None:
        """Return when the account is neither parked nor waits for a comparison (any more). Its retries are the poll.

        Twice: asked again.
        """


class RefundActivities(ABC):
    """Asking the seller to cancel an order and give the money back."""

    @activity.defn(name="request_refund")
    @abstractmethod
    async def request_refund(self, given: RefundInput) -> RefundResult:
        """Ask once, with the intention written first. Twice: looks first, never asks again."""

    @activity.defn(name="await_refund")
    @abstractmethod
    async def await_refund(self, given: RefundInput) -> RefundResult:
        """Return when the seller has agreed, or has not decided for a week. Its retries are the poll."""


class DcvActivities(ABC):
    """Proof of control: what to publish, publish it, take it away again."""

    @activity.defn(name="read_proof")
    @abstractmethod
    async def read_proof(self, given: SellerRef) -> ProofToPublish:
        """Ask the seller what must be published, check its scope and remember it. Twice: the same rows."""

    @activity.defn(name="publish_proof")
    @abstractmethod
    async def publish_proof(self, given: PublishInput) -> None:
        """Publish the records and wait until every authoritative server shows them. Twice: finds them there."""

    @activity.defn(name="withdraw_proof")
    @abstractmethod
    async def withdraw_proof(self, given: PublishInput) -> None:
        """Remove exactly what we published. Twice, and absence: success."""


class IssuanceActivities(ABC):
    """Waiting for the CA, and fetching what it issued."""

    @activity.defn(name="await_issuance")
    @abstractmethod
    async def await_issuance(self, given: AwaitInput) -> AwaitResult:
        """Return when the seller's view of the order changes. Its retries are the poll. Twice: looked again."""

    @activity.defn(name="collect")
    @abstractmethod
    async def collect(self, given: CollectInput) -> Collected:
        """Download, verify and keep the leaf as candidate, or in quarantine. Twice: the same row."""


class InventoryActivities(ABC):
    """What the inventory shows."""

    @activity.defn(name="record")
    @abstractmethod
    async def record(self, given: RecordInput) -> Recorded:
        """Make the candidate the current version, with its audit row. Twice: the same version."""

    @activity.defn(name="note_state")
    @abstractmethod
    async def note_state(self, note: StateNote) -> None:
        """Show a state, with its audit row. Twice: the same row."""


class SyncActivities(ABC):
    """Looking after orders and sales that no run looks after."""

    @activity.defn(name="find_orphans")
    @abstractmethod
    async def find_orphans(self, given: OrphanSearch) -> OrphansFound:
        """Start a run for each open order of a batch whose own is closed or unknown. Twice: finds those under way."""

    @activity.defn(name="accounts_to_compare")
    @abstractmethod
    async def accounts_to_compare(self, after: str) -> AccountPage:
        """Return a page of seller accounts. Twice: read again."""

    @activity.defn(name="compare_account")
    @abstractmethod
    async def compare_account(self, given: CompareInput) -> Compared:
        """Compare an account's list with the inventory, alert people, wake runs. Twice: the same alerts, seen again."""

    @activity.defn(name="finish_sync")
    @abstractmethod
    async def finish_sync(self, given: SyncTally) -> InventoryMark:
        """Log what the run came to and return how far the inventory has come. Twice: logged and read again."""
