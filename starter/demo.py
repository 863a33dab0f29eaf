"""The demo: everything on this machine, one certificate from order to inventory, and one refusal on purpose.

The first thing that a newcomer runs, so it says what it does, how long that takes, and how to go on.
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from domain.inventory import OrderRecord
from domain.order import STATES, OrderState
from domain.request import OrderRequest
from starter.client import EvercertClient, StartedOrder
from starter.stack import ACCOUNT, NAMESPACE, Stack, StackOptions, smallest_request
from workflows.messages import OrderResult

Say = Callable[[str], None]

NAME = "www.demo.test"
_WATCH_SECONDS = 0.05
_HELD_SECONDS = 20.0
"""How long the sandbox holds back the answer to the purchase; the kill falls into its first quarter."""


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        keep: leave everything running, and the files in place, until Ctrl-C.
        crash: kill the worker in the middle of the purchase and start it again.
        seed: moves the moment of the kill.
        home: folder to use instead of a temporary one.
        ui_port: port of the Temporal Web UI; 0 picks a free one.
        worker_module: see ``StackOptions``.
    """

    keep: bool = False
    crash: bool = True
    seed: int = 1
    home: Path | None = None
    ui_port: int = 0
    worker_module: str = "starter.cli"


async def run_demo(options: DemoOptions, say: Say) -> int:
    """Run the demo; returns the exit code: 0 when every step showed what it promises."""
    began = time.monotonic()
    home = options.home or Path(tempfile.mkdtemp(prefix="evercert-demo-"))
    say(
        "Evercert demo: a paid certificate order as a durable workflow, on this machine alone. Nothing is bought for real."
    )
    wanted = StackOptions(home=home, ui_port=options.ui_port, worker_module=options.worker_module, with_schedules=True)
    try:
        async with AsyncExitStack() as open_:
            stack = await open_.enter_async_context(Stack(wanted, say))
            stack.adopt_environment()
            client = await open_.enter_async_context(EvercertClient.connect(stack.settings))
            _say_links(stack, say)
            ended = await _Tour(stack, client, options, say).run()
            say(f"\nDone in {time.monotonic() - began:.0f} s.")
            if ended == 0 and options.keep:
                _say_next(stack, say)
                await _until_interrupted(say)
            elif ended == 0:
                say("Everything is stopped and removed now. ./deploy/demo --keep leaves it running to look around.")
            return ended
    finally:
        if options.home is None:
            shutil.rmtree(home, ignore_errors=True)


