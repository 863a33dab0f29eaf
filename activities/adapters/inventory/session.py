"""What all queries share: the open database, and statements that may be repeated."""

import functools
import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Column, Connection, CursorResult, Row, Select, Table, bindparam, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Update

from activities.adapters.inventory.engine import Database
from activities.adapters.inventory.failures import upgrade_needed
from activities.adapters.inventory.records import record
from activities.adapters.inventory.tables import AccountRow, AuditRow, Base, InstallationRow, OrderRow
from domain.errors import InvalidRequest, InvariantBroken
from domain.inventory import AccountRecord, AuditEvent

QueriesT = TypeVar("QueriesT", bound="Queries")
P = ParamSpec("P")
T = TypeVar("T")
_Reading = Callable[Concatenate[QueriesT, Connection, P], T]
_Writing = Callable[Concatenate[QueriesT, Session, P], T]
_Awaited = Callable[Concatenate[QueriesT, P], Coroutine[Any, Any, T]]


class Queries:
    """Base of the query classes that together make up the inventory.

    Args:
        database: where they ask.
    """

    def __init__(self, database: Database) -> None:
        self._db = database


def reads(query: _Reading[QueriesT, P, T]) -> _Awaited[QueriesT, P, T]:
    """Make a method that reads by the connection it is given one that is awaited without: one transaction, in a thread.

    A connection gives rows. Objects, which a session makes of them, are for what is changed; they cost four times as much.
    """

    @functools.wraps(query)
    async def awaited(self: QueriesT, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._db.read(lambda connection: query(self, connection, *args, **kwargs))

    return awaited


def writes(query: _Writing[QueriesT, P, T]) -> _Awaited[QueriesT, P, T]:
    """As ``reads``, for one that writes with a session: all of it is kept when it returns, nothing when it raises."""

    @functools.wraps(query)
    async def awaited(self: QueriesT, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._db.write(lambda session: query(self, session, *args, **kwargs))

    return awaited


def row_at(connection: Connection, table: type[Base], *key: object, locked: bool = False) -> "Row[Any] | None":
    """Return the row with this primary key, as it stands in the database, or None.

    ``locked``: nobody else changes it until this transaction ends.
    """
    named = {column.name: part for column, part in zip(_key(table), key, strict=True)}
    return connection.execute(_by_key(table, locked=locked), named).first()


@functools.cache
def _by_key(table: type[Base], *, locked: bool) -> "Select[Any]":
    """Return the query for one row, once for each table: to build it costs as much as to run it."""
    query = select(table).where(*(column == bindparam(column.name) for column in _key(table)))
    return query.with_for_update() if locked else query


def change_row(connection: Connection, table: type[Base], key: tuple[object, ...], values: Mapping[str, Any]) -> None:
    """Give columns of the row with this primary key new values."""
    named = {f"key_{column.name}": part for column, part in zip(_key(table), key, strict=True)}
    new = {f"new_{name}": value for name, value in values.items()}
    connection.execute(_changing(table, tuple(sorted(values))), named | new)


@functools.cache
def _changing(table: type[Base], names: tuple[str, ...]) -> Update:
    """Return the update of these columns, built once; which ones change together, there are few kinds of."""
    target = cast("Table", table.__table__)
    its_key = (column == bindparam(f"key_{column.name}") for column in _key(table))
    return update(target).where(*its_key).values({name: bindparam(f"new_{name}") for name in names})


def _key(table: type[Base]) -> "tuple[Column[Any], ...]":
    return tuple(cast("Table", table.__table__).primary_key.columns)


def installation_row(connection: Connection) -> "Row[Any]":
    """Return the one row that says whose the inventory is. Raises ``Misconfigured('db-upgrade-needed')``."""
    row = row_at(connection, InstallationRow, 1)
    if row is None:
        raise upgrade_needed("The inventory database does not say whose it is.")
    return row


def account_at(connection: Connection, name: str) -> AccountRecord:
    """Return the seller account as it stands in the database. Raises ``InvalidRequest('account-not-found')``."""
    row = row_at(connection, AccountRow, name)
    if row is None:
        raise account_missing()
    return record(AccountRecord, row)


def account_missing() -> InvalidRequest:
    """Return the error of an account that is asked for and is not there."""
    return InvalidRequest("account-not-found", "There is no seller account of that name.")


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any], *, key: Sequence[str] = ()) -> bool:
    """Add a row unless one with this key is there; tell whether it was added.

    Without a key any of the row's unique keys counts. So a row is added whose keys all mean the same: on PostgreSQL two
    writers at the same time may meet at either of them, and meeting at one that is not named would be an error.
    """
    connection = session.connection()
    return connection.execute(_adding(connection.dialect.name, table, tuple(key)), dict(values)).first() is not None


@functools.cache
def _adding(dialect: str, table: type[Base], key: tuple[str, ...]) -> "sqlite.Insert":
    """Return the insert, built once for each table; it tells the key of the row that it added.

    The row itself is asked for: how many rows an insert added, PostgreSQL's dialect does not tell.
    """
    adding = insert_of(dialect, table).on_conflict_do_nothing(index_elements=list(key) or None)
    return cast("sqlite.Insert", adding.returning(*_key(table)))


def upsert(
    session: Session,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Add rows, or change the named columns of those with the same key; one statement for all of them."""
    if not rows:
        return
    adding = insert_of(session.get_bind().dialect.name, table)
    statement = adding.on_conflict_do_update(
        index_elements=list(key), set_={column: adding.excluded[column] for column in update}
    )
    session.execute(statement, [dict(row) for row in rows])


def hits(session: Session, statement: Update) -> int:
    """Run an update and return how many rows it changed."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def write_event(session: Session, event: AuditEvent) -> None:
    """Write an audit row in the transaction of what it tells; the same id twice is one row."""
    insert_once(session, AuditRow, event.model_dump(), key=("event_id",))


def write_event_past(session: Session, event: AuditEvent, past: int) -> None:
    """Write an audit row with a number above ``past``, so that numbers of rows that were lost never come again."""
    newest = session.scalar(select(func.max(AuditRow.sequence))) or 0
    values = event.model_dump()
    if past > newest and session.get_bind().dialect.name == "postgresql":
        jump = "SELECT setval(pg_get_serial_sequence('audit_event', 'sequence'), :past)"
        session.execute(text(jump), {"past": past})
    elif past > newest:
        values["sequence"] = past + 1  # SQLite goes on counting from the highest number that it was given
    insert_once(session, AuditRow, values, key=("event_id",))


def stand_in_line(session: Session, name: str) -> None:
    """Wait until no other transaction stands in line under this name, and stand there until this one ends.

    For what is looked for and then written where no row is there yet to be locked. SQLite has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def locked_order(session: Session, order_id: str) -> OrderRow:
    """Return an order that nobody else changes until this transaction ends.

    Raises:
        InvariantBroken: ``order-missing``.
    """
    row = session.get(OrderRow, order_id, with_for_update=True)
    if row is None:
        raise order_missing(order_id)
    return row


def order_missing(order_id: str) -> InvariantBroken:
    """Return the error of an order that must be there and is not."""
    return InvariantBroken("order-missing", f"The inventory has no order {order_id}.")


def insert_of(dialect: str, table: type[Base]) -> "sqlite.Insert":
    """Return the insert of a dialect; both know ``ON CONFLICT`` under the same names."""
    target = cast("Table", table.__table__)
    return cast("sqlite.Insert", postgresql.insert(target)) if dialect == "postgresql" else sqlite.insert(target)
