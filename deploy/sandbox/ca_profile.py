"""Forms of the certificates that the CA signs: names, usages, limits."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deploy.sandbox.catalogue import Level

_ORGANIZATION = "Evercert Sandbox (trust for tests only)"
SINCE, UNTIL = datetime(2014, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_JURISDICTION_COUNTRY = x509.ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.3")
_CN_LONGEST = 64


@dataclass(frozen=True)
class Issuer:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def ca_name(common_name: str) -> x509.Name:
    """Subject of a CA or of its delegate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def ca_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, path_length: int
) -> x509.CertificateBuilder:
    """What root and intermediates have in common, the limits of their names above all."""
    permitted: list[x509.GeneralName] = [
        x509.DNSName("test"),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.IPv4Network("127.0.0.0/8")),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
    )


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    """The key usage extension with the few usages that occur here."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    """The extension that names an issuer's key."""
    subject = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject)


def subject_name(common_name: str, level: Level, organization: dict[str, str]) -> x509.Name:
    """Subject by validation level, attributes in the order of the Baseline Requirements; an over-long name is left out."""
    attributes: list[tuple[x509.ObjectIdentifier, str]] = []
    if level == "EV":
        country = organization.get("JurisdictionCountry") or organization["Country"]
        attributes += [
            (NameOID.BUSINESS_CATEGORY, "Private Organization"),
            (_JURISDICTION_COUNTRY, country.upper()),
            (NameOID.SERIAL_NUMBER, organization.get("RegistrationNumber") or "0000000"),
        ]
    if level != "DV":
        attributes += [
            (NameOID.COUNTRY_NAME, organization["Country"].upper()),
            (NameOID.STATE_OR_PROVINCE_NAME, organization.get("Region", "")),
            (NameOID.LOCALITY_NAME, organization.get("City", "")),
            (NameOID.ORGANIZATION_NAME, organization["OrganizationName"]),
        ]
    if len(common_name) <= _CN_LONGEST:
        attributes.append((NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes if value])
