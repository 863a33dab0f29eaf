"""Makes a Temporal server ready for Evercert: namespace, retention, search attributes.

Written to be repeated: after each start of the embedded server, and by ``evercert temporal provision`` on others. It adds
and raises; it never takes away, so a longer retention and foreign search attributes stay.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Misconfigured, Unavailable

RETENTION_DAYS = 90
"""Days that Temporal keeps the history of a closed run; Evercert's own copy is kept for ever."""

_T = TypeVar("_T")
_USABLE_SECONDS = 60.0
_LOOK_SECONDS = 0.1

_TYPES = {
    "Text": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}


@dataclass(frozen=True)
class ProvisionReport:
    """What was done, or with ``dry_run`` would be.

    Attributes:
        namespace: the namespace it is about.
        changed: one line per change; empty when all was there.
        differs: one line per thing that is not as asked for and was left alone.
    """

    namespace: str
    changed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


@dataclass
class _Findings:
    changed: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)


async def provision(
    server: Client | str,
    *,
    namespace: str = "evercert",
    retention_days: int = RETENTION_DAYS,
    search_attributes: Mapping[str, str],
    dry_run: bool = False,
) -> ProvisionReport:
    """Create or complete the namespace, and return once workflows can use it.

    Args:
        server: a client of that server, whatever its namespace, or an address ``host:port`` without TLS.
        namespace: the one to make ready.
        retention_days: days that closed runs are kept; raised to this where it is shorter.
        search_attributes: type by name, such as ``{"EvercertKind": "Keyword"}``.
        dry_run: only tell what would be changed.

    Raises:
        Misconfigured: ``temporal-not-ready``: the server refuses these changes, or a search attribute has another type.
        Unavailable: ``temporal-not-ready``: the server does not answer, or the changes do not become visible.
    """
    client = server if isinstance(server, Client) else await _connect(server)
    findings = _Findings()
    try:
        exists = await _provide_namespace(client, namespace, retention_days, findings, dry_run=dry_run)
        await _provide_attributes(client, namespace, search_attributes, findings, exists=exists, dry_run=dry_run)
        if not dry_run:
            await _wait_until_usable(client, namespace, search_attributes)
    except RPCError as error:
        raise _translated(error, namespace) from error
    return ProvisionReport(namespace, tuple(findings.changed), tuple(findings.differs))


async def missing_search_attributes(client: Client, names: Iterable[str]) -> tuple[str, ...]:
    """Return those names, in their order, that the client's namespace does not know as search attributes.

    A workflow that writes an unknown one hangs, so a worker looks here before it polls.

    Raises:
        Misconfigured: ``temporal-not-ready``: the namespace does not exist, or the look is not allowed.
        Unavailable: ``temporal-not-ready``: the server does not answer.
    """
    try:
        known = await _known_attributes(client, client.namespace)
    except RPCError as error:
        raise _translated(error, client.namespace) from error
    return tuple(name for name in names if name not in known)


async def _connect(address: str) -> Client:
    try:
        return await Client.connect(address)
    except RuntimeError as error:
        raise Unavailable(
            "temporal-not-ready",
            f"no Temporal server answers at {address}",
            next_step="Start it, or correct the address.",
        ) from error


async def _provide_namespace(
    client: Client, namespace: str, retention_days: int, findings: _Findings, *, dry_run: bool
) -> bool:
    """Create the namespace or lengthen its retention.

    Returns:
        Whether the namespace exists now.
    """
    wanted = timedelta(days=retention_days)
    present = await _retention(client, namespace)
    if present is None:
        findings.changed.append(f"namespace {namespace} created, closed runs kept {retention_days} days")
        if not dry_run:
            await _register(client, namespace, wanted)
        return not dry_run
    if present < wanted:
        findings.changed.append(f"retention of {namespace} raised from {_days(present)} to {_days(wanted)}")
        if not dry_run:
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(
                    namespace=namespace,
                    config=NamespaceConfig(workflow_execution_retention_ttl=_duration(wanted)),
                )
            )
    elif present > wanted:
        findings.differs.append(f"retention of {namespace} is {_days(present)}, longer than {_days(wanted)}; left")
    return True


