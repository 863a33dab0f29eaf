"""``SyncOrders``: takes up orders whose run is lost, and compares the sellers' lists with the inventory."""

import asyncio
from collections.abc import Iterable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import SyncActivities
    from activities.messages import CompareInput, OrphanSearch, SyncTally
    from workflows import options
    from workflows.messages import SkippedAccount, SyncInput, SyncResult

from workflows import search_attributes
from workflows.details import foreign
from workflows.steps import cause_of

_ACCOUNTS_AT_ONCE = 5
_MOST_NAMED = 100


@workflow.defn(name="SyncOrders")
class SyncOrders:
    """One look at everything. Started by the schedule ``evercert-sync`` every 15 minutes, or by hand without an input.

    Orders come first: an order that is being taken up adopts its sale by itself, so that nobody needs to be told of it.
    A history stays short: a batch of orders, or an account, is one activity, and a long run goes on as a new one.
    """

    @workflow.init
    def __init__(self, given: SyncInput | None = None) -> None:
        given = given or SyncInput()
        self._orders_after = given.orders_after
        self._accounts_after = given.accounts_after
        self._result = given.so_far

    @workflow.run
    async def run(self, given: SyncInput | None = None) -> SyncResult:
        """Look at all open orders and all accounts. Input: none.

        Returns:
            What was compared, taken up and found, and which accounts were left out, with the reason.

        Raises:
            ApplicationError: the inventory or Temporal answers in a way that no repeating mends.
        """
        del given  # taken by __init__
        workflow.upsert_search_attributes(search_attributes.updates({"EvercertKind": "sync"}, {}))
        workflow.set_current_details(_page("Looking for lost orders and unknown sales", self._result))
        try:
            await self._take_up_orphans()
            await self._compare_accounts()
            return await self._finished()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            code, message = cause_of(error)
            raise ApplicationError(message, type=code, non_retryable=True) from None

    async def _take_up_orphans(self) -> None:
        while self._orders_after is not None:
            found = await workflow.execute_activity_method(
                SyncActivities.find_orphans,
                OrphanSearch(after=self._orders_after),
                **options.told(options.LOOK_AT_RUNS, "Look for open orders whose run is lost, and take them up"),
            )
            before = self._result
            self._add(
                orders_looked_at=before.orders_looked_at + found.looked_at,
                runs_started=before.runs_started + len(found.taken_up),
                orders_taken_up=before.orders_taken_up + found.taken_up,
                runs_under_way=before.runs_under_way + found.under_way,
                orders_refused=before.orders_refused + found.refused,
            )
            self._orders_after = found.after or None
            self._go_on_as_new_when_long()

    async def _compare_accounts(self) -> None:
        while True:
            page = await workflow.execute_activity_method(
                SyncActivities.accounts_to_compare,
                self._accounts_after,
                **options.told(options.INVENTORY, "Read which seller accounts there are"),
            )
            few = asyncio.Semaphore(_ACCOUNTS_AT_ONCE)
            await asyncio.gather(*(self._compare(name, few) for name in page.names))
            if not page.after:
                return
            self._accounts_after = page.after
            self._go_on_as_new_when_long()

    async def _compare(self, account: str, few: asyncio.Semaphore) -> None:
        """Compare one account; what keeps it from being compared is told and never taken for a finding."""
        async with few:
            try:
                found = await workflow.execute_activity_method(
                    SyncActivities.compare_account,
                    CompareInput(account=account),
                    **options.told(options.SELLER_LIST, f"Compare the list of account {account} with the inventory"),
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                code, message = cause_of(error)
                skipped = SkippedAccount(account=account, code=code, message=message[:300])
                self._add(accounts_skipped=_by_name((*self._result.accounts_skipped, skipped)))
                return
        before = self._result
        self._add(
            accounts_compared=tuple(sorted((*before.accounts_compared, account))),
            sales_listed=before.sales_listed + found.listed,
            sales_ours=before.sales_ours + found.ours,
            alerts_raised=before.alerts_raised + len(found.raised),
            alert_ids=before.alert_ids + found.raised,
            alerts_seen=before.alerts_seen + found.known_alerts,
            orders_nudged=before.orders_nudged + len(found.nudged),
        )

    async def _finished(self) -> SyncResult:
        result = self._result
        tally = SyncTally(
            orders=result.orders_looked_at,
            taken_up=result.runs_started,
            accounts=len(result.accounts_compared),
            skipped=len(result.accounts_skipped),
            raised=result.alerts_raised,
        )
        mark = await workflow.execute_activity_method(
            SyncActivities.finish_sync,
            tally,
            **options.told(options.INVENTORY, "Read how far the inventory has come"),
        )
        self._add(audit_sequence=mark.audit_sequence)
        workflow.set_current_details(_page("Looked at everything", self._result))
        return self._result

    def _add(self, **found: Any) -> None:
        """Take findings into the result; lists of ids are cut where they would make it long."""
        named = ("orders_taken_up", "orders_refused", "alert_ids")
        is_cut = any(len(found.get(name, ())) > _MOST_NAMED for name in named)
        bounded = {name: it[:_MOST_NAMED] if name in named else it for name, it in found.items()}
        self._result = self._result.model_copy(update={**bounded, "is_cut": self._result.is_cut or is_cut})

    def _go_on_as_new_when_long(self) -> None:
        if workflow.info().get_current_history_length() > options.CONTINUE_AS_NEW_EVENTS:
            workflow.continue_as_new(
                SyncInput(orders_after=self._orders_after, accounts_after=self._accounts_after, so_far=self._result)
            )


def _by_name(skipped: Iterable[SkippedAccount]) -> tuple[SkippedAccount, ...]:
    return tuple(sorted(skipped, key=lambda it: it.account))


def _page(headline: str, result: SyncResult) -> str:
    """Return the current details: what was found, and what a person should do."""
    lines = [
        f"## {headline}",
        f"- open orders looked at: {result.orders_looked_at}, of them lost: {result.runs_started} taken up now",
        f"- lost before and being taken up: {result.runs_under_way}",
        f"- accounts compared: {len(result.accounts_compared)}, sales of ours in their lists: {result.sales_ours}",
    ]
    lines += [
        f"- **not compared**: {foreign(it.account)}, {it.code}: {foreign(it.message, 200)}"
        for it in result.accounts_skipped[:10]
    ]
    lines += [f"- **not taken up**: {order_id}, {code}" for order_id, code in result.orders_refused[:10]]
    if result.alerts_raised:
        lines.append(f"- **{result.alerts_raised} new alerts**: `evercert alert list`")
    return "\n".join(lines)
