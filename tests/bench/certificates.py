"""Certificates per second: Evercert against a bare workflow and against a plain script, in one run on one machine.

Run it as ``python -m tests.bench.certificates [ORDERS] [AT_ONCE] [RUNS] [--json]``. All sides share one private Temporal
server and one sandbox, and take turns, so that load meets them alike; each number is the median of the runs, each ratio the
median of the ratios within a run. Not a test: it prints and judges nothing, but counts the sales.

* ``evercert``: orders from ``start_workflow`` to ``issued``, by one worker process; P-256, and RSA-2048 beside it.
* ``bare``: a workflow of as many no-op activities, in the shape of a real order's history, by one worker process.
* ``plain``: the same calls from an asyncio script that keeps nothing: no Temporal, no inventory, no second look.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import httpx
from google.protobuf.duration_pb2 import Duration
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from activities.interface import WORKFLOW_QUEUE
from domain.request import DcvChoice, KeyChoice, OrderRequest
from starter.client import EvercertClient
from starter.process import ChildProcess, leave
from starter.stack import ACCOUNT, Stack, StackOptions
from tests.bench.bare import QUEUE_SUFFIX, Bare, Shape, Step
from tests.bench.machine import Meter, Usage, cores
from tests.bench.plain import PlainScript, Where

Algorithm = Literal["ecdsa", "rsa"]
One = Callable[[], Awaitable[None]]

EVERCERT, BARE, PLAIN = "evercert", "bare", "plain"
EVERCERT_RSA, PLAIN_RSA = "evercert, RSA-2048", "plain, RSA-2048"
SIDES = (EVERCERT, BARE, PLAIN, EVERCERT_RSA, PLAIN_RSA)
RATIOS = ((EVERCERT, BARE), (EVERCERT, PLAIN), (EVERCERT_RSA, PLAIN_RSA))
_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """One side in one run.

    Attributes:
        done: certificates, or bare workflows.
        usage: time and processors that they took.
        sold: sales that the sandbox counts for them.
    """

    done: int
    usage: Usage
    sold: int

    @property
    def rate(self) -> float:
        """How many per second."""
        return self.done / self.usage.wall_seconds


@dataclass(frozen=True)
class Findings:
    """What one call of the benchmark found.

    Attributes:
        orders, at_once: of each side in each run.
        activities: of an order, and so of a bare workflow.
        runs: each side of each run, in the order of the runs.
    """

    orders: int
    at_once: int
    activities: int
    runs: tuple[dict[str, Measured], ...]

    def rate(self, side: str) -> float:
        """Return the median of a side's rates, per second."""
        return statistics.median(run[side].rate for run in self.runs)

    def ratio(self, side: str, other: str) -> float:
        """Return the median of the ratios within a run."""
        return statistics.median(run[side].rate / run[other].rate for run in self.runs)

    def shares(self, side: str) -> dict[str, float]:
        """Return which part of one processor each process used meanwhile."""
        names = self.runs[0][side].usage.cpu_seconds
        return {
            name: statistics.median(
                run[side].usage.cpu_seconds[name] / run[side].usage.wall_seconds for run in self.runs
            )
            for name in names
        }

    def others(self, side: str) -> float | None:
        """Return how many processors the rest of the machine kept busy meanwhile; None where that is not known."""
        used = [(run[side].usage.other_seconds, run[side].usage.wall_seconds) for run in self.runs]
        return (
            statistics.median(other / wall for other, wall in used if other is not None)
            if used[0][0] is not None
            else None
        )


