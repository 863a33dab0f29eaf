"""The issuing CA: a name-constrained root, one intermediate per brand, leaves by the Baseline Requirements' profile.

Nothing this CA signs is good for a public name: root and intermediates permit `.test`, `localhost` and 127.0.0.0/8 only.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from deploy.sandbox.catalogue import Brand, Level
from deploy.sandbox.csr import PublicKey
from deploy.sandbox.ct import promises_needed, sct_list
from deploy.sandbox.rules import leaf_not_after
from deploy.sandbox.state import Store

WrongLeaf = Literal["name", "key", "chain", "dates"]
BRANDS: tuple[Brand, ...] = ("sectigo", "digicert")
_ORGANIZATION = "Evercert Sandbox (trust for tests only)"
_SINCE, _UNTIL = datetime(2014, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_POLICY: dict[Level, str] = {"DV": "2.23.140.1.2.1", "OV": "2.23.140.1.2.2", "EV": "2.23.140.1.1"}
_JURISDICTION_COUNTRY = x509.ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.3")
_CN_LONGEST = 64
_CRL_LIFE = timedelta(days=4)


@dataclass(frozen=True)
class Issuer:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


@dataclass(frozen=True)
class LeafOrder:
    """What a leaf shall say."""

    names: Sequence[str]
    """DNS names, common name first."""
    public_key: PublicKey
    brand: Brand
    level: Level
    order_end: datetime
    organization: dict[str, str]


@dataclass(frozen=True)
class Issued:
    """A signed leaf and the certificates above it, root left out."""

    leaf: x509.Certificate
    chain: x509.Certificate

    @property
    def leaf_pem(self) -> str:
        """The leaf as PEM."""
        return self.leaf.public_bytes(Encoding.PEM).decode()

    @property
    def chain_pem(self) -> str:
        """The intermediate as PEM."""
        return self.chain.public_bytes(Encoding.PEM).decode()


class CertificateAuthority:
    """Root, intermediates and log keys; made once, kept in the state file where there is one."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._pki_url = f"{base_url}/pki"
        self.root = self._kept("root", self._make_root)
        self.intermediates: dict[Brand, Issuer] = {
            brand: self._kept(brand, partial(self._make_intermediate, brand)) for brand in BRANDS
        }
        self._logs = [self._kept_key(f"log-{number}") for number in range(3)]

    def issue(self, wanted: LeafOrder, now: datetime, wrong: WrongLeaf | None = None) -> Issued:
        """Sign a leaf at an instant; `wrong` makes it faulty on purpose in one respect."""
        now = now.replace(microsecond=0)
        names = [f"wrong.{wanted.names[0].removeprefix('*.')}"] if wrong == "name" else list(wanted.names)
        key: PublicKey = ec.generate_private_key(ec.SECP256R1()).public_key() if wrong == "key" else wanted.public_key
        starts, ends = now, leaf_not_after(now, wanted.order_end).replace(microsecond=0)
        if wrong == "dates":
            starts, ends = now - timedelta(days=30), now - timedelta(days=1)
        issuer = self.intermediates[wanted.brand]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(names[0], wanted.level, wanted.organization))
            .issuer_name(issuer.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
        )
        for extension, critical in self._leaf_extensions(names, wanted, issuer):
            builder = builder.add_extension(extension, critical=critical)
        draft = builder.sign(issuer.key, hashes.SHA256())
        logs = self._logs[: promises_needed(ends - starts)]
        promises = sct_list(draft.tbs_certificate_bytes, issuer.certificate, now, logs)
        leaf = builder.add_extension(promises.value, critical=False).sign(issuer.key, hashes.SHA256())
        above = next(b for b in BRANDS if b != wanted.brand) if wrong == "chain" else wanted.brand
        return Issued(leaf, self.intermediates[above].certificate)

    def crl(self, issuer_name: str, revoked: Sequence[tuple[int, datetime]], now: datetime) -> bytes | None:
        """The DER revocation list of an issuer (`root` or a brand); `None` when there is no such issuer."""
        issuer = self.issuer(issuer_name)
        if issuer is None:
            return None
        now = now.replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now)
            .next_update(now + _CRL_LIFE)
            .add_extension(_key_identifier(issuer), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for serial, at in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at.replace(microsecond=0))
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def issuer(self, name: str) -> Issuer | None:
        """An issuer by its name in `/pki` addresses."""
        if name == "root":
            return self.root
        return next((issuer for brand, issuer in self.intermediates.items() if brand == name), None)

    def _leaf_extensions(
        self, names: list[str], wanted: LeafOrder, issuer: Issuer
    ) -> list[tuple[x509.ExtensionType, bool]]:
        has_subject = bool(_subject(names[0], wanted.level, wanted.organization).rdns)
        policy = x509.PolicyInformation(x509.ObjectIdentifier(_POLICY[wanted.level]), None)
        return [
            (_key_identifier(issuer), False),
            (_usage(digital_signature=True), True),
            (x509.CertificatePolicies([policy]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName([x509.DNSName(name) for name in dict.fromkeys(names)]), not has_subject),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            *self._pointers(wanted.brand),
        ]

    def _pointers(self, issuer_name: str) -> list[tuple[x509.ExtensionType, bool]]:
        """Where to find the issuer's certificate and revocation list."""
        there = x509.UniformResourceIdentifier(f"{self._pki_url}/{issuer_name}.crt")
        crl = x509.UniformResourceIdentifier(f"{self._pki_url}/{issuer_name}.crl")
        return [
            (
                x509.AuthorityInformationAccess(
                    [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, there)]
                ),
                False,
            ),
            (x509.CRLDistributionPoints([x509.DistributionPoint([crl], None, None, None)]), False),
        ]

    def _make_root(self) -> Issuer:
        key = ec.generate_private_key(ec.SECP384R1())
        name = _ca_name("Evercert Sandbox Root")
        builder = _ca_builder(name, name, key, path_length=1)
        return Issuer(builder.sign(key, hashes.SHA384()), key)

    def _make_intermediate(self, brand: Brand) -> Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _ca_name(f"Evercert Sandbox {brand.capitalize()} Server CA")
        builder = _ca_builder(name, self.root.certificate.subject, key, path_length=0)
        policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
        for extension, critical in (
            (_key_identifier(self.root), False),
            (x509.CertificatePolicies([policy]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            *self._pointers("root"),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return Issuer(builder.sign(self.root.key, hashes.SHA384()), key)

    def _kept(self, name: str, make: Callable[[], Issuer]) -> Issuer:
        found = self._store.row("pki", name)
        if found is not None:
            return Issuer(x509.load_pem_x509_certificate(found.encode()), self._kept_key(f"key-{name}"))
        made = make()
        self._store.put_all(("pki", f"key-{name}", _key_pem(made.key)), ("pki", name, made.pem))
        return made

    def _kept_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        found = self._store.row("pki", name)
        if found is None:
            key = ec.generate_private_key(ec.SECP256R1())
            self._store.put_all(("pki", name, _key_pem(key)))
            return key
        loaded = load_pem_private_key(found.encode(), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return loaded


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _ca_name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _ca_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, path_length: int
) -> x509.CertificateBuilder:
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
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
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


def _key_identifier(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    subject = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject)


def _subject(common_name: str, level: Level, organization: dict[str, str]) -> x509.Name:
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
