"""What outlives the process: rows of JSON in one SQLite file, or nowhere.

Written before an answer leaves, so that a sale survives `kill -9` of the sandbox just as it would at a real seller.
"""

import sqlite3
from pathlib import Path

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS item (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))"
)


class Store:
    """Rows by kind and id, in the order they were first written."""

    def __init__(self, path: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # the file holds the CA's keys
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)

    def put_all(self, *rows: tuple[str, str, str]) -> None:
        """Write rows of (kind, id, body) in one transaction; an existing row is replaced where it stands."""
        if self._db is None:
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO item (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            rows,
        )
        self._db.execute("COMMIT")

    def rows(self, kind: str) -> list[str]:
        """Bodies of a kind, oldest first."""
        if self._db is None:
            return []
        found = self._db.execute("SELECT body FROM item WHERE kind = ? ORDER BY rowid", (kind,))
        return [str(body) for (body,) in found]

    def row(self, kind: str, row_id: str) -> str | None:
        """One body, if it is there."""
        if self._db is None:
            return None
        found = self._db.execute("SELECT body FROM item WHERE kind = ? AND id = ?", (kind, row_id)).fetchone()
        return str(found[0]) if found else None

    def drop_row(self, kind: str, row_id: str) -> None:
        """Delete one row; absence is success."""
        if self._db is not None:
            self._db.execute("DELETE FROM item WHERE kind = ? AND id = ?", (kind, row_id))

    def drop(self, *kinds: str) -> None:
        """Delete all rows of some kinds."""
        if self._db is not None:
            self._db.executemany("DELETE FROM item WHERE kind = ?", [(kind,) for kind in kinds])

    def close(self) -> None:
        """Close the file; later writes would fail."""
        if self._db is not None:
            self._db.close()
