"""Makes watched workers quickly: one process that has loaded everything and forks a worker when it is asked to.

Each worker is a process of its own that runs the same ``run_worker`` as ``evercert worker run`` and dies by the same
signals; only the seconds that Python needs to load it are saved, since a proof starts thousands of them. Nothing of
Temporal's runtime exists in the host itself, which is what makes the fork safe: it loads modules and opens nothing.

Spoken over pipes, one JSON object a line: a wish in (``WorkerWish``), ``{"started": pid, "number": n}`` and
``{"ended": pid, "status": code}`` out. The host ends with its standard input, and ends its workers before.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.worker._worker import load_default_build_id

from domain.names import base_domain
from starter import logs
from starter.prove.boundaries import Blow, Strike, Watch
from starter.prove.privileges import obey_permissions
from starter.prove.skew import skewed_clock
from starter.settings import load_settings
from worker import ALL_ROLES, run_worker

_PARENT_SECONDS = 1.0
_LOADED_LATE = (
    "_strptime",
    "anyio._backends._asyncio",
    "cryptography.hazmat.backends.openssl",
    "dns._asyncio_backend",
    "encodings.ascii",
    "encodings.punycode",
    "httpcore",
    "psycopg",
    "temporalio.envconfig",
)
"""What a worker's libraries load only when they need it; some may not be installed."""


def main() -> None:
    """Serve wishes until standard input ends."""
    _prepare()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to take
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    workers: set[int] = set()
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _reap(workers)
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                break
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                _start(json.loads(line), workers, (wake, waker))
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _prepare() -> None:
    """Do once what else each worker would do, with the same outcome: it is half of the work of a worker's start."""
    for name in _LOADED_LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    base_domain("evercert.test")  # reads the list of public suffixes
    load_default_build_id()  # of all loaded code, for the first worker of a process; the SDK keeps it
    gc.collect()
    gc.freeze()  # what is here already stays; workers need not look through it, nor copy it for that


def _start(wish: dict[str, Any], workers: set[int], pipes: tuple[int, int]) -> None:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _become_worker(wish, pipes)
    workers.add(pid)
    _tell({"started": pid, "number": wish["number"]})


def _reap(workers: set[int]) -> None:
    for pid in sorted(workers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            workers.discard(pid)
            _tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _tell(news: dict[str, int]) -> None:
    os.write(1, (json.dumps(news) + "\n").encode())


def _become_worker(wish: dict[str, Any], pipes: tuple[int, int]) -> None:
    """Turn the forked process into a worker; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for pipe in pipes:
            os.close(pipe)
        os.setsid()
        log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(wish["env"])
        if wish["obeys_permissions"]:
            obey_permissions()
        logs.configure(form="json")
        code = asyncio.run(_work(wish))
    except BaseException as error:  # noqa: BLE001 - the last words of this process, whatever ended it
        code = 0 if isinstance(error, KeyboardInterrupt) else 1
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _work(wish: dict[str, Any]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid()
    once = Path(wish["once"]) if wish["once"] else None
    strike = Strike(wish["at"], Blow(wish["blow"]), once) if wish["at"] else None
    hasty = wish["sure_after_seconds"]
    watch = Watch(Path(wish["trace"]), strike)
    watching = asyncio.create_task(_end_with(parent))
    await run_worker(
        load_settings(),
        roles=ALL_ROLES,
        stop=stop,
        ready=Path(wish["ready"]).touch,
        around=watch.around,
        clock=skewed_clock(wish["skew_seconds"], after=Path(wish["skew_after"])) if wish["skew_seconds"] else None,
        is_lean=wish["is_lean"],
        **({"sure_after": timedelta(seconds=hasty)} if hasty else {}),
    )
    watching.cancel()
    return 0


async def _end_with(parent: int) -> None:
    """End this worker when the host is gone, so that it never outlives a proof that was killed."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system announces no event
        await asyncio.sleep(_PARENT_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
