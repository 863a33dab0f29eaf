"""Finds the `temporal` program: the command-line tool of Temporal, which has a whole server with Web UI inside.

In this order: on PATH; in our cache; the SDK's own download; built from source. Whatever is found is asked for its
version before it is used, because the name `temporal` proves nothing.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Misconfigured
from starter.server import build, download
from starter.server.cache import Progress, cache_dir, exclusively

MIN_SERVER = (1, 29, 1)
"""Oldest server that Evercert is tested with; it came with CLI 1.5.1."""

_VERSION = re.compile(r"temporal version (\S+) \(Server (\d+)\.(\d+)\.(\d+)[^,)]*, UI ([^)\s]+)\)")
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class BinaryVersion:
    """What a `temporal` program says of itself.

    Attributes:
        cli: version of the tool; ``0.0.0-DEV`` when it was built from source.
        server: version of the server inside: major, minor, patch.
        ui: version of the Web UI inside.
    """

    cli: str
    server: tuple[int, int, int]
    ui: str

    @property
    def server_text(self) -> str:
        """The server's version with dots."""
        return ".".join(map(str, self.server))


def parse_version(output: str) -> BinaryVersion | None:
    """Read what ``temporal --version`` printed; ``None`` when that was not Temporal's tool with a server inside."""
    found = _VERSION.search(output)
    if found is None:
        return None
    cli, major, minor, patch, ui = found.groups()
    return BinaryVersion(cli, (int(major), int(minor), int(patch)), ui)


async def find_binary(progress: Progress) -> Path:
    """Find a usable `temporal` program, fetching or building it on the first call (about 3 minutes on 2 cores).

    Two processes that call this at once wait for each other and share the result.

    Raises:
        Misconfigured: ``temporal-not-found``, ``temporal-build-failed`` or ``disk-too-small``; each says what to do.
    """
    if (usable := await _first_usable(_on_path(), progress)) or (usable := await _first_usable(_cached(), progress)):
        return usable
    folder = cache_dir() / "temporal"
    async with exclusively(folder / ".lock", progress, "another process is fetching Temporal, waiting for it"):
        return await _first_usable(_cached(), progress) or await _fetch(folder, progress)


async def inspect(binary: Path) -> BinaryVersion | str:
    """Ask a program for its version.

    Returns:
        The version when Evercert can use that program, else why it cannot.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            binary,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=without_temporal_settings(),
        )
    except OSError as error:
        return f"it cannot be run: {error.strerror}"
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _ANSWER_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return "it does not answer when asked for its version"
    version = parse_version(output.decode(errors="replace"))
    if version is None:
        return "it is not Temporal's command-line tool"
    if version.server < MIN_SERVER:
        return f"it brings server {version.server_text}, older than {'.'.join(map(str, MIN_SERVER))}"
    return version


def without_temporal_settings() -> dict[str, str]:
    """Return this process's environment without ``TEMPORAL_*``: what we run privately obeys no setting meant for others."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}


async def _first_usable(candidates: Iterator[Path], progress: Progress) -> Path | None:
    for candidate in candidates:
        verdict = await inspect(candidate)
        if isinstance(verdict, BinaryVersion):
            return candidate
        progress(f"passing over {candidate}: {verdict}")
    return None


def _on_path() -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        candidate = Path(folder) / "temporal"
        if folder and candidate.is_file() and os.access(candidate, os.X_OK):
            yield candidate.absolute()


def _cached() -> Iterator[Path]:
    """Yield what the cache holds, the release that we are tested with first."""
    folder = cache_dir() / "temporal"
    tested = build.target(folder)
    others = sorted(folder.glob("*/temporal"), reverse=True)
    yield from (path for path in dict.fromkeys([tested, *others]) if path.is_file())


async def _fetch(folder: Path, progress: Progress) -> Path:
    """Download or build the program into the cache; the caller holds the lock."""
    progress("no usable `temporal` on PATH or in the cache; trying the Temporal SDK's own download")
    downloaded = await download.try_download(folder, progress)
    if downloaded is not None:
        verdict = await inspect(downloaded)
        if isinstance(verdict, BinaryVersion):
            return download.keep(downloaded, folder / verdict.cli / "temporal")
        progress(f"the download is of no use: {verdict}")
    built = await build.build(folder, progress)
    verdict = await inspect(built)
    if isinstance(verdict, BinaryVersion):
        return built
    built.unlink()
    raise Misconfigured(
        "temporal-build-failed",
        f"the `temporal` program was built, but {verdict}",
        next_step=build.BY_HAND,
    )
