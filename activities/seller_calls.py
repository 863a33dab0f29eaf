"""How activities call the seller: never for a parked account, and telling the order's row when the seller is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.messages import RunRef
from activities.order_view import OrderView
from activities.ports import Clock, Inventory, Seller, Sellers
from domain import ids
from domain.errors import EvercertError, InvalidRequest, Misconfigured, Refused, Unavailable
from domain.inventory import AccountRecord, AuditEvent

ACCOUNT_NOT_FOUND = "account-not-found"


class SellerCalls:
    """Opens the seller for the account of a run."""

    def __init__(self, inventory: Inventory, sellers: Sellers, clock: Clock) -> None:
        self._inventory = inventory
        self._sellers = sellers
        self._clock = clock
        self._view = OrderView(inventory, clock)

    async def account(self, name: str) -> AccountRecord:
        """Return the account.

        Raises:
            InvalidRequest: ``account-not-found``.
            Misconfigured: ``account-parked``: an administrator has to give it a good token first.
        """
        account = await self._inventory.account(name)
        if account is None:
            raise InvalidRequest(ACCOUNT_NOT_FOUND, "no such seller account", next_step="evercert account list")
        if account.parked_code:
            raise Misconfigured(
                "account-parked",
                f"seller account {name} is parked since {account.parked_at:%Y-%m-%d %H:%M} UTC: {account.parked_code}",
                next_step=f"give it a good token, then: evercert account check {name}",
            )
        return account

    @asynccontextmanager
    async def open(self, run: RunRef) -> AsyncIterator[Seller]:
        """Open the seller for one activity; a rejected token parks the account for all its orders."""
        await self.account(run.account)
        try:
            yield await self._sellers.open(run.account)
        except Refused as error:
            if error.code == "auth-rejected":
                await self._park(run.account, error)
            raise
        except Unavailable as error:
            await self._view.look(run, f"could not look: {error.message}")
            raise

    async def _park(self, name: str, error: EvercertError) -> None:
        now = await self._clock.now()
        event = AuditEvent(
            event_id=ids.event_id(name, "account.parked", now.isoformat()),
            kind="account.parked",
            subject=name,
            at=now,
            facts={"code": error.code},
        )
        await self._inventory.park_account(name, error.code, event)
