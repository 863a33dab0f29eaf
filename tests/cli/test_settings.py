"""Where settings come from: flag > variable > file > default, and nothing unknown passes."""

import os
from pathlib import Path

import pytest

from domain.errors import Misconfigured
from starter.settings import Settings, find_paths, known_keys, load, load_settings, without_password


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def write(home: Path, text: str) -> Path:
    file = home / "config.toml"
    file.write_text(text)
    return file


def settings(home: Path, **variables: str) -> Settings:
    return load_settings(environ={"EVERCERT_HOME": str(home), **variables})


def refused(home: Path, **variables: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        settings(home, **variables)
    assert caught.value.code == "settings-invalid"
    return caught.value


def test_defaults(home: Path) -> None:
    found = settings(home)
    assert (found.profile, found.temporal, found.config_file) == ("default", "default", None)
    assert found.inventory_url == f"sqlite:///{home}/data/inventory.db"
    assert found.base_dir == home and found.master_key == "file:master.key"
    assert (found.log.format, found.log.level, found.http.read_seconds) == ("auto", "info", 30)


def test_variable_over_file_over_default(home: Path) -> None:
    file = write(home, 'version = 1\n[profile.default]\ntemporal = "prod"\nlog = { level = "debug" }\n')
    loaded = load(environ={"EVERCERT_HOME": str(home), "EVERCERT_LOG__LEVEL": "error"})
    assert (loaded.settings.temporal, loaded.settings.log.level) == ("prod", "error")
    assert loaded.origins == {"profile": "default", "temporal": str(file), "log.level": "EVERCERT_LOG__LEVEL"}


def test_profiles(home: Path) -> None:
    write(home, '[profile.default]\ntemporal = "a"\n[profile.prod]\ntemporal = "b"\n')
    variables = {"EVERCERT_HOME": str(home), "EVERCERT_PROFILE": "prod"}
    assert load_settings(environ=variables).temporal == "b"
    assert load_settings(environ=variables, profile="default").temporal == "a"
    named = {"EVERCERT_PROFILE__PROD__TEMPORAL": "c", "EVERCERT_PROFILE__OTHER__TEMPORAL": "d"}
    assert load_settings(environ=variables | named).temporal == "c"
    with pytest.raises(Misconfigured, match="no profile") as caught:
        load_settings(environ=variables, profile="prd")
    assert "default, prod" in caught.value.why[0]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ('[profile.default]\ninventry = "sqlite"\n', "inventory"),
        ('[profile.default]\nlog = { levl = "info" }\n', "log.level"),
        ("profiles = 1\n", "profile"),
    ],
)
def test_an_unknown_key_names_the_nearest(home: Path, text: str, near: str) -> None:
    write(home, text)
    assert refused(home).next_step == f"the nearest known key is {near}"


def test_an_unknown_variable_is_an_error_and_foreign_ones_are_not(home: Path) -> None:
    assert "log.level" in refused(home, EVERCERT_LOG__LEVL="info").next_step
    assert settings(home, EVERCERT_NO_INPUT="1", OTHER__THING="1").log.level == "info"


@pytest.mark.parametrize("text", ["version = 2\n", "version = \n", '[profile.default]\nlog = { level = "loud" }\n'])
def test_what_cannot_be_used_is_refused_without_its_value(home: Path, text: str) -> None:
    write(home, text)
    assert "loud" not in str(refused(home))


def test_the_file_is_never_taken_from_the_working_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = home.parent / "work"
    work.mkdir()
    for name in ("config.toml", "evercert.toml", ".evercert.toml"):
        (work / name).write_text('[profile.default]\ntemporal = "stolen"\n')
    monkeypatch.chdir(work)
    assert settings(home).temporal == "default"


