"""How far the inventory had come when something was last sent: a small file beside the master key.

A restored inventory does not know what it has forgotten. This file does: it is written and synced before each act leaves.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from domain.errors import Misconfigured, Unavailable
from domain.reconcile import Watermark, higher, require_own

_LONGEST = 4096


class WatermarkFile:
    """Implements ``Watermarks`` by one file, mode 0600, replaced as a whole.

    Args:
        path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    async def read(self) -> Watermark | None:
        """Return what the file holds; None where there is none."""
        return await asyncio.to_thread(self._read)

    async def keep(self, mark: Watermark) -> None:
        """Merge a mark into the file: written beside it, synced, renamed, and the folder synced."""
        await asyncio.to_thread(self._keep, mark)

    def _read(self) -> Watermark | None:
        with self._own_words("read"):
            try:
                with self.path.open("rb") as file:
                    content = file.read(_LONGEST + 1)
            except FileNotFoundError:
                return None
        try:
            return Watermark.model_validate_json(content)
        except ValidationError:
            raise Misconfigured(
                "sequence-unreadable",
                f"{self.path} does not hold what was written there.",
                next_step=f"move {self.path.name} away, then: evercert db reconcile --reason TEXT",
            ) from None

    def _keep(self, mark: Watermark) -> None:
        with self._own_words("written"), self._lock():
            kept = self._read()
            if kept is not None:
                require_own(kept, mark.installation_id)
                mark = higher(kept, mark)
            if mark != kept:
                self._replace(mark)

    def _replace(self, mark: Watermark) -> None:
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.unlink(missing_ok=True)  # what a killed process has left; the lock is ours
        try:
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(json.dumps(mark.model_dump(mode="json")) + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the folder's lock; it ends with the descriptor, so that a killed process leaves none behind."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _own_words(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "sequence-unavailable",
                f"{self.path} cannot be {done}: {error.strerror or type(error).__name__}. Nothing is sent before it can.",
                next_step="make room on its disk, or give this user the right to write it and its folder",
            ) from None
