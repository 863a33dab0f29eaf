"""What is wrong with a leaf: names, key, chain, dates. An empty verdict lets a version become current."""

import functools
import ssl
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from activities.adapters.http import default_trust
from activities.adapters.x509_parts import common_names, dns_names, extension, is_signed_by, readable, spki_sha256
from domain.calendar import LEAF_LIMITS

_EARLY = timedelta(hours=48)
_LONGEST_QUOTE = 200


def name_problems(leaf: x509.Certificate, names: Sequence[str]) -> Iterator[str]:
    """The names must be the ordered ones: one too few is of no use, one too many was never proved by us.

    Many products add one name at no charge, proved together with the ordered one; that is no mismatch.
    """
    wanted, shown = {name.lower() for name in names}, set(dns_names(leaf))
    if missing := wanted - shown:
        yield f"name: the certificate lacks {_listed(missing)}"
    if extra := shown - wanted - {_free_name(name) for name in wanted}:
        yield f"name: the certificate also names {_listed(extra)}"
    alternatives = extension(leaf, x509.SubjectAlternativeName)
    if any(not isinstance(entry, x509.DNSName) for entry in alternatives or ()):
        yield "name: the certificate names something that is no DNS name"
    if strange := set(common_names(leaf)) - wanted - shown:
        yield f"name: the common name is {_listed(strange)}"


def _free_name(name: str) -> str:
    """Return what a product may add by itself: the base of a wildcard, the bare or the ``www.`` twin of another name."""
    for prefix in ("*.", "www."):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return f"www.{name}"


def key_problems(leaf: x509.Certificate, spki: str) -> Iterator[str]:
    """The key must be the one that the order's request was made with."""
    if spki_sha256(leaf.public_key()) != spki:
        yield "key: the certificate carries another public key than the request"


def date_problems(leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    """The leaf must be of use now, and no longer than public CAs may issue (domain.calendar)."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if begins > now + _EARLY:
        yield f"dates: the certificate is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    if ends <= now:
        yield f"dates: the certificate expired at {ends:%Y-%m-%d %H:%M} UTC"
    limit = max((limit for limit in LEAF_LIMITS if limit.since <= begins), key=lambda limit: limit.since, default=None)
    # Both ends are part of the validity (RFC 5280, 4.1.2.5), hence the second.
    if limit is not None and ends - begins + timedelta(seconds=1) > timedelta(days=limit.max_days):
        yield f"dates: the certificate lives longer than the {limit.max_days} days that were allowed at its start"


def chain_problems(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> Iterator[str]:
    """The leaf must chain to one of the roots, by the rules that browsers follow."""
    names = dns_names(leaf)
    if not names:
        return  # said as a problem of the name already; there is nothing to verify for
    try:
        subject = x509.DNSName(names[0].replace("*", "wildcard", 1))
        # Dates of the leaf have their own verdict: the chain is judged at an instant when the leaf is valid.
        at = min(max(now, leaf.not_valid_before_utc), leaf.not_valid_after_utc)
        verifier = PolicyBuilder().store(Store(list(roots))).time(at).build_server_verifier(subject)
        verifier.verify(leaf, list(chain))
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        yield f"chain: {_broken_link(leaf, chain, roots) or _quoted(error)}"


def trust_anchors(roots: Sequence[str]) -> tuple[x509.Certificate, ...]:
    """Return the given PEM anchors, or the public trust store where there are none."""
    return tuple(readable(roots)[0]) if roots else _public_anchors()


@functools.cache
def _public_anchors() -> tuple[x509.Certificate, ...]:
    """Read the system's store once; where a system has none, the anchors that HTTPS itself goes by."""
    texts = _loaded(ssl.create_default_context()) or _kept_one_by_one() or _loaded(default_trust())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # old roots with odd serial numbers
        return tuple(readable(texts)[0])


def _loaded(context: ssl.SSLContext) -> list[str]:
    return [ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)]


def _kept_one_by_one() -> list[str]:
    """Read a store of one file per anchor, of which TLS itself loads only what it needs, when it needs it."""
    folder = ssl.get_default_verify_paths().capath
    files = sorted(Path(folder).glob("*.[0-9]")) if folder else []
    return [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]


def _broken_link(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> str | None:
    """Say in our words where the way to a root ends; None when each link holds and a rule must be the reason."""
    if not roots:
        return "no trusted root is configured"
    path = [leaf, *chain]
    for below, above in pairwise(path):
        if not is_signed_by(below, above):
            return f"{_called(above)} did not sign {_called(below)}"
    if not any(is_signed_by(path[-1], root) for root in roots):
        return f"no trusted root has signed {_called(path[-1])}"
    return None


def _called(certificate: x509.Certificate) -> str:
    return _clean(certificate.subject.rfc4514_string() or "a certificate without subject")


def _quoted(error: Exception) -> str:
    return f"the path to a root breaks a rule: {_clean(str(error))}"


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return _clean(", ".join(ordered[:5])) + more


def _clean(text: str) -> str:
    """Foreign text, printable and short."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"