class Bench:
    """The sides, ready to be measured."""

    def __init__(self, stack: Stack, client: EvercertClient, script: PlainScript, at_once: int) -> None:
        self._stack = stack
        self._client = client
        self._script = script
        self._at_once = at_once
        self._bare_worker: ChildProcess
        self.shape: Shape

    async def prepare(self) -> None:
        """Warm every side by one certificate; the order gives the bare workflow its shape, and that its worker."""
        first = await self._client.order(_request("ecdsa"))
        await self._client.wait(first)
        self.shape = await shape_of(self._client.temporal, first.workflow_id)

    async def measure(self, side: str, count: int) -> Measured:
        """Let one side do its work; the others rest meanwhile."""
        before, meter = self._sales(), Meter(self._pids(side))
        await _all(self._one(side), count, self._at_once)
        return Measured(count, meter.usage(), self._sales() - before)

    def _one(self, side: str) -> One:
        algorithm: Algorithm = "rsa" if side in (EVERCERT_RSA, PLAIN_RSA) else "ecdsa"
        if side == BARE:
            return self._run_bare
        if side in (PLAIN, PLAIN_RSA):
            return lambda: self._buy_plainly(algorithm)
        return lambda: self._order(algorithm)

    async def _order(self, algorithm: Algorithm) -> None:
        result = await self._client.wait(await self._client.order(_request(algorithm)))
        if result.state != "issued":
            raise RuntimeError(f"an order ended as {result.state}")

    async def _run_bare(self) -> None:
        done = await self._client.temporal.execute_workflow(
            Bare.run, self.shape, id=f"bare-{uuid.uuid4().hex}", task_queue=WORKFLOW_QUEUE + QUEUE_SUFFIX
        )
        if done != self.shape.activities:
            raise RuntimeError(f"a bare workflow did {done} activities")

    async def _buy_plainly(self, algorithm: Algorithm) -> None:
        await self._script.buy(f"plain-{uuid.uuid4().hex[:12]}.bench.test", algorithm)

    def _pids(self, side: str) -> dict[str, int]:
        assert self._stack.worker is not None
        assert self._stack.sandbox_process is not None
        pids = {"this process": os.getpid(), "sandbox": self._stack.sandbox_process.pid}
        if side in (EVERCERT, EVERCERT_RSA):
            return pids | {"Temporal": self._stack.server.pid, "worker": self._stack.worker.pid}
        if side == BARE:
            return pids | {"Temporal": self._stack.server.pid, "worker": self._bare_worker.pid}
        return pids

    def _sales(self) -> int:
        return int(str(self._stack.control("ledger")["count"]))

    @asynccontextmanager
    async def bare_worker(self) -> AsyncIterator[None]:
        """Run the worker of the bare workflow: one process, a ``Worker`` for each queue of the shape, as Evercert has."""
        home, ready = self._stack.options.home, self._stack.options.home / "bare.ready"
        argv = [
            sys.executable, "-m", "tests.bench.bare_worker", self._stack.server.address, self._stack.options.namespace,
            str(ready), WORKFLOW_QUEUE + QUEUE_SUFFIX, *self.shape.queues,
        ]  # fmt: skip
        async with ChildProcess.start(argv, log=home / "bare.log", env=self._stack.environment()) as process:
            self._bare_worker = process
            for _ in range(int(_READY_SECONDS / _LOOK_SECONDS)):
                if ready.exists() or not process.running:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            if not ready.exists():
                raise RuntimeError(f"the bare worker does not start: {process.tail()}")
            yield


async def _all(one: One, count: int, at_once: int) -> None:
    gate = asyncio.Semaphore(at_once)

    async def gated() -> None:
        async with gate:
            await one()

    await asyncio.gather(*(gated() for _ in range(count)))


def _request(algorithm: Algorithm) -> OrderRequest:
    return OrderRequest(
        account=ACCOUNT,
        product="positivessl",
        common_name=f"host-{uuid.uuid4().hex[:12]}.bench.test",
        months=12,
        dcv=DcvChoice(dns_account=ACCOUNT),
        key=KeyChoice(algorithm=algorithm),
    )


