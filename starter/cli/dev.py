"""``evercert dev``: everything on this machine until Ctrl-C."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.verb import noun, verb

app = noun("Everything on this machine.")


@verb(app, "dev", BASE)
async def dev(
    call: Call,
    home: Annotated[Path | None, typer.Option("--home", help="Folder that keeps everything between runs.")] = None,
) -> None:
    """Run Temporal server, sandbox and worker on this machine until Ctrl-C."""
    from starter.dev import DevOptions, run_dev

    call.ends_with_ctrl_c = True
    await run_dev(DevOptions(home=home), sys.stdout)
