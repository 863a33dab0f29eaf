"""The sandbox twice over: as an object in this process, and as a program of its own behind a port; steered the same way."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from activities.adapters.http import HttpClient
from activities.adapters.seller import Credential, SellerClient
from activities.ports import SendGate
from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.settings import Switches
from domain.inventory import AccountRecord, Environment
from domain.seller import Placement, SellerOrder, SellerState
from starter.process import ChildProcess

TOKEN = "sandbox-token"
NAME = "www.shop.test"
_START_ROUNDS = 1200


class OpenGate:
    def may_send(self) -> bool:
        return True


class Clock:
    async def now(self) -> datetime:
        return datetime.now(UTC)

    def send_gate(self, deadline: datetime) -> SendGate:
        return OpenGate()


@dataclass
class SellerWorld:
    """A running sandbox, seen through its own two doors only."""

    base_url: str
    control_url: str
    http: HttpClient

    async def control(self, path: str, body: object = None, method: str = "") -> Any:
        """Ask the control API; a body is posted."""
        return await asyncio.to_thread(self._control, path, body, method or ("GET" if body is None else "POST"))

    def _control(self, path: str, body: object, method: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = Request(
            f"{self.control_url}/{path}", data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with urlopen(asked) as answer:
            return json.loads(answer.read())

    async def begin(self, **switches: object) -> None:
        """Forget everything, then put switches into force."""
        await self.control("reset", {})
        await self.control("faults", method="DELETE")
        await self.control("clock", {"follow_system": True})
        await self.control("switches", {**Switches().model_dump(mode="json"), **switches})

    async def advance(self, seconds: float) -> None:
        await self.control("clock", {"advance_seconds": seconds})

    async def sales(self) -> int:
        return int((await self.control("ledger"))["count"])

    def seller(self, *, token: str = TOKEN, **account: Any) -> SellerClient:
        record = AccountRecord(
            name="sandbox",
            environment=Environment.SANDBOX,
            base_url=self.base_url,
            partner_code="12345678",
            secret_id="s",
            contact_email="certs@shop.test",
            **account,
        )
        return SellerClient(record, Credential("12345678", token), self.http, Clock())


@asynccontextmanager
async def in_process() -> AsyncIterator[SellerWorld]:
    """A sandbox that lives in the test's own loop."""
    http = HttpClient()
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.05)) as box:
        yield SellerWorld(box.base_url, box.control_url, http)
        await http.close()


@asynccontextmanager
async def over_a_port(folder: Path) -> AsyncIterator[SellerWorld]:
    """A sandbox that is a program of its own, as people start it."""
    ready = folder / "ready.json"
    argv = [sys.executable, "-m", "deploy.sandbox", "--port", "0", "--dns-port", "0", "--ready-file", str(ready)]
    argv += ["--ca-poll-seconds", "0.05", "--log", "none"]
    process = ChildProcess.start(argv, log=folder / "log.txt")
    http = HttpClient()
    try:
        for _ in range(_START_ROUNDS):
            if ready.exists():
                break
            assert process.running, process.tail(5)
            await asyncio.sleep(0.05)
        facts = json.loads(ready.read_text())
        yield SellerWorld(facts["base_url"], facts["control_url"], http)
    finally:
        await http.close()
        await process.stop()


def csr(name: str = NAME) -> str:
    """A request with a key of its own, PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def placement(product: str, vendor: str, order_id: str, *, months: int = 12) -> Placement:
    return Placement(
        order_id=order_id,
        product=product,
        vendor=vendor,
        months=months,
        common_name=NAME,
        csr=csr(),
        unique_value="ec1Unique",
    )


async def until(seller: SellerClient, number: str, state: SellerState, world: SellerWorld) -> SellerOrder:
    """Look until the order is in a state, moving the seller's clock on: delays of switches are in its time."""
    while True:
        seen = await seller.live_status(number)
        if seen is not None and seen.state is state:
            return seen
        await world.advance(3600)
        await asyncio.sleep(0.03)