def test_a_named_file_must_be_there_and_keys_are_looked_for_beside_it(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    with pytest.raises(Misconfigured, match="no configuration file"):
        load_settings(config=file, environ={"EVERCERT_HOME": str(home)})
    file.write_text('[profile.default]\ntemporal = "x"\n')
    by_variable = load_settings(environ={"EVERCERT_HOME": str(home), "EVERCERT_CONFIG": str(file)})
    assert (by_variable.temporal, by_variable.config_file) == ("x", file)


def test_user_folder_before_system_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "etc.toml"
    system.write_text('[profile.default]\ntemporal = "system"\n')
    monkeypatch.setattr("starter.settings.SYSTEM_FILE", system)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("EVERCERT_HOME", raising=False)
    assert load_settings(environ={}).temporal == "system"
    folder = find_paths({}).config
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('[profile.default]\ntemporal = "user"\n')
    assert load_settings(environ={}).temporal == "user"
    assert folder.is_relative_to(tmp_path)


def test_inventory_by_reference(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "postgresql+psycopg://u:hunter2@db/evercert")
    by_variable = settings(home, EVERCERT_PROFILE__DEFAULT__INVENTORY="env:DB_URL")
    assert by_variable.inventory_url == os.environ["DB_URL"]
    assert "hunter2" not in repr(by_variable) and "hunter2" not in by_variable.model_dump_json()
    (home / "db").write_text("postgresql+psycopg://db/evercert\n")
    by_file = settings(home, EVERCERT_PROFILE__DEFAULT__INVENTORY="file:db")
    assert by_file.inventory_url == "postgresql+psycopg://db/evercert"


WITH_PASSWORD = (
    "postgresql+psycopg://u:hunter2@db/evercert",
    "postgresql://u:hun/ter2@hunter2@db:5432/evercert",
    "postgresql://u:hunter2[@db/evercert",
    "postgresql://u@db/evercert?sslmode=require&password=hunter2",
    "postgresql://u@db/evercert?sslPassword=hunter2&sslmode=require",
    "postgresql://u@/evercert?host=%2Frun&p%61ssword=hunter2",
)


@pytest.mark.parametrize("address", WITH_PASSWORD)
def test_no_password_of_an_address_is_shown(address: str) -> None:
    shown = without_password(address)
    assert "***" in shown and "hunter2" not in shown and "ter2" not in shown
    assert shown.startswith("postgresql") and shown.count("evercert") == 1
    assert without_password(shown) == shown


@pytest.mark.parametrize(
    "address",
    ["sqlite", "env:DB_URL", "file:db", "postgresql://u@/x?host=%2Frun&port=5432", "postgresql://[::1]:5432/x"],
)
def test_an_address_without_password_is_shown_as_it_is(address: str) -> None:
    assert without_password(address) == address


@pytest.mark.parametrize("value", ["env:NOT_SET_AT_ALL", "file:none", *WITH_PASSWORD])
def test_an_inventory_that_cannot_be_used(home: Path, value: str) -> None:
    found = settings(home, EVERCERT_PROFILE__DEFAULT__INVENTORY=value)
    with pytest.raises(Misconfigured) as caught:
        _ = found.inventory_url
    assert "hunter2" not in str(caught.value)


def test_temporal_defaults_lie_below_its_own_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [it for it in os.environ if it.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(home / "none.toml"))
    assert settings(home).temporal_connect_config() == {"target_host": "127.0.0.1:7233", "namespace": "evercert"}
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example.com:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "certs")
    found = settings(home).temporal_connect_config()
    assert (found.get("target_host"), found.get("namespace")) == ("temporal.example.com:7233", "certs")


def test_a_missing_profile_of_temporal_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(home / "none.toml"))
    with pytest.raises(Misconfigured, match="no usable profile"):
        settings(home, EVERCERT_PROFILE__DEFAULT__TEMPORAL="prod").temporal_connect_config()


def test_every_known_key_is_a_field(home: Path) -> None:
    dumped = settings(home).model_dump()
    for key in known_keys():
        section, _, name = key.rpartition(".")
        assert name in (dumped[section] if section else dumped)
    with pytest.raises(ValueError, match="frozen"):
        settings(home).temporal = "other"  # type: ignore[misc]
