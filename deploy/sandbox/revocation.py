"""What a CA knows of the certificates it signed: which there are, which are revoked, and the lists that say so."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.sandbox.state import Store

#: Words for reasons that a subscriber, or (privilegeWithdrawn) the CA, may give; RFC 5280 section 5.3.1.
REASONS: dict[str, x509.ReasonFlags] = {
    reason.value: reason
    for reason in (
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
        x509.ReasonFlags.privilege_withdrawn,
    )
}
UNSPECIFIED = x509.ReasonFlags.unspecified.value
_COMPROMISED = x509.ReasonFlags.key_compromise.value
LIST_LIFE = timedelta(days=4)


@dataclass(frozen=True)
class Revocation:
    """When and why a certificate was revoked."""

    at: datetime
    reason: str = UNSPECIFIED

    @property
    def flag(self) -> x509.ReasonFlags | None:
        """The reason as lists and answers carry it; *unspecified* is said by saying nothing."""
        return None if self.reason == UNSPECIFIED else REASONS[self.reason]


class RevocationLedger:
    """Serial numbers that were signed, by issuer, and those revoked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._issuers: dict[int, str] = {}
        self._revoked: dict[int, Revocation] = {}
        for row in store.rows("signed"):
            serial, issuer = json.loads(row)
            self._issuers[int(serial, 16)] = issuer
        for row in store.rows("revoked"):
            serial, at, reason = json.loads(row)
            self._revoked[int(serial, 16)] = Revocation(datetime.fromisoformat(at), reason)

    def note_signed(self, serial: int, issuer_name: str) -> None:
        """Remember a certificate that was signed."""
        self._issuers[serial] = issuer_name
        self._store.put_all(("signed", f"{serial:X}", json.dumps([f"{serial:X}", issuer_name])))

    def issuer_of(self, serial: int) -> str | None:
        """Name of the issuer that signed a serial number."""
        return self._issuers.get(serial)

    def revoke(self, serial: int, at: datetime, reason: str = UNSPECIFIED) -> bool:
        """Revoke; `False` for a serial number that was never signed.

        Repeating changes nothing, but a key that turns out to be compromised sharpens an earlier reason.

        Raises:
            ValueError: The reason is no word of `REASONS`.
        """
        if reason not in REASONS:
            raise ValueError(f"a reason must be one of {', '.join(REASONS)}")
        if serial not in self._issuers:
            return False
        known = self._revoked.get(serial)
        if known is None or (reason == _COMPROMISED != known.reason):
            revocation = Revocation(known.at if known else at, reason)
            self._revoked[serial] = revocation
            body = json.dumps([f"{serial:X}", revocation.at.isoformat(), reason])
            self._store.put_all(("revoked", f"{serial:X}", body))
        return True

    def revocation(self, serial: int) -> Revocation | None:
        """The revocation of a serial number, if there is one."""
        return self._revoked.get(serial)

    def revocations(self, issuer_name: str) -> dict[int, Revocation]:
        """Every revocation of an issuer, by serial number."""
        return {serial: each for serial, each in self._revoked.items() if self._issuers.get(serial) == issuer_name}


def reason_of(text: str) -> str:
    """The word in a requester's free text that is a reason; *unspecified* when the text is anything else."""
    wanted = text.strip().replace(" ", "").replace("_", "").lower()
    return next((word for word in REASONS if word.lower() == wanted), UNSPECIFIED)


def revocation_list(
    issuer: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    extensions: Iterable[x509.ExtensionType],
    revoked: Mapping[int, Revocation],
    now: datetime,
) -> bytes:
    """A whole DER revocation list, good for four days."""
    now = now.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(now + LIST_LIFE)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    for serial, revocation in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        entry = entry.revocation_date(revocation.at.replace(microsecond=0))
        if revocation.flag is not None:
            entry = entry.add_extension(x509.CRLReason(revocation.flag), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
