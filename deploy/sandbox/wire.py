"""Reading requests as leniently as the real service does, and writing its dates and envelopes.

Public clients send null for what is not set, numbers and truth values as text, empty text for "none", and dates in
several spellings. All of that is read here; only a list or object where a plain value belongs is refused.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deploy.sandbox.refusals import Code, RefusalError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

#: The real service prints "no date" like this.
NO_DATE = "1/1/1900 12:00:00 AM"
_BIGGEST = 2**53
_DOTNET_DATE = re.compile(r"^/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/$")
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no", ""}

try:
    _SERVICE_ZONE: timezone | ZoneInfo = ZoneInfo("America/New_York")
except ZoneInfoNotFoundError:  # an image without zone data; only the twins of the UTC fields differ
    _SERVICE_ZONE = timezone(timedelta(hours=-5))


class Members:
    """Lenient access to the members of one JSON object of a request."""

    def __init__(self, raw: Mapping[str, Json]) -> None:
        self._raw = raw

    @classmethod
    def parse(cls, body: bytes) -> "Members":
        """Read a request body.

        Raises:
            RefusalError: It is not one JSON object of sound Unicode text.
        """
        try:
            raw = json.loads(body)
            json.dumps(raw, ensure_ascii=False).encode()  # a lone surrogate would break every later step
        except (ValueError, RecursionError):
            raise RefusalError(Code.MALFORMED) from None
        if not isinstance(raw, dict):
            raise RefusalError(Code.MALFORMED)
        return cls(raw)

    @property
    def raw(self) -> Mapping[str, Json]:
        """The object as it came."""
        return self._raw

    def text(self, key: str) -> str:
        """A text, blanks stripped; null and absence are empty, numbers and truth values are spelled out."""
        value = self._raw.get(key)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            _refuse(key)
        return _spelled(value, key).strip()

    def number(self, key: str, default: int = 0) -> int:
        """A whole number, also as text; null, absence and empty text give the default."""
        text = self.text(key)
        if not text or text in {"true", "false"}:
            return default
        try:
            value = float(text)
        except ValueError:
            _refuse(key)
        if not math.isfinite(value) or value != int(value) or abs(value) > _BIGGEST:
            _refuse(key)
        return int(value)

    def truth(self, key: str) -> bool:
        """A truth value, also as text or number; a non-empty "false" is false."""
        text = self.text(key).lower()
        if text not in _TRUE | _FALSE:
            _refuse(key)
        return text in _TRUE

    def texts(self, key: str) -> list[str]:
        """A list of texts, also as one comma-separated text; empty items are left out."""
        value = self._raw.get(key)
        parts = value if isinstance(value, list) else [*self.text(key).split(",")]
        items = [Members({key: part}).text(key) for part in parts]
        return [item for item in items if item]

    def members(self, key: str) -> "Members":
        """A nested object; null, absence and empty text are an empty one."""
        value = self._raw.get(key)
        if value is None or value == "":
            return Members({})
        if not isinstance(value, dict):
            _refuse(key)
        return Members(value)

    def objects(self, key: str) -> "list[Members]":
        """A list of objects; null, absence and empty text are no list, one object is a list of one."""
        value = self._raw.get(key)
        items = value if isinstance(value, list) else [value]
        return [Members({key: item}).members(key) for item in items if item not in (None, "")]

    def plain(self, key: str) -> dict[str, str]:
        """A nested object as texts, for contacts and addresses that are only handed back; deeper objects are flattened."""
        nested = self.members(key)
        result: dict[str, str] = {}
        for name, value in nested.raw.items():
            if isinstance(value, dict):
                result.update(nested.plain(name))
            elif not isinstance(value, list):
                result[name] = nested.text(name)
        return result

    def instant(self, key: str) -> datetime | None:
        """A date: `/Date(ms)/`, bare milliseconds, ISO 8601; empty text, null and the 1900 sentinel are none."""
        text = self.text(key)
        if not text or text.startswith("1/1/1900"):
            return None
        found = _DOTNET_DATE.match(text)
        try:
            if found or text.lstrip("-").isdigit():
                return datetime.fromtimestamp(int(found[1] if found else text) / 1000, UTC)
            parsed = datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError):
            _refuse(key)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _spelled(value: str | float, key: str) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        _refuse(key)


def _refuse(key: str) -> NoReturn:
    shown = re.sub(r"[^A-Za-z0-9_]", "", key)[:40]
    raise RefusalError(Code.PARAMETER, f"The parameter {shown} is invalid")


def dotnet_text(instant: datetime | None) -> str:
    """An instant as .NET prints it for en-US, in UTC."""
    return _culture(instant.astimezone(UTC)) if instant else NO_DATE


def dotnet_local_text(instant: datetime | None) -> str:
    """The same in the service's own zone."""
    return _culture(instant.astimezone(_SERVICE_ZONE)) if instant else NO_DATE


def _culture(moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment.minute:02}:{moment.second:02} {half}"


def dates(name: str, instant: datetime | None) -> dict[str, str]:
    """A date of an answer together with its `InUTC` twin."""
    return {name: dotnet_local_text(instant), f"{name}InUTC": dotnet_text(instant)}
