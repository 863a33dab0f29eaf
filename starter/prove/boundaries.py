"""The boundaries of a worker: every call of a port, before and after, counted within the activity that makes it.

A worker that ``evercert prove`` starts has a :class:`Watch` between its activities and its adapters. It writes each
boundary that is passed into a trace, with one unbuffered write, so that the trace of a killed worker is complete; and at
one chosen boundary it strikes: the process kills, freezes or ends itself, exactly there.

A boundary is named ``<activity>/<port>.<method>#<n>/<side>``: the ``n``-th call of that method within one try of the
activity, so that a poll that is tried twenty times passes the same few boundaries again. ``start`` stands for what a worker
does before it polls; activities of another workflow than an order's carry its name in front, as ``SyncOrders.…``. Each
method of the inventory is one transaction, so *after* is right behind its commit. The clock is no boundary: nothing changes
outside when it is read.
"""

import dataclasses
import inspect
import os
import signal
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from temporalio import activity

from activities.adapters.build import Adapters

STRUCK = "!"
"""Begins the line of a trace that tells of a strike."""


class Blow(StrEnum):
    """What a worker does to itself at a boundary."""

    KILL = "kill"
    FREEZE = "freeze"
    TERM = "term"


_SIGNALS = {Blow.KILL: signal.SIGKILL, Blow.FREEZE: signal.SIGSTOP, Blow.TERM: signal.SIGTERM}


@dataclasses.dataclass(frozen=True)
class Strike:
    """Where a worker strikes itself, and how: once, when it passes there for the first time.

    Attributes:
        at: the boundary.
        blow: what it does to itself.
        once: file that the first of several workers makes when it strikes; the others pass.
    """

    at: str
    blow: Blow = Blow.KILL
    once: Path | None = None


class Watch:
    """Sees every boundary of one worker process.

    Args:
        trace: file that the names of passed boundaries are appended to.
        strike: what is to happen, if anything.
    """

    def __init__(self, trace: Path, strike: Strike | None = None) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._strike = strike
        self._counts: dict[bytes, Counter[str]] = {}

    def around(self, adapters: Adapters) -> Adapters:
        """Return the adapters with this watch around each port."""
        ports = (field.name for field in dataclasses.fields(adapters) if field.name not in _NO_PORTS)
        return dataclasses.replace(adapters, **{name: self._watched(getattr(adapters, name), name) for name in ports})

    def _watched(self, port: Any, name: str) -> Any:
        return _WatchedPort(port, name, self)

    def wrapped(self, port: str, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that passes its two boundaries."""
        if not inspect.iscoroutinefunction(call):
            return self._wrapped_plainly(port, method, call)

        async def watched(*args: Any, **named: Any) -> Any:
            boundary = self._next(f"{port}.{method}")
            self._reach(f"{boundary}/before")
            result = await call(*self._gated(args), **dict(zip(named, self._gated(tuple(named.values())), strict=True)))
            self._reach(f"{boundary}/after")
            # What a directory opens is a port, too.
            return self._watched(result, _OPENED[port]) if method == "open" and port in _OPENED else result

        return watched

    def _wrapped_plainly(self, port: str, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            boundary = self._next(f"{port}.{method}")
            self._reach(f"{boundary}/before")
            result = call(*args, **named)
            self._reach(f"{boundary}/after")
            return result

        return watched

    def _gated(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Watch the gate that is asked right before the first byte of what costs money."""
        return tuple(self._watched(arg, "gate") if hasattr(arg, "may_send") else arg for arg in args)

    def _next(self, call: str) -> str:
        """Name the call that begins now."""
        told = activity.info() if activity.in_activity() else None
        token, doing = (told.task_token, _doing(told)) if told else (b"", "start")
        counts = self._counts.setdefault(token, Counter())
        counts[call] += 1
        return f"{doing}/{call}#{counts[call]}"

    def _reach(self, boundary: str) -> None:
        os.write(self._trace, f"{boundary}\n".encode())
        if self._strike is not None and self._strike.at == boundary:
            strike, self._strike = self._strike, None
            if strike.once is not None and not _is_first(strike.once):
                return
            os.write(self._trace, f"{STRUCK} {strike.blow}\n".encode())
            os.kill(os.getpid(), _SIGNALS[strike.blow])


def _is_first(once: Path) -> bool:
    try:
        os.close(os.open(once, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _doing(told: activity.Info) -> str:
    """Name the activity, with its workflow where that is not an order's own."""
    is_order = told.workflow_type in (None, _ORDER)
    return told.activity_type if is_order else f"{told.workflow_type}.{told.activity_type}"


def is_of_an_order(boundary: str) -> bool:
    """Tell whether a boundary belongs to an order's run, or to the start of a worker."""
    return "." not in boundary.partition("/")[0]


_NO_PORTS = ("clock", "installation")
_ORDER = "IssueCertificate"
_OPENED = {"sellers": "seller", "publishers": "dns"}


class _WatchedPort:
    """A port whose methods are boundaries."""

    def __init__(self, port: Any, name: str, watch: Watch) -> None:
        self._port = port
        self._name = name
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name.startswith("_") or not callable(value):
            return value
        return self._watch.wrapped(self._name, name, cast("Callable[..., Any]", value))


def read_trace(trace: Path) -> tuple[tuple[str, ...], bool]:
    """Return the boundaries that were passed, in order, and whether the worker struck itself."""
    try:
        lines = trace.read_text().splitlines()
    except FileNotFoundError:
        return (), False
    return tuple(line for line in lines if not line.startswith(STRUCK)), any(line.startswith(STRUCK) for line in lines)
