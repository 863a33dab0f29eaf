"""The ``X509`` port on pyca/cryptography: keys, signing requests, and a verdict on what a CA has issued."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from activities.adapters.x509_parts import (
    PemBundle,
    chain_of,
    dns_names,
    find_leaf,
    pem,
    pem_bundle,
    readable,
    spki_sha256,
)
from activities.adapters.x509_verdict import chain_problems, date_problems, key_problems, name_problems, trust_anchors
from activities.ports import MadeKey
from domain.errors import InvalidRequest, InvariantBroken
from domain.inventory import NewVersion

__all__ = ["CryptographyX509", "PemBundle", "pem_bundle"]

_LONGEST_COMMON_NAME = 64  # RFC 5280, ub-common-name
_RSA_EXPONENT = 65537

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_MAKERS: dict[tuple[str, int], Callable[[], Key]] = {
    ("ecdsa", 256): lambda: ec.generate_private_key(ec.SECP256R1()),
    ("ecdsa", 384): lambda: ec.generate_private_key(ec.SECP384R1()),
    ("rsa", 2048): lambda: rsa.generate_private_key(_RSA_EXPONENT, 2048),
    ("rsa", 3072): lambda: rsa.generate_private_key(_RSA_EXPONENT, 3072),
    ("rsa", 4096): lambda: rsa.generate_private_key(_RSA_EXPONENT, 4096),
}


class CryptographyX509:
    """Keys, requests and certificates by pyca/cryptography."""

    async def make_key(self, algorithm: str, size: int, names: Sequence[str]) -> MadeKey:
        """Make a key and a CSR for the names (common name first).

        In a thread: an RSA key of 4,096 bits takes seconds, and the event loop has heartbeats to send.

        Args:
            algorithm: ``ecdsa`` or ``rsa``.
            size: bits: 256 or 384; 2048, 3072 or 4096.
            names: A-labels, a wildcard label at most in front.

        Raises:
            InvalidRequest: ``key-unsupported``.
        """
        maker = _MAKERS.get((algorithm, size))
        if maker is None:
            raise InvalidRequest(
                "key-unsupported",
                "Keys of that algorithm and size are not made.",
                next_step="choose ecdsa 256 or 384, or rsa 2048, 3072 or 4096",
            )
        return await asyncio.to_thread(_make, maker, tuple(names))

    def read_issued(self, pems: Sequence[str], *, spki_sha256: str) -> tuple[str, str]:
        """Find the leaf by its public key and put the chain in order; return (leaf PEM, chain PEM, issuer first).

        Falls back to the newest certificate that is no CA's when none carries the key, so that quarantine can show it.

        Raises:
            NotYet: ``download-unavailable`` when there is no leaf at all.
        """
        certificates, unreadable = readable(pems)
        leaf = find_leaf(certificates, spki_sha256, unreadable=unreadable)
        return pem([leaf]), pem(chain_of(leaf, certificates))

    def describe(self, leaf: str, chain: str) -> NewVersion:
        """Return the facts of a leaf; order, certificate and key id are left empty."""
        certificate = _only(leaf)
        return NewVersion(
            order_id="",
            certificate_id="",
            key_id="",
            leaf=leaf,
            chain=chain,
            serial=f"{certificate.serial_number:X}",
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            spki_sha256=spki_sha256(certificate.public_key()),
            names=dns_names(certificate),
            issuer=_issuer_name(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )

    def problems(
        self, leaf: str, chain: str, *, names: Sequence[str], spki_sha256: str, now: datetime, roots: Sequence[str]
    ) -> tuple[str, ...]:
        """Return what is wrong with a leaf: ``name: …``, ``key: …``, ``chain: …``, ``dates: …``; empty when all is right.

        Args:
            leaf: PEM, one block.
            chain: PEM, leaf's issuer first.
            names: the ordered names; what a product adds to them by itself (base of a wildcard, bare or ``www.`` twin)
                is right too.
            spki_sha256: of the key that the request was made with, hex.
            now: UTC.
            roots: PEM trust anchors of a sandbox account; empty means the public trust store of the system.
        """
        certificate, issuers = _only(leaf), readable([chain])[0]
        return (
            *name_problems(certificate, names),
            *key_problems(certificate, spki_sha256),
            *chain_problems(certificate, issuers, trust_anchors([root for root in roots if root]), now),
            *date_problems(certificate, now),
        )


def _make(maker: Callable[[], Key], names: tuple[str, ...]) -> MadeKey:
    key = maker()
    csr = _request(key, names).public_bytes(Encoding.PEM).decode("ascii")
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return MadeKey(private_key=der, csr=csr, spki_sha256=spki_sha256(key.public_key()))


def _request(key: Key, names: tuple[str, ...]) -> x509.CertificateSigningRequest:
    """Return a CSR with all names as SAN, and the first as common name where it is short enough for one."""
    common_name = [x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])] if _fits(names[0]) else []
    alternatives = [x509.DNSName(name) for name in dict.fromkeys(names)]
    digest = hashes.SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 384 else hashes.SHA256()
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(common_name))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=not common_name)
        .sign(key, digest)
    )


def _fits(name: str) -> bool:
    return len(name) <= _LONGEST_COMMON_NAME


def _only(leaf: str) -> x509.Certificate:
    certificates, _ = readable([leaf])
    if len(certificates) != 1:
        raise InvariantBroken("certificate-unreadable", "A leaf must be one readable PEM block.")
    return certificates[0]


def _issuer_name(certificate: x509.Certificate) -> str:
    found = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.issuer.rfc4514_string()
