"""Reading what .NET wrote: values of any type where another was meant, dates in four spellings, percent-encoded text.

Public clients of the service and the service itself are loose with types. Everything here is total: it returns a value
for whatever JSON holds and never raises, so that one odd member cannot hide a whole order.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias, cast
from urllib.parse import unquote

from domain.seller import Money

Json: TypeAlias = "bool | str | list[Json] | dict[str, Json] | None"
"""JSON as read here: numbers stay the text they were written as, so that no amount becomes a float."""

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}", re.ASCII)
_FORM_ENCODED_ARMOUR = re.compile(r"-----(BEGIN|END)\+[A-Z0-9+]+-----")
_WHOLE = re.compile(r"[+-]?\d{1,9}(\.0{1,9})?", re.ASCII)
_AMOUNT = re.compile(
    r"([A-Za-z]{3}|[$€£])?\s*(\d{1,3}(?:,\d{3}){1,3}|\d{1,12})(\.\d{1,6})?\s*([A-Za-z]{3}|[$€£])?", re.ASCII
)
_CURRENCY_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
_DOTNET = re.compile(r"\\?/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_EN_US = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d{1,2})(?:(?::(\d{1,2}))?( [AP]M)|:(\d{1,2})))?",
    re.ASCII | re.IGNORECASE,
)
"""Month first; then nothing, hours of a half day with or without seconds, or hours of a day with seconds."""
_HALF_DAY_HOURS = range(1, 13)
_LONGEST_DATE = 40
_DEEPEST_JSON = 50
_NESTED = (dict, list)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DATE_BEFORE = datetime(1971, 1, 1, tzinfo=UTC)
_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


def parse_json(body: bytes) -> Json:
    """Parse an answer; member names lower-cased throughout, numbers as text. None when it is no JSON."""
    try:
        parsed = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
        return _lowered(parsed, 0)
    except (ValueError, RecursionError):
        return None


def _lowered(value: object, depth: int) -> Json:
    """Lower the names of what is nested; plain values, which most are, are left where they stand and cost no call."""
    if depth > _DEEPEST_JSON:
        raise RecursionError
    if isinstance(value, list):
        return [_lowered(inner, depth + 1) if isinstance(inner, _NESTED) else inner for inner in value]
    if not isinstance(value, dict):
        return cast("Json", value)
    result: dict[str, Json] = dict(zip(map(str.lower, value), value.values(), strict=True))
    if len(result) < len(value):
        result = _first_that_says(value)
    for name, inner in result.items():
        if isinstance(inner, _NESTED):
            result[name] = _lowered(inner, depth + 1)
    return result


def _first_that_says(value: dict[str, Json]) -> dict[str, Json]:
    """Return an object with each name once: of two spellings of one name the one that says something wins."""
    result: dict[str, Json] = {}
    for name, inner in value.items():
        if result.get(name.lower()) in (None, ""):
            result[name.lower()] = inner
    return result


def text(value: object) -> str:
    """Return a text: null, lists and objects are empty, truth values spelled out, percent-encoding undone."""
    if isinstance(value, str):
        if not value.isascii():
            # JSON may spell half of a surrogate pair, which no later step can write down
            value = value.encode("utf-8", "replace").decode("utf-8")
        plain = value.strip()
        return percent_decoded(plain) if "%" in plain else plain
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def percent_decoded(value: str) -> str:
    """Undo percent-encoding where there plainly is one; a plus is never taken for a blank (but in a PEM armour)."""
    if not _PERCENT.search(value):
        return value
    try:
        decoded = unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value
    if any(not char.isprintable() and char not in "\r\n\t" for char in decoded):
        return value
    return _FORM_ENCODED_ARMOUR.sub(lambda match: match[0].replace("+", " "), decoded)


def flag(value: object) -> bool | None:
    """Return a truth value written as such, as text or as number; None for anything else, also for null."""
    if isinstance(value, bool):
        return value
    word = text(value).lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def whole(value: object) -> int:
    """Return a whole number, 0 for anything else."""
    word = text(value)
    return int(word.partition(".")[0]) if _WHOLE.fullmatch(word) else 0


def texts(value: object) -> tuple[str, ...]:
    """Return the non-empty items of a list, or of a comma-separated text."""
    items: Iterable[object] = value if isinstance(value, list) else text(value).split(",")
    return tuple(item for item in (text(item) for item in items) if item)


def money(value: object, currency: str = "USD") -> Money | None:
    """Return an amount like ``7.95``, ``$1,250.00`` or ``7.95 EUR``; None for what cannot be told for certain."""
    match = _AMOUNT.fullmatch(text(value))
    if match is None:
        return None
    sign = match[1] or match[4]
    amount = Decimal(match[2].replace(",", "") + (match[3] or ""))
    return Money(amount=amount, currency=_CURRENCY_SIGNS.get(sign, sign.upper()) if sign else currency)


def instant(value: object) -> datetime | None:
    """Return an instant: en-US text (taken as UTC), ``/Date(ms)/`` or ISO 8601; None for the 1900 sentinel and nonsense."""
    word = text(value)
    at = _dotnet(word) or _iso(word) or _en_us(word)
    at = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
    return at if at is not None and at >= _NO_DATE_BEFORE else None


def zoned_instant(value: object) -> datetime | None:
    """Return an instant that says its own zone: ``/Date(ms)/``, or ISO 8601 with an offset; None for all else."""
    word = text(value)
    at = _dotnet(word) or _iso(word)
    return at if at is not None and at.tzinfo is not None and at >= _NO_DATE_BEFORE else None


def _dotnet(word: str) -> datetime | None:
    match = _DOTNET.fullmatch(word)
    try:
        return _EPOCH + timedelta(milliseconds=int(match[1])) if match is not None else None
    except OverflowError:
        return None


def _iso(word: str) -> datetime | None:
    if len(word) > _LONGEST_DATE or "-" not in word:
        return None
    try:
        at = datetime.fromisoformat(word)
        return at.astimezone(UTC) if at.tzinfo else at
    except (ValueError, OverflowError):
        return None


def _en_us(word: str) -> datetime | None:
    """Read what .NET writes for en-US; by one pattern, since ``strptime`` takes ten times as long for each row of a list."""
    if len(word) > _LONGEST_DATE:
        return None
    # newer .NET puts a narrow blank before AM and PM
    match = _EN_US.fullmatch(" ".join(word.replace("\u202f", " ").split()))
    if match is None:
        return None
    month, day, year, hour, minute, second, half, second_of_day = match.groups()
    hours = int(hour or 0)
    if half:
        if hours not in _HALF_DAY_HOURS:
            return None
        hours = hours % 12 + (12 if half.upper() == " PM" else 0)
    try:
        return datetime(
            int(year), int(month), int(day), hours, int(minute or 0), int(second or second_of_day or 0), tzinfo=UTC
        )
    except ValueError:
        return None
