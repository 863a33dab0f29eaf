"""What people and services may see and do while an order runs. The story itself is told by the workflow that inherits."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import OwnershipActivities, RulingActivities
    from activities.messages import CancelInput, PurchaseInput, ResolveInput, RunRef
    from domain.order import STATES, OrderState, WaitingFor
    from domain.request import Act, ExtendDeadline, ResolvePurchase
    from workflows import options
    from workflows.messages import ActAnswer, Instructions, OrderStatus

from workflows.run_state import RunState
from workflows.steps import CANCEL_AT_ONCE, Steps

_NUDGE_GAP = timedelta(seconds=60)
_NUDGES_A_DAY = 20
_WAITS = (OrderState.AWAITING_ISSUANCE, OrderState.NEEDS_PERSON, OrderState.AWAITING_REFUND)
_TOO_LATE = (OrderState.RECORDING, OrderState.WITHDRAWING_PROOF)
_REFUND_RULINGS = ("refunded", "not-refunded")


class OrderRun:
    """Queries, updates and signals of a run, and the state that they share with its story.

    Args:
        run: order, owner and account.
        state: what the run shows.
    """

    def __init__(self, run: RunRef, state: RunState) -> None:
        self._run = run
        self._state = state
        self._steps = Steps(run, state)
        self._deadline: datetime | None = None
        self._in_doubt: PurchaseInput | None = None
        self._refund_ruling = ""
        self._cancel_reason = ""
        self._lock = asyncio.Lock()
        self._nudges: list[datetime] = []

    # what may be seen

    @workflow.query(description="What the order waits for, since when, until when, and what would help.")
    def status(self) -> OrderStatus:
        """Return the present status; works while a worker polls, whatever else is down."""
        return self._state.status()

    @workflow.query(description="The DNS records that prove control of the names of this order.")
    def instructions(self) -> Instructions:
        """Return the records that must be visible."""
        return Instructions(order_id=self._run.order_id, records=self._state.records)

    # look again

    @workflow.update(
        description='Look again at once. Costs nothing. {"by": "you@example.com", "reason": "the zone is mended"}'
    )
    async def check_now(self, act: Act) -> ActAnswer:
        """End the present wait and look; the answer says what is being waited for."""
        self._steps.wake(by_person=True)
        return ActAnswer(done=True, message=f"looking now; state {self._state.state.value}")

    @check_now.validator
    def _may_check_now(self, act: Act) -> None:
        if self._state.state not in _WAITS and self._state.waiting_for is not WaitingFor.ACCOUNT:
            raise _refused(
                "nothing-to-check",
                f"nothing to look at: the order is in state {self._state.state.value} and goes on by itself",
            )

    @workflow.signal(description='As the update check_now, without an answer. {"by": "ci@example.com"}')
    def check_now_signal(self, act: Act) -> None:
        """End the present wait; without effect where there is none."""
        self._steps.wake(by_person=True)

    @workflow.signal(
        description="A hint that something may have changed at the seller; never taken for truth. No payload."
    )
    def nudge(self) -> None:
        """Look soon: nudges within 60 s are one, at most 20 a day wake the run."""
        now = workflow.now()
        self._nudges = [at for at in self._nudges if now - at < timedelta(days=1)]
        if len(self._nudges) < _NUDGES_A_DAY and (not self._nudges or now - self._nudges[-1] >= _NUDGE_GAP):
            self._nudges.append(now)
            self._steps.wake(by_person=False)

    # wait longer

    @workflow.update(
        description=(
            'Move the deadline of this order. Costs nothing. {"by": "you@example.com", "days": 7, "reason": "holidays"}'
        )
    )
    async def extend_deadline(self, act: ExtendDeadline) -> ActAnswer:
        """Move the deadline by that many days from where it stands, at most to the end of the paid term."""
        return await self._extend(act)

    @extend_deadline.validator
    def _may_extend_deadline(self, act: ExtendDeadline) -> None:
        if self._deadline is None or self._state.state is not OrderState.AWAITING_ISSUANCE:
            raise _refused("no-deadline", f"no deadline runs in state {self._state.state.value}")

    @workflow.signal(
        description='As the update extend_deadline, without an answer. {"by": "ci@example.com", "days": 7}'
    )
    async def extend_deadline_signal(self, act: ExtendDeadline) -> None:
        """Move the deadline where one runs."""
        if self._deadline is not None and self._state.state is OrderState.AWAITING_ISSUANCE:
            await self._extend(act)

    async def _extend(self, act: ExtendDeadline) -> ActAnswer:
        assert self._deadline is not None
        self._deadline += timedelta(days=act.days)
        if self._steps.term_ends_at is not None:
            self._deadline = min(self._deadline, self._steps.term_ends_at)
        self._state.until = self._deadline
        self._state.show()
        await self._note_act("order.deadline-moved", act, until=self._deadline)
        return ActAnswer(done=True, message=f"the deadline is now {self._deadline:%Y-%m-%d %H:%M} UTC")

    # settle a doubt

    @workflow.update(
        description=(
            "Settle a purchase in doubt. May lead to a purchase (not-placed) or count money as spent (abandon). "
            '{"by": "you@example.com", "reason": "seen in the seller\'s panel", "outcome": "placed", '
            '"seller_order_id": "9912345"} or "outcome": "not-placed" | "abandon" | "refunded" | "not-refunded"'
        )
    )
    async def resolve_purchase(self, act: ResolvePurchase) -> ActAnswer:
        """Take the ruling after looking at the seller, or refuse it with the reason; refusals are part of the trail."""
        if self._lock.locked():
            return ActAnswer(done=False, message="busy: another ruling is being worked through; ask again in a minute")
        async with self._lock:
            if act.outcome in _REFUND_RULINGS:
                self._refund_ruling = act.outcome
                await self._note_act(f"refund.ruled-{act.outcome}", act)
            else:
                await self._rule(act)
            self._steps.wake(by_person=True)
            return ActAnswer(done=True, message=f"ruled {act.outcome}; the order goes on from there")

    @resolve_purchase.validator
    def _may_resolve_purchase(self, act: ResolvePurchase) -> None:
        if act.outcome in _REFUND_RULINGS:
            if not (self._steps.cancel_asked and self._state.state in _WAITS and self._in_doubt is None):
                raise _refused("nothing-to-resolve", "no refund is being waited for")
        elif self._in_doubt is None or self._state.state is not OrderState.NEEDS_PERSON:
            raise _refused("nothing-to-resolve", f"no purchase is in doubt; state {self._state.state.value}")

    async def _rule(self, act: ResolvePurchase) -> None:
        assert self._in_doubt is not None
        try:
            await workflow.execute_activity_method(
                RulingActivities.resolve_purchase,
                ResolveInput(purchase=self._in_doubt, ruling=act),
                **options.told(options.RULING, f"Check the ruling '{act.outcome}' at the seller and write it down"),
            )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                code = cause.type or "update-refused"
                asked = " ".join(filter(None, (act.outcome, act.seller_order_id)))
                await self._note_act("purchase.ruling-refused", act, refused=(code, f"{asked}: {cause.message}"))
                raise _refused(code, cause.message) from None
            raise _refused("seller-unreachable", "the seller could not be asked; nothing was changed") from None

    # stop

    @workflow.update(
        description=(
            "Stop this order. Before the purchase nothing is bought; after it the seller is asked for the refund, and "
            'the run ends once that is granted. {"by": "you@example.com", "reason": "wrong name"}'
        )
    )
    async def cancel(self, act: Act) -> ActAnswer:
        """Ask for the cancellation of this run; it is taken at the next safe point."""
        return await self._ask_to_cancel(act)

    @cancel.validator
    def _may_cancel(self, act: Act) -> None:
        if STATES[self._state.state].is_end or self._state.state in _TOO_LATE:
            raise _refused("too-late-to-cancel", f"the order is in state {self._state.state.value}")
        if self._steps.cancel_asked:
            raise _refused("cancel-asked", "a cancel was asked for already; see Current Details for what it waits for")

    @workflow.signal(description='As the update cancel, without an answer. {"by": "ci@example.com", "reason": "…"}')
    async def cancel_signal(self, act: Act) -> None:
        """Ask for the cancellation where it is not too late."""
        late = STATES[self._state.state].is_end or self._state.state in _TOO_LATE
        if not late and not self._steps.cancel_asked:
            await self._ask_to_cancel(act)

    async def _ask_to_cancel(self, act: Act) -> ActAnswer:
        self._cancel_reason = act.reason or f"asked by {act.by}"
        if workflow.patched(CANCEL_AT_ONCE):
            # Whoever has the answer may rely on it: nothing is begun any more while Temporal is still being asked.
            self._take_cancel()
        await self._note_act("order.cancel-asked", act)
        # Only a run that Temporal was asked to cancel can end as cancelled; the request comes back as a native cancel.
        await workflow.execute_activity_method(
            OwnershipActivities.request_cancel,
            CancelInput(run=self._run, reason=self._cancel_reason),
            **options.told(options.INVENTORY, "Ask Temporal to cancel this run"),
        )
        return ActAnswer(done=True, message="the cancel is taken at the next safe point")

    def _take_cancel(self) -> None:
        """Let the story stop at its next safe point."""
        self._steps.cancel_asked = True
        self._state.cancel_note = "asked for; taken at the next safe point"
        self._state.show()

    async def _note_act(
        self, kind: str, act: Act, *, refused: tuple[str, str] = ("", ""), until: datetime | None = None
    ) -> None:
        """Write into the audit who did what; what the order shows stays as it is."""
        await self._steps.note(
            self._state.state,
            waiting_for=self._state.waiting_for,
            detail=self._state.detail,
            code=self._state.code,
            until=until or self._state.until,
            kind=kind,
            by=act.by,
            reason=act.reason,
            refused=refused,
        )


def _refused(code: str, message: str) -> ApplicationError:
    return ApplicationError(message, type=code, non_retryable=True)
