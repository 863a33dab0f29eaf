"""Certificate signing requests in the forms that clients send, and what a CA insists on."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deploy.sandbox.catalogue import Brand
from deploy.sandbox.refusals import Code, RefusalError

_ARMOUR = re.compile(
    r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(?P<body>.*?)-----END (?:NEW )?CERTIFICATE REQUEST-----", re.DOTALL
)
_RSA_SMALLEST, _RSA_BIGGEST = 2048, 8192
_BIGGEST_TEXT = 32_000
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class SigningRequest:
    """A CSR that a CA would take."""

    der: bytes
    common_name: str
    public_key: PublicKey

    @property
    def md5(self) -> str:
        """MD5 of the DER bytes, lower-case hexadecimal; part of Sectigo's record names."""
        return hashlib.md5(self.der, usedforsecurity=False).hexdigest()

    @property
    def sha256(self) -> str:
        """SHA-256 of the DER bytes, lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()


def read_csr(text: str, brand: Brand, *, allow_bare_base64: bool = False) -> SigningRequest:
    """Decode and check a CSR.

    Accepts PEM with LF, CRLF or no newline at all, also percent- or form-encoded. A text without `%` is never
    form-decoded, so a plus in base64 stays a plus.

    Raises:
        RefusalError: It cannot be decoded, or no public CA would sign it.
    """
    der = _decode(text, allow_bare_base64=allow_bare_base64)
    if der is None:
        raise RefusalError(Code.CSR_INVALID if brand == "digicert" else Code.CSR_UNDECODABLE)
    try:
        return _checked(der)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, TypeError):
        raise RefusalError(Code.CSR_INVALID) from None


def stored_csr(der: bytes) -> SigningRequest:
    """A CSR that was taken before, from its DER bytes."""
    return _checked(der)


def _decode(text: str, *, allow_bare_base64: bool) -> bytes | None:
    if not text or len(text) > _BIGGEST_TEXT:
        return None
    if "%" in text:
        text = unquote_plus(text)
    found = _ARMOUR.search(text)
    if found is None and not allow_bare_base64:
        return None
    body = re.sub(r"\s+", "", found["body"] if found else text)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def _checked(der: bytes) -> SigningRequest:
    csr = x509.load_der_x509_csr(der)
    key = csr.public_key()
    match key:
        case rsa.RSAPublicKey():
            sound = _RSA_SMALLEST <= key.key_size <= _RSA_BIGGEST and key.key_size % 8 == 0
        case ec.EllipticCurvePublicKey():
            sound = isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1))
        case _:
            raise RefusalError(Code.CSR_INVALID, "csr_invalid - The key algorithm is not supported")
    if not sound:
        raise RefusalError(Code.CSR_INVALID, "csr_invalid - The key is too weak or of an unsupported kind")
    if not csr.is_signature_valid:
        raise RefusalError(Code.CSR_INVALID, "csr_invalid - The signature of the CSR does not verify")
    names = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    common_name = str(names[0].value) if names else _first_san(csr)
    return SigningRequest(der, common_name.strip().lower(), key)


def _first_san(csr: x509.CertificateSigningRequest) -> str:
    try:
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ""
    return next(iter(names.get_values_for_type(x509.DNSName)), "")
