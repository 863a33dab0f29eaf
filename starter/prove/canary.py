"""The canary scan: secrets that are known are searched everywhere, in every form; finding one breaks promise 5.

Searched: the histories of all runs (open and closed; payloads as stored and as a codec shows them, failures with their
stack traces, headers, memos, search attributes, summaries), descriptions, list rows, schedules, current details and
answers of open runs, metrics, logs, every column of the inventory, files beside it, and what commands said. A worker has
no metrics endpoint of its own; the development server has one. The file of the master key is the one place left out: it
is meant to hold it.

A person may type a secret into a form of the Web UI. Evercert refuses it and says that it must be rotated, but the event
that starts the run holds what was typed, and so does the engine's database. That is the person's own act, told apart from
finds, and only there: whatever else repeats it is a find.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from temporalio.client import Client

from starter.prove.canary_forms import Canary, Found, Scanner, private_key_canaries
from starter.prove.canary_plants import planted
from starter.prove.canary_sources import Piece, leaves_of, of_engine, of_folders, of_inventory, of_logs, of_metrics

__all__ = [
    "SOURCES",
    "Canary",
    "CanaryReport",
    "Found",
    "OwnAct",
    "Places",
    "Scanner",
    "planted",
    "private_key_canaries",
    "scan_everything",
]

SOURCES = (
    "list rows",
    "descriptions",
    "history events",
    "payloads",
    "answers to queries",
    "current details",
    "columns",
    "logs",
    "metrics",
    "files",
    "texts",
)
"""Kinds of sources that a whole scan has searched; schedules are searched where there are any."""

_TYPED = (
    "workflow_execution_started_event_attributes.input",
    "workflow_execution_signaled_event_attributes.input",
)


@dataclass(frozen=True)
class Places:
    """Where to search.

    Attributes:
        client: connected to the namespace.
        inventory_url: SQLAlchemy address with an asynchronous driver.
        logs: files that processes wrote.
        texts: what commands said, by what was called; also anything else that a caller collected.
        folders: searched whole.
        without: files and folders below them that are left out: the master key, and what belongs to others.
        engine_files: the engine's own database files below the folders: what a person typed stands there, too.
        metrics: addresses of metrics endpoints.
    """

    client: Client
    inventory_url: str
    logs: Sequence[Path] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[Path] = ()
    without: Sequence[Path] = ()
    engine_files: Sequence[Path] = ()
    metrics: Sequence[str] = ()


@dataclass(frozen=True)
class OwnAct:
    """A secret that a person typed into a run: the kind of the canary (of a private key: of all its parts), and where."""

    kind: str
    workflow_id: str

    def is_about(self, kind: str) -> bool:
        """Tell whether it is this canary, or a part of it."""
        return kind == self.kind or kind.startswith(f"{self.kind}, ")


@dataclass(frozen=True)
class CanaryReport:
    """What was searched and what was found.

    Attributes:
        searched: how many of each kind of source.
        found: secrets where none may be.
        typed: secrets that a person typed, in the events that hold just that.
    """

    searched: Mapping[str, int]
    found: tuple[Found, ...]
    typed: tuple[Found, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of sources of which nothing was searched: such a scan proves nothing about them."""
        return tuple(kind for kind in SOURCES if not self.searched.get(kind))


async def scan_everything(places: Places, canaries: Sequence[Canary], own_acts: Sequence[OwnAct] = ()) -> CanaryReport:
    """Search everything for every canary; reads only, and may be repeated at will.

    Args:
        places: where.
        canaries: what; see ``planted`` for those that an installation has.
        own_acts: what a person typed where, if anybody did.

    Raises:
        ValueError: no canaries, or a file that cannot be searched.
        OSError: a log or metrics endpoint is missing.
    """
    scanner = Scanner(canaries)
    searched: Counter[str] = Counter()
    found: list[Found] = []
    typed: list[Found] = []
    async for piece in _pieces(places):
        searched[piece.kind] += 1
        searched["payloads"] += piece.payloads
        for find in scanner.scan(piece.source, piece.data, piece.place):
            for precise in _in_fields(find, piece, scanner):
                (typed if _is_own(precise, piece, places, own_acts) else found).append(precise)
    return CanaryReport(dict(searched), tuple(found), tuple(typed))


async def _pieces(places: Places) -> AsyncIterator[Piece]:
    async for piece in of_engine(places.client):
        yield piece
    for piece in of_inventory(places.inventory_url):
        yield piece
    for piece in _local(places):
        yield piece


def _local(places: Places) -> Iterator[Piece]:
    yield from of_logs(places.logs)
    yield from of_metrics(places.metrics)
    yield from of_folders(places.folders, without=(*places.without, *places.logs))
    for name, text in places.texts.items():
        yield Piece("texts", name, "", text.encode())


def _in_fields(find: Found, piece: Piece, scanner: Scanner) -> list[Found]:
    """Return the find once for each field of the message that holds it; as it is where no single field does."""
    if piece.message is None:
        return [find]
    fields = [
        replace(inner, place=f"{piece.place} {path}".strip())
        for path, data in leaves_of(piece.message)
        for inner in scanner.scan(find.source, data, path)
        if inner.kind == find.kind
    ]
    return fields or [find]


def _is_own(find: Found, piece: Piece, places: Places, own_acts: Sequence[OwnAct]) -> bool:
    acts = [act for act in own_acts if act.is_about(find.kind)]
    if Path(piece.source) in places.engine_files:
        return bool(acts)
    is_input = piece.kind == "history events" and any(f" {path}." in find.place for path in _TYPED)
    return is_input and piece.run in [act.workflow_id for act in acts]
