"""``evercert worker``: the process that does the work."""

import asyncio
import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.services import stopping
from starter.cli.verb import noun, verb

app = noun("The process that does the work.")


class RoleName(StrEnum):
    """The roles by name; ``worker.Role`` itself would load the whole engine to print help."""

    WORKFLOWS = "workflows"
    SELLER = "seller"
    DNS = "dns"
    KEYS = "keys"


@verb(app, "run", BASE)
async def run(
    call: Call,
    role: Annotated[list[RoleName] | None, typer.Option("--role", help="Only this; repeat it for more.")] = None,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", help="Made once all queues are polled.")] = None,
) -> None:
    """Work on orders until Ctrl-C or SIGTERM; any number of workers may run."""
    from starter import logs
    from worker import ALL_ROLES, Role, run_worker

    logs.configure(level=call.settings.log.level, form=call.settings.log.format)
    roles = tuple(Role(name) for name in role) if role else ALL_ROLES

    def ready() -> None:
        spare_collector()
        call.note(f"polling for {', '.join(roles)} (Ctrl-C ends it, after what is being done)")
        if ready_file is not None:
            ready_file.touch()

    with stopping(asyncio.Event()) as stop:
        await run_worker(call.settings, roles=roles, stop=stop, ready=ready)


def spare_collector() -> None:
    """Tell Python's garbage collector that what is loaded by now stays, and to look less often at what comes.

    Libraries, classes and message types are 150,000 objects, which a full collection went through in vain every twenty orders;
    and an order makes some five thousand, which by default were looked at seven times. The later steps follow sooner on each
    other than by default, so that what runs leave behind when they end is gone within a hundred orders.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 5, 5)
