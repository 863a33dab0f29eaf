"""`python -m deploy.sandbox`: run the sandbox until it is told to stop, one line per event."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from deploy.sandbox.journal import Entry
from deploy.sandbox.server import Sandbox
from deploy.sandbox.settings import SandboxSettings

_TOLD = {
    "order.sold",
    "order.cancelled",
    "order.changed",
    "order.completed",
    "order.reissued",
    "callback.sent",
    "proof.seen",
    "certificate.issued",
    "refund.requested",
    "refund.decided",
    "fault.applied",
    "clock.changed",
    "switches.changed",
    "desk.failed",
    "mail.sent",
    "mail.received",
    "proof.expired",
    "issuance.stopped",
    "file.written",
    "file.removed",
    "vetting.done",
    "certificate.revoked",
}


def main() -> int:
    """Parse the command line and run; the exit code."""
    options = _parser().parse_args()
    settings = SandboxSettings(
        port=options.port,
        dns_port=options.dns_port,
        web_port=options.web_port,
        smtp_port=options.smtp_port,
        web_address=options.web_address,
        web_folder=options.web_folder,
        state_file=options.state,
        ca_poll_seconds=options.ca_poll_seconds,
        seed=options.seed,
    )
    try:
        asyncio.run(_run(settings, options.ready_file, options.log))
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot start: {error.strerror or error}. Is another one running?\n")
        return 1
    return 0


async def _run(settings: SandboxSettings, ready_file: Path | None, log: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(settings) as box:
        box.state.journal.listen(lambda entry: _tell(entry, log))
        if log != "none":
            _line(_greeting(box) if log == "text" else json.dumps({"kind": "ready", **_ready(box)}))
        if ready_file is not None:
            _write_whole(ready_file, json.dumps(_ready(box)))
        await stop.wait()
    if ready_file is not None:
        _remove(ready_file)


def _ready(box: Sandbox) -> dict[str, str | int]:
    return {
        "base_url": box.base_url,
        "control_url": box.control_url,
        "dns_host": box.dns_host,
        "dns_port": box.dns_port,
        "web_port": box.web_port,
        "smtp_port": box.smtp_port,
        "tsig_name": box.tsig_name,
        "pid": os.getpid(),
    }


def _greeting(box: Sandbox) -> str:
    host = box.settings.host
    return (
        f"sandbox ready: seller {box.base_url}, control {box.control_url}, DNS {box.dns_host}:{box.dns_port}, "
        f"web root {host}:{box.web_port}, mail {host}:{box.smtp_port}, page {box.state.address}/"
    )


def _tell(entry: Entry, log: str) -> None:
    if log == "json":
        _line(json.dumps(entry.wire()))
    elif log == "text" and entry.kind in _TOLD:
        _line(f"{entry.at:%H:%M:%S} {entry.text}")


def _line(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:  # whoever read our output is gone; the sandbox goes on
        pass


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox", description="The outside world on loopback.")
    parser.add_argument("--port", type=int, default=8560, help="seller and control API; 0 takes a free port")
    parser.add_argument("--dns-port", type=int, default=8553, help="name server, UDP and TCP; 0 takes a free port")
    parser.add_argument(
        "--web-port", type=int, help="web root with proof files; 8580 beside port 8560, else a free one"
    )
    parser.add_argument("--smtp-port", type=int, help="mail sink; 8525 beside port 8560, else a free one")
    parser.add_argument("--web-address", type=_address, help="HOST:PORT where the CA fetches proof files instead")
    parser.add_argument(
        "--web-folder", type=Path, help="folder that the web root serves besides, <folder>/<name>/<path>"
    )
    parser.add_argument("--state", type=Path, help="SQLite file that survives a restart")
    parser.add_argument("--ready-file", type=Path, help="JSON with all addresses, written when everything listens")
    parser.add_argument("--ca-poll-seconds", type=float, default=2.0, help="pause between two rounds of the CA")
    parser.add_argument("--seed", type=int, default=20261125, help="seed of tokens and fault probabilities")
    parser.add_argument("--log", choices=("text", "json", "none"), default="text", help="lines on standard output")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError("must be HOST:PORT")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # nothing is left to clean up, and no straggling thread may hold the process
