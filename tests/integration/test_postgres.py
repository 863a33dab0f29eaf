"""Orders whose inventory is on PostgreSQL: whole ones, one that outlives its database, and a password that shows nowhere."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson
from sqlalchemy import make_url

from domain.inventory import VersionState
from starter.client import StartedOrder
from starter.prove.postgres import PrivatePostgres
from tests.integration.support import House, open_house, until_true

pytestmark = [pytest.mark.server, pytest.mark.postgres]

PASSWORD = "the-password-of-the-inventory"


@dataclass(frozen=True)
class Machine:
    """A machine, and the server that its inventory is on."""

    house: House
    home: Path
    server: PrivatePostgres


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory, postgres_server: PrivatePostgres) -> AsyncIterator[Machine]:
    """As a person would set it up: a user with a password owns the database, and a file holds the address."""
    home = tmp_path_factory.mktemp("home")
    async with postgres_server.session() as cursor:
        await cursor.execute(f"CREATE ROLE buyer LOGIN PASSWORD '{PASSWORD}'")
        url = make_url(await postgres_server.new_database("certificates"))
        await cursor.execute("ALTER DATABASE certificates OWNER TO buyer")
    address = url.set(username="buyer", password=PASSWORD).render_as_string(hide_password=False)
    (home / "inventory.url").write_text(address, encoding="utf-8")
    async with open_house(home, inventory_url="file:inventory.url") as house:
        yield Machine(house, home, postgres_server)


async def test_an_order_is_sold_once_and_recorded_on_postgresql(machine: Machine) -> None:
    house = machine.house
    started = await house.order("www.on-postgres.test", request_id="pg-1", reason="CHG-2")
    result = await house.issued(started)
    again = await house.order("www.on-postgres.test", request_id="pg-1", reason="CHG-2")
    assert again.order_id == started.order_id
    assert house.sales(started) == 1
    (version,) = await house.client.inventory.versions(result.certificate_id)
    assert (version.state, version.number, version.serial) == (VersionState.CURRENT, 1, result.serial)
    story = await house.story(started.order_id)
    assert story[0] == "order.requested"
    assert [story.count(kind) for kind in ("purchase.sending", "purchase.placed", "version.current")] == [1, 1, 1]
    async with machine.server.session("certificates") as cursor:
        await cursor.execute("SELECT state FROM order_ WHERE order_id = %s", (started.order_id,))
        assert await cursor.fetchone() == ("issued",)
    assert list(machine.home.rglob("inventory.db")) == []


async def test_a_sale_outlives_a_database_that_crashes_before_it_is_noted(machine: Machine) -> None:
    """The seller has sold, its answer is on the way, and there is nowhere to write it down."""
    house = machine.house
    await house.fault("answer_delay", endpoint="order/neworder", seconds=5, times=1)
    started = await house.order("www.crash-of-postgres.test")
    await until_true(lambda: _sold(house, started))
    await machine.server.kill()
    await until_true(lambda: _waits_for_the_inventory(house, started))
    await machine.server.start()
    await house.look_at_once(started)
    await house.issued(started)
    assert house.sales(started) == 1
    assert (await house.record(started)).state == "issued"
    story = await house.story(started.order_id)
    assert "purchase.placed" not in story  # the answer was lost …
    assert story.index("purchase.sending") < story.index("purchase.adopted")  # … and the sale found by its reference


async def _sold(house: House, started: StartedOrder) -> bool:
    return house.sales(started) == 1


async def _waits_for_the_inventory(house: House, started: StartedOrder) -> bool:
    described = await house.handle(started).describe()
    pending = described.raw_description.pending_activities
    return any(it.last_failure.application_failure_info.type == "inventory-unavailable" for it in pending)


async def test_the_password_is_in_no_history_log_or_answer(machine: Machine) -> None:
    house = machine.house
    started = await house.order("www.no-password.test")
    await house.issued(started)
    for words in (("doctor",), ("config", "show", "--origin"), ("init",), ("db", "check"), ("order", "list")):
        said = await house.cli(*words, "-o", "json")
        assert said.code == 0, said.err
        assert json.loads(said.out) and PASSWORD not in said.out + said.err
    history = await house.handle(started).fetch_history()
    assert PASSWORD not in "".join(MessageToJson(event) for event in history.events)
    logs = [path for path in machine.home.rglob("*") if path.suffix in {".log", ".txt"}] + [machine.server.log]
    assert machine.home / "worker.log" in logs
    assert [path for path in logs if PASSWORD in path.read_text(errors="replace")] == []
