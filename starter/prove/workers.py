"""The workers of a proof, as seen by the one who starts, kills and freezes them."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.errors import Unavailable
from starter.prove.boundaries import Strike, read_trace

HOST_MODULE = "starter.prove.worker_host"

_LOOK_SECONDS = 0.05
_START_SECONDS = 60.0
_QUIET_SECONDS = 2.0


@dataclass
class WatchedWorker:
    """A worker process.

    Attributes:
        pid: of the process.
        trace: file of the boundaries that it has passed.
        ready: file that is there once it polls.
        ended: set when the process is gone; ``code`` is then its exit code, minus the signal's number.
    """

    pid: int
    trace: Path
    ready: Path
    log: Path
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None

    @property
    def passed(self) -> tuple[str, ...]:
        """The boundaries that it has passed, in order."""
        return read_trace(self.trace)[0]

    @property
    def has_struck(self) -> bool:
        """Whether it has come to the boundary where it was to strike itself."""
        return read_trace(self.trace)[1]

    async def until_struck(self) -> None:
        """Wait until it strikes itself; the caller races this with the end of its order."""
        while not self.has_struck:  # noqa: ASYNC110 - a frozen process announces nothing
            await asyncio.sleep(_LOOK_SECONDS)

    async def until_ready(self) -> bool:
        """Wait until it polls; False when it ended or struck itself before that."""
        for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
            if self.ready.exists():
                return True
            if self.ended.is_set() or self.has_struck:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        raise Unavailable("worker-not-ready", "a worker of the proof did not start", next_step=f"its log is {self.log}")

    async def until_quiet(self) -> None:
        """Wait until it has done what it was about: it passes no boundary for a while, or is gone."""
        before = -1
        while not self.ended.is_set() and before != (now := self.trace.stat().st_size):
            before = now
            await asyncio.sleep(_QUIET_SECONDS)

    def wake(self) -> None:
        """Let it go on, when it is frozen."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; one that is gone needs none."""
        if not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal(signal.SIGKILL)
        await self.ended.wait()

    async def stop(self) -> None:
        """Ask it to end after what it does; a frozen one is woken for it."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        await self.ended.wait()


class WorkerHost:
    """The process that makes workers. Use as ``async with WorkerHost(log) as host``; its workers end with it."""

    def __init__(self, log: Path, module: str = HOST_MODULE) -> None:
        self._log = log
        self._module = module
        self._number = 0
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._workers: dict[int, WatchedWorker] = {}
        self._early: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def start(
        self,
        env: Mapping[str, str],
        folder: Path,
        *,
        strike: Strike | None = None,
        skew_seconds: float = 0.0,
        skew_after: Path | None = None,
        sure_after_seconds: float = 0.0,
        is_lean: bool = False,
        obeys_permissions: bool = False,
    ) -> WatchedWorker:
        """Start a worker; it may strike itself before it polls.

        Args:
            env: its whole environment.
            folder: where its trace and its log are written.
            strike: where it strikes itself.
            skew_seconds: its clock is off by so much once the next file exists.
            skew_after: that file.
            sure_after_seconds: how long a run must have been lost before another takes its order over; 0: as ever.
            is_lean: it asks for one activity at a time, so that it keeps little to itself while it is frozen.
            obeys_permissions: one of root gives up the privilege to pass permissions of files.
        """
        self._number += 1
        name = f"worker-{self._number}"
        trace, ready, log = folder / f"{name}.trace", folder / f"{name}.ready", folder / "worker.log"
        wish = {
            "number": self._number,
            "env": dict(env),
            "trace": str(trace),
            "ready": str(ready),
            "log": str(log),
            "at": strike.at if strike else "",
            "blow": strike.blow.value if strike else "",
            "once": str(strike.once) if strike and strike.once else "",
            "skew_seconds": skew_seconds,
            "skew_after": str(skew_after or folder / "never"),
            "sure_after_seconds": sure_after_seconds,
            "is_lean": is_lean,
            "obeys_permissions": obeys_permissions,
        }
        started = asyncio.get_running_loop().create_future()
        self._starting[self._number] = started
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(wish) + "\n").encode())
        await self._process.stdin.drain()
        pid = await started
        worker = WatchedWorker(pid, trace, ready, log)
        self._workers[pid] = worker
        if pid in self._early:
            self._is_over(pid, self._early.pop(pid))
        return worker

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            news = json.loads(line)
            if "started" in news:
                self._starting.pop(news["number"]).set_result(news["started"])
            else:
                self._is_over(news["ended"], news["status"])
        for waiting in self._starting.values():
            waiting.set_exception(Unavailable("worker-not-ready", f"the host of workers has ended; see {self._log}"))
        for pid in list(self._workers):
            self._is_over(pid, -signal.SIGKILL)

    def _is_over(self, pid: int, code: int) -> None:
        worker = self._workers.pop(pid, None)
        if worker is None:
            self._early[pid] = code
            return
        worker.code = code
        worker.ended.set()
