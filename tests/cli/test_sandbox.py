"""``evercert sandbox`` becomes the sandbox's own program, which listens and ends cleanly."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from starter.cli.sandbox import arguments


def test_it_hands_its_ports_and_state_on() -> None:
    words = arguments(1, 2, 3, 4, Path("box.db"))
    assert words[:2] == ["-m", "deploy.sandbox"]
    assert " ".join(words[2:]) == "--port 1 --dns-port 2 --web-port 3 --smtp-port 4 --state box.db"


def test_it_runs_until_it_is_interrupted() -> None:
    ports = ("--port", "0", "--dns-port", "0", "--web-port", "0", "--smtp-port", "0")
    command = [sys.executable, "-m", "starter.cli", "sandbox", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        page = greeting.rsplit(" ", 1)[1].strip()
        with urllib.request.urlopen(page) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode in (0, 130)
