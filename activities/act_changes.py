"""Changing an act at the seller: compare-and-set, each with its audit row."""

import logging
from datetime import timedelta

import structlog

from activities.ports import Clock, Inventory
from domain import ids
from domain.errors import NotYet
from domain.inventory import ActRecord, ActState, AuditEvent

_AGAIN = timedelta(seconds=2)
_CALLS_A_PERSON = (ActState.IN_DOUBT, ActState.NEEDS_PERSON)
_log = structlog.get_logger(__name__)


class ActChanges:
    """Moves acts from state to state; whoever loses a race looks again later."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock

    async def change(
        self,
        act: ActRecord,
        to: ActState,
        kind: str,
        *,
        code: str = "",
        by: str = "evercert",
        reason: str = "",
        **changes: object,
    ) -> ActRecord:
        """Change an act as it was seen.

        Args:
            act: as it was seen; its state and fence must still be so.
            to: the new state.
            kind: of the audit row, ``purchase.placed``.
            code: error code that the act carries from now on.
            by: who decided; anybody but ``evercert`` is a claim.
            reason: why, as given.
            changes: fields of the act to set.

        Raises:
            NotYet: ``purchase-overtaken``: another attempt changed it first.
        """
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(act.act_id, kind, str(act.fence)),
            kind=kind,
            subject=act.order_id,
            at=now,
            by=by,
            claim="system" if by == "evercert" else "claimed",
            reason=reason,
            facts={"from": act.state.value, "to": to.value, **({"code": code} if code else {})},
        )
        wanted = act.model_copy(update={**changes, "error_code": code})
        changed = await self._inventory.change_act(
            act.act_id, seen=act.state, fence=act.fence, to=to, changes=wanted, event=event, now=now
        )
        if changed is None:
            raise NotYet(
                "purchase-overtaken", "another attempt went on with this act; this one looks again", retry_after=_AGAIN
            )
        level = logging.WARNING if to in _CALLS_A_PERSON else logging.INFO
        _log.log(level, kind, order=act.order_id, act=act.act_id, state=to.value, code=code, fence=changed.fence)
        return changed
