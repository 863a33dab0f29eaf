"""One machine under test: the processes of a ``Stack``, the typed client, and looks at both sides of the deal."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from domain.inventory import OrderRecord
from domain.request import OrderRequest
from starter.client import EvercertClient, StartedOrder
from starter.prove.operating import try_now
from starter.stack import Stack, StackOptions, smallest_request
from workflows.messages import OrderResult

REPOSITORY = Path(__file__).parents[2]
_LOOK_SECONDS = 0.05

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error document that ends standard error with ``-o json``."""
        return dict(json.loads(self.err.strip().splitlines()[-1])["error"])


class House:
    """Everything of one machine, with what tests ask of it. One per module; each test orders names of its own."""

    def __init__(self, stack: Stack, client: EvercertClient) -> None:
        self.stack = stack
        self.client = client
        self.said: list[Said] = []
        """What every command of :meth:`cli` has said."""

    # orders

    def request(self, name: str, **changes: Any) -> OrderRequest:
        """The smallest order of the sandbox, for a name."""
        return smallest_request(name, **changes)

    async def order(self, name: str, **changes: Any) -> StartedOrder:
        """Start an order."""
        return await self.client.order(self.request(name, **changes))

    async def issued(self, started: StartedOrder) -> OrderResult:
        """Wait for the end, which must be the good one."""
        result = await self.client.wait(started)
        assert result.state == "issued"
        return result

    async def failure(self, started: StartedOrder) -> ApplicationError:
        """Wait for the end, which must be a failure of ours."""
        return await failure_of(self.handle(started))

    def handle(self, started: StartedOrder) -> WorkflowHandle[Any, Any]:
        """The run of an order."""
        return self.client.temporal.get_workflow_handle(started.workflow_id, run_id=started.run_id)

    async def record(self, started: StartedOrder) -> OrderRecord:
        """The order's row, which must be there."""
        found = await self.client.inventory.order(started.order_id)
        assert found is not None
        return found

    async def until_order(self, started: StartedOrder, is_so: Callable[[OrderRecord], bool]) -> OrderRecord:
        """Wait until the inventory shows an order as wanted."""

        async def look() -> OrderRecord | None:
            found = await self.client.inventory.order(started.order_id)
            return found if found is not None and is_so(found) else None

        return await until(look)

    async def until_state(self, started: StartedOrder, state: str, code: str = "") -> OrderRecord:
        """Wait until the inventory shows an order in a state, with a code where one is given."""
        return await self.until_order(started, lambda it: it.state == state and code in ("", it.error_code))

    async def story(self, subject: str) -> list[str]:
        """The kinds of the audit rows of an order, in their order."""
        return [event.kind for event in await self.client.inventory.audit(subject=subject)]

    async def look_at_once(self, started: StartedOrder) -> None:
        """Let what waits a minute for its next try be tried now, as *Reset* of a pending activity in the Web UI does."""
        await try_now(self.client.temporal, started.workflow_id, started.run_id)

    async def until_resting(self, started: StartedOrder) -> None:
        """Wait until a run lies between two looks, with nothing under way that a kill would cut off."""
        handle = self.handle(started)

        async def is_resting() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return bool(pending) and all(
                it.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED for it in pending
            )

        await until_true(is_resting)

    async def page(self, started: StartedOrder) -> str:
        """The current details that the Web UI shows of a run."""
        told = await self.handle(started).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return str(told.current_details)

    # the seller's side

    def sales(self, started: StartedOrder | None = None) -> int:
        """How often the seller sold: for one order, or at all."""
        ledger: Any = self.stack.control("ledger")
        if started is None:
            return int(ledger["count"])
        return sum(sale["custom_order_id"] == started.order_id for sale in ledger["sales"])

    def dns(self, name: str) -> list[Any]:
        """The records that the name server holds at or below a name."""
        records: Any = self.stack.control("dns")["records"]
        return [record for record in records if name in json.dumps(record)]

    async def fault(self, fault: str, **rule: Any) -> None:
        """Let something go wrong at the seller from now on."""
        await self.tell_sandbox("POST", "faults", {"fault": fault, **rule})

    async def heal(self) -> None:
        """Let nothing go wrong any more."""
        await self.tell_sandbox("DELETE", "faults")

    async def tell_sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """Write to the sandbox's control API."""
        return await asyncio.to_thread(self.stack.tell_sandbox, method, path, body)

    # the command line

    async def cli(self, *words: str, stdin: str = "", env: dict[str, str] | None = None) -> Said:
        """Run a command as a person would, in the environment of this machine."""
        said = await run_cli(words, {**self.stack.environment(), **(env or {})}, stdin)
        self.said.append(said)
        return said


async def run_cli(words: Sequence[str], env: dict[str, str], stdin: str = "") -> Said:
    """Run a command in an environment and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter.cli", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=REPOSITORY,
    )
    out, err = await process.communicate(stdin.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def open_house(
    home: Path, *, with_worker: bool = True, visibility_minutes: int = 60, inventory_url: str = ""
) -> AsyncIterator[House]:
    """Start a machine of its own; this process is a client of it for that time, whatever its environment said before."""
    options = StackOptions(
        home=home,
        ui_port=None,
        ca_poll_seconds=0.2,
        with_worker=with_worker,
        visibility_minutes=visibility_minutes,
        inventory_url=inventory_url,
    )
    async with Stack(options, lambda line: print(line, file=sys.stderr)) as stack:
        with pytest.MonkeyPatch.context() as patch:
            for key in [key for key in os.environ if key.startswith(("TEMPORAL_", "EVERCERT_"))]:
                patch.delenv(key)
            for key, value in stack.environment().items():
                patch.setenv(key, value)
            async with EvercertClient.connect(stack.settings) as client:
                yield House(stack, client)


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something to see; pytest's time-out is the only limit."""
    while True:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


async def until_true(look: Callable[[], Awaitable[bool]]) -> None:
    """Look until it is so."""

    async def seen() -> bool | None:
        return await look() or None

    await until(seen)


async def failure_of(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """Wait for the end of a run, which must be a failure of ours."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


_TOLD = (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED)


def summaries(events: Sequence[HistoryEvent]) -> list[str]:
    """The summaries of activities and timers of a history, in order: the story that the Web UI shows."""
    return [
        json.loads(event.user_metadata.summary.data) if event.user_metadata.summary.data else "(no summary)"
        for event in events
        if event.event_type in _TOLD
    ]


def count(events: Sequence[HistoryEvent], kind: "EventType.ValueType") -> int:
    """How many events of a kind a history has."""
    return sum(event.event_type == kind for event in events)
