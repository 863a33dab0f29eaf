"""Turns a coroutine into a command: adds the shared flags, runs it, writes its answer or its error.

Typer does not await, so each command runs in an event loop of its own here. The exit code comes from the answer or from
the registry of error codes, nowhere else.
"""

import asyncio
import inspect
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeAlias

import typer
from typer._click import Context  # the class of Typer's own signatures; it has no public name
from typer.core import TyperGroup

from domain.codes import Exit
from domain.errors import EvercertError
from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import DEFAULTS, OPTIONS, SHOW, Flags, hoisted
from starter.cli.output import write
from starter.cli.problems import Problem, problem_of, rendered
from starter.cli.streams import tell

P = ParamSpec("P")
Command: TypeAlias = Callable[Concatenate[Call, P], Awaitable[Answer | int | None]]


class Noun(TyperGroup):
    """A group of commands; shared flags may stand before the verb."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse, after shared flags were moved behind the verb."""
        return super().parse_args(ctx, hoisted(args))


def noun(about: str) -> typer.Typer:
    """Return an empty group of commands; help is plain text, quick and readable aloud."""
    return typer.Typer(cls=Noun, help=about, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def verb(app: typer.Typer, name: str, offers: Sequence[str] = SHOW) -> Callable[[Command[P]], Command[P]]:
    """Register a coroutine as the command ``name`` that honours the shared flags ``offers``.

    The coroutine takes a :class:`Call`, then its own arguments, and returns an :class:`Answer`; or an exit code or
    None when it has written everything itself.
    """

    def register(function: Command[P]) -> Command[P]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(flag, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS[flag], annotation=OPTIONS[flag])
            for flag in offers
        ]

        anyhow: Callable[..., Awaitable[Answer | int | None]] = (
            function  # Typer checks the arguments, by the signature below
        )

        def command(**given: Any) -> None:
            flags = Flags(**{flag: given.pop(flag) for flag in offers})
            raise typer.Exit(perform(lambda call: anyhow(call, **given), flags))

        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + shared
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__doc__ = function.__doc__
        app.command(name)(command)
        return function

    return register


def perform(run: Callable[[Call], Awaitable[Answer | int | None]], flags: Flags) -> int:
    """Run a command to its end and return its exit code; nothing escapes but ``SystemExit``."""
    call = Call(flags)
    try:
        return asyncio.run(_answered(run, call))
    except KeyboardInterrupt:
        if call.ends_with_ctrl_c:
            return int(Exit.DONE)
        resume = f"evercert order watch {call.order_id}" if call.order_id else ""
        return fail(Problem("interrupted", "Stopped by Ctrl-C.", (), resume, call.order_id), flags)
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - stays open until the process ends
        return int(Exit.DONE)
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever it is, a person has to read it
        problem = problem_of(error, order_id=call.order_id)
        if problem.code == "internal":
            problem = replace(problem, next=_kept(error, problem))
        if flags.debug and not isinstance(error, EvercertError):
            tell(_where(error))
        return fail(problem, flags)


def _kept(error: Exception, problem: Problem) -> str:
    """Keep where a bug is in a file of the person's own, since it is not shown; return what to do with it."""
    from starter.settings import find_paths

    file = find_paths(os.environ).state / "errors.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as log:
            log.write(f"{problem.message}\n{_where(error)}\n")
    except OSError:
        return ""
    return f"report it with the trace id; where it happened stands in {file}"


def _where(error: BaseException) -> str:
    """Return where an error and its causes were raised; not their words, which may quote a secret."""
    seen: list[str] = []
    while True:
        frames = "".join(traceback.format_tb(error.__traceback__))
        seen.insert(0, f"Traceback (most recent call last):\n{frames}{type(error).__name__}")
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None:
            return "\n\n".join(seen)
        error = before


async def _answered(run: Callable[[Call], Awaitable[Answer | int | None]], call: Call) -> int:
    try:
        async with asyncio.timeout(call.flags.timeout) as limit:
            answer = await run(call)
    except TimeoutError:
        if not limit.expired():
            raise
        resume = f"evercert order watch {call.order_id}" if call.order_id else ""
        problem = Problem("timeout", "The given time is over; the work itself goes on.", (), resume, call.order_id)
        return fail(problem, call.flags)
    if not isinstance(answer, Answer):
        return int(answer or Exit.DONE)
    say(answer, call)
    return int(answer.code)


def say(answer: Answer, call: Call) -> None:
    """Write an answer to stdout and, for people, what makes sense next to stderr."""
    how = call.manner
    write(answer, how, sys.stdout)
    sys.stdout.flush()
    if answer.next and how.form in {"table", "wide", "lines"}:
        for index, command in enumerate(answer.next):
            call.note(f"{'next' if index == 0 else '    '}  {command}")


def fail(problem: Problem, flags: Flags) -> int:
    """Write an error to stderr and return its exit code."""
    shown = rendered(
        problem, output=flags.output or "", accessible=flags.accessible, verbose=flags.verbose or flags.debug
    )
    tell(shown)
    return problem.exit_code