async def shape_of(client: Client, workflow_id: str) -> Shape:
    """Read from a history which activities a run had: those that one workflow task scheduled were at work at once."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    groups: dict[int, list[Step]] = {}
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            task = event.activity_task_scheduled_event_attributes.workflow_task_completed_event_id
            groups.setdefault(task, []).append(_step(event))
    return Shape(list(groups.values()))


def _step(event: HistoryEvent) -> Step:
    scheduled = event.activity_task_scheduled_event_attributes
    return Step(
        queue=scheduled.task_queue.name + QUEUE_SUFFIX,
        start_to_close_seconds=_seconds(scheduled.start_to_close_timeout),
        heartbeat_seconds=_seconds(scheduled.heartbeat_timeout),
        first_pause_seconds=_seconds(scheduled.retry_policy.initial_interval),
        backoff=scheduled.retry_policy.backoff_coefficient,
        longest_pause_seconds=_seconds(scheduled.retry_policy.maximum_interval),
    )


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta() / timedelta(seconds=1)


@asynccontextmanager
async def open_bench(home: Path, at_once: int, say: Callable[[str], None]) -> AsyncIterator[Bench]:
    """Start server, sandbox and both workers, and warm them."""
    async with Stack(StackOptions(home=home, ui_port=None, ca_poll_seconds=0.2), say) as stack:
        at = stack.sandbox
        with _environment_of(stack):
            async with EvercertClient.connect(stack.settings) as client, httpx.AsyncClient(trust_env=False) as http:
                script = PlainScript(Where(at.base_url, at.dns_host, at.dns_port, at.tsig_name), http)
                bench = Bench(stack, client, script, at_once)
                await bench.prepare()
                async with bench.bare_worker():
                    for side in (BARE, PLAIN):
                        await bench.measure(side, 1)
                    yield bench


@contextmanager
def _environment_of(stack: Stack) -> Generator[None]:
    """Make this process a client of the stack, whatever its environment says, for the time of a block."""
    before = dict(os.environ)
    stack.adopt_environment()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def run(
    home: Path, *, orders: int, at_once: int, runs: int, sides: Sequence[str] = SIDES, say: Callable[[str], None]
) -> Findings:
    """Measure all sides in turn, every other run in reverse.

    Args:
        home: folder for everything that is started.
        orders: of each side in each run.
        at_once: how many of them at the same time.
        runs: how often.
        sides: which of ``SIDES``.
        say: told what is going on.
    """
    found = []
    async with open_bench(home, at_once, say) as bench:
        for number in range(runs):
            measured = {}
            for side in sides if number % 2 == 0 else reversed(sides):
                measured[side] = await bench.measure(side, orders)
                say(f"run {number + 1}: {side} {measured[side].rate:.2f}/s")
            found.append(measured)
        return Findings(orders, at_once, bench.shape.activities, tuple(found))


def table(found: Findings) -> str:
    """Return the findings for people."""
    asked = f"{found.orders} orders, {found.at_once} at once, median of {len(found.runs)} runs"
    lines = [
        f"{asked}; {cores()} cores; an order has {found.activities} activities",
        "",
        f"{'':<22}{'per second':>10}  parts of one core used meanwhile",
    ]
    for side in found.runs[0]:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in found.shares(side).items())
        others = found.others(side)
        rest = "" if others is None else f", all else {others:.2f}"
        lines.append(f"{side:<22}{found.rate(side):>10.2f}  {shares}{rest}")
    lines.append("")
    lines += [f"{f'{side} / {other}':<42}{found.ratio(side, other):>6.2f}" for side, other in _ratios(found)]
    sold = sum(measured.sold for run in found.runs for measured in run.values())
    bought = sum(measured.done for run in found.runs for side, measured in run.items() if side != BARE)
    lines.append(f"{'sales counted / certificates':<42}{f'{sold}/{bought}':>6}")
    return "\n".join(lines)


def _ratios(found: Findings) -> list[tuple[str, str]]:
    return [(side, other) for side, other in RATIOS if {side, other} <= found.runs[0].keys()]


def document(found: Findings) -> str:
    """Return the findings as JSON."""
    return json.dumps(
        {
            "orders": found.orders,
            "at_once": found.at_once,
            "activities": found.activities,
            "cores": cores(),
            "per_second": {side: round(found.rate(side), 3) for side in found.runs[0]},
            "ratios": {f"{side} / {other}": round(found.ratio(side, other), 3) for side, other in _ratios(found)},
            "core_shares": {side: found.shares(side) for side in found.runs[0]},
            "runs": [{side: asdict(measured) for side, measured in run.items()} for run in found.runs],
        },
        indent=2,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("orders", nargs="?", type=int, default=120)
    parser.add_argument("at_once", nargs="?", type=int, default=60)
    parser.add_argument("runs", nargs="?", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one document instead of a table")
    return parser.parse_args()


async def main() -> None:
    """Measure and print; what is going on goes to standard error."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="evercert-bench-") as home:
        found = await run(
            Path(home),
            orders=asked.orders,
            at_once=asked.at_once,
            runs=asked.runs,
            say=lambda line: print(line, file=sys.stderr),
        )
    print(document(found) if asked.json else table(found))


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
