"""What a plain asyncio script needs for one certificate: key, CSR, order, proof by DNS, poll, download. Nothing is kept.

No Temporal, no inventory, no second look: killed between order and download, it knows nothing of what it has bought.
"""

import asyncio
import base64
import uuid
from dataclasses import dataclass
from typing import Any

import dns.asyncquery
import dns.rcode
import dns.tsig
import dns.update
import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_AUTH = {"PartnerCode": "12345678", "AuthToken": "sandbox-token"}
_TSIG_SECRET = "ZXZlcmNlcnQtc2FuZGJveC1wdWJsaXNoZWQta2V5LTE="
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Where:
    """Where the sandbox answers."""

    base_url: str
    dns_host: str
    dns_port: int
    tsig_name: str


class PlainScript:
    """Buys certificates, as many at once as are asked for; connections are kept."""

    def __init__(self, where: Where, client: httpx.AsyncClient) -> None:
        self._where = where
        self._client = client
        self._key = dns.tsig.Key(where.tsig_name, base64.b64decode(_TSIG_SECRET), dns.tsig.HMAC_SHA256)

    async def buy(self, name: str, algorithm: str) -> x509.Certificate:
        """Return the leaf of a new certificate for a name."""
        csr = await asyncio.to_thread(_make_csr, name, algorithm)
        placed = await self._post(
            "order/neworder",
            CustomOrderID=f"plain-{uuid.uuid4().hex}",
            ProductCode="positivessl",
            ValidityPeriod=12,
            CSR=csr,
            DomainName=name,
            CNAMEAuthDVIndicator=True,
            WebServerType="Other",
        )
        order = placed["TheSSLStoreOrderID"]
        await self._publish(placed["CNAMEAuthName"], placed["CNAMEAuthValue"])
        while (await self._post("order/status", TheSSLStoreOrderID=order))["OrderStatus"]["MajorStatus"] != "Active":
            await asyncio.sleep(_POLL_SECONDS)
        files = await self._post("order/download", TheSSLStoreOrderID=order)
        leaf = x509.load_pem_x509_certificate(files["Certificates"][0]["FileContent"].encode())
        await self._withdraw(placed["CNAMEAuthName"])
        return leaf

    async def _post(self, endpoint: str, **members: Any) -> dict[str, Any]:
        url = f"{self._where.base_url}/{endpoint}/"
        answer = await self._client.post(url, json={"AuthRequest": _AUTH, **members})
        return dict(answer.raise_for_status().json())

    async def _publish(self, owner: str, value: str) -> None:
        update = self._update()
        update.add(f"{owner.rstrip('.')}.", 60, "CNAME", f"{value.rstrip('.')}.")
        await self._send(update)

    async def _withdraw(self, owner: str) -> None:
        update = self._update()
        update.delete(f"{owner.rstrip('.')}.")
        await self._send(update)

    def _update(self) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage("test.", keyring=self._key)

    async def _send(self, update: dns.update.UpdateMessage) -> None:
        answer = await dns.asyncquery.tcp(update, self._where.dns_host, port=self._where.dns_port, timeout=30)
        if answer.rcode() != dns.rcode.NOERROR:
            raise RuntimeError(f"the name server answers {dns.rcode.to_text(answer.rcode())}")


def _make_csr(name: str, algorithm: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ecdsa" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.PEM).decode()
