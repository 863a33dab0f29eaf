"""``evercert completion``: scripts that teach a shell the commands."""

from typing import Annotated, Literal

import typer

from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import BASE
from starter.cli.verb import noun, verb

app = noun("Completion for the shell.")

_HOW = {
    "bash": 'eval "$(evercert completion show bash)" in ~/.bashrc',
    "zsh": 'eval "$(evercert completion show zsh)" in ~/.zshrc',
    "fish": "evercert completion show fish > ~/.config/fish/completions/evercert.fish",
}


@verb(app, "show", BASE)
async def show(call: Call, shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument()]) -> Answer:
    """Print the script for a shell."""
    from typer._completion_shared import get_completion_script  # Typer offers no public way without its own flags

    call.note(f"put this into force:  {_HOW[shell]}")
    script = get_completion_script(prog_name="evercert", complete_var="_EVERCERT_COMPLETE", shell=shell)
    return Answer("completion.show", {"shell": shell, "script": script}, raw=script)
