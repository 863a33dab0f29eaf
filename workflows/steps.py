"""How a step of an order is taken: patiently, and so that a run which has bought never just fails.

Shared by the workflows that order, renew and reissue.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import InventoryActivities, OwnershipActivities
    from activities.messages import Finding, RunRef, StateNote
    from domain.errors import refuse_all
    from domain.order import STATES, OrderState, WaitingFor
    from workflows import options

from workflows.run_state import RunState

R = TypeVar("R")

_ACCOUNT_CODES = frozenset({"auth-rejected", "account-parked", "seller-answer-changed", "reconcile-first"})
NOT_OWNER = "not-owner"
CANCEL_AT_ONCE = "cancel-at-once"
"""Since then a cancel that was accepted stops what has not begun, a purchase above all."""


class TermOver(Exception):
    """The paid term ended while a person was awaited."""


class CancelAsked(Exception):
    """Somebody asked to cancel, and this is a safe point: nothing is half done."""


class Steps:
    """Takes the steps of one run.

    Args:
        run: order, owner and account.
        state: what the run shows.
    """

    def __init__(self, run: RunRef, state: RunState) -> None:
        self.run = run
        self.state = state
        self.term_ends_at: datetime | None = None
        self.has_sent = False
        self.person_asked = False
        self.cancel_asked = False
        self._wake = False
        self._notes = 0

    # what handlers do

    def wake(self, *, by_person: bool) -> None:
        """Look at once: ends the present wait."""
        self._wake = True
        self.person_asked = self.person_asked or by_person

    # what workflows do

    async def take(
        self,
        state: OrderState,
        act: Callable[[], Coroutine[Any, Any, R]],
        *,
        until: datetime | None = None,
        may_cancel: bool = True,
    ) -> R:
        """Enter a state and do its activity until it succeeds.

        A parked account is waited for. What cannot get better by itself ends the run before money was sent and calls a
        person after it; the act is done again when that person asks.

        Args:
            state: to enter.
            act: starts the activity; called again for each new try.
            until: deadline to show.
            may_cancel: a cancel may cut the activity short; never where its outcome costs money.

        Raises:
            ApplicationError: refused before anything was bought, or the order has another owner now.
            CancelAsked: somebody asked to cancel.
            TermOver: nobody helped before the paid term was over.
        """
        while True:
            self.state.enter(state, until=until)
            try:
                return await self._until_done(asyncio.create_task(act()), may_cancel=may_cancel)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                code, message = cause_of(error)
                if code in _ACCOUNT_CODES:
                    await self._await_account(state, code, message)
                elif self.has_sent and code != NOT_OWNER:
                    await self.call_person(code, message)
                else:
                    raise ApplicationError(message, *_details(error), type=code, non_retryable=True) from None

    async def _until_done(self, work: "asyncio.Task[R]", *, may_cancel: bool) -> R:
        try:
            await workflow.wait_condition(lambda: work.done() or (may_cancel and self.cancel_asked))
        except asyncio.CancelledError:
            work.cancel()
            raise
        if work.done():
            return work.result()
        drop(work)
        raise CancelAsked

    async def _await_account(self, state: OrderState, code: str, message: str) -> None:
        self.state.enter(state, waiting_for=WaitingFor.ACCOUNT, detail=message, code=code)
        await self.note(state, waiting_for=WaitingFor.ACCOUNT, detail=message, code=code)
        self._wake = False
        poll = workflow.start_activity_method(
            OwnershipActivities.await_account,
            self.run,
            **options.told(options.SELLER_POLL, f"Wait until account {self.run.account} may be used again"),
        )
        await workflow.wait_condition(lambda: poll.done() or self._wake or self.cancel_asked)
        if poll.done():
            poll.result()
            return
        drop(poll)
        if self.cancel_asked and not self._wake:
            raise CancelAsked

    async def call_person(self, code: str, message: str, *, may_cancel: bool = True) -> None:
        """Show that a person has to act, and return when one did, or a service asked to look again.

        Raises:
            CancelAsked: somebody asked to cancel, where that is safe.
            TermOver: the paid term ended before.
        """
        self._wake = False
        self.person_asked = False
        self.state.enter(OrderState.NEEDS_PERSON, detail=message, code=code, until=self.term_ends_at)
        await self.note(OrderState.NEEDS_PERSON, detail=message, code=code, until=self.term_ends_at)
        try:
            await workflow.wait_condition(
                lambda: self._wake or (may_cancel and self.cancel_asked),
                timeout=self._left(),
                timeout_summary="End of the paid term",
            )
        except TimeoutError:
            raise TermOver from None
        if not self._wake:
            raise CancelAsked
        self._wake = False

    def _left(self) -> timedelta | None:
        if self.term_ends_at is None:
            return None
        return max(self.term_ends_at - workflow.now(), timedelta(seconds=1))

    async def race(self, work: "asyncio.Task[R]", deadline: Callable[[], datetime | None]) -> R | None:
        """Await an activity, until somebody asks to look at once (None) or a deadline that may be moved meanwhile.

        Raises:
            asyncio.TimeoutError: the deadline is over; the activity was cancelled.
        """
        self._wake = False
        while True:
            until = deadline()
            left = None if until is None else max(until - workflow.now(), timedelta(seconds=1))
            try:
                await workflow.wait_condition(
                    lambda until=until: self._wake or work.done() or deadline() != until,  # type: ignore[misc]
                    timeout=left,
                    timeout_summary=f"Deadline {until:%Y-%m-%d %H:%M} UTC" if until else None,
                )
            except TimeoutError:
                drop(work)
                raise
            except asyncio.CancelledError:
                drop(work)
                raise
            if work.done():
                return work.result()
            if self._wake:
                drop(work)
                return None

    async def note(
        self,
        state: OrderState,
        *,
        waiting_for: WaitingFor | None = None,
        detail: str = "",
        code: str = "",
        until: datetime | None = None,
        kind: str = "",
        by: str = "evercert",
        reason: str = "",
        refused: tuple[str, str] = ("", ""),
    ) -> None:
        """Write a state into the inventory, with its audit row; ``kind`` names the row where it is not the state.

        ``refused`` is code and sentence of what a person was refused; the audit alone has it.
        """
        self._notes += 1
        waiting = STATES[state].waiting_for if waiting_for is None else waiting_for
        note = StateNote(
            run=self.run,
            state=state.value,
            waiting_for=waiting.value,
            detail=detail,
            code=code,
            until=until,
            occasion=f"{self.run.first_run_id}/{self._notes}",
            kind=kind,
            by=by,
            reason=reason,
            refused_code=refused[0],
            refused_detail=refused[1],
        )
        told = refused[0] or code
        await workflow.execute_activity_method(
            InventoryActivities.note_state,
            note,
            **options.told(options.INVENTORY, f"Note: {kind or state.value}{f' ({told})' if told else ''}"),
        )


def drop(work: "asyncio.Task[Any]") -> None:
    """Cancel an activity that nobody awaits any more; its end is no news."""
    work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    work.cancel()


def cause_of(error: ActivityError) -> tuple[str, str]:
    """Return code and sentence of what ended an activity."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return cause.type or "internal-error", cause.message
    return "activity-timed-out", "a step took longer than it may"


def _details(error: ActivityError) -> tuple[object, ...]:
    return tuple(error.cause.details) if isinstance(error.cause, ApplicationError) else ()


def refusal(findings: tuple[Finding, ...]) -> ApplicationError:
    """Return the failure that ends a run whose request cannot be used: all reasons together."""
    error = refuse_all(tuple(finding.violation() for finding in findings))
    text = error.message + (f". Next: {error.next_step}" if error.next_step else "")
    return ApplicationError(f"Nothing was bought. {text}", *findings[:10], type=error.code, non_retryable=True)
