"""Processes: how ours end, and how the ones we start are kept from outliving us.

A process that has used a Temporal client dies now and then with a signal while the interpreter shuts down, after all its
work is done (temporalio/sdk-python#300). The result is right, the exit code is not, and scripts read exit codes. Every
entry point of Evercert therefore ends with :func:`leave`.

Servers and workers that Evercert starts for itself run under :class:`ChildProcess`: each in a session of its own, so that
Ctrl-C in a terminal reaches the parent alone, which then ends them in the right order; and each with a watcher that ends
it when the parent is gone, even by ``kill -9``.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

_POLL_SECONDS = 0.02

# Runs in the child before the program itself takes its place, so the program keeps the pid that we know. The forked half
# waits for the end of a pipe whose only writer is our parent: it ends with the parent, however that dies, on every Unix.
# A changed parent pid means that the program has ended before, so a reused pid is never signalled.
_WATCHED_START = """
import os, signal, sys, time
pipe, argv = int(sys.argv[1]), sys.argv[3:]
kept = [int(number) for number in sys.argv[2].split(",") if number]
program = os.getpid()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in kept:
        os.close(number)
    while os.read(pipe, 1):
        pass
    for wanted in [signal.SIGTERM] + [0] * 50 + [signal.SIGKILL]:
        if os.getppid() != program:
            break
        os.kill(program, wanted)
        time.sleep(0.1)
    os._exit(0)
os.close(pipe)
for number in kept:
    os.set_inheritable(number, True)
try:
    os.execvp(argv[0], argv)
except OSError as error:
    print(f"cannot run {argv[0]}: {error.strerror}", file=sys.stderr)
    os._exit(127)
"""


def leave(code: int) -> NoReturn:
    """End this process now with ``code``, after flushing what was said.

    The last statement of every entry point, when all clients, workers and files are closed: ``atexit`` functions and
    finalizers do not run.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # A reader that has gone away (``| head``) must not turn a good result into a traceback.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def free_port(host: str = "127.0.0.1") -> int:
    """Find a TCP port on ``host`` that nobody listens on at this moment; somebody else may be quicker to take it."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_port_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen on that TCP port now."""
    with socket.socket() as probe:
        # As servers do; otherwise a port counts as taken for a minute after its last connection.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class ChildProcess:
    """A program that we started: in its own session, with its output in a file, and never outliving us.

    Ends by itself when this process ends, in any way (SIGTERM first, SIGKILL after five seconds).
    As an async context manager it is stopped on leaving the block.
    """

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int, log: Path) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self.log = log

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep_fds: Sequence[int] = (),
    ) -> Self:
        """Start a program.

        Args:
            argv: program (a path, or a name looked up on PATH) and arguments.
            log: file that its output is appended to; its folder is made if needed. Readable by the owner only.
            env: the whole environment; this process's own when left out.
            cwd: working directory; this process's own when left out.
            keep_fds: open files that the program inherits, such as a lock that is to be held until it has ended.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = os.pipe()[::-1]
        program = [str(part) for part in argv]
        guard = [sys.executable, "-I", "-S", "-c", _WATCHED_START, str(theirs), ",".join(map(str, keep_fds))]
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 - what is run is chosen by our own code
                [*guard, *program],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=(theirs, *keep_fds),
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
            os.close(descriptor)
        return cls(process, ours, log)

    @property
    def pid(self) -> int:
        """Process id of the program itself."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, minus the signal's number when one ended it; ``None`` while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.returncode is None

    async def wait(self) -> int:
        """Wait until the program has ended and return its exit code."""
        while (code := self.returncode) is None:  # noqa: ASYNC110 - the system announces no event
            await asyncio.sleep(_POLL_SECONDS)
        self._release()
        return code

    async def stop(self, grace_seconds: float = 10.0) -> int:
        """Ask the program to end (SIGTERM), insist after ``grace_seconds`` (SIGKILL), and return its exit code.

        Repeating it does nothing more.
        """
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while self.running and time.monotonic() < deadline:  # noqa: ASYNC110 - the same
            await asyncio.sleep(_POLL_SECONDS)
        return await self.kill()

    async def kill(self) -> int:
        """End the program at once (SIGKILL) if it still runs, as a crash would, and return its exit code."""
        self._signal(signal.SIGKILL)
        return await self.wait()

    def tail(self, lines: int = 5) -> str:
        """Return the last lines that the program wrote, for an error message."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(number)

    def _release(self) -> None:
        """Let the watcher go, now that there is nothing left to watch."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
