"""Settings: what a process needs to start, and where each value came from.

Order: flag > environment variable > file > default. The file is TOML; the first one found is taken and nothing is merged:
``--config``, ``EVERCERT_CONFIG``, the user's config directory, ``/etc/evercert``. Never the working directory: a tool that
spends money must not obey a file in a cloned repository. Any value of the file may also stand in a variable
``EVERCERT_SECTION__KEY``; ``EVERCERT_HOME`` moves everything into one folder. Unknown keys are errors.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import Misconfigured

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig

APP = "evercert"
SYSTEM_FILE = Path("/etc/evercert/config.toml")
DEFAULT_ADDRESS = "127.0.0.1:7233"
DEFAULT_NAMESPACE = "evercert"
_USER_INFO = re.compile(r"(?<=://)(?P<user>[^:/?@]*):.*@", re.DOTALL)
FLAT_VARIABLES = frozenset(
    {
        "PROFILE",
        "CONFIG",
        "OUTPUT",
        "COLOR",
        "TIME",
        "ACCESSIBLE",
        "NO_INPUT",
        "DEBUG",
        "HOME",
        "CI_STRICT",
        "OWN_SERVER",
    }
)
"""Variables of one word; they name no value of the file."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LogSettings(_Section):
    """How a process logs: ``auto`` is text on a terminal and JSON elsewhere."""

    format: Literal["auto", "text", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class HttpSettings(_Section):
    """Patience of outgoing HTTP, in seconds: for a connection, and for silence while an answer is awaited.

    Bounded by the two minutes that one look at the seller may take. What may cost money is given 90 seconds for its answer,
    whatever stands here.
    """

    connect_seconds: float = Field(default=10, gt=0, le=30)
    read_seconds: float = Field(default=30, gt=0, le=90)


class Paths(_Section):
    """The places of this profile: config (and keys), data, state (logs), cache."""

    config: Path
    data: Path
    state: Path
    cache: Path


class Settings(_Section):
    """Everything a process needs to start; holds references to secrets, never secrets.

    Attributes:
        profile: which ``[profile.…]`` these are.
        paths: where things are.
        config_file: the file that was read, or None when there is none.
        temporal: name of the profile in Temporal's own file.
        web_ui: address of the Temporal Web UI, for links.
        inventory: ``sqlite``, a database address without password, or ``env:NAME`` / ``file:PATH`` that holds one.
        master_key: reference: ``file:PATH`` (relative to the config folder), ``env:NAME`` or ``vault:PATH``.
        own_server: address of the Temporal server that Evercert started for this process, or empty; said by the one who
            started both, in ``EVERCERT_OWN_SERVER``, and by nobody else.
    """

    profile: str
    paths: Paths
    config_file: Path | None = None
    temporal: str = "default"
    web_ui: str = "http://127.0.0.1:8233"
    inventory: str = "sqlite"
    master_key: str = "file:master.key"
    log: LogSettings = LogSettings()
    http: HttpSettings = HttpSettings()
    own_server: str = ""

    @property
    def sequence_file(self) -> Path:
        """Where it is kept how far the inventory was when something was last sent: beside the master key.

        A master key that is no file has no place beside it; the data folder is taken then.
        """
        kind, _, path = self.master_key.partition(":")
        folder = (self.base_dir / Path(path).expanduser()).parent if kind == "file" else self.paths.data
        if self.profile == "default":
            return folder / "evercert.sequence"
        return folder / f"evercert-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.profile)}.sequence"

    @property
    def base_dir(self) -> Path:
        """Folder that relative ``file:`` references start from."""
        return self.paths.config

    @property
    def inventory_url(self) -> str:
        """SQLAlchemy address of the inventory; may hold a password when it comes from a reference.

        Raises:
            Misconfigured: ``settings-invalid`` when the reference leads nowhere or a password stands in the open.
        """
        kind, _, rest = self.inventory.partition(":")
        if self.inventory == "sqlite":
            return f"sqlite:///{self.paths.data / 'inventory.db'}"
        if kind == "env":
            return _required(os.environ.get(rest, ""), f"variable {rest}")
        if kind == "file":
            return _required(_read(self.base_dir / rest), f"file {rest}")
        if without_password(self.inventory) != self.inventory:
            raise Misconfigured(
                "settings-invalid",
                "The inventory's address holds a password in the open.",
                next_step='put the address into a file or variable and write inventory = "file:PATH" or "env:NAME"',
            )
        return self.inventory

    def temporal_connect_config(self) -> "ClientConnectConfig":
        """Return the arguments of ``Client.connect``: Temporal's own file and ``TEMPORAL_*``, our defaults below them.

        Raises:
            Misconfigured: ``settings-invalid`` when Temporal's profile or file cannot be used.
        """
        from temporalio.envconfig import ClientConfig  # heavy: only commands that talk to Temporal pay for it

        try:
            found = ClientConfig.load_client_connect_config(None if self.temporal == "default" else self.temporal)
        except Exception as error:
            raise Misconfigured(
                "settings-invalid",
                f"Temporal's own configuration has no usable profile {self.temporal!r}.",
                next_step="temporal config list, or evercert config show",
            ) from error
        found.setdefault("target_host", DEFAULT_ADDRESS)
        found.setdefault("namespace", DEFAULT_NAMESPACE)
        return found


@dataclass(frozen=True)
class Loaded:
    """Settings with the origin of each value: ``default``, a file, a variable or ``flag``; keys are dotted."""

    settings: Settings
    origins: Mapping[str, str] = field(default_factory=dict)


def load_settings(
    *, config: Path | None = None, profile: str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of this process.

    Args:
        config: file named by ``--config``; it must exist.
        profile: name given by ``--profile``.
        environ: the environment; this process's own when left out.

    Raises:
        Misconfigured: ``settings-invalid``, naming the place and, for an unknown key, the nearest known one.
    """
    return load(config=config, profile=profile, environ=environ).settings


def load(*, config: Path | None = None, profile: str | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Return the settings together with their origins; see :func:`load_settings`."""
    env = os.environ if environ is None else environ
    paths = find_paths(env)
    file = _find_file(config, env, paths)
    told = _parse(file) if file else {}
    name = profile or env.get("EVERCERT_PROFILE") or "default"
    if file and config is None and "EVERCERT_HOME" not in env:
        paths = paths.model_copy(update={"config": file.parent})
    values: dict[str, object] = {}
    origins: dict[str, str] = {"profile": "flag" if profile else "EVERCERT_PROFILE" if name != "default" else "default"}
    _take(values, origins, _profile(told, name, file), str(file))
    for variable, dotted, text in _variables(env, name):
        _put(values, dotted, text)
        origins[dotted] = variable
    values["own_server"] = env.get("EVERCERT_OWN_SERVER", "")
    return Loaded(_build(values, name, paths, file, origins), origins)


def find_paths(environ: Mapping[str, str]) -> Paths:
    """Return where config, data, state and cache live for this environment (XDG, or below ``EVERCERT_HOME``)."""
    home = environ.get("EVERCERT_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(config=root, data=root / "data", state=root / "state", cache=root / "cache")
    import platformdirs  # only needed when no home is given

    return Paths(
        config=platformdirs.user_config_path(APP, appauthor=False),
        data=platformdirs.user_data_path(APP, appauthor=False),
        state=platformdirs.user_state_path(APP, appauthor=False),
        cache=platformdirs.user_cache_path(APP, appauthor=False),
    )


def without_password(address: str) -> str:
    """Return a database address fit to be shown: every password in it, also one among its parameters, is ``***``.

    Goes by the last ``@``, as the database layer may; a parser of web addresses overlooks a password with a slash in it.
    """
    place, mark, parameters = _USER_INFO.sub(r"\g<user>:***@", address).partition("?")
    return place + mark + "&".join(_hidden(parameter) for parameter in parameters.split("&"))


def _hidden(parameter: str) -> str:
    name, mark, _ = parameter.partition("=")
    return f"{name}{mark}***" if "password" in unquote_plus(name).lower() else parameter


def known_keys() -> tuple[str, ...]:
    """Return the dotted keys that a profile may hold."""
    return (
        "temporal",
        "web_ui",
        "inventory",
        "master_key",
        *(f"log.{name}" for name in LogSettings.model_fields),
        *(f"http.{name}" for name in HttpSettings.model_fields),
    )


def _find_file(given: Path | None, env: Mapping[str, str], paths: Paths) -> Path | None:
    named = given or (Path(env["EVERCERT_CONFIG"]) if env.get("EVERCERT_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise Misconfigured("settings-invalid", f"There is no configuration file {named}.")
        return named.expanduser().absolute()
    places = [paths.config / "config.toml"] if env.get("EVERCERT_HOME") else [paths.config / "config.toml", SYSTEM_FILE]
    return next((place for place in places if place.is_file()), None)


def _parse(file: Path) -> dict[str, object]:
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured("settings-invalid", f"{file} cannot be read as TOML: {error}") from error
    for key in told:
        if key not in {"version", "profile"}:
            raise _unknown(key, ("version", "profile"), str(file))
    if told.get("version", 1) != 1:
        raise Misconfigured("settings-invalid", f"{file} says a version that this release does not know; it knows 1.")
    return told


def _profile(told: Mapping[str, object], name: str, file: Path | None) -> dict[str, object]:
    profiles = told.get("profile", {})
    if (
        isinstance(profiles, dict)
        and isinstance(profiles.get(name, {}), dict)
        and (name in profiles or name == "default")
    ):
        return dict(profiles.get(name, {}))
    there = ", ".join(sorted(profiles)) if isinstance(profiles, dict) and profiles else "none"
    raise Misconfigured(
        "settings-invalid", f"There is no profile {name!r}.", why=(f"profiles in {file or 'no file'}: {there}",)
    )


def _take(values: dict[str, object], origins: dict[str, str], given: Mapping[str, object], origin: str) -> None:
    """Copy the values of a file, refusing keys that do not exist."""
    known = known_keys()
    for dotted, value in _flat(given):
        if dotted not in known:
            raise _unknown(dotted, known, origin)
        _put(values, dotted, value)
        origins[dotted] = origin


def _flat(given: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in given.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def _put(values: dict[str, object], dotted: str, value: object) -> None:
    section, _, key = dotted.rpartition(".")
    inner = values.setdefault(section, {}) if section else values
    if isinstance(inner, dict):
        inner[key] = value


def _variables(env: Mapping[str, str], profile: str) -> list[tuple[str, str, str]]:
    """Return (variable, dotted key, value); a value of a named profile wins over the same one without a profile."""
    known = known_keys()
    found: list[tuple[str, str, str]] = []
    for variable in sorted(env, key=lambda name: (name.startswith("EVERCERT_PROFILE__"), name)):
        if not variable.startswith("EVERCERT_") or "__" not in variable:
            continue
        dotted = variable.removeprefix("EVERCERT_").lower().replace("__", ".")
        if dotted.startswith("profile."):
            _, owner, dotted = (*dotted.split(".", 2), "", "")[:3]
            if owner != profile.lower():
                continue
        if dotted not in known:
            raise _unknown(dotted, known, variable)
        found.append((variable, dotted, env[variable]))
    return found


def _build(
    values: Mapping[str, object], name: str, paths: Paths, file: Path | None, origins: Mapping[str, str]
) -> Settings:
    try:
        return Settings.model_validate({**values, "profile": name, "paths": paths, "config_file": file})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        dotted = ".".join(str(part) for part in first["loc"])
        place = origins.get(dotted, "the settings")
        raise Misconfigured("settings-invalid", f"{dotted} of {place} cannot be used: {first['msg']}.") from None


def _unknown(key: str, known: tuple[str, ...], origin: str) -> Misconfigured:
    near = get_close_matches(key, known, n=1, cutoff=0.0)
    return Misconfigured(
        "settings-invalid",
        f"{origin} has a key that does not exist: {key}.",
        next_step=f"the nearest known key is {near[0]}" if near else "",
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _required(text: str, where: str) -> str:
    if not text:
        raise Misconfigured("settings-invalid", f"The inventory's address is missing: {where} is empty or not there.")
    return text
