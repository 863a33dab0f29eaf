"""``evercert demo``: an order in a sandbox, a crash on purpose, one sale."""

from pathlib import Path
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.streams import give
from starter.cli.verb import noun, verb

app = noun("The demo.")


@verb(app, "demo", BASE)
async def demo(
    call: Call,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    no_crash: Annotated[bool, typer.Option("--no-crash", help="Leave the kill of the worker out.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Moves the moment of the kill.")] = 1,
    home: Annotated[Path | None, typer.Option("--home", help="Folder to use instead of a temporary one.")] = None,
    ui_port: Annotated[int, typer.Option("--ui-port", help="Port of the Web UI; 0 takes a free one.")] = 0,
) -> int:
    """Order a certificate in a sandbox of its own, kill the worker while it buys, and see one sale."""
    from starter.demo import DemoOptions, run_demo

    call.ends_with_ctrl_c = keep
    options = DemoOptions(keep=keep, crash=not no_crash, seed=seed, home=home, ui_port=ui_port)
    return await run_demo(options, give)
