"""Ends of processes: ours with the right code, our children's with or without us."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from starter.process import ChildProcess, free_port, is_port_free
from tests.starter.test_server import eventually_gone


def test_leave_ends_with_the_code_and_all_that_was_said_but_runs_no_more_code() -> None:
    program = (
        "import atexit, sys; from starter.process import leave; atexit.register(print, 'shutting down');"
        "print('data', end=''); print('note', end='', file=sys.stderr); leave(8)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (8, "data", "note")


def test_leave_keeps_the_code_when_the_reader_went_away() -> None:
    program = "import sys; from starter.process import leave; sys.stdin.read(); print('x', end=''); leave(3)"
    # -E: a variable that switches buffering off would make the print itself fail.
    process = subprocess.Popen([sys.executable, "-E", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    process.communicate()
    assert process.returncode == 3


async def test_a_child_runs_with_its_own_pid_session_environment_and_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    async with ChildProcess.start(
        ["sh", "-c", 'echo "$$ $FLAG $(pwd -P)"; exit 5'],
        log=log,
        env={"FLAG": "on", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
    ) as child:
        assert await child.wait() == 5
        assert child.tail() == f"{child.pid} on {tmp_path.resolve()}"
    assert not child.running
    assert log.stat().st_mode & 0o777 == 0o600


async def test_a_child_is_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    async with ChildProcess.start(["sleep", "600"], log=tmp_path / "log") as child:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)


async def test_stop_asks_first(tmp_path: Path) -> None:
    polite = 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    child = ChildProcess.start(["sh", "-c", polite], log=tmp_path / "log")
    await _until_said(child, "up")
    assert await child.stop() == 0
    assert child.tail(1) == "bye"
    assert await child.stop() == 0


async def test_stop_insists(tmp_path: Path) -> None:
    deaf = 'trap "" TERM; echo up; while :; do sleep 0.05; done'
    child = ChildProcess.start(["sh", "-c", deaf], log=tmp_path / "log")
    await _until_said(child, "up")
    assert await child.stop(grace_seconds=0.2) == -signal.SIGKILL


async def test_kill_is_a_crash(tmp_path: Path) -> None:
    child = ChildProcess.start(["sleep", "600"], log=tmp_path / "log")
    assert await child.kill() == -signal.SIGKILL


async def test_a_program_that_is_not_there_ends_with_127(tmp_path: Path) -> None:
    child = ChildProcess.start([tmp_path / "nothing"], log=tmp_path / "log")
    assert await child.wait() == 127
    assert "cannot run" in child.tail()


_PARENT = """
import sys, time
from pathlib import Path
from starter.process import ChildProcess
child = ChildProcess.start(["sh", "-c", sys.argv[2]], log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("program", ["exec sleep 600", 'trap "" TERM; while :; do sleep 0.1; done'])
async def test_a_child_ends_with_a_parent_that_was_killed(tmp_path: Path, program: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, tmp_path / "log", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await eventually_gone(pid)


async def test_a_free_port_is_free_and_a_taken_one_is_not() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        assert not is_port_free(server.sockets[0].getsockname()[1])
    assert is_port_free(free_port())


async def _until_said(child: ChildProcess, words: str) -> None:
    while words not in child.tail():
        assert child.running
        await asyncio.sleep(0.02)
