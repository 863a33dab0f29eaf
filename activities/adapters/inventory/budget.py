"""The budget of calls of each seller account, shared by all workers.

A bucket that fills evenly is one number: the instant at which it is full again. Taking a token moves that instant by one
interval, and is allowed while it lies no further ahead than the burst. So a token is one statement, and two workers that
race for the last one stand in line at the same row. A bucket that claims to be spent for longer than clocks may differ
was written before a clock was set back, and counts as full.
"""

import functools
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, or_
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from activities.adapters.inventory.session import Queries, account_at, insert_of, row_at, writes
from activities.adapters.inventory.tables import RateBucketRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MOST_SKEW = 60 * _SECOND


class BudgetQueries(Queries):
    """The part of the inventory that keeps all workers together polite."""

    @writes
    def take_token(self, session: Session, account: str, now: datetime) -> datetime | None:
        """Take one token; None when it was taken, else the instant at which the next one is there.

        Raises:
            InvalidRequest: ``account-not-found``.
        """
        at = (now - _EPOCH) // _MICROSECOND
        connection = session.connection()
        interval, burst = _budget(connection, account)
        ahead = (burst - 1) * interval
        wanted = {"its_account": account, "at": at, "interval": interval, "latest": at + ahead}
        if connection.scalar(_taking(connection.dialect.name), wanted) is not None:
            return None
        row = row_at(connection, RateBucketRow, account)
        assert row is not None  # it was there a statement ago, or that one has added it
        free_at: int = max(row.held_until, row.full_at - ahead)
        return _EPOCH + free_at * _MICROSECOND

    @writes
    def hold_account_until(self, session: Session, account: str, instant: datetime) -> None:
        """Give out no token before an instant, and one at a time right after it; an earlier one changes nothing.

        Raises:
            InvalidRequest: ``account-not-found``.
        """
        interval, burst = _budget(session.connection(), account)
        held_until = (instant - _EPOCH) // _MICROSECOND
        held = {"full_at": held_until + (burst - 1) * interval, "held_until": held_until}
        session.execute(
            insert_of(session.get_bind().dialect.name, RateBucketRow)
            .values(account=account, **held)
            .on_conflict_do_update(index_elements=["account"], set_=held, where=RateBucketRow.held_until < held_until)
        )


@functools.cache
def _taking(dialect: str) -> "sqlite.Insert":
    """Return the statement that takes a token, and then returns something; built once, for it is long."""
    at, interval, latest = (bindparam(name, type_=BigInteger) for name in ("at", "interval", "latest"))
    full_at, held_until = RateBucketRow.full_at, RateBucketRow.held_until
    is_from_the_future = full_at > latest + _MOST_SKEW
    moved = case((or_(is_from_the_future, full_at < at), at), else_=full_at) + interval
    is_free = and_(held_until <= at, or_(full_at <= latest, is_from_the_future))
    adding = insert_of(dialect, RateBucketRow).values(
        account=bindparam("its_account"), full_at=at + interval, held_until=0
    )
    taking = adding.on_conflict_do_update(index_elements=["account"], set_={"full_at": moved}, where=is_free)
    return cast("sqlite.Insert", taking.returning(full_at))


def _budget(connection: Connection, account: str) -> tuple[int, int]:
    """Return the microseconds between two tokens, and the burst."""
    per_second, burst = account_at(connection, account).call_budget
    return _SECOND // per_second, burst
