"""Domain control validation: what must be published, and looking whether it is.

Sectigo's values follow from the CSR; DigiCert's are random. Either way the CA believes only what the DNS answers.
"""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from deploy.sandbox.book import Method, Proof
from deploy.sandbox.catalogue import Brand
from deploy.sandbox.csr import SigningRequest

_BASE_LABELS = 2  # every name of the sandbox ends in `.test`, so a base domain has two labels
_TOKEN_LENGTH = 32
_LOOK_SECONDS = 3.0


def sectigo_record(host: str, csr: SigningRequest, unique_value: str = "") -> tuple[str, str]:
    """Owner and target of Sectigo's CNAME for a name, wildcard label stripped."""
    digest = csr.sha256
    middle = f"{unique_value}." if unique_value else ""
    return f"_{csr.md5}.{host.removeprefix('*.')}", f"{digest[:32]}.{digest[32:]}.{middle}sectigo.com"


def sectigo_file(csr: SigningRequest, unique_value: str = "") -> tuple[str, str]:
    """Name and body of Sectigo's proof file."""
    lines = [csr.sha256, "sectigo.com", *([unique_value] if unique_value else [])]
    return f"{csr.md5.upper()}.txt", "\n".join(lines)


def random_token(dice: random.Random) -> str:
    """A random value as DigiCert hands out."""
    return "".join(dice.choices(string.ascii_lowercase + string.digits, k=_TOKEN_LENGTH))


def make_proof(
    name: str, method: Method, brand: Brand, csr: SigningRequest, unique_value: str, dice: random.Random, approver: str
) -> Proof:
    """What one name needs, by brand and method."""
    proof = Proof(name=name, method=method)
    match brand, method:
        case _, "EMAIL":
            proof.approver = approver
        case "sectigo", "FILE":
            proof.file_name, proof.file_content = sectigo_file(csr, unique_value)
        case "sectigo", _:
            proof.record_name, proof.record_value = sectigo_record(name, csr, unique_value)
        case "digicert", "FILE":
            proof.file_name, proof.file_content = "fileauth.txt", random_token(dice)
        case _:
            token = random_token(dice)
            proof.record_name = f"_dnsauth.{proof.host}"
            proof.record_value = token if method == "TXT" else f"{token}.dcv.digicert.com"
    return proof


def authorization_names(host: str) -> Iterator[str]:
    """A name and its parents down to the base domain: where a DNS proof counts."""
    labels = host.split(".")
    for start in range(max(1, len(labels) - _BASE_LABELS + 1)):
        yield ".".join(labels[start:])


@dataclass(frozen=True)
class Look:
    """What one look found."""

    is_proven: bool
    result: str


class ProofLooker:
    """Asks a resolver for proofs."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def look(self, proof: Proof) -> Look:
        """Look once for a DNS proof at the name and its parents; other methods wait for a person or a later look."""
        if proof.method not in {"CNAME", "TXT"}:
            return Look(is_proven=False, result="waiting for approval")
        found: list[str] = []
        try:
            for parent in authorization_names(proof.host):
                for owner in _owners(proof, parent):
                    values = await self._values(owner, proof.method)
                    if proof.record_value.lower() in values:
                        return Look(is_proven=True, result=f"found at {owner}")
                    found += values
        except (dns.exception.DNSException, OSError) as error:
            return Look(is_proven=False, result=f"look-up failed: {type(error).__name__}")
        return Look(is_proven=False, result="another value was found" if found else "record not found")

    async def _values(self, owner: str, method: Method) -> list[str]:
        kind = dns.rdatatype.from_text(method)
        query = dns.message.make_query(dns.name.from_text(owner), kind)
        answer, _ = await dns.asyncquery.udp_with_fallback(query, self._host, _LOOK_SECONDS, self._port)
        values = []
        for rrset in answer.answer:
            if rrset.rdtype == kind:
                values += [_plain(rdata.to_text(), method) for rdata in rrset]
        return values


def _owners(proof: Proof, parent: str) -> list[str]:
    """Record names under an authorization name: the proof's own label, for TXT also the name itself."""
    label = proof.record_name.partition(".")[0]
    return [f"{label}.{parent}", parent] if proof.method == "TXT" else [f"{label}.{parent}"]


def _plain(text: str, method: Method) -> str:
    if method == "TXT":
        return "".join(text.strip('"').split('" "')).strip().lower()
    return text.rstrip(".").lower()
