"""Private keys: made in the activity, sealed at once, never seen by a workflow."""

from temporalio import activity

from activities.interface import KeyActivities
from activities.messages import PreparedKey, PrepareKeyInput
from activities.order_view import OrderView
from activities.ports import X509, Clock, Inventory, KeyVault
from domain import ids
from domain.inventory import KeyRecord
from domain.order import OrderState

KEY_PURPOSE = "certificate-key"


class KeyMaker(KeyActivities):
    """Implements :class:`KeyActivities`."""

    def __init__(self, inventory: Inventory, vault: KeyVault, x509: X509, clock: Clock) -> None:
        self._inventory = inventory
        self._vault = vault
        self._x509 = x509
        self._clock = clock
        self._view = OrderView(inventory, clock)

    @activity.defn(name="prepare_key")
    async def prepare_key(self, given: PrepareKeyInput) -> PreparedKey:
        """Make key and CSR, seal the key, keep one row per order.

        Twice, also at the same time: the row that was first stays and is returned; the other key is thrown away.
        """
        key_id = ids.key_id(given.run.order_id, 1)
        await self._view.enter(given.run, OrderState.PREPARING_KEY)
        kept = await self._inventory.key(key_id)
        if kept is None:
            made = await self._x509.make_key(given.algorithm, given.size, given.names)
            record = KeyRecord(
                key_id=key_id,
                order_id=given.run.order_id,
                algorithm=given.algorithm,
                size=given.size,
                csr=made.csr,
                spki_sha256=made.spki_sha256,
            )
            sealed = self._vault.seal(made.private_key, row_id=key_id, purpose=KEY_PURPOSE)
            kept = await self._inventory.put_key(record, sealed, await self._clock.now())
        return PreparedKey(key_id=kept.key_id, spki_sha256=kept.spki_sha256)
