"""What a worker makes sure of before it polls: whose the inventory is, and that it has not been set back.

Order ids and the states of runs belong to one Temporal namespace and cluster; a copy of the inventory that was put back
does not know of what was sent since. Whoever finds such a doubt lets nothing be bought before the sellers' lists were
compared (``domain.reconcile``).
"""

from dataclasses import dataclass

import structlog
from temporalio.api.workflowservice.v1 import GetClusterInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.adapters.build import Adapters
from activities.sending import Doubts
from activities.sync_asking import SYNC, SyncAsking
from domain import ids
from domain.errors import Misconfigured, Unavailable
from domain.inventory import AccountRecord, AuditEvent, Installation
from domain.reconcile import Reason, Standing, behind_sync, other_cluster, other_database, require_own, set_back

REBIND = "evercert temporal provision --rebind --reason TEXT"
_FINISHED = f"WorkflowType = '{SYNC}' AND ExecutionStatus = 'Completed'"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Person:
    """Who decided, and why; as claimed."""

    by: str
    reason: str


async def bind(client: Client, adapters: Adapters, *, own_server: str = "", person: Person | None = None) -> bool:
    """Bind the inventory to namespace and cluster, or verify that it is; and look whether it was set back.

    Repeating changes nothing, once the doubt that was found is written.

    Args:
        client: connected.
        adapters: open.
        own_server: address of the Temporal server that Evercert started for itself: another one there is bound to.
        person: who wants the inventory bound to another cluster.

    Returns:
        Whether it was bound to another cluster than before.

    Raises:
        Misconfigured: ``namespace-differs``, ``cluster-differs``, ``sequence-foreign``, ``sequence-unreadable``.
        Unavailable: ``engine-unreachable``, ``sequence-unavailable``.
    """
    cluster = await cluster_of(client)
    bound = await adapters.inventory.bind_installation(
        namespace=client.namespace, cluster_id=cluster, key_check=b"", now=await adapters.clock.now()
    )
    is_own = own_server != "" and client.service_client.config.target_host == own_server
    _require_place(bound, client.namespace, cluster, may_rebind=is_own or person is not None)
    doubts = Doubts(adapters.inventory, adapters.watermarks, adapters.clock)
    standing, reason = await doubts.look()
    further = (
        behind_sync(await _newest_sync(client), standing),
        other_database(bound.database_mark, standing),
        other_cluster(bound.cluster_id, cluster, standing),
    )
    for found in (reason, *further):
        if found is not None:
            # What a person decided is told by the row of the new binding; the doubt is ours.
            await doubts.enter(found, standing)
            if person is None:  # a command tells it in its own way, and its output is no log
                _log.warning("reconcile.entered", kind=found.kind, why=found.sentence)
    if standing.database_mark != bound.database_mark:
        await adapters.inventory.mark_database(standing.database_mark)
    if bound.cluster_id != cluster:
        await _rebind(adapters, bound, cluster, person)
    await _ask_for_comparison(client, adapters)
    return bound.cluster_id != cluster


async def cluster_of(client: Client) -> str:
    """Return the id of the cluster. Raises ``Unavailable('engine-unreachable')``."""
    try:
        return (await client.workflow_service.get_cluster_info(GetClusterInfoRequest())).cluster_id
    except RPCError:
        raise Unavailable("engine-unreachable", "Temporal does not tell which cluster it is") from None


def _require_place(bound: Installation, namespace: str, cluster: str, *, may_rebind: bool) -> None:
    if bound.namespace != namespace:
        raise Misconfigured(
            "namespace-differs",
            f"this inventory belongs to namespace {bound.namespace}, not to {namespace}",
            next_step="name the right profile of Temporal in the settings, or use another inventory",
        )
    if bound.cluster_id != cluster and not may_rebind:
        raise Misconfigured(
            "cluster-differs",
            "this inventory belongs to another Temporal cluster; orders may be under way there",
            next_step=f"connect to that cluster; if it is gone for good: {REBIND}",
        )


async def _rebind(adapters: Adapters, bound: Installation, cluster: str, person: Person | None) -> None:
    now = await adapters.clock.now()
    event = AuditEvent(
        event_id=ids.event_id(
            bound.installation_id, "installation.rebound", f"{bound.audit_sequence}/{now.isoformat()}"
        ),
        kind="installation.rebound",
        subject=bound.installation_id,
        at=now,
        by=person.by if person else "evercert",
        claim="claimed" if person else "system",
        reason=person.reason if person else "the Temporal server that Evercert started for itself is a new one",
        facts={"from": bound.cluster_id, "to": cluster},
    )
    await adapters.inventory.rebind_cluster(cluster, event)
    if person is None:
        _log.warning("installation.rebound", cluster=cluster)


async def _newest_sync(client: Client) -> int:
    """Return how far the audit was when ``SyncOrders`` last came to its end; 0 where nobody tells."""
    try:
        async for run in client.list_workflows(_FINISHED, limit=1):
            result = await client.get_workflow_handle(run.id, run_id=run.run_id).result()
            told = result.get("audit_sequence") if isinstance(result, dict) else None
            return told if isinstance(told, int) else 0
    except RPCError:
        return 0  # closed and deleted meanwhile, or a server that lists nothing: the file still counts
    return 0


async def _ask_for_comparison(client: Client, adapters: Adapters) -> None:
    if (await adapters.inventory.installation()).reconcile_since is None:
        return
    await SyncAsking(lambda: client).ask()


@dataclass(frozen=True)
class Doubt:
    """What is known of a doubt, read without changing anything.

    Attributes:
        installation: whether it is entered, since when and why.
        accounts: whose lists are to be compared.
        standing: of the inventory.
        reason: found just now and not entered yet.
        is_kept: whether a mark is kept outside of the inventory.
    """

    installation: Installation
    accounts: tuple[AccountRecord, ...]
    standing: Standing
    reason: Reason | None
    is_kept: bool


async def look(adapters: Adapters) -> Doubt:
    """Hold the inventory against what is kept outside of it; changes nothing.

    Raises:
        Misconfigured: ``sequence-foreign``, ``sequence-unreadable``.
        Unavailable: ``sequence-unavailable``.
    """
    mark = await adapters.watermarks.read()
    standing = await adapters.inventory.standing(mark)
    installation = await adapters.inventory.installation()
    reason = other_database(installation.database_mark, standing)
    if mark is not None:
        require_own(mark, standing.installation_id)
        reason = set_back(mark, standing) or reason
    return Doubt(installation, await adapters.inventory.accounts(), standing, reason, is_kept=mark is not None)


async def by_hand(adapters: Adapters, person: Person) -> Installation:
    """Enter *reconcile first* because a person says so: something was restored that nothing here could notice."""
    doubts = Doubts(adapters.inventory, adapters.watermarks, adapters.clock)
    found, is_ours = None, True
    try:
        standing, found = await doubts.look()
    except Misconfigured:
        # Another installation's file stays where it is: workers go on refusing it, with what to do.
        standing, is_ours = await adapters.inventory.standing(), False
    reason = Reason("by-hand", "an administrator asked for it", past=found.past if found else 0)
    await doubts.enter(reason, standing, by=person.by, told=person.reason, keep=is_ours)
    return await adapters.inventory.installation()
