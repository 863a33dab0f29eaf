"""Transactions in threads: what a cancel leaves, who stands in line, and what a caller sees of it."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from activities.adapters.inventory import SqlInventory
from activities.adapters.inventory.engine import Database, make_engine, read_url
from domain.errors import InvariantBroken
from tests.adapters.inventory_support import NOW, fresh_database, fresh_inventory, order

NAME = text("UPDATE installation SET namespace = :name")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(make_engine(read_url(await fresh_database(tmp_path))))
    yield database
    await database.aclose()


async def name_in(database: Database) -> str:
    return str(await database.read(lambda session: session.scalar(text("SELECT namespace FROM installation"))))


class Held:
    """A transaction that writes and then waits until the test lets it go on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def act(self, session: Session) -> str:
        session.execute(NAME, {"name": self._name})
        self.has_begun.set()
        self.may_end.wait()
        return self._name


async def test_a_cancel_comes_through_when_the_transaction_is_over_and_it_is_kept(database: Database) -> None:
    held = Held("kept")
    writing = asyncio.create_task(database.write(held.act))
    await asyncio.to_thread(held.has_begun.wait)
    for _ in range(2):  # a second cancel does not shorten the wait
        writing.cancel()
        done, _ = await asyncio.wait([writing], timeout=0)
        assert not done
    held.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await name_in(database) == "kept"


async def test_what_is_cancelled_before_its_turn_never_begins(database: Database) -> None:
    held = Held("first")
    first = asyncio.create_task(database.write(held.act))
    await asyncio.to_thread(held.has_begun.wait)
    begun = threading.Event()

    def second(session: Session) -> None:
        begun.set()
        session.execute(NAME, {"name": "second"})

    writing = asyncio.create_task(database.write(second))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    held.may_end.set()
    assert await first == "first"
    assert (await name_in(database), begun.is_set()) == ("first", False)


async def test_an_error_that_nobody_waits_for_any_more_is_still_a_roll_back(database: Database) -> None:
    held = Held("half")

    def broken(session: Session) -> None:
        held.act(session)
        raise InvariantBroken("test", "broken here")

    writing = asyncio.create_task(database.write(broken))
    await asyncio.to_thread(held.has_begun.wait)
    writing.cancel()
    held.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await name_in(database) == ""


async def test_writers_of_one_process_stand_in_line_and_none_is_told_that_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.adapters.inventory.engine._PRAGMAS", ("PRAGMA busy_timeout = 0",))
    async with fresh_inventory(tmp_path) as inventory:
        orders = [order(number, name=f"n{number}.example.test") for number in range(30)]
        await asyncio.gather(*(inventory.open_order(one, NOW) for one in orders))
        assert len(await inventory.orders()) == 30


async def test_a_reader_is_not_kept_waiting_by_a_writer(database: Database) -> None:
    held = Held("later")
    writing = asyncio.create_task(database.write(held.act))
    await asyncio.to_thread(held.has_begun.wait)
    assert await name_in(database) == ""
    held.may_end.set()
    await writing
    assert await name_in(database) == "later"


def test_a_query_is_awaited_and_keeps_its_name_and_words() -> None:
    for query in (SqlInventory.order, SqlInventory.open_order):
        assert inspect.iscoroutinefunction(query)
    assert SqlInventory.order.__name__ == "order"
    assert "Return the order" in (SqlInventory.order.__doc__ or "")
