"""A disk of its own for one program, small enough to be filled: that harms nobody else.

It is a file system in memory that is mounted for that program and its children alone (Linux, mount_namespaces(7)), and is
gone with them. Root may mount one; elsewhere a user may who is allowed namespaces of its own.
"""

import errno
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_MOUNTED = 'mount -t tmpfs -o "size=$2m,mode=0711" evercert "$1"'
_FILLED_WITH = 'cp -a "$3" "$1" && shift 3 && exec "$@"'
_LARGEST_PIECE, _SMALLEST_PIECE = 1 << 20, 1 << 12
Argument = str | Path


class SmallDisk:
    """A disk, as a program is to have it.

    Args:
        folder: empty folder where the program finds it; others see nothing there.
        mebibytes: how much it holds.
    """

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.folder = folder.absolute()
        self._mebibytes = mebibytes

    def running(self, argv: Sequence[Argument], contents: Path) -> list[Argument]:
        """Return the command line that runs a program with this disk, under the same process number.

        Args:
            argv: the program.
            contents: folder of which a copy lies on the disk, under the same name.
        """
        disk = (self.folder, str(self._mebibytes), contents)
        return [*_own_mounts(), "sh", "-c", f"{_MOUNTED} && {_FILLED_WITH}", "sh", *disk, *argv]

    @contextmanager
    def filled(self, pid: int) -> Iterator[None]:
        """Leave no room on the disk while the block lasts.

        Args:
            pid: of the program that has it.
        """
        # The way to what only another process sees; see proc(5).
        ballast = Path(f"/proc/{pid}/root", *self.folder.parts[1:], "ballast")
        try:
            with ballast.open("wb") as file:
                _take_all(file.fileno())
            yield
        finally:
            ballast.unlink(missing_ok=True)


def _take_all(number: int) -> None:
    taken, piece = 0, _LARGEST_PIECE
    while piece >= _SMALLEST_PIECE:
        try:
            os.posix_fallocate(number, taken, piece)
            taken += piece
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            piece //= 2


@functools.cache
def small_disk_unavailable() -> str:
    """Tell in a sentence why a program cannot be given a disk of its own here; empty when it can."""
    if sys.platform != "linux":
        return "only Linux gives a program a disk of its own"
    with tempfile.TemporaryDirectory() as folder:
        argv = [*_own_mounts(), "sh", "-c", _MOUNTED, "sh", folder, "1"]
        try:
            tried = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 our own words
        except FileNotFoundError:
            return "there is no unshare (of util-linux) to give a program a disk of its own"
    if tried.returncode == 0:
        return ""
    said = (tried.stderr.strip().splitlines() or ["without a word"])[-1]
    return f"this machine gives no program a disk of its own: {said}"


def _own_mounts() -> list[str]:
    """Return the beginning of a command line that gives a program mounts of its own, and the right to change them."""
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"])]
