"""The seller account's credential, and keeping it out of everything that people read."""

import base64
import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from activities.adapters.seller.reading import Json, percent_decoded

SECRET_PURPOSE_SELLER_TOKEN = "seller-token"  # noqa: S105 the purpose's name, no secret
"""Purpose under which a seller token is sealed; the row is the account's ``secret_id``."""

MAX_QUOTE = 200
_OPAQUE = re.compile(r"(?=\S*\d)[A-Za-z0-9+/=_-]{16,}|\S*#!\S*")
_MASK = "(hidden)"
_NESTED = (dict, list)
_SHORTEST = 8
"""A secret that is shorter cannot be told from ordinary words, and hiding those would change what the seller says."""
_SECRET_MEMBERS = frozenset(
    {"authtoken", "token", "tokencode", "tinyorderlink", "approverlink", "invitelink", "customerpassword"}
)


@dataclass(frozen=True)
class Credential:
    """Partner code and token of a seller account; only :mod:`body` reads the token."""

    partner_code: str
    token: str = field(repr=False)

    def quote(self, text: str) -> str:
        """Return foreign text fit for people: one line, bounded, without this token and without long opaque words.

        A seller's error may repeat what was sent to it, or carry a per-order token (``<id>#!<code>``).
        """
        for secret in self._forms:
            text = re.sub(re.escape(secret), _MASK, text, flags=re.IGNORECASE)
        return bounded(_OPAQUE.sub(_MASK, text))

    def hidden(self, answer: Json) -> Json:
        """Return an answer without this token, and without its per-order secrets but where they belong.

        Any free text of an answer may end up where people read it: a status, a product's name. Digits alone are never
        hidden: they may be the order's number, and money depends on reading that as it came.
        """
        own, texts = _surveyed(answer)
        words = {*self._forms, *(secret for secret in own if not secret.isdecimal())}
        secrets = sorted((word for word in words if len(word) >= _SHORTEST), key=len, reverse=True)
        # Hardly any answer repeats one, and to search each of a list's texts for each order's secrets takes long.
        found = _occurring(secrets, texts)
        return _without(answer, _any_of(found)) if found else answer

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        """The token as it is, in an address, and as HTTP's basic authentication writes it."""
        if not self.token:
            return ()
        basic = base64.b64encode(f"{self.partner_code}:{self.token}".encode()).decode().rstrip("=")
        return tuple({self.token, quote(self.token, safe=""), basic})


def _surveyed(answer: Json) -> tuple[set[str], set[str]]:
    """Return the secrets that stand where they belong, and all other texts."""
    secrets: set[str] = set()
    texts: set[str] = set()
    inside: list[Json] = [answer]
    while inside:
        value = inside.pop()
        if isinstance(value, dict):
            for name, item in value.items():
                if isinstance(item, str):
                    (secrets if name in _SECRET_MEMBERS else texts).add(item)
                elif isinstance(item, _NESTED):
                    inside.append(item)
        elif isinstance(value, list):
            inside += value
        elif isinstance(value, str):
            texts.add(value)
    return secrets, texts


def _occurring(secrets: list[str], texts: set[str]) -> list[str]:
    """Return those secrets that one of the texts may repeat: a quick look that may name too many, and never too few."""
    read = [percent_decoded(text) if "%" in text else text for text in texts]
    strange = "\n".join(text for text in read if not text.isascii())
    if strange and secrets and _any_of(secrets).search(strange):
        return secrets  # how case goes in other scripts is left to the pattern
    plain = "\n".join(text for text in read if text.isascii()).lower()
    return [secret for secret in secrets if not secret.isascii() or secret.lower() in plain]


def _any_of(secrets: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)


def _without(answer: Json, secrets: re.Pattern[str]) -> Json:
    if isinstance(answer, dict):
        return {name: value if name in _SECRET_MEMBERS else _without(value, secrets) for name, value in answer.items()}
    if isinstance(answer, list):
        return [_without(item, secrets) for item in answer]
    if isinstance(answer, str) and secrets.search(plain := percent_decoded(answer)):
        return secrets.sub(_MASK, plain)
    return answer


def bounded(text: str, limit: int = MAX_QUOTE) -> str:
    """Return text without control characters, cut to a length; what cannot be printed is shown as its code point."""
    cut = text[: limit * 2]  # escaping only makes it longer
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in " ".join(cut.split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
