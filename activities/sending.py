"""The one way to ``sending``: what must be so before the commit, and what must be on the disk before the request leaves.

Every act that may cost money goes through here. While the inventory may have lost something nothing leaves; and how far it
had come is kept outside of it before each request, so that a copy put back later is recognised as one.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from activities.act_changes import ActChanges
from activities.ports import Clock, Inventory, Watermarks
from domain import ids, purchase
from domain.errors import EvercertError, Misconfigured, NotYet, Unavailable
from domain.inventory import ActRecord, ActState, AuditEvent
from domain.reconcile import Reason, Standing, Watermark, require_own, set_back

_LOOK_AGAIN = timedelta(minutes=1)
_LOOK_SOON = timedelta(seconds=2)


class Doubts:
    """Enters *reconcile first*: the reason, its audit row, and what is kept outside of the inventory."""

    def __init__(self, inventory: Inventory, watermarks: Watermarks, clock: Clock) -> None:
        self._inventory = inventory
        self._watermarks = watermarks
        self._clock = clock

    async def enter(
        self, reason: Reason, standing: Standing, *, by: str = "evercert", told: str = "", keep: bool = True
    ) -> None:
        """Let nothing leave before each account was compared. Repeating it makes the wait begin anew.

        Args:
            reason: why.
            standing: of the inventory, as the reason was found.
            by: who asked; anybody but ``evercert`` is a claim.
            told: the reason that a person gave.
            keep: write the new standing outside, too; not while another installation's is there.
        """
        now = await self._clock.now()
        occasion = f"{reason.kind}/{standing.newest}/{now.isoformat()}"
        event = AuditEvent(
            event_id=ids.event_id(standing.installation_id, "reconcile.entered", occasion),
            kind="reconcile.entered",
            subject=standing.installation_id,
            at=now,
            by=by,
            claim="system" if by == "evercert" else "claimed",
            reason=told,
            facts={"kind": reason.kind, "why": reason.sentence, "audit_sequence": str(standing.newest)},
        )
        await self._inventory.require_reconcile(
            reason.sentence, since=now, event=event, sent_until=reason.sent_before(now), past=reason.past
        )
        if keep:
            await self.keep(reason.sent_until)

    async def keep(self, sent_until: datetime | None) -> Standing:
        """Write outside how far the inventory is now, and return it."""
        standing = await self._inventory.standing()
        await self._watermarks.keep(
            Watermark(
                installation_id=standing.installation_id,
                sequence=standing.newest,
                event_id=standing.newest_event_id,
                file_sequence=standing.file_sequence or 0,
                sent_until=sent_until,
            )
        )
        return standing

    async def look(self) -> tuple[Standing, Reason | None]:
        """Hold the inventory against what is kept outside; where nothing is kept yet, that is made, and told.

        Raises:
            Misconfigured: ``sequence-foreign``, ``sequence-unreadable``.
            Unavailable: ``sequence-unavailable``.
        """
        mark = await self._watermarks.read()
        standing = await self._inventory.standing(mark)
        if mark is not None:
            require_own(mark, standing.installation_id)
            return standing, set_back(mark, standing)
        now = await self._clock.now()
        await self._inventory.append_audit(
            AuditEvent(
                event_id=ids.event_id(standing.installation_id, "sequence.begun", now.isoformat()),
                kind="sequence.begun",
                subject=standing.installation_id,
                at=now,
                facts={"audit_sequence": str(standing.newest)},
            )
        )
        return await self.keep(standing.sent_until), None


class Sending:
    """Moves acts to ``sending``."""

    def __init__(self, inventory: Inventory, watermarks: Watermarks, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._acts = ActChanges(inventory, clock)
        self._doubts = Doubts(inventory, watermarks, clock)

    async def begin(self, act: ActRecord, account: str, noun: str, *, looked_at: datetime) -> ActRecord:
        """Commit ``sending``, with a deadline until which the request may leave, and keep outside that this was done.

        Args:
            act: as it was seen.
            account: whose list must have been compared.
            noun: first word of the audit rows, ``purchase``.
            looked_at: when the seller was asked whether the act was done already.

        Returns:
            The act; its request may leave now. It is ``reserved`` again when this raises, unless another attempt has it.

        Raises:
            Misconfigured: ``reconcile-first``.
            NotYet: ``purchase-overtaken``.
            Unavailable: ``sequence-unavailable``, ``inventory-torn`` and their like; nothing is sent, and it is tried again.
        """
        await self._require_certainty(account)
        if not await self._inventory.is_look_fresh(account, looked_at):
            raise NotYet(
                "purchase-overtaken",
                "what was sent before the inventory was set back may not have shown at the last look; looked again",
                retry_after=_LOOK_SOON,
            )
        deadline = await self._clock.now() + timedelta(seconds=purchase.SEND_SECONDS)
        info = activity.info()
        sender = f"{info.workflow_run_id}/{info.activity_id}/{info.attempt}"
        act = await self._acts.change(act, ActState.SENDING, f"{noun}.sending", send_deadline=deadline, sender=sender)
        try:
            await self._require_certainty(account)
            await self._doubts.keep(deadline)
            await self._require_commit(act)
        except (EvercertError, asyncio.CancelledError) as error:
            code = error.code if isinstance(error, EvercertError) else ""
            await self._acts.change(act, ActState.RESERVED, f"{noun}.not-sent", code=code)
            raise
        return act

    async def _require_certainty(self, account: str) -> None:
        try:
            standing, reason = await self._doubts.look()
        except Misconfigured as error:
            raise _tried_again(error) from None
        if reason is not None and reason.kind == "file-set-back":
            raise Unavailable(
                "inventory-torn",
                f"something was copied over the inventory while workers use it: {reason.sentence}",
                next_step="stop all workers, copy again, remove its -wal and -shm files, start them",
            )
        if reason is not None:
            await self._doubts.enter(reason, standing)
        await require_compared(self._inventory, account)

    async def _require_commit(self, act: ActRecord) -> None:
        """Look once more for what was committed, fence and sender included.

        The file may have been exchanged meanwhile, and in the older one another attempt may have committed the same.
        """
        if await self._inventory.act(act.act_id) != act:
            raise NotYet(
                "purchase-overtaken",
                "the inventory does not hold what was just committed; looked again",
                retry_after=_LOOK_SOON,
            )


async def require_compared(inventory: Inventory, account: str) -> None:
    """Stop an act before it leaves while its account waits for a comparison.

    Raises:
        Misconfigured: ``reconcile-first``.
    """
    wait = await inventory.reconcile_wait(account)
    if wait is not None:
        raise Misconfigured(
            "reconcile-first",
            f"nothing is sent for account {account} before its orders at the seller were compared with the inventory: "
            f"{wait.reason} (since {wait.since:%Y-%m-%d %H:%M} UTC)",
            next_step=f"nothing to do: SyncOrders compares, with a list read after {wait.ready_at:%Y-%m-%d %H:%M:%S} UTC; "
            "evercert doctor tells how far it is",
        )


def _tried_again(error: Misconfigured) -> Unavailable:
    """What a worker refuses to start for must not end an order on its way: that waits, and says why."""
    return Unavailable(error.code, error.message, next_step=error.next_step, retry_after=_LOOK_AGAIN)
