"""Arbitrary input at the sandbox's other doors: never a 500, never a dead listener, never a failed desk."""

import asyncio
import random
from typing import Any
from urllib.parse import quote

import pytest

from deploy.sandbox import Sandbox
from tests.sandbox.support import Client

DICE = random.Random(5)
BYTES = [b"", b"\0", b"\xff\xfe", b"{}", b"[]", b"token=&act=&act", *(DICE.randbytes(n) for n in (1, 7, 60, 400, 3000))]
VALUES: list[Any] = [None, True, 7, -1, 1e300, "", "\x00", "ü\n", "x" * 5000, [], [[]], {}, {"a": None}]
PATHS = ["", "/", "..", "%2e%2e/%2e%2e", "\x00", "ü", "a b?c#d", "%", "x" * 3000]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "page"), ("POST", "pki/ocsp"), ("POST", "approve/x"), ("PUT", "control/files/a.test/b")],
)
async def test_bodies(client: Client, box: Sandbox, method: str, path: str) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", ""):
        for body in BYTES:
            answer = await client.http.request(
                method, f"{box.state.address}/{path}", content=body, headers={"content-type": kind}
            )
            assert answer.status_code < 500, body


async def test_members_of_control_requests(client: Client) -> None:
    shapes = {
        "PUT files/a.test/b": ("content", "status", "location"),
        "POST organizations": ("name", "country", "level", "vetted_at"),
        "POST certificates/FF/revoke": ("reason",),
        "POST orders/x/vet": ("step",),
    }
    for call, members in shapes.items():
        method, path = call.split()
        for member in members:
            for value in VALUES:
                good = {"name": "A Ltd", "country": "US"} if path == "organizations" else {}
                assert (await client.control(method, path, {**good, member: value})).status_code < 500, (call, member)


async def test_paths(client: Client, box: Sandbox) -> None:
    for raw in PATHS:
        for path in ("approve", "pki", "pki/ocsp", "control/files/a.test", "control/certificates"):
            answer = await client.http.get(f"{box.state.address}/{path}/{quote(raw)}")
            assert answer.status_code < 500, (path, raw)
        answer = await client.http.get(f"http://127.0.0.1:{box.web_port}/{quote(raw)}", headers={"host": "a.test"})
        assert answer.status_code == 404


async def test_every_file_that_control_takes_can_be_served(client: Client, box: Sandbox) -> None:
    order = await client.buy("a.test", CNAMEAuthDVIndicator=False, FileAuthDVIndicator=True, ApproverEmail="")
    for status in (200, 204, 205, 304, 404, 503, 599):
        for location in ("", "/ü", "http://[", "x\r\ny: z", "//"):
            body = {"status": status, "location": location, "content": "ü"}
            assert (await client.control("PUT", "files/a.test/x", body)).status_code == 200
            answer = await client.http.get(f"http://127.0.0.1:{box.web_port}/x", headers={"host": "a.test"})
            assert "y" not in answer.headers and answer.status_code in {status, 302}
            await client.control("PUT", f"files/a.test/.well-known/pki-validation/{order['AuthFileName']}", body)
            await box.desk.round()
            assert (await client.status(order))["PollStatus"]
    assert box.state.journal.entries("desk.failed") == []


async def test_the_mail_sink_outlives_strange_clients(client: Client, box: Sandbox) -> None:
    for data in [*BYTES, b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n" + DICE.randbytes(500) + b"\r\n.\r\nQUIT\r\n"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", box.smtp_port)
        writer.write(data)
        writer.write_eof()
        await reader.read()
        writer.close()
    shown = await client.control("GET", "mails")
    assert shown.status_code == 200 and [mail["to"] for mail in shown.json()["mails"]] == [["b"]]
