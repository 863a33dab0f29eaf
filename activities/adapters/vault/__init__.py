"""The key vault: secrets sealed by envelope encryption, and the key-encryption key above them."""

from activities.adapters.vault.envelope import EnvelopeVault
from activities.adapters.vault.kek import (
    KeyEncryptionKey,
    create_kek_file,
    kek_from_text,
    key_check,
    load_kek,
    verify_key_check,
)

__all__ = [
    "EnvelopeVault",
    "KeyEncryptionKey",
    "create_kek_file",
    "kek_from_text",
    "key_check",
    "load_kek",
    "verify_key_check",
]
