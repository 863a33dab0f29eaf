"""``evercert sandbox``: the outside world on loopback: seller, issuing CA, DNS."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.services import stopping
from starter.cli.verb import noun, verb

app = noun("The sandbox.")


@verb(app, "sandbox", BASE)
async def sandbox(
    call: Call,
    port: Annotated[int, typer.Option("--port", help="Seller and control API; 0 takes a free port.")] = 8560,
    dns_port: Annotated[int, typer.Option("--dns-port", help="Name server; 0 takes a free port.")] = 8553,
    state: Annotated[Path | None, typer.Option("--state", help="File that survives a restart.")] = None,
) -> None:
    """Run the sandbox seller, its CA and its DNS on loopback until Ctrl-C."""
    from deploy.sandbox.server import Sandbox
    from deploy.sandbox.settings import SandboxSettings

    async with Sandbox(SandboxSettings(port=port, dns_port=dns_port, state_file=state)) as box:
        call.note(f"seller   {box.base_url}")
        call.note(f"control  {box.control_url}")
        call.note(f"dns      {box.dns_host}:{box.dns_port}, TSIG key {box.tsig_name}")
        call.note("(Ctrl-C stops it)")
        with stopping(asyncio.Event()) as stop:
            await stop.wait()
