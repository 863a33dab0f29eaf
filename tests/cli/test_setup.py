"""init, config, db, doctor, temporal: what an administrator does first."""

import stat
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.errors import Misconfigured, Unavailable
from starter import schedules
from starter.cli import doors
from starter.schedules import SchedulesReport
from starter.server import ProvisionReport
from starter.settings import load_settings
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, FakePublisher, World, account, dns_account, order
from tests.cli.test_settings import WITH_PASSWORD

provisioning = import_module("starter.server.provision")  # the package has a function of that name


@pytest.fixture
def real_inventory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands look at, and upgrade, the database that the settings name."""
    monkeypatch.setattr(doors, "doors", replace(world.doors(), schema=doors.REAL.schema, upgrade=doors.REAL.upgrade))


def test_init_makes_everything_once(evercert: Evercert, world: World, home: Path) -> None:
    world.schema, world.upgraded = "nothing is there", "made the schema"
    first = evercert("init", "-o", "json")
    assert first.code == 0 and first.document["changed"] is True
    assert [it["state"] for it in first.document["data"]] == ["done", "done", "done"]
    assert any("account add" in it for it in first.document["next"])
    assert stat.S_IMODE((home / "config.toml").stat().st_mode) == 0o600
    load_settings(environ={"EVERCERT_HOME": str(home)})  # the file that was written can be read

    world.schema = ""
    (home / "config.toml").write_text("# mine\n")
    (home / "master.key").write_text("precious")
    second = evercert("init", "-o", "json")
    assert second.document["changed"] is False
    assert (home / "master.key").read_text() == "precious" and len(world.made_keys) == 1
    assert (home / "config.toml").read_text() == "# mine\n"


def test_init_with_the_real_key_maker(evercert: Evercert, world: World, home: Path, monkeypatch: Any) -> None:
    from dataclasses import replace

    monkeypatch.setattr(doors, "doors", replace(world.doors(), create_key=doors.REAL.create_key))
    assert evercert("init").code == 0
    key = home / "master.key"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and len(before.strip()) == 43
    assert evercert("init").code == 0 and key.read_bytes() == before


def test_init_leaves_a_key_that_is_elsewhere(evercert: Evercert, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERCERT_PROFILE__DEFAULT__MASTER_KEY", "env:MY_KEY")
    assert evercert("init").code == 0 and world.made_keys == []


def test_init_makes_no_folder_for_a_key(evercert: Evercert, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERCERT_PROFILE__DEFAULT__MASTER_KEY", "file:no/such/folder/key")
    told = evercert("init", "-o", "json")
    assert told.code == 2 and told.error["code"] == "settings-invalid" and world.made_keys == []


def test_config_show_with_origins(evercert: Evercert, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERCERT_LOG__LEVEL", "debug")
    rows = evercert("config", "show", "--origin", "-o", "json").document["data"]
    by_name = {it["name"]: it for it in rows}
    assert by_name["log.level"] == {"name": "log.level", "value": "debug", "origin": "EVERCERT_LOG__LEVEL"}
    assert by_name["inventory"]["origin"] == "default"


@pytest.mark.parametrize("address", WITH_PASSWORD)
@pytest.mark.parametrize("words", [("config", "show"), ("config", "show", "-o", "json"), ("doctor",), ("init",)])
def test_a_password_in_the_open_is_refused_and_nowhere_shown(
    evercert: Evercert, real_inventory: None, monkeypatch: pytest.MonkeyPatch, address: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EVERCERT_PROFILE__DEFAULT__INVENTORY", address)
    told = evercert(*words)
    assert "ter2" not in told.out + told.err
    assert "***" in told.out if words[0] == "config" else "holds a password" in " ".join((told.out + told.err).split())


def test_a_password_behind_a_reference_is_nowhere_shown(
    evercert: Evercert, real_inventory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://u:hunter2@/e?host=%2Fnot%2Fthere")
    monkeypatch.setenv("EVERCERT_PROFILE__DEFAULT__INVENTORY", "env:DB_URL")
    for words in (("config", "show"), ("doctor",), ("init",), ("db", "check"), ("db", "upgrade")):
        told = evercert(*words, "-o", "json")
        assert "hunter2" not in told.out + told.err
        assert words[0] == "config" or "cannot be reached" in told.out + told.err


def test_config_path(evercert: Evercert, home: Path) -> None:
    data = evercert("config", "path", "-o", "json").document["data"]
    assert data["file"] is None and data["config"] == str(home) and data["data"] == str(home / "data")


def test_config_errors_name_the_nearest_key(evercert: Evercert, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("[profile.default]\ntemprl = 1\n")
    told = evercert("order", "list", "-o", "json")
    assert told.code == 2 and "temporal" in told.error["hint"]


def test_db(evercert: Evercert, world: World) -> None:
    assert evercert("db", "check").code == 0
    world.upgraded = "upgraded"
    assert evercert("db", "upgrade", "-o", "json").document["changed"] is False
    world.schema = "the schema is old"
    told = evercert("db", "check", "-o", "json")
    assert told.code == 12 and told.document["next"] == ["evercert db upgrade"]
    assert evercert("db", "upgrade", "-o", "json").document["changed"] is True


def findings(evercert: Evercert, *argv: str) -> dict[str, dict[str, Any]]:
    told = evercert("doctor", *argv, "-o", "json")
    return {f"{it['area']}/{it['name']}": it for it in told.document["data"]}


def test_doctor_without_temporal_tells_the_rest(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account(parked_code="auth-rejected", parked_at=NOW)
    world.inventory.held_dns["main"] = dns_account()
    found = findings(evercert)
    assert {name: it["status"] for name, it in found.items()} == {
        "config/file": "ok",
        "inventory/schema": "ok",
        "inventory/set back": "ok",
        "config/master key": "ok",
        "accounts/main": "failed",
        "alerts/sales": "ok",
        "dns/main": "ok",
        "temporal/server": "failed",
        "temporal/retention": "skipped",
        "temporal/search attributes": "skipped",
        "temporal/schedules": "skipped",
        "temporal/clock": "skipped",
        "worker/queues": "skipped",
    }
    assert found["accounts/main"]["next"] == "evercert account check main"
    assert world.publisher.owners == ["_evercert-check.example.com"]


def test_doctor_exits_11_only_when_asked_to(evercert: Evercert, world: World) -> None:
    assert evercert("doctor", "accounts").code == 0
    assert evercert("doctor", "accounts", "--fail-on", "failed").code == 0
    assert evercert("doctor", "accounts", "--fail-on", "warning").code == 11
    world.inventory.held_accounts["main"] = account()
    assert evercert("doctor", "accounts", "--fail-on", "warning").code == 0
    world.inventory.held_accounts["main"] = account(parked_code="auth-rejected")
    assert evercert("doctor", "accounts", "--fail-on", "failed").code == 11


def test_doctor_lists_and_narrows(evercert: Evercert, world: World) -> None:
    listed = evercert("doctor", "temporal", "--list", "-o", "json").document["data"]
    assert {it["area"] for it in listed} == {"temporal"} and len(listed) == 5
    assert evercert("doctor", "weather").code == 3
    world.schema = "the schema is old"
    assert findings(evercert, "inventory")["inventory/schema"]["next"] == "evercert db upgrade"


def test_doctor_tells_a_dns_server_that_refuses(evercert: Evercert, world: World) -> None:
    world.inventory.held_dns["main"] = dns_account()
    world.publisher = FakePublisher(Unavailable("dns-unreachable", "no name server answers"))
    assert findings(evercert, "dns")["dns/main"]["sentence"] == "no name server answers"


def test_doctor_survives_a_check_that_breaks(evercert: Evercert, world: World, monkeypatch: Any) -> None:
    async def broken() -> tuple[()]:
        raise ZeroDivisionError

    monkeypatch.setattr(world.inventory, "accounts", broken)
    found = findings(evercert)
    assert found["accounts/seller accounts"]["status"] == "failed" and found["inventory/schema"]["status"] == "ok"


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A Temporal server that lacks three things until they are provided; the list holds each call's dry_run."""
    calls: list[bool] = []

    async def provide(client: Any, *, dry_run: bool = False, **_: Any) -> ProvisionReport:
        calls.append(dry_run)
        missing = () if False in calls[:-1] else ("add EvercertKind", "raise the retention to 90 days")
        return ProvisionReport(client.namespace, missing, ("EvercertOther is a Text",))

    async def provide_schedules(_: Any, *, dry_run: bool = False) -> SchedulesReport:
        assert dry_run is calls[-1]
        missing = () if False in calls[:-1] else ("make evercert-sync",)
        return SchedulesReport(missing, ("schedule evercert-old is paused",))

    world.temporal = SimpleNamespace(namespace="evercert")
    monkeypatch.setattr(provisioning, "provision", provide)
    monkeypatch.setattr(schedules, "provide_schedules", provide_schedules)
    return calls