async def _register(client: Client, namespace: str, retention: timedelta) -> None:
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=_duration(retention))
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        # Somebody else was quicker; what counts is that it is there.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _retention(client: Client, namespace: str) -> timedelta | None:
    """Return how long closed runs are kept, ``None`` when there is no such namespace."""
    try:
        found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return found.config.workflow_execution_retention_ttl.ToTimedelta()


async def _provide_attributes(
    client: Client,
    namespace: str,
    wanted: Mapping[str, str],
    findings: _Findings,
    *,
    exists: bool,
    dry_run: bool,
) -> None:
    known = await _eventually(lambda: _known_attributes(client, namespace), namespace) if exists else {}
    clashes = [f"{name} is {known[name]}, not {kind}" for name, kind in wanted.items() if known.get(name, kind) != kind]
    if clashes and not dry_run:
        raise Misconfigured(
            "temporal-not-ready",
            f"search attributes of namespace {namespace} have another type: {'; '.join(clashes)}",
            next_step="Remove them there (temporal operator search-attribute remove) or use another namespace.",
        )
    findings.differs.extend(clashes)
    lacking = {name: kind for name, kind in wanted.items() if name not in known}
    findings.changed.extend(f"search attribute {name} ({kind}) added" for name, kind in lacking.items())
    if lacking and not dry_run:
        types = {name: _TYPES[kind] for name, kind in lacking.items()}
        request = AddSearchAttributesRequest(namespace=namespace, search_attributes=types)
        await client.operator_service.add_search_attributes(request)


async def _known_attributes(client: Client, namespace: str) -> dict[str, str]:
    """Return type by name of the namespace's own search attributes."""
    found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    return {name: _TYPE_NAMES.get(number, str(number)) for name, number in found.custom_attributes.items()}


async def _wait_until_usable(client: Client, namespace: str, attributes: Mapping[str, str]) -> None:
    """Wait until a query that names every attribute is understood."""
    query = " AND ".join(f"`{name}` IS NULL" for name in attributes)
    request = CountWorkflowExecutionsRequest(namespace=namespace, query=query)
    await _eventually(lambda: client.workflow_service.count_workflow_executions(request), namespace)


async def _eventually(look: Callable[[], Awaitable[_T]], namespace: str) -> _T:
    """Repeat a look while the answer is that something is unknown which does exist.

    Each part of a Temporal server keeps its own copy of namespaces, and of the news that one is missing, and reads it
    anew only every few seconds.
    """
    deadline = time.monotonic() + _USABLE_SECONDS
    while True:
        try:
            return await look()
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                raise
            if time.monotonic() > deadline:
                raise Unavailable(
                    "temporal-not-ready",
                    f"namespace {namespace} or its search attributes do not become visible",
                    next_step="Try again; if it stays, look at the health of the Temporal server.",
                ) from error
        await asyncio.sleep(_LOOK_SECONDS)


def _translated(error: RPCError, namespace: str) -> Misconfigured | Unavailable:
    """Say what a refusal by the server means to the person who asked."""
    refusals = {
        RPCStatusCode.NOT_FOUND: f"there is no namespace {namespace} on this Temporal server",
        RPCStatusCode.PERMISSION_DENIED: f"this Temporal server does not let us see or change namespace {namespace}",
        RPCStatusCode.UNAUTHENTICATED: "this Temporal server does not accept our credentials",
        RPCStatusCode.UNIMPLEMENTED: "this Temporal server has its namespaces managed elsewhere",
        RPCStatusCode.INVALID_ARGUMENT: f"this Temporal server cannot set up namespace {namespace} as asked",
    }
    why = (f"the server says: {error.message[:200]}",)
    if error.status in refusals:
        return Misconfigured(
            "temporal-not-ready",
            refusals[error.status],
            next_step="Ask who runs that server for the namespace and its search attributes, or run "
            "`evercert temporal provision` with rights to do so.",
            why=why,
        )
    return Unavailable("temporal-not-ready", "the Temporal server does not answer as it should", why=why)


def _duration(span: timedelta) -> Duration:
    result = Duration()
    result.FromTimedelta(span)
    return result


def _days(span: timedelta) -> str:
    return f"{span.total_seconds() / 86400:g} days"
