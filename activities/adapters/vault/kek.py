"""The key-encryption key (the *master key*): where it comes from and how an inventory recognises it.

It wraps the data key of every secret and seals nothing else. It lives outside the inventory, so that a copy of the
database alone opens nothing.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import Misconfigured

KEY_BYTES = 32
KEK_ID_BYTES = 4
NONCE_BYTES = 12
TAG_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_FILE = 4096


class KeyEncryptionKey:
    """A 256-bit key that wraps data keys (AES-256-GCM, random nonces).

    Every secret takes one wrapping, so the count stays far below the 2^32 that random 96-bit nonces allow
    (NIST SP 800-38D, 8.3).

    Args:
        key: the 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise _unusable()
        self._key = bytes(key)
        self._cipher = AESGCM(self._key)

    def __repr__(self) -> str:
        return f"KeyEncryptionKey(kek_id={self.kek_id!r})"

    def __reduce__(self) -> str:
        raise TypeError("a key-encryption key is never serialised")

    @property
    def kek_id(self) -> str:
        """Return what tells this key from others, eight hex digits; says nothing about the key itself."""
        return self.digest(b"evercert kek id")[:KEK_ID_BYTES].hex()

    def digest(self, text: bytes) -> bytes:
        """Return HMAC-SHA256 of the text under this key."""
        return hmac.digest(self._key, text, hashlib.sha256)

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Return nonce and wrapped data key, bound to the additional data."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes | None:
        """Return the data key, or None when key, wrapping or additional data do not fit."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound_to)
        except InvalidTag:
            return None


def kek_from_text(text: str) -> KeyEncryptionKey:
    """Read a key from its text form: URL-safe base64 of 32 bytes, as ``create_kek_file`` writes it.

    Raises:
        Misconfigured: ``master-key-unusable``, without quoting anything.
    """
    stripped = text.strip()
    try:
        key = base64.b64decode(stripped.encode("ascii") + b"=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unusable() from None
    return KeyEncryptionKey(key)


def load_kek(reference: str, base_dir: Path) -> KeyEncryptionKey:
    """Read the key that a setting refers to.

    Args:
        reference: ``file:PATH``. (``env:NAME`` is read by the caller and handed to ``kek_from_text``.)
        base_dir: where a relative path starts.

    Raises:
        Misconfigured: ``master-key-missing``, ``master-key-exposed`` or ``master-key-unusable``.
    """
    kind, _, path = reference.partition(":")
    if kind != "file" or not path:
        raise Misconfigured(
            "master-key-unusable",
            "The setting of the master key has a form that is not known.",
            next_step="write file:PATH or env:NAME",
        )
    try:
        with (base_dir / Path(path).expanduser()).open("rb") as file:
            facts = os.fstat(file.fileno())
            content = file.read(_LONGEST_FILE)
    except OSError as error:
        raise _unreadable(error) from None
    if not stat.S_ISREG(facts.st_mode) or facts.st_mode & _OTHERS:
        raise Misconfigured(
            "master-key-exposed",
            "The file of the master key can be read by others than its owner.",
            next_step="chmod 600 on that file; if others may have read it, rotate the master key",
        )
    return kek_from_text(content.decode("ascii", errors="replace"))


def create_kek_file(path: Path) -> KeyEncryptionKey:
    """Make a new key and write it to a new file, mode 0600, on the disk before this returns.

    Raises:
        Misconfigured: ``master-key-exists`` when there is a file already: it is never overwritten.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(key).rstrip(b"=") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(path.parent)
    except FileExistsError:
        raise Misconfigured(
            "master-key-exists",
            "There is a master key already; a new one would make every sealed secret unreadable.",
            next_step="use the one that is there",
        ) from None
    except OSError as error:
        raise _unreadable(error) from None
    return KeyEncryptionKey(key)


def key_check(kek: KeyEncryptionKey, installation_id: str) -> bytes:
    """Return the value by which an installation recognises its master key; tells nothing about the key."""
    return kek.digest(b"evercert key check\x00" + installation_id.encode())


def verify_key_check(kek: KeyEncryptionKey, installation_id: str, expected: bytes) -> None:
    """Make sure that this is the key of the installation.

    Raises:
        Misconfigured: ``master-key-wrong``.
    """
    if not hmac.compare_digest(key_check(kek, installation_id), expected):
        raise wrong_key()


def wrong_key() -> Misconfigured:
    """Return the error of a key that is not the one that sealed."""
    return Misconfigured(
        "master-key-wrong",
        "The configured master key is not the one that sealed the secrets of this inventory.",
        next_step="configure the master key that belongs to this inventory",
    )


def _unusable() -> Misconfigured:
    return Misconfigured(
        "master-key-unusable",
        "The master key is not 32 bytes in URL-safe base64.",
        next_step="restore it from its backup; for a new installation: evercert init",
    )


def _unreadable(error: OSError) -> Misconfigured:
    reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read or written"
    return Misconfigured(
        "master-key-missing",
        f"The file of the master key {reason}.",
        next_step="evercert init makes one for a new installation; for an old one restore it from its backup",
    )


def _sync_directory(path: Path) -> None:
    """Make the new name durable, too: without it a power cut may lose the only copy of the key."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
