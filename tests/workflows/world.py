"""A scripted world behind the activity interfaces, to test the workflow's own decisions and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from temporalio import activity

from activities.interface import (
    CheckActivities,
    DcvActivities,
    InventoryActivities,
    IssuanceActivities,
    KeyActivities,
    OwnershipActivities,
    PurchaseActivities,
    RefundActivities,
    RulingActivities,
)
from activities.messages import (
    AwaitInput,
    AwaitResult,
    CancelInput,
    CheckInput,
    CheckResult,
    Collected,
    CollectInput,
    Finding,
    PreparedKey,
    PrepareKeyInput,
    ProofToPublish,
    PublishInput,
    PurchaseInput,
    PurchaseResult,
    Quote,
    Recorded,
    RecordInput,
    RefundInput,
    RefundResult,
    ResolveInput,
    RunRef,
    SellerRef,
    SellerView,
    StateNote,
    TakeOverInput,
)
from domain.errors import EvercertError, NotYet
from domain.seller import Money, ProofRecord, SellerState

PROOF = ProofRecord(name="www.example.test", record_type="CNAME", owner="_p.www.example.test", value="x.sectigo.com")
PRICE = Money(amount=Decimal("7.95"), currency="USD")
PENDING = SellerView(state=SellerState.PENDING, status_text="Pending", records=(PROOF,))
ACTIVE = SellerView(state=SellerState.ACTIVE, status_text="Active", records=(PROOF,))


def endless(value: Any) -> Callable[[], Any]:
    """Return a script that always gives the same."""
    return lambda: value


@dataclass
class Script:
    """Answers in order; an exception is raised, the last answer stays."""

    answers: list[Any]
    calls: int = 0

    def play(self) -> Any:
        """Give the next answer."""
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class World(
    CheckActivities,
    KeyActivities,
    PurchaseActivities,
    DcvActivities,
    IssuanceActivities,
    InventoryActivities,
    RulingActivities,
    RefundActivities,
    OwnershipActivities,
):
    """Every activity, each following its script; `notes` are the states that reached the inventory."""

    findings: tuple[Finding, ...] = ()
    checking: Script = field(default_factory=lambda: Script([None]))
    purchases: Script = field(
        default_factory=lambda: Script([PurchaseResult(outcome="placed", seller_order_id="9912345", charged=PRICE)])
    )
    proofs: Script = field(default_factory=lambda: Script([ProofToPublish(records=(PROOF,), view=PENDING)]))
    publishing: Script = field(default_factory=lambda: Script([None]))
    looks: Script = field(default_factory=lambda: Script([AwaitResult(view=ACTIVE)]))
    collecting: Script = field(
        default_factory=lambda: Script(
            [Collected(serial="0A", fingerprint="f", not_after=datetime(2027, 6, 1, tzinfo=UTC))]
        )
    )
    rulings: Script = field(default_factory=lambda: Script([PurchaseResult(outcome="placed", seller_order_id="1")]))
    refunds: Script = field(default_factory=lambda: Script([RefundResult(outcome="requested", refund_request_id="7")]))
    decisions: Script = field(default_factory=lambda: Script([RefundResult(outcome="approved")]))
    takeovers: Script = field(default_factory=lambda: Script([None]))
    accounts: Script = field(default_factory=lambda: Script([None]))
    notes: list[StateNote] = field(default_factory=list)
    checks_when_noted: list[int] = field(default_factory=list)
    withdrawn: int = 0

    def all(self) -> Sequence[Callable[..., Any]]:
        """Return the activities for a worker."""
        return [
            self.check_request,
            self.check_offer,
            self.check_zones,
            self.prepare_key,
            self.purchase,
            self.await_account,
            self.read_proof,
            self.publish_proof,
            self.withdraw_proof,
            self.await_issuance,
            self.collect,
            self.record,
            self.note_state,
            self.resolve_purchase,
            self.request_refund,
            self.await_refund,
            self.take_over,
            self.request_cancel,
        ]

    @activity.defn(name="check_request")
    async def check_request(self, given: CheckInput) -> CheckResult:
        self.checking.play()
        return CheckResult(names=(given.request.common_name,), findings=self.findings)

    @activity.defn(name="check_offer")
    async def check_offer(self, given: CheckInput) -> CheckResult:
        return CheckResult(
            quote=Quote(product_name="PositiveSSL", vendor="SECTIGO", price=PRICE, leaf_days=199, leaves_needed=2)
        )

    @activity.defn(name="check_zones")
    async def check_zones(self, given: CheckInput) -> CheckResult:
        return CheckResult()

    @activity.defn(name="prepare_key")
    async def prepare_key(self, given: PrepareKeyInput) -> PreparedKey:
        return PreparedKey(key_id="key_a", spki_sha256="ab")

    @activity.defn(name="purchase")
    async def purchase(self, given: PurchaseInput) -> PurchaseResult:
        answer: PurchaseResult = self.purchases.play()
        return answer

    @activity.defn(name="resolve_purchase")
    async def resolve_purchase(self, given: ResolveInput) -> PurchaseResult:
        answer: PurchaseResult = self.rulings.play()
        return answer

    @activity.defn(name="request_refund")
    async def request_refund(self, given: RefundInput) -> RefundResult:
        answer: RefundResult = self.refunds.play()
        return answer

    @activity.defn(name="await_refund")
    async def await_refund(self, given: RefundInput) -> RefundResult:
        answer: RefundResult = self.decisions.play()
        return answer

    @activity.defn(name="take_over")
    async def take_over(self, given: TakeOverInput) -> None:
        self.takeovers.play()

    @activity.defn(name="request_cancel")
    async def request_cancel(self, given: CancelInput) -> None:
        await activity.client().get_workflow_handle(given.run.workflow_id).cancel(reason=given.reason)

    @activity.defn(name="await_account")
    async def await_account(self, run: RunRef) -> None:
        self.accounts.play()

    @activity.defn(name="read_proof")
    async def read_proof(self, given: SellerRef) -> ProofToPublish:
        answer: ProofToPublish = self.proofs.play()
        return answer

    @activity.defn(name="publish_proof")
    async def publish_proof(self, given: PublishInput) -> None:
        self.publishing.play()

    @activity.defn(name="withdraw_proof")
    async def withdraw_proof(self, given: PublishInput) -> None:
        self.withdrawn += 1

    @activity.defn(name="await_issuance")
    async def await_issuance(self, given: AwaitInput) -> AwaitResult:
        answer: AwaitResult = self.looks.play()
        return answer

    @activity.defn(name="collect")
    async def collect(self, given: CollectInput) -> Collected:
        answer: Collected = self.collecting.play()
        return answer

    @activity.defn(name="record")
    async def record(self, given: RecordInput) -> Recorded:
        now = datetime(2026, 11, 25, tzinfo=UTC)
        return Recorded(
            certificate_id="crt_a",
            version=1,
            fingerprint="f",
            serial=given.serial,
            not_before=now,
            not_after=now + timedelta(days=199),
            key_id="key_a",
        )

    @activity.defn(name="note_state")
    async def note_state(self, note: StateNote) -> None:
        self.notes.append(note)
        self.checks_when_noted.append(self.checking.calls)

    def states(self) -> list[str]:
        """Return the states that were noted, in order."""
        return [note.state for note in self.notes]


def not_yet() -> EvercertError:
    """Return what a poll raises while nothing has changed: next look in four hours."""
    return NotYet("issuance-pending", "the seller still shows Pending", retry_after=timedelta(hours=4))


def not_yet_for_a_moment() -> EvercertError:
    """Return a failure whose retry comes at once: the activity ends later than its neighbours."""
    return NotYet("issuance-pending", "not at the first try", retry_after=timedelta(milliseconds=200))
