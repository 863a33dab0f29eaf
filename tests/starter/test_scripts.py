"""The scripts of this checkout, run against stand-ins for what they call."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Stands in for every program that a script calls. Records how it was called, tries the server that TEMPORAL_ADDRESS
# names, prints a line, and ends with the code that the test asked of it.
_STAND_IN = r"""#!/usr/bin/env bash
name=$(basename "$0")
[ "$1" = -m ] && name="$name $2"
echo "$name ${*:1}" >> "$RECORD/calls"
env | grep '^TEMPORAL_' >> "$RECORD/settings"
[ -z "$TEMPORAL_ADDRESS" ] || : < "/dev/tcp/${TEMPORAL_ADDRESS/://}"
case " $FAILING " in *" ${name// /_} "*) echo "error because of $name" >&2; exit 1 ;; esac
echo "$name was here"
"""


class Checkout:
    """A copy of the scripts in a folder of its own, whose .venv is prepared and holds stand-ins only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "check out"
        self.record = folder / "record"
        self.record.mkdir()
        for name in ("deploy/bootstrap.sh", "deploy/test", "deploy/demo", "deploy/requirements.lock", ".ci/run"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.folder / name)
        shutil.copy2(ROOT / "pyproject.toml", self.folder)
        for name in ("python", "ruff", "mypy", "lint-imports", "evercert"):
            self.stand_in(self.folder / ".venv" / "bin" / name)
        stamp = self.bash(f'source "{self.folder}/deploy/bootstrap.sh" && wanted_stamp').stdout
        (self.folder / ".venv" / ".evercert-stamp").write_text(stamp)

    @staticmethod
    def stand_in(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_STAND_IN)
        path.chmod(0o755)
        return path

    def run(
        self, script: Path | str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RECORD": str(self.record), "FAILING": "", "EVERCERT_PHP_SDK": "", **(env or {})}
        command = [str(self.folder / script), *arguments]
        return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)

    def bash(self, text: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-euo", "pipefail", "-c", text]
        return subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=True)

    @property
    def calls(self) -> list[str]:
        return (self.record / "calls").read_text().splitlines()

    @property
    def settings(self) -> str:
        return (self.record / "settings").read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


class Listener:
    """A server that never answers, and knows how many came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def connections(self) -> int:
        """Count and send away those who came since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def production() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.mark.parametrize("script", ["deploy/demo", "deploy/test"])
def test_no_foreign_temporal_server_is_touched(checkout: Checkout, production: Listener, script: str) -> None:
    foreign = {"TEMPORAL_ADDRESS": production.address, "TEMPORAL_PROFILE": "prod", "TEMPORAL_API_KEY": "k"}
    assert checkout.run(script, env=foreign).returncode == 0
    assert (checkout.settings, production.connections()) == ("", 0)
    # The stand-ins would have gone there:
    checkout.run(".venv/bin/evercert", env=foreign)
    assert "TEMPORAL_PROFILE=prod" in checkout.settings
    assert production.connections() == 1


