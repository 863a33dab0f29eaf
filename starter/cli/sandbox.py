"""``evercert sandbox``: the outside world on loopback: seller, issuing CA, DNS, web root, mail.

The sandbox is a program of its own that shares no code with Evercert; this command becomes it.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.verb import noun, verb

app = noun("The sandbox.")

_Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@verb(app, "sandbox", BASE)
async def sandbox(
    call: Call,
    port: _Port = 8560,
    dns_port: _Port = 8553,
    web_port: _Port = 8580,
    smtp_port: _Port = 8525,
    state: Annotated[Path | None, typer.Option("--state", help="File that survives a restart.")] = None,
) -> None:
    """Run the sandbox on loopback until Ctrl-C, with a live log of what happens in it."""
    del call
    os.execv(sys.executable, [sys.executable, *arguments(port, dns_port, web_port, smtp_port, state)])  # noqa: S606


def arguments(port: int, dns_port: int, web_port: int, smtp_port: int, state: Path | None) -> list[str]:
    """Return the command line of the sandbox's own program."""
    ports = {"--port": port, "--dns-port": dns_port, "--web-port": web_port, "--smtp-port": smtp_port}
    words = [word for name, number in ports.items() for word in (name, str(number))]
    return ["-m", "deploy.sandbox", *words, *(["--state", str(state)] if state else [])]
