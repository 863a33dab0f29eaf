"""A worker that cannot do its work right refuses to start, and says what to run."""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.adapters.build import create_master_key
from starter.process import free_port
from starter.server import DevServer, find_binary, provision
from tests.integration.support import House, Said, open_house, run_cli
from workflows.search_attributes import REGISTRATION

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A machine whose inventory is bound by a worker that has ended since."""
    async with open_house(tmp_path_factory.mktemp("home")) as house:
        assert house.stack.worker is not None
        await house.stack.worker.stop()
        yield house


@pytest.fixture
def copy(house: House, tmp_path: Path) -> Path:
    """A copy of the home, to spoil."""
    home = tmp_path / "home"
    shutil.copytree(house.stack.options.home / "data", home / "data")
    shutil.copy(house.stack.options.home / "master.key", home / "master.key")
    return home


async def start(house: House, home: Path, **changes: str) -> Said:
    """Try to start a worker with a home; it must end by itself and never have been ready."""
    ready = home / "ready"
    env = {**house.stack.environment(), "EVERCERT_HOME": str(home), **changes}
    said = await run_cli(["worker", "run", "--ready-file", str(ready)], env)
    assert not ready.exists()
    assert said.out == ""
    return said


def told(said: Said, code: str, next_step: str) -> None:
    """Check that the error names its code first and the next step below."""
    lines = said.err.splitlines()
    assert lines[0].startswith(f"error {code}: "), said.err
    assert any(line.startswith("  next  ") and next_step in line for line in lines), said.err
    assert "Traceback" not in said.err


async def test_a_wrong_master_key(house: House, copy: Path) -> None:
    (copy / "master.key").unlink()
    create_master_key(copy / "master.key")
    said = await start(house, copy)
    assert said.code == 6
    told(said, "master-key-wrong", "master")


async def test_no_master_key(house: House, copy: Path) -> None:
    (copy / "master.key").unlink()
    said = await start(house, copy)
    assert said.code == 6
    told(said, "master-key-missing", "evercert init")


async def test_no_inventory(house: House, copy: Path) -> None:
    shutil.rmtree(copy / "data")
    said = await start(house, copy)
    assert said.code == 12
    told(said, "db-upgrade-needed", "evercert db upgrade")
    assert not (copy / "data").exists(), "a worker makes no inventory of its own"


async def test_an_inventory_without_tables(house: House, copy: Path) -> None:
    """What an older release left would be told the same way."""
    with sqlite3.connect(copy / "data" / "inventory.db") as database:
        database.execute("DELETE FROM alembic_version")
    said = await start(house, copy)
    assert said.code == 12
    told(said, "db-upgrade-needed", "evercert db upgrade")


async def test_an_inventory_of_a_newer_release(house: House, copy: Path) -> None:
    with sqlite3.connect(copy / "data" / "inventory.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")
    said = await start(house, copy)
    assert said.code == 12
    told(said, "db-upgrade-needed", "install the release that made it")


async def test_a_search_attribute_is_missing(house: House, copy: Path) -> None:
    some = {name: kind for name, kind in REGISTRATION.items() if name != "EvercertNotAfter"}
    await provision(house.stack.server.address, namespace="incomplete", search_attributes=some)
    said = await start(house, copy, TEMPORAL_NAMESPACE="incomplete")
    assert said.code == 12
    told(said, "search-attribute-missing", "evercert temporal provision")
    assert "EvercertNotAfter" in said.err and "EvercertState" not in said.err


async def test_another_namespace(house: House, copy: Path) -> None:
    await provision(house.stack.server.address, namespace="other", search_attributes=REGISTRATION)
    said = await start(house, copy, TEMPORAL_NAMESPACE="other")
    assert said.code == 12
    told(said, "namespace-differs", "profile")
    assert "evercert, not to other" in said.err


async def test_a_namespace_that_is_not_there(house: House, copy: Path) -> None:
    said = await start(house, copy, TEMPORAL_NAMESPACE="nowhere")
    assert said.code == 12
    told(said, "temporal-not-ready", "evercert temporal provision")


async def test_another_cluster(house: House, copy: Path, tmp_path: Path) -> None:
    binary = await find_binary(print)
    async with DevServer(binary, tmp_path / "temporal") as server:
        await provision(server.address, namespace="evercert", search_attributes=REGISTRATION)
        said = await start(house, copy, TEMPORAL_ADDRESS=server.address)
    assert said.code == 12
    told(said, "cluster-differs", "evercert temporal provision --rebind --reason")


async def test_a_sequence_file_of_another_inventory(house: House, copy: Path) -> None:
    kept = (house.stack.options.home / "evercert.sequence").read_text()
    other = json.dumps({**json.loads(kept), "installation_id": "another"})
    (copy / "evercert.sequence").write_text(other)
    said = await start(house, copy)
    assert said.code == 6
    told(said, "sequence-foreign", "configure the inventory")
    assert "evercert db reconcile --reason" in " ".join(said.err.split())
    assert (copy / "evercert.sequence").read_text() == other


async def test_no_temporal_server(house: House, copy: Path) -> None:
    said = await start(house, copy, TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    assert said.code == 12
    told(said, "engine-unreachable", "TEMPORAL_ADDRESS")


async def test_the_home_that_was_copied_is_good(house: House) -> None:
    """The refusals above are due to what was spoiled: the unspoiled home starts."""
    worker = await house.stack.start_worker()
    assert worker.running
    assert await worker.stop() == 0
