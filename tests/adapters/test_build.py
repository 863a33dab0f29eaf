"""From settings to adapters: what is configured reaches the adapter that it is meant for."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from activities.adapters import build
from activities.adapters.http import CONNECT_SECONDS, READ_SECONDS, HttpClient
from activities.adapters.seller import SellerDirectory
from activities.sending import Doubts
from domain.errors import Misconfigured
from starter.settings import Settings, load_settings
from tests.adapters.inventory_support import event


def settings(home: Path, **variables: str) -> Settings:
    build.create_master_key(home / "master.key")
    return load_settings(environ={"EVERCERT_HOME": str(home), **variables})


async def patience(given: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Return what the one HTTP client is made with, and that the sellers are asked through it."""
    made: list[HttpClient] = []
    told: list[tuple[float, float]] = []

    def recorded(*, connect_seconds: float, read_seconds: float) -> HttpClient:
        told.append((connect_seconds, read_seconds))
        made.append(HttpClient(connect_seconds=connect_seconds, read_seconds=read_seconds))
        return made[0]

    monkeypatch.setattr(build, "HttpClient", recorded)
    given.paths.data.mkdir(exist_ok=True)
    await build.upgrade_inventory(given.inventory_url, given.sequence_file)
    async with build.open_adapters(build.adapter_settings(given)) as adapters:
        assert isinstance(adapters.sellers, SellerDirectory)
        assert [adapters.sellers._http] == made
    (only,) = told
    return only


async def test_the_patience_of_http_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path, EVERCERT_HTTP__CONNECT_SECONDS="3", EVERCERT_HTTP__READ_SECONDS="4.5")
    assert await patience(given, monkeypatch) == (3, 4.5)


async def test_unset_it_is_what_the_client_has_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await patience(settings(tmp_path), monkeypatch) == (CONNECT_SECONDS, READ_SECONDS)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EVERCERT_HTTP__READ_SECONDS", "91"),
        ("EVERCERT_HTTP__CONNECT_SECONDS", "31"),
        ("EVERCERT_HTTP__READ_SECONDS", "0"),
        ("EVERCERT_HTTP__USE_PROXY", "true"),
    ],
)
def test_what_cannot_be_kept_is_no_setting(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(Misconfigured, match="settings-invalid"):
        settings(tmp_path, **{variable: value})


def test_the_master_key_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(tmp_path).model_copy(update={"master_key": "env:THE_KEY"})
    with pytest.raises(Misconfigured, match="master-key-missing"):
        build.adapter_settings(given)
    monkeypatch.setenv("THE_KEY", (tmp_path / "master.key").read_text())
    from_file = build.adapter_settings(given.model_copy(update={"master_key": "file:master.key"}))
    assert build.adapter_settings(given).master_key.kek_id == from_file.master_key.kek_id
    assert str(tmp_path) not in repr(from_file)


@pytest.mark.parametrize("command", ["upgrade_inventory", "check_inventory_schema", "open_adapters"])
async def test_a_file_beside_the_log_of_another_is_opened_by_nothing(tmp_path: Path, command: str) -> None:
    """Opening it, even to read, would write halves of the newer one into the older one."""
    given = settings(tmp_path)
    given.paths.data.mkdir()
    await build.upgrade_inventory(given.inventory_url, given.sequence_file)
    path = given.paths.data / "inventory.db"
    async with build.open_adapters(build.adapter_settings(given)) as adapters:
        copy = path.read_bytes()
        for number in range(200):
            await adapters.inventory.append_audit(event("a", occasion=str(number)))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await adapters.inventory.append_audit(event("b"))
        await Doubts(adapters.inventory, adapters.watermarks, adapters.clock).look()
        log = Path(f"{path}-wal").read_bytes()
    path.write_bytes(copy)
    Path(f"{path}-wal").write_bytes(log)

    async def opened() -> None:
        if command == "open_adapters":
            async with build.open_adapters(build.adapter_settings(given)):
                return
        await getattr(build, command)(given.inventory_url, given.sequence_file)

    with pytest.raises(Misconfigured, match="inventory-torn"):
        await opened()
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == (copy, log)


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("file:master.key", "evercert.sequence"),
        ("file:keys/master.key", "keys/evercert.sequence"),
        ("env:THE_KEY", "data/evercert.sequence"),
    ],
)
def test_what_is_kept_outside_lies_beside_the_master_key(tmp_path: Path, key: str, file: str) -> None:
    given = settings(tmp_path)
    assert given.model_copy(update={"master_key": key}).sequence_file == tmp_path / file
    other = given.model_copy(update={"master_key": key, "profile": "a/b"}).sequence_file
    assert other == (tmp_path / file).with_name("evercert-a_b.sequence")