class _Tour:
    """The steps of the demo, each printing what it showed."""

    def __init__(self, stack: Stack, client: EvercertClient, options: DemoOptions, say: Say) -> None:
        self._stack = stack
        self._client = client
        self._options = options
        self._say = say

    async def run(self) -> int:
        """Take all steps; 0 when each kept its promise."""
        started, result = await self._order()
        once = self._show_sale(started)
        verified = await self._export(started, result)
        refused = await self._be_refused()
        self._say_where(started)
        return 0 if result.state == "issued" and once and verified and refused else 1

    async def _order(self) -> tuple[StartedOrder, OrderResult]:
        request = demo_request()
        self._say(f"\n1  Order a certificate for {NAME}")
        if self._options.crash:
            self._stack.strike(fault="answer_delay", endpoint="order/neworder", seconds=_HELD_SECONDS, times=1)
        started = await self._client.order(request)
        self._say(f"   order {started.order_id}, run {started.workflow_id}")
        watching = asyncio.create_task(self._watch(started.order_id))
        if self._options.crash:
            await self._crash(started.order_id)
        result = await self._client.wait(started)
        await watching
        price = f"{result.price.currency} {result.price.amount:.2f}" if result.price else "nothing"
        self._say(
            f"   paid {price} for {request.months} months; a leaf lives {result.leaf_days} days today, so the term needs "
            f"{result.leaves_needed} leaves (the further ones are free reissues)"
        )
        return started, result

    async def _crash(self, order_id: str) -> None:
        """Kill the worker between the sale and its answer, show both sides, start it again."""
        while self._stack.control("ledger")["count"] == 0:  # noqa: ASYNC110 the seller announces no event
            await asyncio.sleep(_WATCH_SECONDS)
        await asyncio.sleep(random.Random(self._options.seed).uniform(0, _HELD_SECONDS / 4))  # noqa: S311 a demo's dice
        assert self._stack.worker is not None
        await self._stack.worker.kill()
        act = await self._client.inventory.act(order_id)
        assert act is not None
        self._say("\n   !! worker killed (kill -9) after the seller took the order and before its answer arrived")
        self._say(f"      the seller's ledger   {self._stack.control('ledger')['count']} sale")
        self._say(f"      our row               {act.state.value}, seller number {act.seller_order_id or 'unknown'}")
        self._say("      a tool that retries would buy again now; Evercert starts again and looks first\n")
        await self._stack.start_worker()

    async def _watch(self, order_id: str) -> None:
        """Print a line for each state that the inventory shows, until the last one."""
        began, shown = time.monotonic(), ""
        while True:
            order = await self._client.inventory.order(order_id)
            if order is not None and order.state != shown:
                shown = order.state
                self._say(f"   {time.monotonic() - began:5.1f} s  {_line(order)}")
                if STATES[OrderState(shown)].is_end:
                    return
            await asyncio.sleep(_WATCH_SECONDS)

    def _show_sale(self, started: StartedOrder) -> bool:
        count = self._stack.control("ledger")["count"]
        adopted = "adopted by its reference" if self._options.crash else "answered directly"
        sales = "1 sale" if count == 1 else f"{count} sales"
        self._say(f"\n2  The seller counted {sales}; {adopted} {started.order_id}")
        return count == 1

    async def _export(self, started: StartedOrder, result: OrderResult) -> bool:
        folder = self._stack.options.home / "export"
        folder.mkdir(exist_ok=True)
        versions = await self._client.inventory.versions(result.certificate_id)
        (folder / "leaf.pem").write_text(versions[0].leaf)
        (folder / "chain.pem").write_text(versions[0].chain)
        (folder / "root.pem").write_text(self._stack.root_certificate())
        self._say(f"\n3  Version {result.version} is in the inventory: serial {result.serial}")
        self._say(f"   valid until {result.not_after:%Y-%m-%d %H:%M} UTC, SHA-256 {result.fingerprint}")
        self._say(f"   its private key is {result.key_id}: sealed, and in no history, log or argument")
        command = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem"]
        self._say(f"   $ {' '.join(command)}")
        if shutil.which("openssl") is None:
            self._say("   (OpenSSL is not installed; Evercert itself verified name, key, chain and dates)")
            return True
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=folder, capture_output=True, text=True, check=False
        )
        self._say(f"   {(ended.stdout or ended.stderr).strip()}")
        return ended.returncode == 0

    async def _be_refused(self) -> bool:
        self._say("\n4  A refusal on purpose: an internal name, a term that is not sold")
        wrong = demo_request().model_copy(update={"common_name": "intranet", "months": 13})
        started = await self._client.order(wrong)
        try:
            await self._client.wait(started)
        except WorkflowFailureError as error:
            cause = error.cause
            assert isinstance(cause, ApplicationError)
            self._say(f"   error {cause.type}: {cause.message}")
            return self._stack.control("ledger")["count"] == 1
        self._say("   it was not refused: that is a bug")
        return False

    def _say_where(self, started: StartedOrder) -> None:
        self._say("\n5  The same order in the Temporal Web UI, where its history is the audit trail")
        self._say(f"   {run_link(self._stack, started.workflow_id, started.run_id)}")


def demo_request() -> OrderRequest:
    """Return the smallest order of the sandbox."""
    return smallest_request(NAME, requested_by="demo")


def run_link(stack: Stack, workflow_id: str, run_id: str) -> str:
    """Return the address of a run in the Web UI."""
    return f"{stack.server.ui_url}/namespaces/{NAMESPACE}/workflows/{workflow_id}/{run_id}"


def start_form(fields: dict[str, Any]) -> str:
    """Return the JSON to paste into the Web UI's start box: a rehearsal, so that the first press buys nothing."""
    return json.dumps({**fields, "dry_run": True})


def _line(order: OrderRecord) -> str:
    words = STATES[OrderState(order.state)].sentence
    bought = f" (seller order {order.seller_order_id})" if order.seller_order_id else ""
    return f"{order.state:<18} {words}{bought}"


def _say_links(stack: Stack, say: Say) -> None:
    say(f"   Temporal Web UI  {stack.server.ui_url}/namespaces/{NAMESPACE}/workflows")
    say(f"   seller sandbox   {stack.sandbox.base_url}")
    say(f"   name server      {stack.sandbox.dns_host}:{stack.sandbox.dns_port}")


def _say_next(stack: Stack, say: Say) -> None:
    form = demo_request().model_dump(mode="json", exclude_defaults=True) | {"common_name": "api.demo.test"}
    say("\nGo on")
    say(f"   in the Web UI    {stack.server.ui_url}/namespaces/{NAMESPACE}/workflows/start-workflow?taskQueue=evercert")
    say(f"                    type IssueCertificate, input {start_form(form)}")
    say("   in another shell, with the environment of this demo:")
    for key, value in stack.exports().items():
        say(f"       export {key}={value}")
    evercert = Path(sys.executable).with_name("evercert")
    for words in (
        "order list",
        f"cert export {NAME} --part fullchain",
        f"order create --account {ACCOUNT} --product positivessl --months 12 --dns-account {ACCOUNT} --wait api.demo.test",
    ):
        say(f"       {evercert} {words}")


async def _until_interrupted(say: Say) -> None:
    say("\nAll of it runs until Ctrl-C.")
    await wait_for_signal()


async def wait_for_signal() -> None:
    """Return when this process is asked to end (Ctrl-C or SIGTERM)."""
    import signal

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
