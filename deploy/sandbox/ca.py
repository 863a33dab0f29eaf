"""The issuing CA: a name-constrained root, one intermediate per brand, leaves by the Baseline Requirements' profile.

Nothing this CA signs is good for a public name: root and intermediates permit `.test`, `localhost` and 127.0.0.0/8 only.
"""

from collections.abc import Callable, Mapping, Sequence
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
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from deploy.sandbox.ca_profile import (
    SINCE,
    UNTIL,
    Issuer,
    authority_key,
    ca_builder,
    ca_name,
    key_usage,
    subject_name,
)
from deploy.sandbox.catalogue import Brand, Level
from deploy.sandbox.csr import PublicKey
from deploy.sandbox.ct import promises_needed, sct_list
from deploy.sandbox.revocation import UNSPECIFIED, Revocation, RevocationLedger, revocation_list
from deploy.sandbox.rules import leaf_not_after
from deploy.sandbox.state import Store

WrongLeaf = Literal["name", "key", "chain", "dates"]
BRANDS: tuple[Brand, ...] = ("sectigo", "digicert")
_POLICY: dict[Level, str] = {"DV": "2.23.140.1.2.1", "OV": "2.23.140.1.2.2", "EV": "2.23.140.1.1"}


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

    def __init__(
        self,
        store: Store,
        base_url: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        has_ocsp_pointer: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._now = now
        self._has_ocsp_pointer = has_ocsp_pointer
        self.ledger = RevocationLedger(store)
        self._pki_url = f"{base_url}/pki"
        self.root = self._kept("root", self._make_root)
        self.intermediates: dict[Brand, Issuer] = {
            brand: self._kept(brand, partial(self._make_intermediate, brand)) for brand in BRANDS
        }
        for issuer in self.intermediates.values():
            self.ledger.note_signed(issuer.certificate.serial_number, "root")
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
            .subject_name(subject_name(names[0], wanted.level, wanted.organization))
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
        self.ledger.note_signed(leaf.serial_number, wanted.brand)
        above = next(b for b in BRANDS if b != wanted.brand) if wrong == "chain" else wanted.brand
        return Issued(leaf, self.intermediates[above].certificate)

    def revoke(self, serial: int | str, reason: str = UNSPECIFIED) -> bool:
        """Revoke a certificate now; `False` when this CA never signed it.

        Args:
            serial: The number, or its hexadecimal digits.
            reason: A word of `revocation.REASONS`.

        Raises:
            ValueError: No such reason, or no hexadecimal digits.
        """
        number = int(serial, 16) if isinstance(serial, str) else serial
        return self.ledger.revoke(number, self._now(), reason)

    def crl(self, issuer_name: str, revoked: Mapping[int, Revocation], now: datetime) -> bytes | None:
        """The DER revocation list of an issuer (`root` or a brand); `None` when there is no such issuer."""
        issuer = self.issuer(issuer_name)
        if issuer is None:
            return None
        return revocation_list(issuer.certificate, issuer.key, [authority_key(issuer)], revoked, now)

    def issuer(self, name: str) -> Issuer | None:
        """An issuer by its name in `/pki` addresses."""
        if name == "root":
            return self.root
        return next((issuer for brand, issuer in self.intermediates.items() if brand == name), None)

    def responder(self, name: str) -> Issuer:
        """Who signs OCSP answers for an issuer; made when first needed."""
        return self._kept(f"ocsp-{name}", partial(self._make_responder, name))

    def _leaf_extensions(
        self, names: list[str], wanted: LeafOrder, issuer: Issuer
    ) -> list[tuple[x509.ExtensionType, bool]]:
        has_subject = bool(subject_name(names[0], wanted.level, wanted.organization).rdns)
        policy = x509.PolicyInformation(x509.ObjectIdentifier(_POLICY[wanted.level]), None)
        return [
            (authority_key(issuer), False),
            (key_usage(digital_signature=True), True),
            (x509.CertificatePolicies([policy]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectAlternativeName([x509.DNSName(name) for name in dict.fromkeys(names)]), not has_subject),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            *self._pointers(wanted.brand, with_ocsp=self._has_ocsp_pointer()),
        ]

    def _pointers(self, issuer_name: str, *, with_ocsp: bool = False) -> list[tuple[x509.ExtensionType, bool]]:
        """Where to find the issuer's certificate and revocation list, and the OCSP responder."""
        there = x509.UniformResourceIdentifier(f"{self._pki_url}/{issuer_name}.crt")
        crl = x509.UniformResourceIdentifier(f"{self._pki_url}/{issuer_name}.crl")
        access = [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, there)]
        if with_ocsp:
            responder = x509.UniformResourceIdentifier(f"{self._pki_url}/ocsp")
            access.append(x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder))
        return [
            (x509.AuthorityInformationAccess(access), False),
            (x509.CRLDistributionPoints([x509.DistributionPoint([crl], None, None, None)]), False),
        ]

    def _make_root(self) -> Issuer:
        key = ec.generate_private_key(ec.SECP384R1())
        name = ca_name("Evercert Sandbox Root")
        builder = ca_builder(name, name, key, path_length=1)
        return Issuer(builder.sign(key, hashes.SHA384()), key)

    def _make_intermediate(self, brand: Brand) -> Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        name = ca_name(f"Evercert Sandbox {brand.capitalize()} Server CA")
        builder = ca_builder(name, self.root.certificate.subject, key, path_length=0)
        policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
        for extension, critical in (
            (authority_key(self.root), False),
            (x509.CertificatePolicies([policy]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            *self._pointers("root"),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return Issuer(builder.sign(self.root.key, hashes.SHA384()), key)

    def _make_responder(self, name: str) -> Issuer:
        """A delegate of an issuer that may sign OCSP answers and nothing else, and is not itself looked up."""
        issuer, key = self.issuer(name), ec.generate_private_key(ec.SECP256R1())
        assert issuer is not None
        builder = (
            x509.CertificateBuilder()
            .subject_name(ca_name(f"Evercert Sandbox {name.capitalize()} OCSP"))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(SINCE)
            .not_valid_after(UNTIL)
            .add_extension(authority_key(issuer), critical=False)
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
            .add_extension(x509.OCSPNoCheck(), critical=False)
        )
        return Issuer(builder.sign(issuer.key, hashes.SHA256()), key)

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