def test_demo_passes_its_arguments_from_any_folder_and_through_a_link(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "try"
    link.parent.mkdir()
    link.symlink_to(checkout.folder / "deploy" / "demo")
    done = checkout.run(link, "--keep", "a b", cwd=Path("/"))
    assert (done.returncode, done.stdout) == (0, "evercert was here\n")
    assert checkout.calls == ["evercert demo --keep a b"]


def test_demo_ends_with_the_code_of_the_demo(checkout: Checkout) -> None:
    assert checkout.run("deploy/demo", env={"FAILING": "evercert"}).returncode == 1


def test_all_steps_run_in_order_with_a_line_each(checkout: Checkout) -> None:
    done = checkout.run("deploy/test")
    assert done.returncode == 0
    assert checkout.calls == [
        "ruff format --check .",
        "ruff check .",
        "mypy ",
        "lint-imports ",
        "python starter.server -m starter.server",
        "python tests.support.temporal -m tests.support.temporal",
        "python starter.prove.postgres -m starter.prove.postgres",
        "python pytest -m pytest -q -n 2 --dist loadfile -m not php and not long tests",
        "python starter.server -m starter.server",
        "evercert prove --summary",
    ]
    steps = [line.split(",")[0] for line in done.stderr.splitlines() if line.startswith("ok ")]
    assert [step.split()[1] for step in steps] == ["format", "lint", "types", "imports", "tests", "prove"]
    # What pytest and the proof say last stays visible, with nothing of ours between them on that stream.
    assert done.stdout.splitlines()[-2:] == ["python pytest was here", "evercert was here"]


@pytest.mark.parametrize(
    ("broken", "step"),
    [
        ("ruff", "format lint"),
        ("mypy", "types"),
        ("lint-imports", "imports"),
        ("python_pytest", "tests"),
        ("evercert", "prove"),
    ],
)
def test_a_step_that_fails_stops_no_other(checkout: Checkout, broken: str, step: str) -> None:
    done = checkout.run("deploy/test", env={"FAILING": broken})
    assert done.returncode == 1
    assert f"failed: {step};" in done.stderr
    assert "error because of" in done.stderr
    assert len(checkout.calls) == 10


def test_steps_can_be_called_singly_and_tests_chosen_by_name(checkout: Checkout) -> None:
    checkout.run("deploy/test", "lint")
    checkout.run("deploy/test", "tests", "-k", "one or two", env={"EVERCERT_TEST_WORKERS": "8"})
    assert [call for call in checkout.calls if "starter" not in call and "support" not in call] == [
        "ruff check .",
        "python pytest -m pytest -q -n 8 --dist loadfile -m not php and not long -k one or two tests",
    ]
    assert checkout.run("deploy/test", "everything").returncode == 2


@pytest.mark.parametrize(("marker", "module"), [("server", "starter.server"), ("postgres", "starter.prove.postgres")])
def test_tests_whose_server_cannot_be_had_are_left_out_and_listed(checkout: Checkout, marker: str, module: str) -> None:
    done = checkout.run("deploy/test", "tests", env={"FAILING": f"python_{module}"})
    assert done.returncode == 0
    assert f"left out:\n  tests marked {marker}, because because of python {module}" in done.stderr
    assert checkout.calls[-1].endswith(f"-m not {marker} and not php and not long tests")


@pytest.mark.parametrize(("marker", "module"), [("server", "starter.server"), ("postgres", "starter.prove.postgres")])
def test_with_all_what_is_left_out_is_a_failure_unless_allowed(checkout: Checkout, marker: str, module: str) -> None:
    broken = {"FAILING": f"python_{module}"}
    strict = checkout.run("deploy/test", "--all", "tests", env=broken)
    assert strict.returncode == 1
    assert f"failed: {marker};" in strict.stderr
    assert "--no-skip" in checkout.calls[-1]
    allowed = checkout.run("deploy/test", "--all", "tests", env=broken | {"EVERCERT_WITHOUT": marker})
    assert allowed.returncode == 0
    assert f"left out:\n  tests marked {marker}" in allowed.stderr


def test_what_takes_long_is_listed_and_run_when_asked_for(checkout: Checkout) -> None:
    assert "tests marked long, which deploy/test --long runs" in checkout.run("deploy/test", "tests").stderr
    assert "marked long" not in checkout.run("deploy/test", "tests", "--long").stderr
    assert checkout.calls[-1].endswith("-m not php tests")


def test_the_proof_is_left_out_where_there_is_no_server_and_when_tests_are_chosen(checkout: Checkout) -> None:
    broken = {"FAILING": "python_starter.server"}
    done = checkout.run("deploy/test", "prove", env=broken)
    assert done.returncode == 0
    assert "left out:\n  the proof, because there is no Temporal server" in done.stderr
    assert checkout.run("deploy/test", "--all", "prove", env=broken).returncode == 1
    assert checkout.run("deploy/test", "--all", "prove", env=broken | {"EVERCERT_WITHOUT": "server"}).returncode == 0
    checkout.run("deploy/test", "-k", "one")
    assert not any(call.startswith("evercert prove") for call in checkout.calls)


def test_the_php_sdk_may_always_be_missing_and_is_used_where_it_is(checkout: Checkout, tmp_path: Path) -> None:
    without = checkout.run("deploy/test", "--all", "tests")
    assert without.returncode == 0
    assert "left out:\n  tests marked php, because " in without.stderr
    sdk, commands = tmp_path / "php sdk", tmp_path / "commands"
    (sdk / "src").mkdir(parents=True)
    (sdk / "src" / "sslstore.php").touch()
    checkout.stand_in(commands / "php")
    there = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "EVERCERT_PHP_SDK": str(sdk)}
    assert "left out" not in checkout.run("deploy/test", "--all", "--long", "tests", env=there).stderr
    assert checkout.calls[-1].endswith("--no-skip tests")
    poor = checkout.run("deploy/test", "--all", "tests", env=there | {"FAILING": "php"})
    assert poor.returncode == 0
    assert "tests marked php, because" in poor.stderr and "there is no php with curl on PATH" in poor.stderr


def path_without(folder: Path, *missing: str) -> str:
    """Make a folder that holds all commands of this machine's PATH but some."""
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for command in Path(place).iterdir() if Path(place).is_dir() else ():
            if command.name not in missing:
                (folder / command.name).unlink(missing_ok=True)
                (folder / command.name).symlink_to(command)
    return str(folder)


