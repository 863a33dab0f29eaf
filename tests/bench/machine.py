"""Who used this machine's processors, and how much: read from Linux's ``/proc``; elsewhere nothing is known."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Usage:
    """What went by between two readings.

    Attributes:
        wall_seconds: by the clock.
        cpu_seconds: of each process by its name; empty where the system does not tell.
        other_seconds: of everything else on this machine; None where the system does not tell.
    """

    wall_seconds: float
    cpu_seconds: Mapping[str, float]
    other_seconds: float | None


class Meter:
    """Reads processor time of named processes.

    Args:
        pids: of the processes, by name; each must go on running while it is measured.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._began = self._read()

    def _read(self) -> tuple[float, dict[str, float], float | None]:
        if not (_PROC / "self" / "stat").exists():
            return time.monotonic(), {}, None
        return time.monotonic(), {name: _process(pid) for name, pid in self._pids.items()}, _machine()

    def usage(self) -> Usage:
        """Return what was used since this meter was made."""
        (then, before, machine_before), (now, after, machine_after) = self._began, self._read()
        used = {name: after[name] - before[name] for name in after}
        other = None
        if machine_before is not None and machine_after is not None:
            other = max(machine_after - machine_before - sum(used.values()), 0.0)
        return Usage(now - then, used, other)


def _process(pid: int) -> float:
    """Return the seconds of processor time of a process, all its threads together (proc_pid_stat(5), fields 14, 15)."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _machine() -> float:
    """Return the seconds that all processors were busy, idle and waiting for disks left out (proc_stat(5))."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, (_PROC / "stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / _TICKS
