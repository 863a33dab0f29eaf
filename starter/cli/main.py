"""The entry of ``evercert``: the table of its commands, each loaded only when it is called."""

import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer import main as typer_main
from typer._click import Context  # the class of Typer's own signatures; it has no public name

from domain.codes import Exit
from starter.cli.flags import SPELLINGS, told
from starter.cli.problems import Problem, rendered
from starter.cli.streams import tell
from starter.cli.verb import Noun
from starter.process import leave


@dataclass(frozen=True)
class Entry:
    """One command or noun: the module that holds its ``app``, one line of help, and whether it is a task of its own."""

    module: str
    about: str
    is_task: bool = False


ENTRIES: dict[str, Entry] = {
    "demo": Entry("demo", "Order a certificate in a sandbox, crash on purpose, and see one sale.", is_task=True),
    "dev": Entry("dev", "Run everything on this machine until Ctrl-C.", is_task=True),
    "sandbox": Entry("sandbox", "Run the sandbox seller, its CA and its DNS on loopback.", is_task=True),
    "init": Entry("init", "Make configuration, master key and inventory; safe to repeat.", is_task=True),
    "doctor": Entry("doctor", "Check that all parts are there and fit together.", is_task=True),
    "prove": Entry("prove", "Show that one order is one sale, whatever breaks; on this machine.", is_task=True),
    "account": Entry("account", "Seller accounts."),
    "dns-account": Entry("dns_account", "Places where proof records may be written."),
    "product": Entry("product", "What the seller sells."),
    "order": Entry("order", "Buy certificates and follow the orders."),
    "cert": Entry("cert", "Certificates and their versions."),
    "alert": Entry("alert", "Sales at a seller that a person has to settle."),
    "audit": Entry("audit", "Who did what, when and why."),
    "worker": Entry("worker", "The process that does the work."),
    "temporal": Entry("temporal", "The Temporal server and its Web UI."),
    "db": Entry("db", "The inventory database."),
    "config": Entry("config", "The settings in force."),
    "help": Entry("help", "Error codes, exit codes, environment."),
    "completion": Entry("completion", "Completion for the shell."),
}

_EPILOG = (
    "Shared flags stand before or after the command: -o/--output table|wide|json|jsonl|csv|id, --columns, --time, "
    "-p/--profile, --config, --color, --accessible, -q, -v, --no-input, --debug. A command takes those it can honour."
)


class _Commands(MutableMapping[str, Any]):
    """The commands by name; a module is imported when its command is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, ENTRIES[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


class _Root(Noun):
    """The whole program; its help reads the table and imports nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = _Commands()

    def format_commands(self, ctx: Context, formatter: Any) -> None:
        """List tasks, then nouns."""
        for heading, is_task in (("Tasks", True), ("Nouns, each with verbs", False)):
            with formatter.section(heading):
                formatter.write_dl([(name, it.about) for name, it in ENTRIES.items() if it.is_task == is_task])


def _load(name: str, entry: Entry) -> Any:
    app: typer.Typer = import_module(f"starter.cli.{entry.module}").app
    if entry.is_task:
        return typer_main.get_command(app)
    group = typer_main.get_group(app)
    group.name = name
    return group


def root() -> Any:
    """Return the program as a command object."""
    app = typer.Typer(
        cls=_Root,
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
        help="Buy, prove, collect and keep public TLS certificates, as durable workflows on Temporal.",
        epilog=_EPILOG,
    )
    app.callback()(_nothing)
    return typer_main.get_group(app)


def _nothing() -> None:
    """Do nothing: Typer wants a callback for a group."""


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; data on stdout, all else on stderr."""
    try:
        code = root().main(list(argv), prog_name="evercert", standalone_mode=False)
    except typer.Abort:
        return _fail(Problem("interrupted", "Stopped."), argv)
    except typer.exceptions.TyperException as error:
        return _misused(error, argv)
    return code if isinstance(code, int) else int(Exit.DONE)


def _misused(error: typer.exceptions.TyperException, argv: Sequence[str]) -> int:
    """Tell a wrong command line; a group without a verb gets its help."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "evercert"
    if type(error).__name__ == "NoArgsIsHelpError":
        tell(error.format_message())
        return int(Exit.USAGE)
    message = error.format_message()
    option = getattr(error, "option_name", "")
    if type(error).__name__ == "NoSuchOption" and option in SPELLINGS:
        message = f"{path} cannot honour {option}, so it does not take it."
    return _fail(Problem("usage", message, (), f"{path} --help"), argv)


def _fail(problem: Problem, argv: Sequence[str]) -> int:
    output, accessible = told(argv, os.environ)
    tell(rendered(problem, output=output, accessible=accessible))
    return problem.exit_code


def entry() -> NoReturn:
    """Run as a program; a process that used a Temporal client must not end by itself (``starter.process``)."""
    leave(run(sys.argv[1:]))
