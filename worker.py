"""The worker: settings → adapters → activities → one ``Worker`` per task queue. Any number may run, by role."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.adapters.build import Adapters, adapter_settings, open_adapters
from activities.checks import Checks
from activities.dcv import Dcv
from activities.interface import DNS_QUEUE, KEYS_QUEUE, SELLER_QUEUE, WORKFLOW_QUEUE
from activities.inventory import InventoryWriter
from activities.issuance import Issuance
from activities.keys import KeyMaker
from activities.order_runs import OrderRuns
from activities.ownership import SURE_AFTER, Ownership
from activities.ports import Clock
from activities.purchase import Purchase
from activities.refund import Refund
from activities.rulings import Rulings
from activities.sync import Sync
from activities.sync_asking import SyncAsking
from domain.errors import Misconfigured
from starter.binding import bind
from starter.client import connect_temporal
from starter.plugin import WORKFLOWS
from starter.server import missing_search_attributes
from starter.server_time import check_clock
from starter.settings import Settings
from workflows.search_attributes import REGISTRATION

GRACE = timedelta(seconds=30)


class Role(StrEnum):
    """What a worker may do; each role polls one task queue."""

    WORKFLOWS = "workflows"
    SELLER = "seller"
    DNS = "dns"
    KEYS = "keys"


QUEUES = {Role.WORKFLOWS: WORKFLOW_QUEUE, Role.SELLER: SELLER_QUEUE, Role.DNS: DNS_QUEUE, Role.KEYS: KEYS_QUEUE}

ALL_ROLES = tuple(Role)


def activities_by_role(
    adapters: Adapters, *, sure_after: timedelta = SURE_AFTER
) -> dict[Role, Sequence[Callable[..., Any]]]:
    """Wire activities to adapters and say which role offers which."""
    inventory, sellers, clock = adapters.inventory, adapters.sellers, adapters.clock
    checks = Checks(inventory, sellers, adapters.publishers, clock)
    writer = InventoryWriter(inventory, clock)
    buying = Purchase(inventory, sellers, adapters.watermarks, clock)
    rulings = Rulings(inventory, sellers, clock)
    refund = Refund(inventory, sellers, adapters.watermarks, clock)
    runs = OrderRuns()
    ownership = Ownership(inventory, runs, SyncAsking(), clock, sure_after)
    looking_after = Sync(inventory, sellers, runs, clock)
    proof = Dcv(inventory, sellers, adapters.publishers, adapters.resolver, clock)
    issuance = Issuance(inventory, sellers, adapters.x509, clock)
    keys = KeyMaker(inventory, adapters.vault, adapters.x509, clock)
    return {
        Role.WORKFLOWS: (
            checks.check_request,
            writer.record,
            writer.note_state,
            ownership.take_over,
            ownership.request_cancel,
            looking_after.find_orphans,
            looking_after.accounts_to_compare,
            looking_after.finish_sync,
        ),
        Role.SELLER: (
            checks.check_offer,
            buying.purchase,
            rulings.resolve_purchase,
            refund.request_refund,
            refund.await_refund,
            ownership.await_account,
            proof.read_proof,
            issuance.await_issuance,
            issuance.collect,
            looking_after.compare_account,
        ),
        Role.DNS: (checks.check_zones, proof.publish_proof, proof.withdraw_proof),
        Role.KEYS: (keys.prepare_key,),
    }


async def preflight(client: Client, adapters: Adapters, own_server: str = "") -> None:
    """Refuse to poll where a run would hang or be bought twice.

    Raises:
        Misconfigured: ``search-attribute-missing``, ``namespace-differs``, ``cluster-differs``, ``clock-differs``; each
            says what to run.
    """
    missing = await missing_search_attributes(client, REGISTRATION)
    if missing:
        raise Misconfigured(
            "search-attribute-missing",
            f"namespace {client.namespace} has no search attribute {', '.join(missing)}; runs would hang",
            next_step="evercert temporal provision",
        )
    await check_clock(client, adapters.clock)
    await bind(client, adapters, own_server=own_server)


async def run_worker(
    settings: Settings,
    *,
    roles: Sequence[Role] = ALL_ROLES,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    around: Callable[[Adapters], Adapters] = lambda adapters: adapters,
    clock: Clock | None = None,
    sure_after: timedelta = SURE_AFTER,
    is_lean: bool = False,
) -> None:
    """Poll until ``stop`` is set, then let what is being done come to its end (30 s).

    Args:
        settings: of this process.
        roles: what this worker does.
        stop: ends it.
        ready: called once all queues are polled.
        around: put between activities and adapters; ``evercert prove`` counts and strikes there.
        clock: instead of this machine's.
        sure_after: how long an order's run must have been lost before another takes it over; only a proof shortens it.
        is_lean: see :func:`workers`.

    Raises:
        Misconfigured: see :func:`preflight`, and what opening the adapters raises.
        Unavailable: ``engine-unreachable``, ``inventory-unavailable``.
    """
    async with open_adapters(adapter_settings(settings), clock) as opened:
        adapters = around(opened)
        client = await connect_temporal(settings)
        await preflight(client, adapters, settings.own_server)
        async with AsyncExitStack() as stack:
            for worker in workers(client, adapters, roles, sure_after=sure_after, is_lean=is_lean):
                await stack.enter_async_context(worker)
            ready()
            await stop.wait()


def workers(
    client: Client,
    adapters: Adapters,
    roles: Sequence[Role] = ALL_ROLES,
    *,
    sure_after: timedelta = SURE_AFTER,
    is_lean: bool = False,
) -> list[Worker]:
    """Return one worker for each role, not yet started.

    A lean one asks for one activity at a time: a frozen worker keeps every task that it has asked for until that times out,
    and one that a proof freezes shall keep as few as can be, or each case takes minutes.
    """
    offered = activities_by_role(adapters, sure_after=sure_after)
    return [
        Worker(
            client,
            task_queue=QUEUES[role],
            workflows=WORKFLOWS if role is Role.WORKFLOWS else (),
            activities=offered[role],
            graceful_shutdown_timeout=GRACE,
            max_concurrent_activities=1 if is_lean else None,
            max_concurrent_activity_task_polls=1 if is_lean else None,
        )
        for role in roles
    ]
