"""What goes wrong with a database, in our own sentences.

Drivers quote statements and values in their texts, so nothing of them leaves this page: an error is recognised by its
class, SQLite's result code or PostgreSQL's (sqlstates.py), and raised anew ``from None``.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from activities.adapters.inventory import sqlstates
from domain.errors import EvercertError, InvariantBroken, Misconfigured, Unavailable

UPGRADE = "evercert db upgrade"

_REASONS = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another process",
    "SQLITE_FULL": "has no room left on its disk",
    "SQLITE_READONLY": "is read-only for this user",
    "SQLITE_PERM": "may not be opened by this user",
    "SQLITE_AUTH": "may not be opened by this user",
    "SQLITE_CANTOPEN": "cannot be opened: its file or directory is missing or not ours",
    "SQLITE_IOERR": "cannot be read or written: its disk fails",
    "SQLITE_CORRUPT": "is damaged",
    "SQLITE_NOTADB": "is not a database file",
}
_MISSING = ("no such table", "no such column")


class RuleBroken(InvariantBroken):
    """A unique or other key of the database refused a row; the query that wrote it says what that means."""

    def __init__(self) -> None:
        super().__init__("inventory-defect", "A rule of the inventory forbids this row.")


def upgrade_needed(sentence: str, next_step: str = UPGRADE) -> Misconfigured:
    """Return the error of a schema that does not fit this release."""
    return Misconfigured("db-upgrade-needed", sentence, next_step=next_step)


def bad_url() -> Misconfigured:
    """Return the error of an address that cannot be used; it is not quoted, since it may hold a password."""
    return Misconfigured(
        "db-url-invalid",
        "The address of the inventory database has a form that cannot be used.",
        next_step="write sqlite:///PATH or postgresql://USER@HOST/NAME",
    )


@contextmanager
def own_words() -> Generator[None]:
    """Turn whatever the database layer raises into an error of ours."""
    try:
        yield
    except EvercertError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError, UnicodeError) as error:
        raise _translated(error) from None


def _translated(error: Exception) -> EvercertError:
    if isinstance(error, IntegrityError):
        return RuleBroken()
    if isinstance(error, StaleDataError):
        return _unavailable("was changed by somebody else at the same time")
    if isinstance(error, PoolTimeoutError):
        return _unavailable("is busy: all connections are in use")
    if (code := sqlstates.sqlstate(_driver_error(error))) is not None:
        return _of_postgresql(code)
    if isinstance(error, ProgrammingError) or _lacks_a_table(error):
        return upgrade_needed("The inventory lacks a table or column that this release needs.")
    if isinstance(error, DBAPIError | sqlite3.Error | OSError | TimeoutError):
        return _unavailable(_reason(error))
    return InvariantBroken("inventory-defect", f"The inventory was asked wrongly ({type(error).__name__}).")


def _of_postgresql(code: str) -> EvercertError:
    if sqlstates.is_rule(code):
        return RuleBroken()
    if sqlstates.is_other_schema(code):
        return upgrade_needed("The inventory lacks a table or column that this release needs.")
    if code == sqlstates.NOT_FOR_US:
        return bad_url()
    if (found := sqlstates.meaning(code)) is not None:
        return _unavailable(found.reason, found.next_step)
    return InvariantBroken("inventory-defect", f"The inventory was asked wrongly (SQLSTATE {code}).")


def _reason(error: Exception) -> str:
    name = getattr(_driver_error(error), "sqlite_errorname", None) or ""
    return next((reason for code, reason in _REASONS.items() if name.startswith(code)), "cannot be reached")


def _lacks_a_table(error: Exception) -> bool:
    text = str(_driver_error(error))
    return isinstance(error, DBAPIError | sqlite3.Error) and text.startswith(_MISSING)


def _driver_error(error: Exception) -> object:
    return error.orig if isinstance(error, DBAPIError) else error


def _unavailable(reason: str, next_step: str = "") -> Unavailable:
    return Unavailable(
        "inventory-unavailable",
        f"The inventory database {reason}.",
        next_step=next_step
        or "nothing is lost: the same is tried again; evercert doctor shows the state of the database",
    )
