"""Names that a certificate may carry: normal form, syntax, what is public, and where control of them is proved.

Sources: Baseline Requirements 7.1.2.7.12 and 3.2.2.6 (base domain by the ICANN section of the public suffix list), RFC
5891 (IDNA2008), RFC 6761 and RFC 9476 (special-use names). Packaged data: never used inside a workflow.
"""

import re
from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

from domain.errors import Violation
from domain.inventory import Environment

MAX_NAME_LENGTH = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED_SUFFIXES = (
    "test",
    "example",
    "invalid",
    "localhost",
    "local",
    "onion",
    "alt",
    "internal",
    "home.arpa",
    "example.com",
    "example.net",
    "example.org",
)
_REVERSE_SUFFIXES = ("in-addr.arpa", "ip6.arpa")
_SANDBOX_SUFFIX = "test"
_SYNTAX = "is not a valid host name"


def normalise(typed: str, path: str = "common_name") -> str | Violation:
    """Return the name in the form that CSR, order and certificate carry, or why it cannot be one.

    Lower case, A-labels (IDNA2008 with the mapping of UTS #46), no trailing dot, a wildcard only as whole first label.
    The violation is ``name-invalid``, or ``name-internal`` for a single label; it never quotes what was typed.
    """
    text = typed.strip()
    stem = text.removeprefix("*.")
    ascii_form = _to_ascii(stem.removesuffix("."))
    if ascii_form is None:
        return _invalid(path, f"{_SYNTAX}: it cannot be written in letters, digits and dashes")
    if (why := _syntax_problem(ascii_form)) is not None:
        return _invalid(path, why)
    if "." not in ascii_form:
        return _internal(path, "is a single label, which no public CA certifies")
    name = f"*.{ascii_form}" if stem != text else ascii_form
    if len(name) > MAX_NAME_LENGTH:
        return _invalid(path, f"is longer than {MAX_NAME_LENGTH} characters")
    if base_domain(name) is None:
        return _invalid(path, "is a public suffix: nobody can control it")
    return name


def environment_problem(name: str, environment: Environment, path: str = "common_name") -> Violation | None:
    """Tell why a normalised name cannot be ordered through an account of that environment.

    A live account never orders names outside the public DNS (``name-internal``); a sandbox account orders names under
    ``.test`` alone (``name-invalid``), so that nothing of the sandbox is taken for real.
    """
    if environment is Environment.SANDBOX:
        if _is_under(bare(name), _SANDBOX_SUFFIX):
            return None
        return Violation(
            "name-invalid",
            path,
            "a sandbox account can only order names under .test",
            "Use a name under .test, or a live account.",
        )
    if is_reserved(name) or not is_public(name):
        return _internal(path, "is not a name of the public DNS, and no public CA certifies it")
    return None


def bare(name: str) -> str:
    """Return the name without its wildcard label."""
    return name.removeprefix("*.")


def is_wildcard(name: str) -> bool:
    """Tell whether the name begins with a wildcard label."""
    return name.startswith("*.")


def is_reserved(name: str) -> bool:
    """Tell whether the name is set aside for tests, documentation or local use (``.test``, ``.local``, ``.example`` …)."""
    return any(_is_under(bare(name), suffix) for suffix in _RESERVED_SUFFIXES)


def is_public(name: str) -> bool:
    """Tell whether the name ends in a suffix of the ICANN section, that is, in a top-level domain that exists."""
    return _suffixes().publicsuffix(bare(name), accept_unknown=False) is not None


def base_domain(name: str) -> str | None:
    """Return public suffix plus one label, by the ICANN section alone; None for a public suffix itself.

    ``foo.github.io`` gives ``github.io``. Under a top-level domain that nobody knows (``.test``) two labels are taken.
    """
    found = _suffixes().privatesuffix(bare(name))
    return str(found) if found is not None else None


def authorisation_names(name: str) -> tuple[str, ...]:
    """Return the names at which control of this one may be proved: itself and its parents down to the base domain."""
    host, base = bare(name), base_domain(name)
    if base is None:
        return ()
    labels = host.split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels) - base.count(".")))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def _is_under(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith(f".{suffix}")


def _to_ascii(text: str) -> str | None:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None


def _syntax_problem(name: str) -> str | None:
    """Check an ASCII name label by label (BR 7.1.2.7.12: LDH labels, reserved ones only as valid P-labels)."""
    if not name or len(name) > MAX_NAME_LENGTH:
        return f"is empty or longer than {MAX_NAME_LENGTH} characters"
    labels = name.split(".")
    if "*" in name:
        return "may have a wildcard only as its whole first label"
    if "_" in name:
        return "has an underscore, which certificates may not carry"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return f"{_SYNTAX}: each label has 1 to 63 letters, digits and inner dashes"
    if labels[-1].isdigit():
        return "is an IP address or ends in a number; only names can be ordered"
    if any(_is_under(name, suffix) for suffix in _REVERSE_SUFFIXES):
        return "belongs to the reverse DNS, which certificates may not carry"
    if not all(_is_sound_label(label) for label in labels):
        return "has a label with dashes in third and fourth place that is no valid international label"
    return None


def _is_sound_label(label: str) -> bool:
    if label[2:4] != "--":
        return True
    try:
        return label.startswith("xn--") and idna.alabel(idna.ulabel(label)).decode("ascii") == label
    except (idna.IDNAError, UnicodeError):
        return False


def _invalid(path: str, why: str) -> Violation:
    return Violation("name-invalid", path, f"the name {why}", "Correct the name, for example www.example.com.")


def _internal(path: str, why: str) -> Violation:
    return Violation("name-internal", path, f"the name {why}", "Use a name of the public DNS that you control.")
