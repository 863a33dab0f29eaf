"""The seller account's credential, and keeping it out of everything that people read."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote

SECRET_PURPOSE_SELLER_TOKEN = "seller-token"  # noqa: S105 the purpose's name, no secret
"""Purpose under which a seller token is sealed; the row is the account's ``secret_id``."""

MAX_QUOTE = 200
_OPAQUE = re.compile(r"(?=\S*\d)[A-Za-z0-9+/=_-]{20,}|\S*#!\S*")
_MASK = "(hidden)"


@dataclass(frozen=True)
class Credential:
    """Partner code and token of a seller account; only :mod:`body` reads the token."""

    partner_code: str
    token: str = field(repr=False)

    def quote(self, text: str) -> str:
        """Return foreign text fit for people: one line, bounded, without this token and without long opaque words.

        A seller's error may repeat what was sent to it, or carry a per-order token (``<id>#!<code>``).
        """
        for secret in {self.token, quote(self.token, safe="")} - {""}:
            text = re.sub(re.escape(secret), _MASK, text, flags=re.IGNORECASE)
        return bounded(_OPAQUE.sub(_MASK, text))


def bounded(text: str, limit: int = MAX_QUOTE) -> str:
    """Return text without control characters, cut to a length; what cannot be printed is shown as its code point."""
    cut = text[: limit * 2]  # escaping only makes it longer
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in " ".join(cut.split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
