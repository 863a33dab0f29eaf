"""An inventory that is put back to an earlier state, or moved to another Temporal cluster: nothing is sold twice."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from activities.adapters.inventory import SqlInventory
from domain.inventory import ActState
from starter.client import StartedOrder
from starter.server import DevServer, find_binary, provision
from tests.integration.support import House, open_house, run_cli, until_true
from workflows.search_attributes import REGISTRATION

pytestmark = pytest.mark.server

FILE, ALL = ("",), ("", "-wal", "-shm")


def database(house: House) -> Path:
    return house.stack.settings.paths.data / "inventory.db"


def sql(house: House) -> SqlInventory:
    return cast("SqlInventory", house.client.inventory)


async def kinds(house: House, word: str) -> list[str]:
    return [row.kind for row in await house.client.inventory.audit() if word in row.kind]


async def set_window(house: House, minutes: int) -> None:
    with sql(house)._db.writing() as session:
        session.execute(text("UPDATE account SET visibility_minutes = :minutes"), {"minutes": minutes})


def copy_files(source: Path, target: Path, sides: tuple[str, ...]) -> None:
    """Copy as ``cp`` does: over what is there."""
    target.parent.mkdir(exist_ok=True)
    for side in sides:
        shutil.copyfile(f"{source}{side}", f"{target}{side}")


async def sold_and_killed(house: House, name: str, copy: Path, sides: tuple[str, ...]) -> StartedOrder:
    """Copy the inventory between reservation and sale, and kill the worker between the sale and its answer."""
    await house.fault("answer_delay", endpoint="order/validateorderparameters", seconds=4, times=1)
    await house.fault("answer_delay", endpoint="order/neworder", seconds=60, times=1)
    started = await house.order(name)

    async def is_reserved() -> bool:
        act = await house.client.inventory.act(started.order_id)
        return act is not None and act.state is ActState.RESERVED

    await until_true(is_reserved)
    if sides == FILE:
        with closing(sqlite3.connect(database(house))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy_files(database(house), copy, sides)

    async def is_sold() -> bool:
        return house.sales(started) == 1

    await until_true(is_sold)
    assert house.stack.worker is not None
    await house.stack.worker.kill()
    return started


async def put_back(house: House, copy: Path, sides: tuple[str, ...]) -> None:
    """Nobody has the file open: what was in the log was written into the file when the last one closed it."""
    sql(house)._db.engine.dispose()
    for side in ("-wal", "-shm"):
        Path(f"{database(house)}{side}").unlink(missing_ok=True)
    copy_files(copy, database(house), sides)


@pytest.mark.parametrize("sides", [FILE, ALL], ids=["file", "file-and-log"])
async def test_a_sale_that_the_inventory_forgot_is_adopted_and_not_repeated(
    healed: House, tmp_path: Path, sides: tuple[str, ...]
) -> None:
    house, copy = healed, tmp_path / "inventory.db"
    before = await kinds(house, "reconcile")
    started = await sold_and_killed(house, f"forgot{len(sides)}.example.test", copy, sides)
    # The seller does not show the sale yet, neither by our reference nor in its list.
    await house.fault("unknown_order_shape", shape="error", hide=True)
    await house.fault("query_lag", seconds=86_400)
    await put_back(house, copy, sides)
    await set_window(house, 60)  # only now: what an earlier test has set back is over after the window of its time
    act = await house.client.inventory.act(started.order_id)
    assert act is not None and act.state is ActState.RESERVED, "it has forgotten that anything was sent"

    await house.stack.start_worker()
    assert (await kinds(house, "reconcile"))[len(before) :] == ["reconcile.entered"]
    waiting = await house.until_order(started, lambda it: it.error_code == "reconcile-first")
    assert (waiting.state, waiting.waiting_for) == ("purchasing", "account")
    page = await house.page(started)
    assert "comparison of the seller's orders" in page and "evercert doctor" in page
    told = await house.cli("account", "show", "sandbox", "-o", "json")
    assert told.json["data"]["state"] == "waiting"
    doctor = await house.cli("doctor", "inventory", "-o", "json")
    assert [it["status"] for it in doctor.json["data"] if it["name"] == "reconcile sandbox"] == ["warning"]
    assert house.sales(started) == 1

    await house.heal()
    await set_window(house, 0)  # as if its hour were over; the half minute of sending is waited for
    await house.look_at_once(started)  # once: asked again and again no try would come to its end

    async def is_compared() -> bool:
        return await house.client.inventory.reconcile_pending("sandbox") == ""

    await until_true(is_compared)
    await house.look_at_once(started)
    await house.issued(started)
    assert house.sales(started) == 1
    assert (await kinds(house, "reconcile"))[len(before) :] == ["reconcile.entered", "reconcile.finished"]
    assert "purchase.sending" not in await house.story(started.order_id), "this inventory has never sent it"


async def test_a_copy_older_than_what_sync_orders_saw_is_noticed_without_the_file(
    healed: House, tmp_path: Path
) -> None:
    house, copy = healed, tmp_path / "inventory.db"
    with closing(sqlite3.connect(database(house))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy_files(database(house), copy, FILE)
    await house.issued(await house.order("seen.example.test"))
    assert (await house.cli("order", "sync", "--wait")).code == 0
    assert house.stack.worker is not None
    await house.stack.worker.stop()
    house.stack.settings.sequence_file.unlink()
    await put_back(house, copy, FILE)

    async def is_listed() -> bool:
        query = "WorkflowType = 'SyncOrders' AND ExecutionStatus = 'Completed'"
        return [run async for run in house.client.temporal.list_workflows(query, limit=1)] != []

    await until_true(is_listed)
    await house.stack.start_worker()
    entered = [row for row in await house.client.inventory.audit() if row.kind == "reconcile.entered"]
    assert entered[-1].facts["kind"] == "behind-sync"
    assert (await kinds(house, "sequence"))[-1] == "sequence.begun"


async def test_by_hand(healed: House) -> None:
    house = healed
    said = await house.cli("db", "reconcile", "--reason", "restored the machine", "--yes", "-o", "json")
    assert said.code == 0, said.err
    assert "administrator" in await house.client.inventory.reconcile_pending("sandbox")
    told = (await house.client.inventory.audit())[-1]
    assert (told.kind, told.reason, told.claim) == ("reconcile.entered", "restored the machine", "claimed")


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """The home of a machine that has issued one order and was stopped since."""
    async with open_house(tmp_path / "home") as house:
        await house.issued(await house.order("before.example.test"))
    return tmp_path / "home"


async def test_a_server_of_our_own_that_is_new_is_bound_to_by_itself(home: Path) -> None:
    shutil.rmtree(home / "temporal")
    async with open_house(home) as house:
        assert await kinds(house, "installation.rebound") == ["installation.rebound"]
        assert await kinds(house, "reconcile.entered") == ["reconcile.entered"]
        assert "another Temporal cluster" in await house.client.inventory.reconcile_pending("sandbox")
        assert house.sales() == 1


async def test_another_cluster_is_bound_to_by_command(home: Path, tmp_path: Path) -> None:
    binary = await find_binary(print)
    async with open_house(home, with_worker=False) as house, DevServer(binary, tmp_path / "other") as server:
        await provision(server.address, namespace="evercert", search_attributes=REGISTRATION)
        env = {**house.stack.environment(), "TEMPORAL_ADDRESS": server.address}
        refused = await run_cli(["worker", "run"], env)
        assert refused.code == 12 and "cluster-differs" in refused.err
        assert await kinds(house, "reconcile") == []
        words = ["temporal", "provision", "--rebind", "--reason", "the old cluster burnt", "--yes", "-o", "json"]
        said = await run_cli(words, env)
        assert said.code == 0 and said.json["changed"], said.err
        (told,) = [row for row in await house.client.inventory.audit() if row.kind == "installation.rebound"]
        assert (told.reason, told.claim) == ("the old cluster burnt", "claimed")
        assert await kinds(house, "reconcile") == ["reconcile.entered"]
        again = await run_cli(words, env)
        assert again.code == 0 and "already" in again.err
