"""Certificate Transparency: sandbox logs that promise, in the right form, to have seen a leaf (RFC 6962 section 3).

The logs publish nothing and no browser knows them. They exist so that leaves carry as many well-formed timestamps as
public ones, and clients meet certificates of the real shape.
"""

import hashlib
import struct
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_LONG_LIVED = timedelta(days=180)
_PRECERT_ENTRY = 1
_SHA256_ECDSA = b"\x04\x03"
_SHORT_FORM = 0x80


def promises_needed(lifetime: timedelta) -> int:
    """Number of timestamps that browsers ask of a leaf of this lifetime."""
    return 3 if lifetime > _LONG_LIVED else 2


def sct_list(
    tbs: bytes, issuer: x509.Certificate, at: datetime, logs: list[ec.EllipticCurvePrivateKey]
) -> x509.Extension[x509.UnrecognizedExtension]:
    """The extension with one timestamp per log.

    Args:
        tbs: The leaf's to-be-signed bytes without this extension.
        issuer: Certificate of the CA that signs the leaf.
        at: Instant of the promise.
        logs: One key per log.
    """
    issuer_hash = hashlib.sha256(_spki(issuer.public_key())).digest()
    stamp = int(at.timestamp() * 1000)
    signed = (
        struct.pack("!BBQH", 0, 0, stamp, _PRECERT_ENTRY) + issuer_hash + len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
    )
    items = b"".join(_with_length(_sct(key, stamp, signed)) for key in logs)
    value = x509.UnrecognizedExtension(SCT_LIST, _octet_string(_with_length(items)))
    return x509.Extension(SCT_LIST, critical=False, value=value)


def _sct(key: ec.EllipticCurvePrivateKey, stamp: int, signed: bytes) -> bytes:
    log_id = hashlib.sha256(_spki(key.public_key())).digest()
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return b"\0" + log_id + struct.pack("!QH", stamp, 0) + _SHA256_ECDSA + _with_length(signature)


def _spki(key: object) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _with_length(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _octet_string(data: bytes) -> bytes:
    if len(data) < _SHORT_FORM:
        return bytes((4, len(data))) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes((4, _SHORT_FORM | len(size))) + size + data
