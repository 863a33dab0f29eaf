"""From settings to adapters: what is configured reaches the adapter that it is meant for."""

from pathlib import Path

import pytest

from activities.adapters import build
from activities.adapters.http import CONNECT_SECONDS, READ_SECONDS, HttpClient
from activities.adapters.seller import SellerDirectory
from domain.errors import Misconfigured
from starter.settings import Settings, load_settings


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
    await build.upgrade_inventory(given.inventory_url)
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
