"""Certificates as texts and as objects: finding them in what a seller sends, and putting a chain in order."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from domain.errors import NotYet

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class PemBundle:
    """A version as files.

    Attributes:
        certificate: the leaf.
        chain: the issuers above it, leaf's issuer first, root left out.
        private_key: PKCS#8 PEM, not encrypted; None where it was not asked for.
    """

    certificate: str
    chain: str
    private_key: bytes | None = field(default=None, repr=False)

    @property
    def full_chain(self) -> str:
        """Return leaf and chain, as TLS servers want it."""
        return self.certificate + self.chain


def pem_bundle(leaf: str, chain: str, key_der: bytes | None = None) -> PemBundle:
    """Return the PEM files of a version.

    Args:
        leaf: PEM, one block.
        chain: PEM, any number of blocks.
        key_der: PKCS#8 DER, unsealed; None: no key is exported.
    """
    return PemBundle(_normal(leaf), _normal(chain), None if key_der is None else _key_pem(key_der))


def _normal(text: str) -> str:
    """Return PEM with LF line ends and a final one, so that texts can be joined."""
    return pem(readable([text])[0])


def _key_pem(key_der: bytes) -> bytes:
    key = load_der_private_key(key_der, password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def readable(texts: Iterable[str]) -> tuple[list[x509.Certificate], int]:
    """Return all certificates found in the texts, each once, and how many blocks could not be read.

    Whatever stands around the blocks is passed over: sellers add headings, mails their line ends.
    """
    found: dict[bytes, x509.Certificate] = {}
    unreadable = 0
    for block in (match.group() for text in texts for match in _BLOCK.finditer(text)):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode("ascii"))
            spki_sha256(certificate.public_key())
        except (ValueError, UnsupportedAlgorithm):
            unreadable += 1
        else:
            found.setdefault(certificate.public_bytes(Encoding.DER), certificate)
    return list(found.values()), unreadable


def pem(certificates: Iterable[x509.Certificate]) -> str:
    """Return the certificates as PEM blocks: 64 columns, LF."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)


def spki_sha256(key: PublicKeyTypes) -> str:
    """Return the hex digest of a public key (DER SubjectPublicKeyInfo)."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def is_ca(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate may sign others (RFC 5280, 4.2.1.9)."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    """Return an extension, or None where there is none or it is malformed."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names of the SAN extension, lower case, the common name first where it is one of them."""
    names = extension(certificate, x509.SubjectAlternativeName)
    listed = [] if names is None else [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    first = [name for name in common_names(certificate) if name in listed]
    return tuple(dict.fromkeys(first + listed))


def common_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the common names of the subject, lower case; a leaf has one or none."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return tuple(str(attribute.value).lower() for attribute in found)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the issuer's name and key fit the certificate's issuer and signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def find_leaf(certificates: Sequence[x509.Certificate], spki: str, *, unreadable: int) -> x509.Certificate:
    """Return the newest certificate that carries the key, else the newest that is no CA's.

    Raises:
        NotYet: ``download-unavailable`` when there is none at all.
    """
    leaves = [certificate for certificate in certificates if not is_ca(certificate)]
    ours = [certificate for certificate in leaves if spki_sha256(certificate.public_key()) == spki]
    if not leaves:
        damaged = f", {unreadable} of them damaged" if unreadable else ""
        raise NotYet(
            "download-unavailable",
            f"The seller's download holds no certificate of ours yet: {len(certificates) + unreadable} found{damaged}.",
        )
    return max(ours or leaves, key=lambda leaf: (leaf.not_valid_before_utc, leaf.serial_number))


def chain_of(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the issuers above a leaf, leaf's issuer first, self-signed ones left out."""
    chain: list[x509.Certificate] = []
    current, rest = leaf, [other for other in others if other != leaf and other.subject != other.issuer]
    while len(chain) < _LONGEST_CHAIN and (issuer := _issuer_among(current, rest)) is not None:
        chain.append(issuer)
        rest.remove(issuer)
        current = issuer
    return chain


def _issuer_among(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Return who signed a certificate; of several with the same key the one that lives longest."""
    fitting = list(_issuers(certificate, others))
    return max(fitting, key=lambda other: other.not_valid_after_utc, default=None)


def _issuers(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> Iterator[x509.Certificate]:
    wanted = extension(certificate, x509.AuthorityKeyIdentifier)
    for other in others:
        own = extension(other, x509.SubjectKeyIdentifier)
        # Key identifiers are hints (RFC 5280, 4.2.1.1): they sort out, the signature decides.
        hints_differ = wanted and own and wanted.key_identifier and wanted.key_identifier != own.digest
        if not hints_differ and is_ca(other) and is_signed_by(certificate, other):
            yield other
