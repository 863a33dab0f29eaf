"""How many orders per second the sandbox alone takes from `order/neworder` to an issued P-256 leaf.

Run it as ``python tests/bench/sandbox_capacity.py [ORDERS] [CLIENTS]``. A plain asyncio client plays both the buyer and
the one who publishes proofs; CSRs are made beforehand. Not a test: it prints numbers and judges nothing. Client and
sandbox share the machine, so the number is a lower bound.
"""

import asyncio
import base64
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.tsig
import dns.update
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
AUTH = {"PartnerCode": "12345678", "AuthToken": "sandbox-token"}
TSIG_SECRET = "ZXZlcmNlcnQtc2FuZGJveC1wdWJsaXNoZWQta2V5LTE="
KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Job:
    """One order that is ready to be placed."""

    name: str
    csr: str
    record: str
    value: str


def prepare(number: int) -> Job:
    """Make a CSR and the record that proves its name, by Sectigo's formula."""
    name = f"host-{number}.bench.test"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(KEY, hashes.SHA256())
    der = csr.public_bytes(Encoding.DER)
    digest = hashlib.sha256(der).hexdigest()
    record = f"_{hashlib.md5(der, usedforsecurity=False).hexdigest()}.{name}."
    value = f"{digest[:32]}.{digest[32:]}.sectigo.com."
    return Job(name, csr.public_bytes(Encoding.PEM).decode(), record, value)


class Connection:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, endpoint: str, **members: Any) -> Any:
        """Send one call; the decoded answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        body = json.dumps({"AuthRequest": AUTH, **members}).encode()
        head = f"POST /rest/{endpoint}/ HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = (line.partition(":") for line in answer.splitlines()[1:])
        size = next(int(value) for name, _, value in lines if name.lower() == "content-length")
        return json.loads(await reader.readexactly(size))

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()


async def publish(ready: dict[str, Any], jobs: list[Job]) -> None:
    """Add the proofs of several orders by one signed update."""
    key = dns.tsig.Key(ready["tsig_name"], base64.b64decode(TSIG_SECRET), dns.tsig.HMAC_SHA256)
    update = dns.update.UpdateMessage("test.", keyring=key)
    for job in jobs:
        update.add(job.record, 60, "CNAME", job.value)
    await dns.asyncquery.tcp(update, ready["dns_host"], port=ready["dns_port"], timeout=30)


async def buy(connection: Connection, ready: dict[str, Any], jobs: list[Job]) -> None:
    """Place some orders, publish their proofs, and follow them until all leaves are downloaded."""
    ids = []
    for job in jobs:
        placed = await connection.post(
            "order/neworder",
            CustomOrderID=job.name,
            ProductCode="positivessl",
            ValidityPeriod=12,
            CSR=job.csr,
            DomainName=job.name,
            CNAMEAuthDVIndicator=True,
            WebServerType="Other",
        )
        ids.append(placed["TheSSLStoreOrderID"])
    await publish(ready, jobs)
    for order in ids:
        while True:
            shown = await connection.post("order/status", TheSSLStoreOrderID=order)
            if shown["OrderStatus"]["MajorStatus"] == "Active":
                break
            await asyncio.sleep(0.2)
        files = await connection.post("order/download", TheSSLStoreOrderID=order)
        if "BEGIN CERTIFICATE" not in files["Certificates"][0]["FileContent"]:
            raise RuntimeError("the sandbox delivered no leaf")


async def measure(orders: int, clients: int, *, with_state: bool) -> float:
    """Orders per second of a fresh sandbox."""
    jobs = [prepare(number) for number in range(orders)]
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        arguments = ["--port", "0", "--dns-port", "0", "--ca-poll-seconds", "0.1", "--log", "none"]
        arguments += ["--state", f"{folder}/state.db"] if with_state else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.sandbox", "--ready-file", str(ready_file), *arguments, cwd=ROOT
        )
        try:
            while not ready_file.exists():
                if process.returncode is not None:
                    raise RuntimeError("the sandbox does not start")
                await asyncio.sleep(0.05)
            ready = json.loads(ready_file.read_text())
            host, _, port = ready["base_url"].removeprefix("http://").removesuffix("/rest").partition(":")
            connections = [Connection(host, int(port)) for _ in range(clients)]
            began = time.perf_counter()
            await asyncio.gather(*(buy(c, ready, jobs[n::clients]) for n, c in enumerate(connections)))
            took = time.perf_counter() - began
            for connection in connections:
                connection.close()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    return orders / took


def main(orders: int = 400, clients: int = 8) -> None:
    """Measure with and without a state file, and print."""
    for with_state in (False, True):
        rate = asyncio.run(measure(orders, clients, with_state=with_state))
        where = "with a state file" if with_state else "in memory"
        print(f"{orders} orders by {clients} clients, {where:<18}{rate:8.1f} orders per second")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
