"""Where a secret could have got to: everything that Evercert writes, piece by piece, each with its place.

A piece is searched as it is stored *and* as a codec shows it, so that a codec hides nothing from the scan. Compressed
columns are unpacked.
"""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from google.protobuf.message import Message
from sqlalchemy import Connection, MetaData, create_engine, select
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.adapters.inventory.engine import read_url

_PAGE = 200
_QUERIES = ("status", "instructions")
_DETAILS = "__temporal_workflow_metadata"
_LONGEST_FILE = 200_000_000


@dataclass(frozen=True)
class Piece:
    """Something to search.

    Attributes:
        kind: of the source, for counting: ``history events``, ``columns`` …
        source: its name.
        place: where in it; "": the line is told.
        data: its bytes.
        message: a protobuf message that the bytes come from: its field is told.
        run: the workflow id, where it is of a run.
        payloads: how many payloads it holds.
    """

    kind: str
    source: str
    place: str
    data: bytes
    message: Message | None = None
    run: str = ""
    payloads: int = 0


async def of_engine(client: Client) -> AsyncIterator[Piece]:
    """Yield all of every run, open or closed: list row, description, history; and what an open run answers."""
    async for listed in _listed(client):
        run = listed.execution
        name = f"{run.workflow_id} ({run.run_id})"
        yield await _piece(client, "list rows", f"list row {name}", "", listed, run.workflow_id)
        handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        described = (await handle.describe()).raw_description
        yield await _piece(client, "descriptions", f"description {name}", "", described, run.workflow_id)
        async for event in handle.fetch_history_events():
            place = f"event {event.event_id} {EventType.Name(event.event_type).removeprefix('EVENT_TYPE_')}"
            yield await _piece(client, "history events", f"history {name}", place, event, run.workflow_id)
        if listed.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING:
            async for piece in _answers(handle, name):
                yield piece
    async for schedule in await client.list_schedules():
        told = await client.get_schedule_handle(schedule.id).describe()
        yield await _piece(client, "schedules", f"schedule {schedule.id}", "", told.raw_description, "")


async def _listed(client: Client) -> AsyncIterator[WorkflowExecutionInfo]:
    token = b""
    while True:
        asked = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=_PAGE, next_page_token=token)
        page = await client.workflow_service.list_workflow_executions(asked)
        for listed in page.executions:
            yield listed
        token = page.next_page_token
        if not token:
            return


async def _answers(handle: WorkflowHandle[Any, Any], name: str) -> AsyncIterator[Piece]:
    """Yield what an open run answers; one that ended meanwhile, or that cannot answer, has told all in its history."""
    for query in _QUERIES:
        try:
            answer = await handle.query(query)
        except RPCError:
            continue
        yield Piece("answers to queries", f"run {name}", f"query {query}", json.dumps(answer, default=str).encode())
    try:
        details = await handle.query(_DETAILS, result_type=WorkflowMetadata)
    except RPCError:
        return
    yield Piece("current details", f"run {name}", "current details", details.current_details.encode())


async def _piece(client: Client, kind: str, source: str, place: str, message: Message, run: str) -> Piece:
    payloads = [payload for _, payload in payloads_of(message)]
    codec = client.data_converter.payload_codec
    decoded = await codec.decode(payloads) if codec is not None and payloads else []
    data = message.SerializeToString() + b"".join(payload.data for payload in decoded)
    return Piece(kind, source, place, data, message, run, len(payloads))


def payloads_of(message: Message, path: str = "") -> Iterator[tuple[str, Payload]]:
    """Yield every payload of a message with the path of its field."""
    if isinstance(message, Payload):
        yield path, message
        return
    for where, value in _fields(message, path):
        if isinstance(value, Message):
            yield from payloads_of(value, where)


def leaves_of(message: Message, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield every text and every run of bytes of a message with the path of its field."""
    for where, value in _fields(message, path):
        if isinstance(value, Message):
            yield from leaves_of(value, where)
        elif isinstance(value, str | bytes):
            yield where, value.encode() if isinstance(value, str) else value


def _fields(message: Message, path: str) -> Iterator[tuple[str, object]]:
    for descriptor, value in message.ListFields():
        where = f"{path}.{descriptor.name}".lstrip(".")
        is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
        if is_map:
            for key, item in value.items():
                yield f"{where}.(key)", str(key)
                yield f"{where}.{key}", item
        elif not isinstance(value, str | bytes) and hasattr(value, "__getitem__"):  # repeated; it has no __iter__
            for number in range(len(value)):
                yield f"{where}[{number}]", value[number]
        else:
            yield where, value


def of_inventory(url: str) -> Iterator[Piece]:
    """Yield each value of each column of each table that the database has, whatever this release knows of it.

    Sealed columns are no exception: what is sealed shows nothing.
    """
    engine = create_engine(read_url(url))
    try:
        with engine.connect() as connection:
            yield from _values(connection)
    finally:
        engine.dispose()


def _values(connection: Connection) -> list[Piece]:
    tables = MetaData()
    tables.reflect(connection)
    found = []
    for table in tables.sorted_tables:
        keys = [column.name for column in table.primary_key]
        for row in connection.execute(select(table)).mappings():
            name = "/".join(str(row[key]) for key in keys)
            found += [
                Piece("columns", "inventory", f"{table.name}.{column} row {name}", _bytes_of(value))
                for column, value in row.items()
                if value is not None
            ]
    return found


def _bytes_of(value: object) -> bytes:
    if isinstance(value, bytes):
        return value + _unpacked(value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str).encode()
    return str(value).encode()


def _unpacked(data: bytes) -> bytes:
    """Return what compressed bytes hold; nothing where they are not compressed."""
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            return unpack(data)
        except (OSError, EOFError, zlib.error):
            continue
    return b""


def of_logs(files: Sequence[Path]) -> Iterator[Piece]:
    """Yield log files; one that is missing is an error, since a log was to be searched."""
    for file in files:
        yield Piece("logs", str(file), "", file.read_bytes())


def of_folders(folders: Sequence[Path], *, without: Sequence[Path]) -> Iterator[Piece]:
    """Yield every file below some folders, but for those that may hold secrets.

    Raises:
        ValueError: a file is too big to be searched; leaving it out in silence would be a gap.
    """
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or any(file == it or it in file.parents for it in without):
                continue
            if file.stat().st_size > _LONGEST_FILE:
                raise ValueError(f"{file} is too big to be searched")
            yield Piece("files", str(file), "", file.read_bytes())


def of_metrics(addresses: Sequence[str]) -> Iterator[Piece]:
    """Yield what the metrics endpoints of processes tell."""
    for address in addresses:
        with urlopen(address) as answer:  # noqa: S310 an address of our own processes
            yield Piece("metrics", address, "", answer.read())