def test_a_build_machine_names_the_tools_that_it_may_not_install(checkout: Checkout, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    poor = {"PATH": path_without(commands, "mvn", "apt-get"), "FAILING": "python_tests.support.temporal"}
    done = checkout.run(".ci/run", env=poor)
    assert "LEFT OUT: mvn (Debian package maven), and with it the tests marked timeskip" in done.stderr
    assert done.returncode == 0
    (tests,) = (call for call in checkout.calls if call.startswith("python pytest"))
    assert tests.endswith("--no-skip -m not timeskip and not php and not long tests")

    strict = checkout.run(".ci/run", env=poor | {"EVERCERT_CI_STRICT": "1"})
    assert strict.returncode == 1
    assert "LEFT OUT: mvn" in strict.stderr


def test_a_build_machine_of_root_installs_what_is_missing(checkout: Checkout, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    path = path_without(commands, "mvn", "openssl", "apt-get", "id")
    (commands / "id").write_text("#!/bin/sh\necho 0\n")
    bring = f'for tool in mvn openssl; do cp "$(type -P true)" "{commands}/$tool"; done'
    apt_get = f'#!/bin/bash\necho "apt-get $*" >> "$RECORD/calls"\n[ "$1" = update ] || {bring}\n'
    (commands / "apt-get").write_text(apt_get)
    for name in ("id", "apt-get"):
        (commands / name).chmod(0o755)
    done = checkout.run(".ci/run", env={"PATH": path, "EVERCERT_CI_STRICT": "1"})
    assert checkout.calls[:2] == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends maven openssl",
    ]
    assert done.returncode == 0
    assert "LEFT OUT" not in done.stderr


def python_with_pip() -> str:
    """Return a Python whose pip answers; that of .venv has none where uv made it."""
    for name in (sys.executable, "python3", "python3.11", "python3.12", "python3.13"):
        if subprocess.run([name, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return name
    raise AssertionError("no pip here")


def adopted(checkout: Checkout, tmp_path: Path, config: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return what uv is told when pip has that configuration file and those variables."""
    (tmp_path / "pip.conf").write_text(config)
    foreign = ("PIP_", "UV_", "SSL_CERT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    script = f'source "{checkout.folder}/deploy/bootstrap.sh"; adopt_pip_settings "$PYTHON"; env'
    settings = clean | {"PYTHON": python_with_pip(), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")} | dict(env)
    command = ["bash", "-euo", "pipefail", "-c", script]
    said = subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=")[::2] for line in said.splitlines())
    return {name: value for name, value in pairs if name.startswith(("UV_", "SSL_CERT")) and name != "UV_CACHE_DIR"}


def test_uv_is_told_of_the_mirror_in_pips_files(checkout: Checkout, tmp_path: Path) -> None:
    config = (
        "[global]\nindex-url = https://mirror.example/simple\ncert = /etc/mirror.pem\n"
        f"find-links = {tmp_path}\n    /no/such/folder\n    https://mirror.example/wheels\n"
        "[install]\nextra-index-url = https://one.example/simple\n    https://two.example/simple\n"
    )
    expected = {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"{tmp_path},https://mirror.example/wheels",
        "SSL_CERT_FILE": "/etc/mirror.pem",
    }
    # This machine's own files may add to it.
    assert expected.items() <= adopted(checkout, tmp_path, config, {}).items()


def test_pips_variables_come_before_its_files_and_uvs_own_before_both(checkout: Checkout, tmp_path: Path) -> None:
    config = "[global]\nindex-url = https://mirror.example/simple\n"
    variables = {"PIP_INDEX_URL": "https://nearer.example/simple", "PIP_NO_INDEX": "1"}
    expected = {"UV_DEFAULT_INDEX": "https://nearer.example/simple", "UV_NO_INDEX": "1"}
    assert expected.items() <= adopted(checkout, tmp_path, config, variables).items()
    own = variables | {"UV_DEFAULT_INDEX": "https://own.example/simple"}
    assert adopted(checkout, tmp_path, config, own)["UV_DEFAULT_INDEX"] == "https://own.example/simple"


def test_the_lock_holds_uv_with_hashes_for_a_machine_without_ensurepip(checkout: Checkout) -> None:
    lines = checkout.bash(f'source "{checkout.folder}/deploy/bootstrap.sh"; locked_uv').stdout.splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 1
    assert all("--hash=sha256:" in line for line in lines[1:])


def test_a_changed_lock_is_noticed(checkout: Checkout) -> None:
    stamp = f'source "{checkout.folder}/deploy/bootstrap.sh"; wanted_stamp'
    before = checkout.bash(stamp).stdout
    with (checkout.folder / "deploy" / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert checkout.bash(stamp).stdout != before


def test_without_a_python_it_says_what_to_install(checkout: Checkout, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    names = [f"python3{minor}" for minor in ("", ".11", ".12", ".13", ".14")]
    poor = path_without(commands, *names)
    (checkout.folder / ".venv" / ".evercert-stamp").unlink()
    done = checkout.run("deploy/demo", env={"PATH": poor})
    assert done.returncode == 12
    assert "no Python 3.11 to 3.14 found" in done.stderr
    assert "apt-get install python3" in done.stderr
