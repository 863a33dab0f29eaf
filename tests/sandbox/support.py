"""A client of the sandbox that knows nothing of Evercert, and plain DNS calls."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import Any, cast

import dns.asyncquery
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update
import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deploy.sandbox import Sandbox

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; loading the machine's roots for each test takes long
KEY = ec.generate_private_key(ec.SECP256R1())


def make_csr(*names: str, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """A PEM request with the first name as common name where it fits."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if len(names[0]) <= 64 else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class Client:
    """Plain JSON calls, as any client of the real API makes them."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.http = httpx.AsyncClient(timeout=20, verify=NO_TLS)
        self.auth: dict[str, Any] = {"PartnerCode": "12345678", "AuthToken": "sandbox-token", "ReplayToken": "r-1"}

    async def call(self, endpoint: str, **members: Any) -> Any:
        body = {"AuthRequest": self.auth, **members}
        answer = await self.http.post(f"{self.box.base_url}/{endpoint}", json=body)
        assert answer.status_code == 200
        return answer.json()

    def order_body(self, name: str = "www.example.test", /, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "CustomOrderID": "EC-1",
            "ProductCode": "positivessl",
            "ValidityPeriod": 12,
            "ServerCount": 1,
            "CSR": make_csr(name),
            "DomainName": name,
            "WebServerType": "Other",
            "CNAMEAuthDVIndicator": True,
            "SignatureHashAlgorithm": "PREFER_SHA2",
        }
        return body | changes

    async def buy(self, name: str = "www.example.test", /, **changes: Any) -> dict[str, Any]:
        answer = await self.call("order/neworder", **self.order_body(name, **changes))
        assert answer["AuthResponse"]["isError"] is False, answer
        return cast("dict[str, Any]", answer)

    async def status(self, order: dict[str, Any]) -> dict[str, Any]:
        return cast("dict[str, Any]", await self.call("order/status", TheSSLStoreOrderID=order["TheSSLStoreOrderID"]))

    async def control(self, method: str, path: str, json: Any = None) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return await self.http.request(method, f"{self.box.control_url}/{path}", json=json, headers=headers)

    async def until_active(self, order: dict[str, Any]) -> dict[str, Any]:
        while True:
            shown = await self.status(order)
            if shown["OrderStatus"]["MajorStatus"] == "Active":
                return shown
            await asyncio.sleep(0.02)

    async def publish_proofs(self, order: dict[str, Any]) -> None:
        for vetting in order["OrderStatus"]["DomainAuthVettingStatus"]:
            kind = "CNAME" if "." in vetting["DNSEntry"] else "TXT"
            await add_record(self.box, vetting["DNSName"], kind, vetting["DNSEntry"])

    async def issue(self, name: str = "www.example.test", /, **changes: Any) -> dict[str, Any]:
        order = await self.buy(name, **changes)
        await self.publish_proofs(order)
        return await self.until_active(order)


async def add_record(box: Sandbox, name: str, kind: str, value: str) -> dns.rcode.Rcode:
    """Add one record by a signed update."""
    rooted = f"{value}." if kind == "CNAME" else value
    return await update_dns(box, lambda update: update.add(f"{name}.", 60, kind, rooted))


async def update_dns(
    box: Sandbox,
    change: Callable[[dns.update.UpdateMessage], Any],
    zone: str = "test.",
    secret: str | None = None,
    name: str | None = None,
    tcp: bool = True,
) -> dns.rcode.Rcode:
    """Send a signed update; the answer's code."""
    key = dns.tsig.Key(name or box.tsig_name, base64.b64decode(secret or box.tsig_secret), dns.tsig.HMAC_SHA256)
    message = dns.update.UpdateMessage(zone, keyring=key)
    change(message)
    send = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return (await send(message, box.dns_host, timeout=10, port=box.dns_port)).rcode()


async def ask_dns(box: Sandbox, name: str, kind: str) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return await dns.asyncquery.udp(query, box.dns_host, timeout=10, port=box.dns_port)
