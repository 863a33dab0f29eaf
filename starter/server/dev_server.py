"""Temporal's development server as a private server of one Evercert home.

State is in one SQLite file of that home and survives ``kill -9`` of the server. The server obeys no ``TEMPORAL_*``
variable and no profile, listens on loopback only, and ends with the process that started it.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from temporalio.client import Client

from domain.errors import Unavailable
from starter.process import ChildProcess, free_port, is_port_free
from starter.server.binary import without_temporal_settings
from starter.server.cache import try_lock

HOST = "127.0.0.1"

# The development server has one shard whose queues are read 20 times a second by default, which makes every activity of a
# sequence take 100 ms. SQLite's write-ahead log with synchronous=1 (NORMAL) loses nothing when the server is killed.
_TUNING = (
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollHostRPS=10000"),
    *("--dynamic-config-value", "system.enableActivityEagerExecution=true"),
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=1"),
)
_PRIVATE = ("--disable-config-env", "--disable-config-file")
_NEWS = "--ui-disable-news-fetch"

_READY_SECONDS = 60.0
_ANSWER_SECONDS = 10.0
_STATE_SECONDS = 15.0
_TRIES = 3
_LOOK_SECONDS = 0.05


class DevServer:
    """A Temporal server of our own, started and stopped by us.

    Started again after it was stopped or killed, it serves the same state at the same address.

    Args:
        binary: the `temporal` program (``find_binary``).
        home: folder for its state (``temporal.db``) and log (``temporal.log``); made if needed, on a local disk.
        port: TCP port for clients; 0 picks a free one.
        ui_port: TCP port of the Web UI; 0 picks a free one, ``None`` runs without.
    """

    def __init__(self, binary: Path, home: Path, *, port: int = 0, ui_port: int | None = None) -> None:
        self._binary = binary
        self._home = home
        self._wanted = (port, ui_port)
        self._port = port
        self._ui_port = ui_port
        self._process: ChildProcess | None = None

    @property
    def address(self) -> str:
        """Where clients connect, ``host:port``."""
        return f"{HOST}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """Address of the Web UI, without a slash at the end; ``None`` when it runs without."""
        return None if self._ui_port is None else f"http://{HOST}:{self._ui_port}"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.running

    @property
    def log(self) -> Path:
        """The file that holds what the server said."""
        return self._home / "temporal.log"

    async def start(self) -> Self:
        """Start the server and wait until it answers; does nothing when it runs.

        Raises:
            Unavailable: ``temporal-not-ready``: a port is taken, the state is in use, or it did not come up.
        """
        if self.running:
            return self
        for attempt in range(1, _TRIES + 1):
            self._process = await self._spawn()
            if await self._becomes_ready(self._process):
                return self
            # A port that was free a moment ago may be taken by somebody quicker; that is no reason to give up.
            if 0 not in self._wanted or attempt == _TRIES:
                break
            self._port, self._ui_port = self._wanted
        raise Unavailable(
            "temporal-not-ready",
            f"the private Temporal server did not come up at {self.address}",
            next_step=f"Read {self.log}.",
            why=tuple(self._process.tail(3).splitlines()) if self._process else (),
        )

    async def stop(self) -> None:
        """Stop the server; repeating it does nothing more."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """End the server without warning, as a crash would."""
        if self._process is not None:
            await self._process.kill()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _choose_ports(self) -> None:
        """Pick ports where none was given, and make sure that a server found there later is ours."""
        self._port = self._port or free_port()
        if self._ui_port == 0:
            self._ui_port = free_port()
        for port in (self._port, self._ui_port):
            if port is not None and not is_port_free(port):
                raise Unavailable(
                    "temporal-not-ready",
                    f"port {port} of {HOST} is taken by another program",
                    next_step="End that program or choose another port.",
                )

    async def _spawn(self) -> ChildProcess:
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(_open_lock(self._home / "temporal.lock"))
            await _wait_for_state(lock, self._home)
            # Only now: a predecessor that is about to end may still hold the ports that we were given.
            self._choose_ports()
            return ChildProcess.start(
                [self._binary, *await self._arguments()],
                log=self.log,
                env=without_temporal_settings(),
                keep_fds=(lock,),
            )

    async def _arguments(self) -> list[str]:
        where = ["--ip", HOST, "--port", str(self._port), "--db-filename", str(self._home / "temporal.db")]
        if self._ui_port is None:
            ui = ["--headless"]
        else:
            ui = ["--ui-ip", HOST, "--ui-port", str(self._ui_port)]
            if await _knows_flag(self._binary, _NEWS):
                ui.append(_NEWS)
        return ["server", "start-dev", *where, *ui, "--log-level", "warn", *_TUNING, *_PRIVATE]

    async def _becomes_ready(self, process: ChildProcess) -> bool:
        """Wait for the first real answer; ``False``, with the process ended, when there is none in time."""
        deadline = time.monotonic() + _READY_SECONDS
        while process.running and time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError, TimeoutError):
                await asyncio.wait_for(Client.connect(self.address), _ANSWER_SECONDS)
                return process.running
            await asyncio.sleep(_LOOK_SECONDS)
        await process.kill()
        return False


@contextlib.contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _wait_for_state(lock: int, home: Path) -> None:
    """Take the lock of a home's state, which the server then holds for as long as it lives, however we end.

    A server whose parent was killed needs a moment to end; two on one SQLite file would ruin it.
    """
    deadline = time.monotonic() + _STATE_SECONDS
    while not try_lock(lock):
        if time.monotonic() > deadline:
            raise Unavailable(
                "temporal-not-ready",
                f"another Temporal server is using the state in {home}",
                next_step="End the Evercert process that runs there, or choose another home.",
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _knows_flag(binary: Path, flag: str) -> bool:
    """Tell whether this release of the program has a flag; releases 1.5 and 1.8 differ."""
    process = await asyncio.create_subprocess_exec(
        binary,
        "server",
        "start-dev",
        "--help",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=without_temporal_settings(),
    )
    output, _ = await process.communicate()
    return flag.encode() in output
