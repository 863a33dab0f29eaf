"""Countries that the seller spells out where it wants two letters itself.

The table is small and reviewed; a name that it lacks is kept as it is, since a guessed country is worse than none.
"""

import json
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("countries.json")


def country_code(told: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a code or English name; None for what the table lacks."""
    word = _key(told)
    if word in _codes():
        return _codes()[word]
    return word.upper() if len(word) == 2 and word.isascii() and word.isalpha() else None


@cache
def _codes() -> dict[str, str]:
    table: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return {**{_key(name): code for name, code in table.items()}, "uk": "GB"}  # never a code, and written as one


def _key(name: str) -> str:
    return " ".join(name.replace(".", "").replace("\u2019", "'").casefold().split()).removeprefix("the ")
