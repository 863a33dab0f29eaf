"""What is true of PostgreSQL alone: a server that goes and comes back, users, and many writers at a time."""

import asyncio
import itertools
import json
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.orm import Session

from activities.adapters.inventory import (
    SqlInventory,
    acts,
    certificates,
    open_inventory,
    postgresql,
    sqlstates,
    upgrade,
)
from activities.adapters.inventory.engine import Database, make_engine, read_url
from activities.adapters.inventory.failures import RuleBroken
from activities.adapters.inventory.tables import ActRow, OrderRow
from activities.failures import as_failure
from domain.errors import EvercertError, InvalidRequest, InvariantBroken, Misconfigured, Unavailable
from domain.inventory import ActState, VersionState
from tests.adapters.inventory_support import (
    NOW,
    PostgresDatabases,
    at,
    event,
    moved,
    order,
    reserved,
    version,
)

pytestmark = pytest.mark.postgres

PASSWORD = "a-planted-password"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(make_engine(read_url(url)))
    try:
        yield database
    finally:
        await database.aclose()


async def asked(url: str, statement: str) -> Any:
    async with opened(url) as database:
        return await database.write(lambda session: session.scalar(text(statement)))


async def ordered(databases: PostgresDatabases, *statements: str) -> None:
    """Let the server's administrator do something."""
    async with databases.server.session() as cursor:
        for statement in statements:
            await cursor.execute(statement)


def named(url: str) -> str:
    return str(make_url(url).database)


def as_user(url: str, user: str, password: str) -> str:
    return make_url(url).set(username=user, password=password).render_as_string(hide_password=False)


