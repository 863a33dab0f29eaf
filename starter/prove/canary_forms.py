"""What a planted secret looks like when it leaks: its forms, and finding them in a heap of bytes.

A secret seldom leaks as it is. It leaks inside JSON inside JSON, as one line of a PEM block, URL-quoted in an address, as
base64 that begins in the middle of a group. So each heap is searched twice: as it is, and *loosened*, with quoting,
escaping, line breaks and the two alphabets of base64 made equal. The secret is loosened the same way.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

LEAST_BYTES = 8
"""Shorter values are met by chance."""

_PIECE_BYTES = 16
_ROUNDS_OF_QUOTING = 3
_ESCAPED_TEXT = re.compile(rb"(?:\\+u[0-9A-Fa-f]{4})+")
_ESCAPED_BYTE = re.compile(rb"\\+x([0-9A-Fa-f]{2})")
_BREAKS = re.compile(rb"\\+[nrtbf]|[\x00-\x20\x7f\\:]+")
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True)
class Canary:
    """A secret that must be found nowhere.

    Attributes:
        kind: what it is, for reports: ``seller token of sandbox``.
        value: its bytes; never shown.
        is_number: a part of a private key, which may be written in decimal, too.
    """

    kind: str
    value: bytes = field(repr=False)
    is_number: bool = False

    def __post_init__(self) -> None:
        if len(loosened(self.value)) < LEAST_BYTES:
            raise ValueError(f"{self.kind}: too short to be told from chance")


@dataclass(frozen=True)
class Found:
    """A secret where none may be; says where, and never what.

    Attributes:
        kind: of the canary.
        source: what was searched: ``history issue-www.example.test-1a2b``, ``worker.log``.
        place: where in it: ``event 7 …failure.message``, ``order_.detail row EC-…``, ``line 12``.
        form: how it is written there.
    """

    kind: str
    source: str
    place: str
    form: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.source}, {self.place} ({self.form})"


@dataclass(frozen=True)
class _Needle:
    canary: Canary
    form: str
    plain: bytes = field(repr=False)
    loose: bytes = field(repr=False)


class Scanner:
    """Searches for every form of every canary."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        # The most telling form of a canary comes first: the first one that is found is reported.
        self._needles = [list(_needles(canary)) for canary in canaries]
        if not self._needles:
            raise ValueError("a scan for nothing finds nothing")
        every = [needle for needles in self._needles for needle in needles]
        self._plain = tuple(dict.fromkeys(needle.plain for needle in every))
        self._loose = tuple(dict.fromkeys(needle.loose for needle in every))

    def scan(self, source: str, data: bytes, place: str = "") -> list[Found]:
        """Return at most one find for each canary, its first one.

        Args:
            source: names what is searched.
            data: of it.
            place: where in the source this is; left out: the line.
        """
        loose = loosened(data)
        # Nearly always there is nothing, and thousands of heaps are searched for hundreds of forms: that is told quickly.
        if not any(map(data.__contains__, self._plain)) and not any(map(loose.__contains__, self._loose)):
            return []
        finds = (self._first(needles, data, loose) for needles in self._needles)
        return [
            Found(needle.canary.kind, source, place or f"line {_line_of(needle, data)}", needle.form)
            for needle in finds
            if needle is not None
        ]

    @staticmethod
    def _first(needles: Sequence[_Needle], data: bytes, loose: bytes) -> _Needle | None:
        return next((it for it in needles if it.plain in data or it.loose in loose), None)


def loosened(data: bytes) -> bytes:
    """Return bytes without quoting, escapes, line breaks and colons, in one alphabet of base64."""
    for _ in range(_ROUNDS_OF_QUOTING):
        if b"%" not in data:
            break
        data = unquote_to_bytes(data)
    if b"\\" in data:
        data = _ESCAPED_TEXT.sub(_unescaped, data)
        data = _ESCAPED_BYTE.sub(lambda found: bytes([int(found[1], 16)]), data)
    return _BREAKS.sub(b"", data).translate(_ONE_ALPHABET)


def private_key_canaries(kind: str, der: bytes) -> tuple[Canary, ...]:
    """Return what must not be seen of a private key: scalar or primes, whole and in pieces.

    They stand in every encoding of the key (PKCS#8, SEC 1, PKCS#1, JWK), so that each is found by them; the pieces find a
    text that was cut.

    Args:
        kind: names the key.
        der: PKCS#8, not encrypted.
    """
    numbers = _secret_numbers(der)
    found = []
    for name, number in numbers.items():
        whole = number.to_bytes((number.bit_length() + 7) // 8, "big")
        found.append(Canary(f"{kind}, {name}", whole, is_number=True))
        found.append(Canary(f"{kind}, {name} begun", whole[:_PIECE_BYTES]))
        found.append(Canary(f"{kind}, {name} ended", whole[-_PIECE_BYTES:]))
    return tuple(found)


def _secret_numbers(der: bytes) -> dict[str, int]:
    key = load_der_private_key(der, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"scalar": key.private_numbers().private_value}
    if isinstance(key, rsa.RSAPrivateKey):
        parts = key.private_numbers()
        return {"exponent": parts.d, "prime p": parts.p, "prime q": parts.q}
    raise ValueError("a private key of a kind that is not made here")


def _needles(canary: Canary) -> Iterator[_Needle]:
    value = canary.value
    yield _needle(canary, "plain", value)
    for at in range(3):
        yield _needle(canary, "base64", _base64_at(value, at))
    yield _needle(canary, "hex", value.hex().encode())
    yield _needle(canary, "hex", value.hex().upper().encode())
    if canary.is_number:
        yield _needle(canary, "decimal", str(int.from_bytes(value, "big")).encode())


def _needle(canary: Canary, form: str, plain: bytes) -> _Needle:
    return _Needle(canary, form, plain, loosened(plain))


def _base64_at(value: bytes, at: int) -> bytes:
    """Return what base64 of anything that holds the value shows of it, ``at`` bytes behind the begin of a group.

    Characters at both ends that depend on neighbours are left out.
    """
    shown = base64.b64encode(bytes(at) + value)
    return shown[(0, 2, 3)[at] : (at + len(value)) * 8 // 6]


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits = re.sub(rb"\\+u", b"", found[0]).decode()
    return bytes.fromhex(digits).decode("utf-16-be", errors="replace").encode()


def _line_of(needle: _Needle, data: bytes) -> int:
    """Return the line where it ends, from 1: the shortest beginning of whole lines that holds it."""
    lines = data.splitlines(keepends=True)
    low, high = 1, max(len(lines), 1)
    while low < high:
        middle = (low + high) // 2
        begin = b"".join(lines[:middle])
        low, high = (low, middle) if needle.plain in begin or needle.loose in loosened(begin) else (middle + 1, high)
    return low
