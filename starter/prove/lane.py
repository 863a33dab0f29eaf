"""A lane of a proof: a Temporal namespace, an inventory and a sandbox of its own, where one case runs at a time.

Lanes share the Temporal server and the host of workers; nothing that one does reaches another.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.adapters.build import Adapters, adapter_settings, open_adapters
from domain.inventory import OrderRecord
from domain.request import OrderRequest
from starter.client import EvercertClient, StartedOrder
from starter.logs import runtime
from starter.plugin import evercert_plugin
from starter.prove.boundaries import Strike
from starter.prove.case import Database
from starter.prove.operating import try_now
from starter.prove.postgres import PrivatePostgres
from starter.prove.workers import WatchedWorker, WorkerHost
from starter.server import DevServer
from starter.stack import Stack, StackOptions, smallest_request

LOOK_SECONDS = 0.2
_CA_SECONDS = 0.2
_HIDDEN_SECONDS = 86_400.0
_SECRETS = ("token", "token_code", "link")


@dataclass(frozen=True)
class LaneOptions:
    """Where a lane lives.

    Attributes:
        home: its folder.
        name: of its Temporal namespace.
        database, inventory_url: what its inventory is kept in; empty address: SQLite in ``home``.
        server: the Temporal server to share; None starts one of its own.
        visibility_minutes: how long a sale may take to show up.
        postgres, database_name: where its inventory is, on PostgreSQL.
    """

    home: Path
    name: str
    database: Database = Database.SQLITE
    inventory_url: str = ""
    server: DevServer | None = None
    visibility_minutes: int = 0
    postgres: PrivatePostgres | None = None
    database_name: str = ""


class Lane:
    """One lane, open. Made by :func:`open_lane`."""

    def __init__(
        self, options: LaneOptions, stack: Stack, adapters: Adapters, temporal: Client, host: WorkerHost
    ) -> None:
        self.options = options
        self.stack = stack
        self.adapters = adapters
        self.temporal = temporal
        self.client = EvercertClient(temporal, adapters)
        self._reopened = AsyncExitStack()
        self._host = host
        self._workers: list[WatchedWorker] = []
        self.order_secrets: set[tuple[str, str]] = set()
        """Tokens and links that the seller gave out with orders, by kind: they are searched when all is over."""
        self._orders = 0

    # workers

    async def start_worker(
        self,
        strike: Strike | None = None,
        *,
        skew_seconds: float = 0.0,
        skew_after: Path | None = None,
        sure_after_seconds: float = 0.0,
        is_lean: bool = False,
        obeys_permissions: bool = False,
    ) -> WatchedWorker:
        """Start a worker and wait until it polls, or strikes itself before that."""
        worker = await self._host.start(
            self.stack.environment(),
            self.options.home,
            strike=strike,
            skew_seconds=skew_seconds,
            skew_after=skew_after,
            sure_after_seconds=sure_after_seconds,
            is_lean=is_lean,
            obeys_permissions=obeys_permissions,
        )
        self._workers.append(worker)
        await worker.until_ready()
        return worker

    async def kill_workers(self) -> None:
        """Kill every worker of this lane that still lives, frozen ones included."""
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        self._workers.clear()

    # the inventory

    async def reopen_inventory(self) -> None:
        """Open the inventory anew, after it was exchanged; what was opened before it is left to the end of the lane."""
        await self._reopened.aclose()
        self.adapters = await self._reopened.enter_async_context(open_adapters(adapter_settings(self.stack.settings)))
        self.client = EvercertClient(self.temporal, self.adapters)

    async def close_inventory(self) -> None:
        """Let go of the inventory's file, as if this process did not look at it, until it is reopened."""
        await self.adapters.inventory.aclose()
        await self._reopened.aclose()

    # the seller

    async def tell_sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """Speak to the sandbox's control API."""
        return await asyncio.to_thread(self.stack.tell_sandbox, method, path, body)

    async def fault(self, fault: str, **rule: Any) -> None:
        """Let something go wrong at the seller from now on."""
        await self.tell_sandbox("POST", "faults", {"fault": fault, **rule})

    async def heal(self) -> None:
        """Let nothing go wrong at the seller any more."""
        await self.tell_sandbox("DELETE", "faults")

    async def hide_sales(self) -> None:
        """Let the seller show no sale, neither by our reference nor in its list, until it is healed."""
        await self.fault("unknown_order_shape", shape="error", hide=True)
        await self.fault("query_lag", seconds=_HIDDEN_SECONDS)

    async def forget(self) -> None:
        """Let the seller forget all orders, records, faults and its journal, so that each case finds it as new."""
        await self.note_secrets()
        await self.tell_sandbox("POST", "reset")

    async def note_secrets(self) -> None:
        """Remember the tokens and links of the orders that the seller has."""
        for order in (await self.tell_sandbox("GET", "secrets"))["orders"]:
            self.order_secrets |= {(kind, str(order[kind])) for kind in _SECRETS}

    async def switch(self, **switches: Any) -> None:
        """Set switches of the sandbox."""
        await self.tell_sandbox("POST", "switches", switches)

    async def sold(self, name: str) -> list[dict[str, Any]]:
        """Return the sales for a name in the seller's ledger."""
        ledger = await self.tell_sandbox("GET", "ledger")
        return [sale for sale in ledger["sales"] if name in sale["names"]]

    # orders

    @property
    def has_run(self) -> bool:
        """Whether a case has run here."""
        return self._orders > 0

    def new_name(self) -> str:
        """Return a name that no case of this lane has used."""
        self._orders += 1
        return f"case-{self._orders}.{self.options.name}.test"

    def request(self, name: str, **changes: Any) -> OrderRequest:
        """Return the smallest order of the sandbox, for a name."""
        return smallest_request(name, **{"requested_by": "prove", **changes})

    async def order(self, name: str, **changes: Any) -> StartedOrder:
        """Start an order."""
        return await self.client.order(self.request(name, **changes))

    def run_of(self, started: StartedOrder) -> WorkflowHandle[Any, Any]:
        """Return the newest run of an order's workflow id."""
        return self.temporal.get_workflow_handle(started.workflow_id)

    async def record(self, started: StartedOrder) -> OrderRecord | None:
        """Return the order's row, if there is one."""
        return await self.adapters.inventory.order(started.order_id)

    async def until(self, started: StartedOrder, is_so: Callable[[OrderRecord], bool]) -> OrderRecord:
        """Wait until the inventory shows an order as wanted."""
        while True:
            found = await self.record(started)
            if found is not None and is_so(found):
                return found
            await asyncio.sleep(LOOK_SECONDS)

    async def look_at_once(self, started: StartedOrder) -> None:
        """Let what waits for its next try be tried now, as *Reset* of a pending activity in the Web UI does."""
        record = await self.record(started)
        with contextlib.suppress(RPCError):  # a server that has lost this run
            await try_now(self.temporal, record.workflow_id if record is not None else started.workflow_id)

    async def close_reopened(self) -> None:
        """Close what :meth:`reopen_inventory` has opened."""
        await self._reopened.aclose()

    async def clean_up(self, started: StartedOrder | None) -> None:
        """Leave nothing of a case behind that could reach the next one."""
        await self.kill_workers()
        with contextlib.suppress(RPCError):
            if started is not None:
                await self.run_of(started).terminate("the case is over")
        await self.heal()


@asynccontextmanager
async def open_lane(options: LaneOptions, host: WorkerHost, say: Callable[[str], None]) -> AsyncIterator[Lane]:
    """Open a lane; its sandbox, and its server where it has one of its own, end with the block."""
    wanted = StackOptions(
        home=options.home,
        ui_port=None,
        ca_poll_seconds=_CA_SECONDS,
        with_worker=False,
        namespace=options.name,
        server=options.server,
        inventory_url=options.inventory_url,
        visibility_minutes=options.visibility_minutes,
    )
    async with AsyncExitStack() as stack_:
        stack = await stack_.enter_async_context(Stack(wanted, say))
        adapters = await stack_.enter_async_context(open_adapters(adapter_settings(stack.settings)))
        temporal = await Client.connect(
            stack.server.address, namespace=options.name, runtime=runtime(), plugins=[evercert_plugin()]
        )
        lane = Lane(options, stack, adapters, temporal, host)
        stack_.push_async_callback(lane.close_reopened)
        stack_.push_async_callback(lane.kill_workers)
        # What only the first worker of a new home does is no part of any case: on a lane in use it would never come.
        await (await lane.start_worker()).stop()
        yield lane
