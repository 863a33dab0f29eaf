"""The Temporal SDK's own download of the `temporal` program.

The SDK offers it only together with starting a server, so a short process of its own starts one and ends it again. Where
the address is closed off this fails within milliseconds.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from starter.process import leave
from starter.server.cache import Progress

_LIMIT_SECONDS = 600.0


async def try_download(folder: Path, progress: Progress) -> Path | None:
    """Download into a new folder below ``folder``.

    Returns:
        The downloaded program, not yet checked; ``None`` when there was none to be had, after a line to ``progress``.
    """
    into = _new_folder(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "starter.server.download",
        into,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), _LIMIT_SECONDS)
    except TimeoutError:
        said = b"it took longer than ten minutes"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = _program_in(into)
    if found is None:
        shutil.rmtree(into)
        progress(f"not downloaded: {_last_line(said)}")
    return found


def keep(downloaded: Path, target: Path) -> Path:
    """Move a checked download to its place in the cache, at once and whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    downloaded.replace(target)
    for leftover in target.parents[1].glob(".download-*"):
        shutil.rmtree(leftover)
    return target


def _new_folder(below: Path) -> Path:
    below.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".download-", dir=below))


def _program_in(folder: Path) -> Path | None:
    return next((path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o100), None)


def _last_line(said: bytes) -> str:
    return next(iter(said.decode(errors="replace").strip().splitlines()[::-1]), "no reason was given")


async def _download_and_start(into: str) -> None:
    from temporalio.testing import WorkflowEnvironment  # late: only the short process needs it

    async with await WorkflowEnvironment.start_local(download_dest_dir=into):
        pass


def main() -> None:
    """Entry of the short process: ``python -m starter.server.download FOLDER``."""
    try:
        asyncio.run(_download_and_start(sys.argv[1]))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        leave(1)
    leave(0)


if __name__ == "__main__":
    main()
