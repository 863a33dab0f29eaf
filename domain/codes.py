"""Every error code of Evercert, with what it means, what to do next and how a command ends with it.

The codes are stable, kebab-case and the same everywhere: in ``EvercertError.code``, as type of a Temporal failure, in the
audit, in ``error`` documents of the CLI and in ``evercert help errors``. A code is added here when it is first raised;
``tests/cli/test_codes.py`` reads the sources and fails for a code that is raised but not listed, or listed but not used.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit codes of the CLI; scripts rely on them, so a number never changes its meaning."""

    DONE = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    CREDENTIALS = 6
    OUTSIDE = 7
    PERSON = 8
    SOME_FAILED = 9
    FINDINGS = 11
    ENGINE = 12
    TIMEOUT = 124
    INTERRUPTED = 130


EXIT_MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done, or nothing to do",
    Exit.BUG: "a bug of ours; a trace id is printed",
    Exit.USAGE: "wrong usage: unknown command or flag, bad value",
    Exit.NOT_FOUND: "not found, or the name fits several",
    Exit.REFUSED: "refused before anything was sent",
    Exit.CONFLICT: "conflict with the present state",
    Exit.CREDENTIALS: "credentials, keys or rights",
    Exit.OUTSIDE: "an outside party failed, is away, or said no",
    Exit.PERSON: "waits for a person",
    Exit.SOME_FAILED: "some of many failed; the list is on stdout",
    Exit.FINDINGS: "findings; only with --fail-on",
    Exit.ENGINE: "the engine is not reachable: no Temporal, no worker, or a schema that does not fit",
    Exit.TIMEOUT: "--timeout is over; the work itself goes on",
    Exit.INTERRUPTED: "Ctrl-C: the watching stopped, the work goes on",
}


class Spent(StrEnum):
    """What an error says about money; the value is the sentence that people read."""

    NOTHING = "nothing. No money was spent."
    UNKNOWN = "unknown until settled; counted as spent until then."
    PAID = "the order is paid for and stays open; nothing more is bought."


@dataclass(frozen=True)
class CodeFacts:
    """What is true of an error code.

    Attributes:
        meaning: one sentence for people, without the particulars of a case.
        next_step: what to do, when the error itself does not say it better.
        exit_code: how a command ends that meets it.
        retryable: the same again may work without anybody changing anything.
        needs_person: the work stands until a person acts.
        spent: what it says about money.
    """

    meaning: str
    next_step: str
    exit_code: Exit
    retryable: bool = False
    needs_person: bool = False
    spent: Spent = Spent.NOTHING


def _asked(meaning: str, next_step: str) -> CodeFacts:
    """Facts of a request that is refused before anything is sent."""
    return CodeFacts(meaning, next_step, Exit.REFUSED)


def _missing(meaning: str, next_step: str) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.NOT_FOUND)


def _clash(meaning: str, next_step: str) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.CONFLICT)


def _away(meaning: str, next_step: str, spent: Spent = Spent.NOTHING) -> CodeFacts:
    """Facts of an outside party that could not be asked, or is not ready: looking again may do."""
    return CodeFacts(meaning, next_step, Exit.OUTSIDE, retryable=True, spent=spent)


def _person(meaning: str, next_step: str, spent: Spent = Spent.PAID) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.PERSON, needs_person=True, spent=spent)


def _engine(meaning: str, next_step: str, *, retryable: bool = False) -> CodeFacts:
    return CodeFacts(meaning, next_step, Exit.ENGINE, retryable=retryable)


def _setup(meaning: str, next_step: str) -> CodeFacts:
    """Facts of something that an administrator has to set right."""
    return CodeFacts(meaning, next_step, Exit.CREDENTIALS, needs_person=True)


CODES: dict[str, CodeFacts] = {
    # the command line itself
    "internal": CodeFacts("Evercert has a bug here", "report it with the trace id; --debug shows where", Exit.BUG),
    "usage": CodeFacts("the command was not understood", "see --help of the command", Exit.USAGE),
    "interrupted": CodeFacts(
        "watching was stopped; the work itself goes on", "evercert order watch ID", Exit.INTERRUPTED, retryable=True
    ),
    "timeout": CodeFacts(
        "the time given by --timeout is over; the work itself goes on",
        "evercert order watch ID",
        Exit.TIMEOUT,
        retryable=True,
    ),
    "confirmation-required": _asked(
        "the command changes something and nobody could be asked", "say --yes, and --reason where it is asked for"
    ),
    "settings-invalid": CodeFacts(
        "the configuration cannot be used", "evercert config show, or correct the named place", Exit.USAGE
    ),
    "some-failed": CodeFacts("some of the given ids failed", "see the list on stdout", Exit.SOME_FAILED),
    # finding things
    "not-found": _missing("there is nothing of that name or id", "list what is there"),
    "ambiguous": _missing("the name fits more than one", "use one of the ids"),
    "account-not-found": _missing("there is no seller account of that name", "evercert account list"),
    "dns-account-not-found": _missing("there is no DNS account of that name", "evercert dns-account list"),
    "name-taken": _clash("there is one of that name already", "choose another name"),
    # a request that cannot be used
    "request-refused": _asked("several things in the request cannot be used", "correct them all and ask again"),
    "input-invalid": _asked("the input has not the right shape", "correct the named fields and ask again"),
    # the Temporal server that Evercert runs on
    "temporal-not-found": _engine(
        "a program that the private Temporal server needs is missing", "install what is named"
    ),
    "temporal-build-failed": _engine(
        "building the private Temporal server failed", "put the `temporal` command-line tool on PATH"
    ),
    "temporal-not-ready": _engine(
        "the Temporal server does not answer, or is not set up for Evercert",
        "evercert temporal provision, or look at the server's log",
        retryable=True,
    ),
    "disk-too-small": _engine("the disk has not the room for building the Temporal server", "free some space"),
}


def facts(code: str) -> CodeFacts:
    """Return the facts of a code; of ``internal`` for one that is not listed."""
    return CODES.get(code, CODES["internal"])


def normalised(text: str) -> str:
    """Return a code as it is printed: capitals and underscores (``PURCHASE_IN_DOUBT``) become kebab-case."""
    return text.strip().lower().replace("_", "-")