def test_provision_asks_first(evercert: Evercert, server: list[bool]) -> None:
    told = evercert("temporal", "provision", "-o", "json")
    assert told.code == 4 and told.error["code"] == "confirmation-required" and server == [True]
    assert "plan  add EvercertKind" in told.err and "plan  make evercert-sync" in told.err
    assert told.err.count("left alone") == 2


def test_provision_dry_run_changes_nothing(evercert: Evercert, server: list[bool]) -> None:
    told = evercert("temporal", "provision", "--dry-run", "-o", "json")
    assert told.code == 0 and told.document["changed"] is False and server == [True]
    assert told.document["data"]["changed"] == [
        "add EvercertKind", "raise the retention to 90 days", "make evercert-sync",
    ]  # fmt: skip


def test_provision_with_yes_and_again(evercert: Evercert, server: list[bool]) -> None:
    assert evercert("temporal", "provision", "--yes", "-o", "json").document["changed"] is True
    assert server == [True, False]
    assert evercert("temporal", "provision", "-o", "json").document["changed"] is False


def test_links(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    world.inventory.records[ONE] = order()
    told = evercert("temporal", "links", ONE, "-o", "json")
    urls = {it["name"]: it["url"] for it in told.document["data"]}
    base = "http://127.0.0.1:8233/namespaces/evercert/workflows"
    assert urls["start box"] == f"{base}/start-workflow?taskQueue=evercert"
    assert urls["needs a person"] == (
        f"{base}?query=EvercertNeedsPerson%3Dtrue%20AND%20ExecutionStatus%3D%27Running%27"
    )
    assert urls[ONE] == f"{base}/issue-www.example.com-a/run-1/user-metadata"
    assert "savedQuery" not in "".join(urls.values()) and "not checked" in told.err
    assert urls[ONE] in evercert("temporal", "links", ONE, "-o", "table").out, "addresses are never broken"
    assert "savedQuery=main" in evercert("temporal", "links", "--store").out


def test_links_warn_of_missing_search_attributes(evercert: Evercert, world: World, monkeypatch: Any) -> None:
    async def missing(client: Any, names: Any) -> tuple[str, ...]:
        return ("EvercertKind",)

    world.temporal = SimpleNamespace(namespace="evercert")
    monkeypatch.setattr(provisioning, "missing_search_attributes", missing)
    assert "lacks 1 search attributes" in evercert("temporal", "links").err


def test_completion(evercert: Evercert) -> None:
    told = evercert("completion", "show", "bash")
    assert "_EVERCERT_COMPLETE" in told.out and "complete" in told.out and "~/.bashrc" in told.err


def test_errors_of_the_inventory_are_told(evercert: Evercert, world: World, monkeypatch: Any) -> None:
    async def old(**_: Any) -> Any:
        raise Misconfigured("db-upgrade-needed", "The schema is old.", next_step="evercert db upgrade")

    monkeypatch.setattr(world.inventory, "orders", old)
    told = evercert("order", "list", "-o", "json")
    assert (told.code, told.error["hint"]) == (12, "evercert db upgrade")
