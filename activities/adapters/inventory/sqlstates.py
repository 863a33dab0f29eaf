"""What PostgreSQL's error codes (SQLSTATE) mean for us; its texts are read to be recognised, and never passed on.

A refused log-in carries no code, only a text. It is recognised by the words of a server that speaks English, and is
*cannot be reached* where that does not succeed. Whatever a running order may meet is *unavailable* and tried again, a wrong
password included: somebody is just changing it, and an order that has bought must not end because of that.
"""

import re
from dataclasses import dataclass

NOT_FOR_US = "url"
"""Stands in the place of a code for an address that the driver itself refuses."""

_RULES = ("23", "P0001")  # P0001: our own trigger, which guards the audit
_OTHER_SCHEMA = ("42P01", "42703", "42883", "3F000")


@dataclass(frozen=True)
class Meaning:
    """How the database is: the end of a sentence that begins with its name.

    Attributes:
        reason: such as "is shutting down".
        next_step: what to do about it; empty: nothing but waiting.
    """

    reason: str
    next_step: str = ""


_LOG_IN = "correct user or password in the address of the inventory; the same is tried again meanwhile"
_MEANINGS = {
    "08": Meaning("cannot be reached"),
    "25006": Meaning("is read-only: a standby, or set so", "let the address lead to the primary server"),
    "25P03": Meaning("gave up waiting for this process"),
    "28": Meaning("refuses our user or password", _LOG_IN),
    "3D000": Meaning("does not exist on its server", "create it, then evercert db upgrade; or correct the address"),
    "40": Meaning("was changed by somebody else at the same time"),
    "42501": Meaning("does not let our user do this", "make the user of the address the owner of the database"),
    "53": Meaning("lacks memory or another resource"),
    "53100": Meaning("has no room left on its disk", "free some space; the same is tried again meanwhile"),
    "53300": Meaning("takes no more connections", "raise max_connections, or run fewer workers"),
    "55P03": Meaning("is locked by another process"),
    "57014": Meaning("was told to stop working on this"),
    "57P": Meaning("is starting or shutting down"),
    "58": Meaning("cannot be read or written: its disk fails"),
    "XX001": Meaning("is damaged"),
    "XX002": Meaning("is damaged"),
}
_TEXTS = (
    ("28000", r"authentication failed|no password supplied|no pg_hba\.conf entry|role .* does not exist|not permitted to log"),
    ("3D000", r"database .* does not exist"),
    ("42501", r"permission denied for database"),
    ("53300", r"too many (clients|connections)|remaining connection slots"),
    ("57P03", r"starting up|shutting down|not yet accepting connections|in recovery mode"),
    (NOT_FOR_US, r"invalid .*(value|option)"),
)  # fmt: skip


def sqlstate(error: object) -> str | None:
    """Return the code of an error of PostgreSQL's driver, or None for an error of somebody else."""
    kind = type(error)
    if not kind.__module__.startswith("psycopg"):
        return None
    if code := getattr(error, "sqlstate", None):
        return str(code)
    if not any(base.__name__ == "OperationalError" for base in kind.__mro__):
        # Nothing was asked of a server: an option that there is not, or a value that cannot be written down.
        return NOT_FOR_US if kind.__name__ == "ProgrammingError" else "22000"
    return next((code for code, text in _TEXTS if re.search(text, str(error))), "08000")


def is_rule(code: str) -> bool:
    """Tell whether a key or trigger of the database refused a row."""
    return code.startswith(_RULES)


def is_other_schema(code: str) -> bool:
    """Tell whether something that this release needs is not there."""
    return code in _OTHER_SCHEMA


def meaning(code: str) -> Meaning | None:
    """Return how the database is, by the code or the class that it begins with; None where it is our own mistake."""
    return next((_MEANINGS[code[:size]] for size in (5, 3, 2) if code[:size] in _MEANINGS), None)
