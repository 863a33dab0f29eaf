"""Domain control validation: what must be published, and looking whether it is.

Sectigo's values follow from the CSR; DigiCert's are random. Either way the CA believes only what it finds.
"""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.TXT

from deploy.sandbox.book import Method, Proof
from deploy.sandbox.catalogue import Brand
from deploy.sandbox.csr import SigningRequest
from deploy.sandbox.files import PROOF_FOLDER, FileFetcher
from deploy.sandbox.resolver import LookupFailedError, Resolver

_BASE_LABELS = 2  # every name of the sandbox ends in `.test`, so a base domain has two labels
_TOKEN_LENGTH = 32
RANDOM_VALUE_LIFE = timedelta(days=30)


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
        case _:
            give_fresh_value(proof, dice)
    return proof


def give_fresh_value(proof: Proof, dice: random.Random) -> None:
    """Give a proof of DigiCert a random value, in the place of the one it had."""
    token = random_token(dice)
    if proof.method == "FILE":
        proof.file_name, proof.file_content = "fileauth.txt", token
    elif proof.method in {"CNAME", "TXT"}:
        proof.record_name = f"_dnsauth.{proof.host}"
        proof.record_value = token if proof.method == "TXT" else f"{token}.dcv.digicert.com"


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
    """Looks for proofs where their names say: in the DNS and on web servers."""

    def __init__(self, resolver: Resolver, fetcher: FileFetcher) -> None:
        self._resolver = resolver
        self._fetcher = fetcher

    async def look(self, proof: Proof) -> Look:
        """Look once; an e-mail proof waits for a person."""
        match proof.method:
            case "CNAME" | "TXT":
                return await self._look_up(proof)
            case "FILE":
                return await self._fetch(proof)
            case _:
                return Look(is_proven=False, result="waiting for approval")

    async def _look_up(self, proof: Proof) -> Look:
        """A DNS proof counts at the name and at its parents."""
        found: list[str] = []
        try:
            for parent in authorization_names(proof.host):
                for owner in _owners(proof, parent):
                    values = await self._values(owner, proof.method)
                    if proof.record_value.lower() in values:
                        return Look(is_proven=True, result=f"found at {owner}")
                    found += values
        except LookupFailedError as error:
            return Look(is_proven=False, result=f"look-up failed: {error}")
        return Look(is_proven=False, result="another value was found" if found else "record not found")

    async def _values(self, owner: str, method: Method) -> list[str]:
        answers = await self._resolver.ask(owner, dns.rdatatype.from_text(method))
        return [_plain(rdata) for rdata in answers]

    async def _fetch(self, proof: Proof) -> Look:
        """A file counts at exactly the name, and never for a wildcard."""
        if proof.name.startswith("*."):
            return Look(is_proven=False, result="a file proves no wildcard name")
        fetched = await self._fetcher.fetch(proof.host, proof.file_name, proof.file_content)
        if fetched.content is None:
            return Look(is_proven=False, result=fetched.problem)
        if _lines(fetched.content) != _lines(proof.file_content):
            return Look(is_proven=False, result="another content was found")
        return Look(is_proven=True, result=f"found at http://{proof.host}{PROOF_FOLDER}{proof.file_name}")


def _owners(proof: Proof, parent: str) -> list[str]:
    """Record names under an authorization name: the proof's own label, for TXT also the name itself."""
    label = proof.record_name.partition(".")[0]
    return [f"{label}.{parent}", parent] if proof.method == "TXT" else [f"{label}.{parent}"]


def _plain(rdata: dns.rdata.Rdata) -> str:
    """A record's value for comparison; the strings of a TXT record belong together."""
    if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT):
        return b"".join(rdata.strings).decode("utf-8", errors="replace").strip().lower()
    return rdata.to_text().rstrip(".").lower()


def _lines(text: str) -> list[str]:
    """Lines without the space that editors and web servers leave at ends; a hash counts in either case."""
    return [line.strip().lower() for line in text.strip().splitlines()]
