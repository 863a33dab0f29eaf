"""The search attributes: their names and types, and the one function that builds every upsert.

A value over 2,048 bytes fails the whole run and an unregistered name hangs it, so nothing else may set one, every value
is bounded here, and a worker refuses to poll while one is missing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

KIND = SearchAttributeKey.for_keyword("EvercertKind")
STATE = SearchAttributeKey.for_keyword("EvercertState")
NAME = SearchAttributeKey.for_keyword("EvercertName")
ORDER = SearchAttributeKey.for_keyword("EvercertOrder")
SELLER_ORDER = SearchAttributeKey.for_keyword("EvercertSellerOrder")
ACCOUNT = SearchAttributeKey.for_keyword("EvercertAccount")
PRODUCT = SearchAttributeKey.for_keyword("EvercertProduct")
WAITING_FOR = SearchAttributeKey.for_keyword("EvercertWaitingFor")
NAMES = SearchAttributeKey.for_keyword_list("EvercertNames")
DEADLINE = SearchAttributeKey.for_datetime("EvercertDeadline")
NOT_AFTER = SearchAttributeKey.for_datetime("EvercertNotAfter")
NEEDS_PERSON = SearchAttributeKey.for_bool("EvercertNeedsPerson")

REGISTRATION: dict[str, str] = {
    "EvercertKind": "Keyword",
    "EvercertState": "Keyword",
    "EvercertName": "Keyword",
    "EvercertOrder": "Keyword",
    "EvercertSellerOrder": "Keyword",
    "EvercertAccount": "Keyword",
    "EvercertProduct": "Keyword",
    "EvercertWaitingFor": "Keyword",
    "EvercertNames": "KeywordList",
    "EvercertDeadline": "Datetime",
    "EvercertNotAfter": "Datetime",
    "EvercertNeedsPerson": "Bool",
}
"""Name and type of each, as a namespace must know them."""

KEYS = (
    KIND,
    STATE,
    NAME,
    ORDER,
    SELLER_ORDER,
    ACCOUNT,
    PRODUCT,
    WAITING_FOR,
    NAMES,
    DEADLINE,
    NOT_AFTER,
    NEEDS_PERSON,
)

_KEYWORD_BYTES = 255
_NAMES_BYTES = 1500

Value = str | bool | datetime | Sequence[str] | None


def updates(values: dict[str, Value], known: dict[str, Value]) -> list[SearchAttributeUpdate[Any]]:
    """Return the upserts for what differs from ``known``, bounded, in the order of ``KEYS``; None unsets.

    Args:
        values: attribute name to new value.
        known: what was set before; not changed here.
    """
    result: list[SearchAttributeUpdate[Any]] = []
    for key in KEYS:
        if key.name not in values or values[key.name] == known.get(key.name):
            continue
        value = values[key.name]
        result.append(key.value_unset() if value in (None, "", ()) else key.value_set(_bounded(key.name, value)))  # type: ignore[arg-type]
    return result


def _bounded(name: str, value: Value) -> Value:
    if name == NAMES.name and isinstance(value, Sequence) and not isinstance(value, str):
        return bounded_names(value)
    if isinstance(value, str):
        return cut(value, _KEYWORD_BYTES)
    return value


def bounded_names(names: Sequence[str]) -> list[str]:
    """Return as many names as fit 1,500 bytes, in the order given: the common name comes first."""
    kept: list[str] = []
    used = 0
    for name in names:
        used += len(name.encode()) + 4
        if used > _NAMES_BYTES:
            break
        kept.append(name)
    return kept


def cut(text: str, most: int) -> str:
    """Cut a text to at most that many bytes of UTF-8, at a character."""
    return text.encode()[:most].decode(errors="ignore")