async def with_user(databases: PostgresDatabases, url: str, *, owns: bool) -> str:
    """Return the address of the same database for a user with a password and no privilege of the server."""
    user = f"user_of_{named(url)}"
    await ordered(databases, f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")
    if owns:
        await ordered(databases, f"ALTER DATABASE {named(url)} OWNER TO {user}")
    return as_user(url, user, PASSWORD)


def everything_told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + repr(getattr(error, "why", ""))


async def blocked(url: str) -> None:
    """Wait until a session of this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await asked(url, waiting):
        await asyncio.sleep(0.02)


# sessions


async def test_a_session_is_durable_whatever_database_and_address_say(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.empty()
    await ordered(
        on_postgresql,
        f"ALTER DATABASE {named(url)} SET synchronous_commit = off",
        f"ALTER DATABASE {named(url)} SET default_transaction_isolation = serializable",
        f"ALTER DATABASE {named(url)} SET timezone = 'Asia/Kathmandu'",
    )
    url += "&options=-c%20search_path%3Dmine%20-c%20synchronous_commit%3Doff&application_name=another"
    assert await asked(url, "SHOW synchronous_commit") == "on"
    assert await asked(url, "SHOW transaction_isolation") == "read committed"
    assert await asked(url, "SHOW timezone") == "UTC"
    assert await asked(url, "SHOW lock_timeout") == "10s"
    assert await asked(url, "SHOW search_path") == "mine"
    assert await asked(url, "SHOW application_name") == "another"


async def test_a_reader_sees_one_state(on_postgresql: PostgresDatabases) -> None:
    async with opened(await on_postgresql.fresh()) as database:
        look = text("SELECT namespace FROM installation")
        with database.reading() as session:
            before = session.scalar(look)
            with database.writing() as other:
                other.execute(text("UPDATE installation SET namespace = 'changed'"))
            assert session.scalar(look) == before
        with database.reading() as session:
            assert session.scalar(look) == "changed"
        with database.writing() as session:  # on a connection that was a reader's
            assert session.scalar(text("SHOW transaction_isolation")) == "read committed"


async def test_its_owner_needs_no_privilege_of_the_server(on_postgresql: PostgresDatabases) -> None:
    url = await with_user(on_postgresql, await on_postgresql.empty(), owns=True)
    await upgrade(url, lambda _: None)
    async with await open_inventory(url) as inventory:
        act = await reserved(inventory, order())
        assert await moved(inventory, act, ActState.SENDING)
        with pytest.raises(RuleBroken), inventory._db.writing() as session:
            session.execute(text("TRUNCATE audit_event"))


# a server that is away


async def test_a_server_that_is_killed_is_unavailable_and_then_back(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.fresh()
    async with await open_inventory(url) as inventory:
        act = await reserved(inventory, order())
        await on_postgresql.server.kill()
        try:
            with pytest.raises(Unavailable, match="inventory-unavailable") as caught:
                await moved(inventory, act, ActState.SENDING)
            assert not as_failure(caught.value, attempt=99).non_retryable
            with pytest.raises(Unavailable, match="inventory-unavailable: The inventory database cannot be reached"):
                await open_inventory(url)
        finally:
            await on_postgresql.server.start()
        assert await inventory.act(act.act_id) == act
        assert await moved(inventory, act, ActState.SENDING)


async def test_a_lost_connection_costs_the_transaction_and_nothing_else(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.fresh()
    async with opened(url) as database:

        async def write() -> None:
            with database.writing() as session:
                session.execute(text("UPDATE installation SET namespace = 'half'"))
                backend = session.scalar(text("SELECT pg_backend_pid()"))
                await ordered(on_postgresql, f"SELECT pg_terminate_backend({backend})")
                session.execute(text("UPDATE installation SET cluster_id = 'half'"))

        with pytest.raises(Unavailable, match="inventory-unavailable"):
            await write()
        with database.reading() as session:
            assert session.scalar(text("SELECT namespace || cluster_id FROM installation")) == ""


async def test_a_connection_lost_while_unused_is_not_even_noticed(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.fresh()
    async with await open_inventory(url) as inventory:
        await reserved(inventory, order())
        ours = f"datname = '{named(url)}' AND pid <> pg_backend_pid()"
        await ordered(on_postgresql, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        assert len(await inventory.orders()) == 1


async def test_a_standby_is_told_from_a_server_that_is_away(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.fresh()
    await ordered(on_postgresql, f"ALTER DATABASE {named(url)} SET default_transaction_read_only = on")
    async with await open_inventory(url) as inventory:
        assert await inventory.orders() == ()
        with pytest.raises(Unavailable, match="is read-only") as caught:
            await inventory.open_order(order(), NOW)
    assert "primary" in caught.value.next_step


# addresses that lead nowhere


async def wrong_password(databases: PostgresDatabases) -> str:
    url = await with_user(databases, await databases.fresh(), owns=True)
    return url.replace(PASSWORD, PASSWORD + "-wrong")


async def unknown_user(databases: PostgresDatabases) -> str:
    return as_user(await databases.fresh(), "nobody_here", PASSWORD)


async def unknown_database(databases: PostgresDatabases) -> str:
    return as_user(databases.server.address("not_there"), "evercert", PASSWORD)


async def foreign_tables(databases: PostgresDatabases) -> str:
    return await with_user(databases, await databases.fresh(), owns=False)


async def no_connection_left(databases: PostgresDatabases) -> str:
    url = await with_user(databases, await databases.fresh(), owns=True)
    await ordered(databases, f"ALTER DATABASE {named(url)} CONNECTION LIMIT 0")
    return url


async def no_server(databases: PostgresDatabases) -> str:
    return f"postgresql://evercert:{PASSWORD}@/x?host=%2Fnot%2Fthere"


@pytest.mark.parametrize(
    ("make", "sentence", "advice"),
    [
        (wrong_password, "refuses our user or password", "password"),
        (unknown_user, "refuses our user or password", "user"),
        (unknown_database, "does not exist on its server", "create it"),
        (foreign_tables, "does not let our user do this", "owner"),
        (no_connection_left, "takes no more connections", "max_connections"),
        (no_server, "cannot be reached", "tried again"),
    ],
)
async def test_who_is_not_let_in_is_told_why_without_the_password(
    on_postgresql: PostgresDatabases,
    make: Callable[[PostgresDatabases], Awaitable[str]],
    sentence: str,
    advice: str,
) -> None:
    url = await make(on_postgresql)
    for attempt in (open_inventory(url), upgrade(url, lambda _: None)):
        with pytest.raises(Unavailable, match=f"inventory-unavailable: The inventory database {sentence}") as caught:
            await attempt
        assert advice in caught.value.next_step
        # An order that has bought must outlive a password that is just being changed.
        assert not as_failure(caught.value, attempt=99).non_retryable
        assert PASSWORD not in everything_told(caught.value)


@pytest.mark.parametrize("wrong", ["&no_such_option=1", "&sslmode=sometimes", "&connect_timeout=soon"])
async def test_an_address_that_the_driver_refuses_is_an_invalid_one(
    on_postgresql: PostgresDatabases, wrong: str
) -> None:
    url = as_user(await on_postgresql.fresh(), "evercert", PASSWORD) + wrong
    with pytest.raises(Misconfigured, match="db-url-invalid") as caught:
        await open_inventory(url)
    assert PASSWORD not in everything_told(caught.value)


# what the server says


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("08006", Unavailable, "cannot be reached"),
        ("40001", Unavailable, "was changed by somebody else at the same time"),
        ("40P01", Unavailable, "was changed by somebody else at the same time"),
        ("53100", Unavailable, "has no room left on its disk"),
        ("53200", Unavailable, "lacks memory"),
        ("55P03", Unavailable, "is locked by another process"),
        ("57014", Unavailable, "was told to stop"),
        ("57P01", Unavailable, "is starting or shutting down"),
        ("58030", Unavailable, "its disk fails"),
        ("XX001", Unavailable, "is damaged"),
        ("42P01", Misconfigured, "lacks a table or column"),
        ("42703", Misconfigured, "lacks a table or column"),
        ("23514", RuleBroken, "forbids this row"),
        ("22003", InvariantBroken, "asked wrongly .SQLSTATE 22003"),
        ("42601", InvariantBroken, "asked wrongly .SQLSTATE 42601"),
    ],
)
async def test_each_kind_of_error_has_its_own_words_and_none_of_the_servers(
    on_postgresql: PostgresDatabases, code: str, kind: type[EvercertError], sentence: str
) -> None:
    """The server itself is made to answer so: its disk is not really full."""
    says = f"DO $$ BEGIN RAISE EXCEPTION '{PASSWORD}' USING ERRCODE = '{code}'; END $$"
    async with opened(await on_postgresql.empty()) as database:
        with pytest.raises(kind, match=sentence) as caught, database.writing() as session:
            session.execute(text(says))
        assert type(caught.value) is kind
        assert PASSWORD not in everything_told(caught.value)


async def test_a_value_that_cannot_be_stored_is_a_defect_and_is_not_told(on_postgresql: PostgresDatabases) -> None:
    """NUL: SQLite takes it. To try again would be of no use."""
    async with await open_inventory(await on_postgresql.fresh()) as inventory:
        with pytest.raises(InvariantBroken, match="inventory-defect") as caught:
            await inventory.open_order(order().model_copy(update={"reason": f"{PASSWORD}\x00"}), NOW)
        assert PASSWORD not in everything_told(caught.value)
        assert await inventory.orders() == ()


def test_every_meaning_is_found_by_a_code_of_full_length() -> None:
    for code, meant in sqlstates._MEANINGS.items():
        assert sqlstates.meaning(code.ljust(5, "9")) == meant
    assert sqlstates.meaning("42601") is None


# many writers


async def test_a_second_upgrade_waits_and_says_so(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.empty()
    told: asyncio.Queue[str] = asyncio.Queue()
    async with opened(url) as database:
        with database.writing() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x45564552})
            second = asyncio.create_task(upgrade(url, told.put_nowait))
            assert "another upgrade is under way" in await told.get()
            assert not second.done()
        await second
    assert "goes from nothing" in await told.get()
    await (await open_inventory(url)).aclose()


async def test_a_lock_is_not_waited_for_for_ever(
    on_postgresql: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql._SESSION, "lock_timeout", "50ms")
    async with await open_inventory(await on_postgresql.fresh()) as inventory:
        await inventory.open_order(order(), NOW)
        with inventory._db.writing() as session:
            session.get(OrderRow, order().order_id, with_for_update=True)
            with pytest.raises(Unavailable, match="is locked by another process"):
                await reserved(inventory, order())
        await reserved(inventory, order())


async def test_two_that_wait_for_each_other_are_told_apart_and_one_goes_on(on_postgresql: PostgresDatabases) -> None:
    async with opened(await on_postgresql.fresh()) as database:
        with database.writing() as session:
            session.execute(text("CREATE TABLE pair AS SELECT 1 AS one UNION SELECT 2"))
        both_hold_one = threading.Barrier(2)
        change = text("UPDATE pair SET one = one WHERE one = :one")

        def crosswise(session: Session, first: int, second: int) -> None:
            session.execute(change, {"one": first})
            both_hold_one.wait()
            session.execute(change, {"one": second})

        async def take(first: int, second: int) -> str:
            try:
                await database.write(lambda session: crosswise(session, first, second))
            except Unavailable as error:
                failure = as_failure(error, attempt=99)
                return f"{error.message} {'never again' if failure.non_retryable else 'try again'}"
            return "done"

        results = await asyncio.gather(take(1, 2), take(2, 1))
        other = "The inventory database was changed by somebody else at the same time. try again"
        assert sorted(results) == [other, "done"]


async def test_an_act_is_changed_with_its_order_locked_first(on_postgresql: PostgresDatabases) -> None:
    """Else a run that takes the order over, which goes from order to acts, could meet it crosswise."""
    url = await on_postgresql.fresh()
    async with await open_inventory(url) as inventory:
        act = await reserved(inventory, order())
        with inventory._db.writing() as session:
            session.get(OrderRow, act.order_id, with_for_update=True)
            change = asyncio.create_task(moved(inventory, act, ActState.SENDING))
            await blocked(url)
            free = select(ActRow).where(ActRow.act_id == act.act_id).with_for_update(nowait=True)
            assert session.scalar(free) is not None
        assert await change is not None


async def test_an_equal_order_waits_while_another_is_between_its_looks_and_its_insert(
    on_postgresql: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it could be bought and issued in that time, which frees the key that the other then takes: two sales."""
    url = await on_postgresql.fresh()
    has_looked, may_go_on, really = threading.Event(), threading.Event(), acts._refuse_covered

    def look_and_wait(*given: Any) -> None:
        really(*given)
        if not has_looked.is_set():
            has_looked.set()
            may_go_on.wait()

    monkeypatch.setattr(acts, "_refuse_covered", look_and_wait)
    async with await open_inventory(url) as slow, await open_inventory(url) as quick:
        first = asyncio.create_task(reserved(slow, order(1)))
        await asyncio.to_thread(has_looked.wait)
        second = asyncio.create_task(reserved(quick, order(2)))
        waiting = asyncio.create_task(blocked(url))
        done, _ = await asyncio.wait({second, waiting}, return_when=asyncio.FIRST_COMPLETED)
        may_go_on.set()
        assert done == {waiting}
        assert (await first).state is ActState.RESERVED
        with pytest.raises(InvalidRequest, match=f"duplicate-order.*{order(1).order_id}"):
            await second


async def test_orders_of_one_certificate_made_current_at_the_same_time(
    on_postgresql: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order locks its own row only, so both look for the next number before either has taken one."""
    both_look, really = threading.Barrier(2), certificates._promote
    looks = itertools.count(1)

    def promote(*given: Any) -> None:
        if next(looks) <= 2:
            both_look.wait()
        really(*given)

    monkeypatch.setattr(certificates, "_promote", promote)
    async with await open_inventory(await on_postgresql.fresh()) as inventory:
        orders = [order(number, name=f"n{number}.example.test") for number in range(2)]
        for one in orders:
            await inventory.open_order(one, NOW)
            same = version(one, one.workflow_id).model_copy(update={"certificate_id": "crt_shared"})
            await inventory.store_version(same, NOW)
        made = (inventory.make_current(it.order_id, it.workflow_id, event(it.order_id), at(1)) for it in orders)
        numbers = [one.number for one in await asyncio.gather(*made)]
        assert (sorted(numbers), next(looks)) == ([1, 2], 4)
        found = await inventory.versions("crt_shared")
        assert sorted((one.number, one.state) for one in found) == [
            (1, VersionState.SUPERSEDED),
            (2, VersionState.CURRENT),
        ]


_RACER = """
import asyncio, json, sys
from activities.adapters.inventory import open_inventory
from domain.inventory import ActState
from tests.adapters.inventory_support import moved

async def main(url, acts):
    async with await open_inventory(url) as inventory:
        seen = [await inventory.act(act) for act in acts]
        print("ready", flush=True)
        sys.stdin.readline()
        won = [act.act_id for act in seen if await moved(inventory, act, ActState.SENDING)]
    print(json.dumps(won), flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2:]))
"""


async def test_of_two_processes_that_change_the_same_act_one_wins(on_postgresql: PostgresDatabases) -> None:
    url = await on_postgresql.fresh()
    async with await open_inventory(url) as inventory:
        acts = [
            (await reserved(inventory, order(number, name=f"n{number}.example.test"))).act_id for number in range(12)
        ]
        won = await _race(url, acts)
        assert sorted(won[0] + won[1]) == sorted(acts)
        for act_id in acts:
            await _is_sending_once(inventory, act_id)


async def _race(url: str, acts: list[str]) -> list[list[str]]:
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _RACER, url, *acts,
            cwd=Path(__file__).parents[2], stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    assert [racer.returncode for racer in racers] == [0, 0]
    return [json.loads(out) for out, _ in ends]


async def _is_sending_once(inventory: SqlInventory, act_id: str) -> None:
    stands = await inventory.act(act_id)
    assert stands is not None
    assert (stands.state, stands.fence) == (ActState.SENDING, 1)
    kinds = [entry.kind for entry in await inventory.audit(subject=act_id)]
    assert kinds.count("purchase.sending") == 1
