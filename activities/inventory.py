"""Activities on the inventory itself: the version becomes current, a state is shown."""

from temporalio import activity

from activities.interface import InventoryActivities
from activities.messages import Recorded, RecordInput, StateNote
from activities.order_view import OrderView
from activities.ports import Clock, Inventory
from domain import ids
from domain.errors import InvariantBroken
from domain.inventory import AuditEvent
from domain.order import OrderState


class InventoryWriter(InventoryActivities):
    """Implements :class:`InventoryActivities`."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._view = OrderView(inventory, clock)

    @activity.defn(name="record")
    async def record(self, given: RecordInput) -> Recorded:
        """Make the candidate the current version in one transaction with its audit row.

        Twice: the version keeps its number and the audit row is the same.
        """
        order_id = given.run.order_id
        await self._view.enter(given.run, OrderState.RECORDING)
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(order_id, "version.current", given.serial),
            kind="version.current",
            subject=order_id,
            at=now,
            facts={"serial": given.serial},
        )
        version = await self._inventory.make_current(order_id, given.serial, event, now)
        return Recorded(
            certificate_id=version.certificate_id,
            version=version.number,
            fingerprint=version.fingerprint,
            serial=version.serial,
            not_before=version.not_before,
            not_after=version.not_after,
            key_id=version.key_id,
        )

    @activity.defn(name="note_state")
    async def note_state(self, note: StateNote) -> None:
        """Show a state with its audit row. Twice: one row.

        Without effect where the order's row was never opened (the history has the reason), or is another run's by now.
        """
        try:
            await self._view.note(note)
        except InvariantBroken as error:
            if error.code != "order-missing":
                raise
