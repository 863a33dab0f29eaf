"""Writing down a sale that the inventory has forgotten: so after a copy from before the purchase was put back.

The run knows the sale from its history, and goes on; the inventory must not end with an issued order that it counts as unsold.
"""

from activities.act_changes import ActChanges
from activities.order_view import OrderView
from activities.ports import Clock, Inventory
from domain.inventory import ActState, OrderRecord
from domain.seller import SellerOrder

_FORGOTTEN = (ActState.RESERVED, ActState.SENDING, ActState.IN_DOUBT, ActState.PLACED)


class Recalling:
    """Recalls sales."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._acts = ActChanges(inventory, clock)
        self._view = OrderView(inventory, clock)

    async def recall(self, order: OrderRecord | None, found: SellerOrder) -> None:
        """Write a sale down, with its audit row, where the order has no number.

        Twice: it is there. Two at once: one writes it, the other looks again later.

        Args:
            order: as the inventory has it.
            found: as the seller shows it, under the number that the run got when it bought.

        Raises:
            NotYet: ``purchase-overtaken``.
        """
        if order is None or order.seller_order_id:
            return
        act = await self._inventory.act(order.order_id)
        if act is None or act.state not in _FORGOTTEN:
            return
        charged = found.amount or act.price
        if act.state is not ActState.PLACED:
            await self._acts.change(
                act, ActState.PLACED, "purchase.adopted", seller_order_id=found.seller_order_id, charged=charged
            )
        await self._view.placed(order.order_id, found, charged)
