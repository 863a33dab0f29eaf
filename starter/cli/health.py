"""The checks of ``doctor``: each looks at one part and says in a sentence how it is and what to do."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from domain.errors import EvercertError
from starter.cli import doors as ways
from starter.cli.answer import Json
from starter.cli.problems import problem_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from starter.cli.call import Call

Status = Literal["ok", "warning", "failed", "skipped"]

_QUEUES = ("evercert", "evercert-seller", "evercert-dns", "evercert-keys")
_SHOWN_ALERTS = 10
_MIN_RETENTION = timedelta(days=30)


@dataclass(frozen=True)
class Finding:
    """How one part is."""

    area: str
    name: str
    status: Status
    sentence: str
    next: str = ""

    def row(self) -> dict[str, Json]:
        """Return it as a row."""
        return {
            "area": self.area,
            "name": self.name,
            "status": self.status,
            "sentence": self.sentence,
            "next": self.next,
        }


@dataclass(frozen=True)
class Check:
    """One check: its area and name, what it looks at, and the area that must have passed before."""

    area: str
    name: str
    about: str
    look: Callable[["Call"], AsyncIterator[Finding]]
    needs: str = ""


async def run_all(checks: Sequence[Check], call: "Call") -> list[Finding]:
    """Return what the checks find; those whose ground is missing are skipped instead of failing once more."""
    found: list[Finding] = []
    missing: set[str] = set()
    for check in checks:
        if check.needs in missing:
            found.append(Finding(check.area, check.name, "skipped", f"{check.needs} has to work first"))
            continue
        here = await run(check, call)
        missing |= {f"{it.area} {it.name}" for it in here if it.status == "failed"}
        found += here
    return found


async def run(check: Check, call: "Call") -> list[Finding]:
    """Return what a check finds; an error is a finding, too."""
    try:
        return [finding async for finding in check.look(call)]
    except Exception as error:  # noqa: BLE001 - whatever breaks one check must not hide what the others find
        problem = problem_of(error)
        return [Finding(check.area, check.name, "failed", f"{problem.message} ({problem.code})", problem.advice)]


async def _config(call: "Call") -> AsyncIterator[Finding]:
    file = call.settings.config_file
    yield Finding("config", "file", "ok", f"{file} is read" if file else "no file; defaults are in force")


async def _schema(call: "Call") -> AsyncIterator[Finding]:
    wrong = await ways.doors.schema(call.settings)
    if wrong:
        yield Finding("inventory", "schema", "failed", wrong, "evercert db upgrade")
    else:
        yield Finding("inventory", "schema", "ok", "the schema fits this release")


async def _master_key(call: "Call") -> AsyncIterator[Finding]:
    async with call.adapters() as adapters:
        sealed = adapters.vault.seal(b"doctor", row_id="doctor", purpose="doctor")
        adapters.vault.unseal(sealed, row_id="doctor", purpose="doctor")
    yield Finding("config", "master key", "ok", "the master key opens this inventory")


async def _reconcile(call: "Call") -> AsyncIterator[Finding]:
    from domain.reconcile import wait_of

    doubt = await ways.doors.doubt(call.settings)
    waits = {it.name: wait_of(doubt.installation, it) for it in doubt.accounts}
    since = doubt.installation.reconcile_since
    for name, wait in waits.items():
        if wait is not None:
            sentence = (
                f"nothing is bought with account {name} since {wait.since:%Y-%m-%d %H:%M} UTC: {wait.reason}; it ends by "
                f"itself with the next comparison that begins after {wait.ready_at:%Y-%m-%d %H:%M:%S} UTC"
            )
            yield Finding("inventory", f"reconcile {name}", "warning", sentence, "evercert order sync, or wait")
        elif since is not None:
            yield Finding("inventory", f"reconcile {name}", "ok", f"account {name} was compared; it may buy")
    if since is not None and not waits:
        sentence = f"nothing is bought since {since:%Y-%m-%d %H:%M} UTC: {doubt.installation.reconcile_reason}"
        yield Finding("inventory", "reconcile", "warning", sentence, "evercert account add NAME")
    if doubt.reason is not None:
        sentence = f"{doubt.reason.sentence}; workers will buy nothing before the orders at the sellers were compared"
        yield Finding("inventory", "set back", "warning", sentence, "evercert worker run")
    elif not doubt.is_kept:
        sentence = "nothing is kept beside the master key yet; the next worker begins it"
        yield Finding("inventory", "set back", "warning", sentence, "evercert worker run")
    elif since is None:
        yield Finding("inventory", "set back", "ok", "the inventory holds all that it is known to have held")
    if doubt.standing.is_shared and not _is_told(doubt.standing.database_mark):
        sentence = (
            "this database user may not ask PostgreSQL for system identifier and timeline; a recovery goes unnoticed"
        )
        next_step = "GRANT EXECUTE ON FUNCTION pg_control_system(), pg_current_wal_lsn(), pg_walfile_name(pg_lsn)"
        yield Finding("inventory", "database identity", "warning", sentence, next_step)


def _is_told(mark: str) -> bool:
    system, _, timeline = mark.partition("/")
    return bool(system and timeline)


async def _accounts(call: "Call") -> AsyncIterator[Finding]:
    async with call.adapters() as adapters:
        accounts = await adapters.inventory.accounts()
    if not accounts:
        yield Finding("accounts", "seller accounts", "warning", "there is none yet", "evercert account add NAME")
    for it in accounts:
        if it.parked_code:
            sentence = f"{it.name} is parked ({it.parked_code}); its orders wait"
            yield Finding("accounts", it.name, "failed", sentence, f"evercert account check {it.name}")
        else:
            yield Finding("accounts", it.name, "ok", f"{it.name} works")


async def _alerts(call: "Call") -> AsyncIterator[Finding]:
    async with call.adapters() as adapters:
        alerts = await adapters.inventory.alerts(limit=_SHOWN_ALERTS + 1)
    if not alerts:
        yield Finding("alerts", "sales", "ok", "no sale at a seller waits for a person")
    for it in alerts[:_SHOWN_ALERTS]:
        sentence = f"{it.kind}: seller order {it.seller_order_id} of account {it.account} carries our {it.order_id}"
        yield Finding("alerts", it.alert_id, "failed", sentence, f"evercert alert show {it.alert_id}")
    if len(alerts) > _SHOWN_ALERTS:
        yield Finding("alerts", "more", "failed", "there are more open alerts", "evercert alert list")


async def _dns(call: "Call") -> AsyncIterator[Finding]:
    async with call.adapters() as adapters:
        accounts = await adapters.inventory.dns_accounts()
        if not accounts:
            yield Finding("dns", "DNS accounts", "warning", "there is none yet", "evercert dns-account add NAME")
        for it in accounts:
            try:
                publisher = await adapters.publishers.open(it.name)
                for zone in it.zones:
                    await publisher.check_access(f"_evercert-check.{zone}")
            except EvercertError as error:
                yield Finding("dns", it.name, "failed", error.message, problem_of(error).advice)
            else:
                yield Finding("dns", it.name, "ok", f"{it.name} writes {', '.join(it.zones)}")


async def _reachable(call: "Call") -> AsyncIterator[Finding]:
    client = await ways.doors.temporal(call.settings)
    yield Finding(
        "temporal", "server", "ok", f"namespace {client.namespace} at {client.service_client.config.target_host}"
    )


async def _retention(call: "Call") -> AsyncIterator[Finding]:
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

    client = await ways.doors.temporal(call.settings)
    told = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    kept = told.config.workflow_execution_retention_ttl.ToTimedelta()
    status: Status = "ok" if kept >= _MIN_RETENTION else "warning"
    next_step = "" if status == "ok" else "evercert temporal provision"
    yield Finding("temporal", "retention", status, f"closed runs are kept {kept.days} days", next_step)


async def _attributes(call: "Call") -> AsyncIterator[Finding]:
    from starter.server.provision import missing_search_attributes
    from workflows.search_attributes import REGISTRATION

    missing = await missing_search_attributes(await ways.doors.temporal(call.settings), REGISTRATION)
    if missing:
        sentence = f"missing: {', '.join(missing)}; workers refuse to start"
        yield Finding("temporal", "search attributes", "failed", sentence, "evercert temporal provision")
    else:
        yield Finding("temporal", "search attributes", "ok", f"all {len(REGISTRATION)} are known")


async def _schedules(call: "Call") -> AsyncIterator[Finding]:
    from starter.schedules import missing_schedules

    missing = await missing_schedules(await ways.doors.temporal(call.settings))
    if missing:
        sentence = f"{', '.join(missing)}; lost orders and unknown sales are not looked for"
        yield Finding("temporal", "schedules", "warning", sentence, "evercert temporal provision")
    else:
        yield Finding("temporal", "schedules", "ok", "orders and sales are looked after by themselves")


async def _workers(call: "Call") -> AsyncIterator[Finding]:
    client = await ways.doors.temporal(call.settings)
    for queue in _QUEUES:
        polls = await _polls(client, queue, workflows=queue == _QUEUES[0])
        if polls:
            yield Finding("worker", queue, "ok", f"{polls} pollers")
        else:
            yield Finding("worker", queue, "failed", "nobody polls; orders wait", "evercert worker run")


async def _clock(call: "Call") -> AsyncIterator[Finding]:
    from starter.server_time import MOST, clock_difference

    difference = await clock_difference(await ways.doors.temporal(call.settings))
    if difference is None:
        yield Finding("temporal", "clock", "skipped", "the server does not tell its time")
    elif abs(difference) > MOST:
        sentence = f"this machine's clock and the server's differ by {difference.total_seconds():.0f} s"
        yield Finding("temporal", "clock", "failed", sentence, "set both by NTP; workers refuse to start meanwhile")
    else:
        yield Finding("temporal", "clock", "ok", "this machine and the server agree on the time")


async def _polls(client: "Client", queue: str, *, workflows: bool) -> int:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    kinds = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    told = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kinds[0 if workflows else 1]
        )
    )
    return len(told.pollers)


_SERVER = "temporal server"
_SCHEMA = "inventory schema"

CHECKS: tuple[Check, ...] = (
    Check("config", "file", "the configuration can be read", _config),
    Check("inventory", "schema", "the inventory's schema fits this release", _schema),
    Check(
        "inventory",
        "set back",
        "the inventory was not set back, and nothing waits for a comparison",
        _reconcile,
        _SCHEMA,
    ),
    Check("config", "master key", "the master key opens this inventory", _master_key, _SCHEMA),
    Check("accounts", "seller accounts", "no account is parked", _accounts, _SCHEMA),
    Check("alerts", "sales", "no sale at a seller waits for a person", _alerts, _SCHEMA),
    Check("dns", "DNS accounts", "a throw-away record can be written to each zone", _dns, _SCHEMA),
    Check("temporal", "server", "the Temporal server answers", _reachable),
    Check("temporal", "retention", "closed runs are kept long enough", _retention, _SERVER),
    Check("temporal", "search attributes", "the server knows our search attributes", _attributes, _SERVER),
    Check("temporal", "schedules", "orders and sales are looked after by themselves", _schedules, _SERVER),
    Check("temporal", "clock", "this machine and the server agree on the time", _clock, _SERVER),
    Check("worker", "queues", "somebody polls each task queue", _workers, _SERVER),
)
"""All checks, in the order in which one thing needs another."""
