"""``evercert demo``: an order in a sandbox, a crash on purpose, one sale."""

import sys
from typing import Annotated

import typer

from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.verb import noun, verb

app = noun("The demo.")


@verb(app, "demo", BASE)
async def demo(
    call: Call,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    crash: Annotated[bool, typer.Option("--crash/--no-crash", help="Kill the worker in the middle of it.")] = True,
) -> None:
    """Order a certificate in a sandbox of its own, kill the worker while it buys, and see one sale."""
    from starter.demo import DemoOptions, run_demo

    del call
    await run_demo(DemoOptions(keep=keep, crash=crash), sys.stdout)
