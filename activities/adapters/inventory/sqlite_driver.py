"""SQLite's driver with one change of threads per statement.

aiosqlite runs every call in its connection's own thread, and SQLAlchemy makes four calls for one SELECT: open a cursor,
execute, fetch, close. Each is a hand-over between threads, which costs more than the statement itself. Here a cursor does
all four in one, a ``BEGIN`` goes along with the first statement after it, and a rollback where no transaction is open does
nothing, as it does in SQLite.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import aiosqlite

BEGINNINGS = ("BEGIN", "BEGIN IMMEDIATE")
"""What starts a transaction: one that reads, and one that has the write lock before its first statement."""

_CHUNK = 64


def open_connection(database: str, **options: Any) -> "QuickConnection":
    """Return a connection to await, as ``aiosqlite.connect`` does; SQLAlchemy calls this as its ``async_creator_fn``."""
    connection = QuickConnection(lambda: sqlite3.connect(database, **options), _CHUNK)
    connection._thread.daemon = True  # as SQLAlchemy itself does: a process may end with a connection open
    return connection


class QuickConnection(aiosqlite.Connection):
    """A connection whose cursors take one hand-over for each statement."""

    _is_settled = False
    """The last call has ended, and well: what the connection says of itself is so."""
    _begin: str | None = None
    """How the transaction begins that was asked for: no statement of it was given yet, so it needs to see or lock nothing."""

    def cursor(self) -> "QuickCursor":  # type: ignore[override] # SQLAlchemy enters what it gets, and needs no more
        """Return a cursor; nothing is opened yet."""
        return QuickCursor(self)

    def begin(self, statement: str) -> None:
        """Begin a transaction right before the next statement, and with it fail."""
        self._begin = statement

    async def run(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """Do something with the connection in its thread, in the transaction that was asked for."""
        begin, self._begin = self._begin, None

        def begun(opened: sqlite3.Connection) -> None:
            if begin is not None:
                opened.execute(begin)
            act(opened)

        await self._execute(begun, self._conn)

    async def commit(self) -> None:
        """Commit, where there is something to."""
        if self._is_outside():
            return
        await super().commit()

    async def rollback(self) -> None:
        """Roll back, where there is something to."""
        if self._is_outside():
            return
        await super().rollback()

    def _is_outside(self) -> bool:
        """Tell whether surely no transaction is open; one that was only asked for is forgotten."""
        self._begin = None
        return self._is_settled and not self.in_transaction

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # A caller that is cancelled does not stop the thread, so what follows cannot rely on how things look now.
        self._is_settled = False
        result = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        self._is_settled = True
        return result


class QuickCursor:
    """What SQLAlchemy uses of a driver's cursor: one statement, its rows read at once."""

    arraysize = 1

    def __init__(self, connection: QuickConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement and read all that it returns."""
        if statement in BEGINNINGS:
            self._connection.begin(statement)
            return
        await self._connection.run(lambda opened: self._take(opened.execute(statement, parameters)))

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement that returns nothing once for each of the parameters."""
        await self._connection.run(lambda opened: self._take(opened.executemany(statement, parameters)))

    def _take(self, cursor: sqlite3.Cursor) -> None:
        """Keep what a cursor has, in the connection's thread."""
        try:
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    async def close(self) -> None:
        """Close; nothing is open."""
