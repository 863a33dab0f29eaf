"""The errors of Evercert, drawn first.

    EvercertError
    ├── InvalidRequest    the requester's input cannot be used; nothing was sent
    ├── Refused           seller, CA or policy said no
    ├── NotYet            expected to come by itself; look again
    ├── Unavailable       an outside party could not be asked
    │   └── NotSent       … and an act that may cost money surely did not leave the process
    ├── Ambiguous         it cannot be told whether the act happened
    ├── Misconfigured     an administrator has to set something right
    └── InvariantBroken   our own bug

Each carries a stable kebab-case ``code`` (all of them in ``domain/codes.py``), a sentence fit for the requester, the next
step, and how a repeat is to be made. No error of Evercert ever carries a value that a person typed, nor a secret.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar


class Retry(StrEnum):
    """How the failed act may be tried again."""

    NEVER = "never"
    BACKOFF = "backoff"
    AFTER = "after"
    POLL = "poll"
    PERSON = "person"


@dataclass(frozen=True)
class Violation:
    """One reason why a request cannot be used.

    Attributes:
        code: stable kebab-case error code.
        path: the field it concerns, dotted (``dcv.dns_account``), or ``""`` for the whole request.
        message: one sentence for the requester, without the value that was typed.
        next_step: what to do about it, or ``""``.
    """

    code: str
    path: str
    message: str
    next_step: str = ""


class EvercertError(Exception):
    """Root of the tree; raise one of its subclasses.

    Args:
        code: stable kebab-case code, listed in ``domain/codes.py``.
        message: one sentence for the requester.
        next_step: what to do now; empty where the registry's own advice is enough.
        why: up to three lines of observed facts (which server said what).
        retry_after: for ``Retry.AFTER`` and ``Retry.POLL``: when the next try makes sense.
        violations: all reasons found by a check, when there are several.
    """

    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(
        self,
        code: str,
        message: str,
        *,
        next_step: str = "",
        why: tuple[str, ...] = (),
        retry_after: timedelta | None = None,
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.why = why
        self.retry_after = retry_after
        self.violations = violations

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidRequest(EvercertError):
    """The input cannot be used; nothing was sent and nothing spent."""


class Refused(EvercertError):
    """The seller, the CA or a policy refused; asking the same again gives the same."""


class NotYet(EvercertError):
    """The awaited thing has not happened; it is expected to come by itself."""

    retry = Retry.POLL


class Unavailable(EvercertError):
    """An outside party could not be asked: away, throttling, or answering nonsense."""

    retry = Retry.BACKOFF


class NotSent(Unavailable):
    """An act that may cost money did not leave the process: connect or TLS failed, or its gate was shut."""


class Ambiguous(EvercertError):
    """It cannot be told whether an act that may cost money happened; a person may have to settle it."""

    retry = Retry.PERSON


class Misconfigured(EvercertError):
    """Something that an administrator sets is missing or wrong."""

    retry = Retry.PERSON


class InvariantBroken(EvercertError):
    """A promise of our own code does not hold: a bug, never the requester's fault."""


def refuse_all(violations: tuple[Violation, ...]) -> InvalidRequest:
    """Join all violations of one request into one error.

    The code is that of the only violation, or ``request-refused`` when there are several, so that a caller sees every
    reason at once and a script can still tell single ones apart.
    """
    code = violations[0].code if len(violations) == 1 else "request-refused"
    listed = "; ".join(f"{v.path or 'request'}: {v.message}" for v in violations[:10])
    more = f"; and {len(violations) - 10} more" if len(violations) > 10 else ""
    steps = tuple(dict.fromkeys(v.next_step for v in violations if v.next_step))
    return InvalidRequest(code, listed + more, next_step=" ".join(steps[:3]), violations=violations)
