"""Envelope encryption: each secret under a data key of its own, the data key under the master key.

Sealed form, version 1 (lengths in bytes)::

    magic "EVS" 3 | version 1 | kek_id 4 | nonce 12 | wrapped data key 32 + 16 | nonce 12 | sealed secret n + 16

Both encryptions are AES-256-GCM. Both bind the header version, the installation, the row and the purpose, so that a
value copied into another row, or used for something else, does not open; the wrapping binds the ``kek_id``, too, while
the secret does not, so that a rotation of the master key re-wraps data keys and leaves secrets alone.
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.adapters.vault.kek import (
    KEK_ID_BYTES,
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    WRAPPED_BYTES,
    KeyEncryptionKey,
    wrong_key,
)
from domain.errors import InvariantBroken

_HEADER = b"EVS\x01"
_LEAST_BYTES = len(_HEADER) + KEK_ID_BYTES + WRAPPED_BYTES + NONCE_BYTES + TAG_BYTES


@dataclass(frozen=True)
class _Envelope:
    """The parts of a sealed value."""

    kek_id: bytes
    wrapped: bytes
    nonce: bytes
    body: bytes

    def packed(self) -> bytes:
        return _HEADER + self.kek_id + self.wrapped + self.nonce + self.body


class EnvelopeVault:
    """The ``KeyVault`` of one installation.

    Args:
        kek: the master key.
        installation_id: of the inventory that the sealed values live in.
    """

    def __init__(self, kek: KeyEncryptionKey, installation_id: str) -> None:
        self._kek = kek
        self._installation_id = installation_id

    def __repr__(self) -> str:
        return f"EnvelopeVault(kek_id={self._kek.kek_id!r})"

    def seal(self, plaintext: bytes, *, row_id: str, purpose: str) -> bytes:
        """Return the sealed form; sealing twice gives two different values that both open."""
        bound_to = self._bound_to(row_id, purpose)
        kek_id = bytes.fromhex(self._kek.kek_id)
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        nonce = secrets.token_bytes(NONCE_BYTES)
        body = AESGCM(data_key).encrypt(nonce, plaintext, bound_to)
        return _Envelope(kek_id, self._kek.wrap(data_key, bound_to + kek_id), nonce, body).packed()

    def unseal(self, sealed: bytes, *, row_id: str, purpose: str) -> bytes:
        """Return the plain form.

        Raises:
            Misconfigured: ``master-key-wrong``: another master key sealed it.
            InvariantBroken: ``sealed-value-damaged``: altered, or sealed for another row or purpose.
        """
        envelope = _parsed(sealed)
        if envelope.kek_id.hex() != self._kek.kek_id:
            raise wrong_key()
        bound_to = self._bound_to(row_id, purpose)
        data_key = self._kek.unwrap(envelope.wrapped, bound_to + envelope.kek_id)
        if data_key is None:
            raise _damaged()
        try:
            return AESGCM(data_key).decrypt(envelope.nonce, envelope.body, bound_to)
        except InvalidTag:
            raise _damaged() from None

    def _bound_to(self, row_id: str, purpose: str) -> bytes:
        """Return the additional data; lengths in front keep ``a`` + ``bc`` apart from ``ab`` + ``c``."""
        parts = [part.encode() for part in (self._installation_id, row_id, purpose)]
        return _HEADER + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _parsed(sealed: bytes) -> _Envelope:
    if len(sealed) < _LEAST_BYTES or not sealed.startswith(_HEADER):
        raise _damaged()
    rest = sealed[len(_HEADER) :]
    kek_id, rest = rest[:KEK_ID_BYTES], rest[KEK_ID_BYTES:]
    wrapped, rest = rest[:WRAPPED_BYTES], rest[WRAPPED_BYTES:]
    return _Envelope(kek_id, wrapped, rest[:NONCE_BYTES], rest[NONCE_BYTES:])


def _damaged() -> InvariantBroken:
    return InvariantBroken(
        "sealed-value-damaged",
        "A sealed secret was altered, or belongs to another row or purpose.",
        next_step="restore the inventory from a backup, or enter the secret anew",
    )
