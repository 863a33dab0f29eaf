"""What happened: every request and every event, with secrets masked before anything is kept."""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from deploy.sandbox.wire import Json

MASK = "***"
_ENTRIES_KEPT = 5000
_TEXT_KEPT = 400
_SECRET_PARTS = ("authtoken", "authenticationtoken", "tokenid", "tokencode", "password", "secret", "privatekey")


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    number: int
    at: datetime
    kind: str
    """`request`, or an event such as `order.sold`, `proof.seen`, `certificate.issued`, `dns.updated`, `fault.applied`."""
    text: str
    """One sentence for people."""
    details: dict[str, Json]

    def wire(self) -> dict[str, Json]:
        """JSON form."""
        return {"number": self.number, "at": self.at.isoformat(), "kind": self.kind, "text": self.text, **self.details}


class Journal:
    """The last few thousand entries, and whoever listens to new ones."""

    def __init__(self, now: Callable[[], datetime], secrets: tuple[str, ...]) -> None:
        self._now = now
        self._secrets = secrets
        self._entries: deque[Entry] = deque(maxlen=_ENTRIES_KEPT)
        self._count = 0
        self._listeners: list[Callable[[Entry], None]] = []

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call a function with every new entry."""
        self._listeners.append(listener)

    def note(self, kind: str, text: str, **details: Json) -> None:
        """Write an entry; texts and details are masked here and nowhere else."""
        self._count += 1
        shown = {key: self.masked(value, key) for key, value in details.items()}
        entry = Entry(self._count, self._now(), kind, str(self._masked_text(text)), shown)
        self._entries.append(entry)
        for listener in self._listeners:
            listener(entry)

    def entries(self, kind: str | None = None, after: int = 0) -> list[Entry]:
        """Entries so far, oldest first: all or those of a kind, and only those numbered above ``after``."""
        return [entry for entry in self._entries if entry.number > after and kind in (None, entry.kind)]

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()

    def masked(self, value: Json, key: str = "") -> Json:
        """A copy without secrets: members named like one, known secrets anywhere, private keys; a CSR becomes its digest."""
        lowered = key.lower()
        if value and (lowered == "token" or any(part in lowered for part in _SECRET_PARTS)):
            return value if isinstance(value, bool) else MASK
        if isinstance(value, dict):
            return {name: self.masked(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.masked(item, key) for item in value]
        if isinstance(value, str):
            if lowered == "csr" and value:
                return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
            return self._masked_text(value)
        return value

    def _masked_text(self, text: str) -> str:
        if "PRIVATE KEY" in text:
            return MASK
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text if len(text) <= _TEXT_KEPT else text[:_TEXT_KEPT] + "…"
