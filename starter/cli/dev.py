"""``evercert dev``: everything on this machine until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.streams import give
from starter.cli.verb import noun, verb

app = noun("Everything on this machine.")

_Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@verb(app, "dev", BASE)
async def dev(
    call: Call,
    home: Annotated[Path | None, typer.Option("--home", help="Folder that keeps everything between runs.")] = None,
    ui_port: _Port = 8233,
    temporal_port: _Port = 7233,
    sandbox_port: _Port = 8560,
    dns_port: _Port = 8553,
) -> int:
    """Run Temporal server, sandbox and worker on this machine until Ctrl-C; orders go on at the next start."""
    from starter.dev import DevOptions, run_dev

    call.ends_with_ctrl_c = True
    options = DevOptions(
        home=home or call.settings.paths.data / "dev",
        ui_port=ui_port,
        temporal_port=temporal_port,
        sandbox_port=sandbox_port,
        dns_port=dns_port,
    )
    return await run_dev(options, give)
