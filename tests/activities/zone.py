"""A DNS zone in memory: who publishes there, what stands in the way, and when the CA's servers show it."""

import asyncio
from dataclasses import dataclass, field

from activities.ports import ServerView
from domain.errors import EvercertError, Refused
from domain.seller import ProofRecord

SERVERS = ("192.0.2.1", "192.0.2.2")


@dataclass
class Zone:
    """DNS as activities see it: publishers and resolver in one.

    Attributes:
        records: what stands there now, as owner, type and value.
        foreign: owners where somebody else's record stands.
        hidden_at: servers that do not show new records yet.
        writes: every call that changed or tried to change something, in order.
        refuses: raised by the next attempts to write.
        marks: of the checks of access.
    """

    records: set[tuple[str, str, str]] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    hidden_at: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    refuses: EvercertError | None = None
    marks: list[str] = field(default_factory=list)

    async def open(self, dns_account: str) -> "Zone":
        return self

    async def check_access(self, owner: str, *, mark: str = "") -> str:
        self.marks.append(mark)
        self.writes.append(f"check {owner}")
        if self.refuses is not None:
            raise self.refuses
        return "example.test"

    async def publish(self, record: ProofRecord) -> None:
        self.writes.append(f"publish {record.owner}")
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        if record.owner in self.foreign:
            raise Refused("dns-conflict", f"something else stands at {record.owner}")
        self.records.add(_key(record))

    async def withdraw(self, record: ProofRecord) -> None:
        self.writes.append(f"withdraw {record.owner} {record.value}")
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        self.records.discard(_key(record))

    async def views(self, record: ProofRecord, dns_account: str) -> tuple[ServerView, ...]:
        stands = _key(record) in self.records
        return tuple(
            ServerView(server, stands and server not in self.hidden_at, "shows nothing there") for server in SERVERS
        )


def _key(record: ProofRecord) -> tuple[str, str, str]:
    return record.owner, record.record_type, record.value
