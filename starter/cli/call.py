"""One call of a command: its flags, its settings, its ways out, and how it talks to the person."""

import getpass
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from domain.errors import InvalidRequest
from starter.cli import doors as ways
from starter.cli.flags import Flags
from starter.cli.output import Manner, manner
from starter.cli.streams import tell

if TYPE_CHECKING:
    from starter.settings import Settings


class Call:
    """What a command is given besides its own arguments.

    Attributes:
        flags: the shared flags.
        order_id: set once known, so that errors and Ctrl-C can tell how to go on.
        ends_with_ctrl_c: a service: Ctrl-C is its ordinary end.
    """

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.order_id = ""
        self.ends_with_ctrl_c = False

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment."""
        return os.environ

    @cached_property
    def settings(self) -> "Settings":
        """The settings that the flags choose; read when first asked for."""
        from starter.settings import load_settings  # pydantic models: not needed for help

        return load_settings(config=self.flags.config, profile=self.flags.profile)

    @property
    def manner(self) -> Manner:
        """How answers are written."""
        return manner(self.flags, stdout=sys.stdout, environ=self.environ, now=self.now())

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout and wants lines redrawn."""
        return sys.stdout.isatty() and not self.flags.accessible

    @property
    def may_ask(self) -> bool:
        """Whether there is a person to ask."""
        return not self.flags.no_input and sys.stdin.isatty()

    @property
    def person(self) -> str:
        """Who calls: claimed, not proved."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "cli"

    def now(self) -> datetime:
        """The present instant, UTC."""
        return ways.doors.now()

    def adapters(self) -> AbstractAsyncContextManager[ways.Opened]:
        """Open the inventory and its adapters."""
        return ways.doors.adapters(self.settings)

    def engine(self) -> AbstractAsyncContextManager[ways.Engine]:
        """Connect to the engine."""
        return ways.doors.engine(self.settings)

    def note(self, text: str) -> None:
        """Tell the person something that is no data."""
        if not self.flags.quiet:
            tell(text)

    def confirm(self, question: str) -> None:
        """Go on only with ``--yes`` or a person's yes; raises ``confirmation-required`` otherwise."""
        if self.flags.yes:
            return
        if self.may_ask:
            tell(f"{question} [y/N] ", end="")
            if sys.stdin.readline().strip().lower() in {"y", "yes"}:
                return
            raise InvalidRequest("confirmation-required", "Not confirmed; nothing was changed.")
        raise InvalidRequest("confirmation-required", f"Nobody could be asked: {question}", next_step="say --yes")
