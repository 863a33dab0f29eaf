"""Proof by file: the CA fetches from a real web root, by the rules for redirects and names."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.files import PROOF_FOLDER, WebFile
from tests.sandbox.support import Client

FILE: dict[str, Any] = {"CNAMEAuthDVIndicator": False, "FileAuthDVIndicator": True, "ApproverEmail": ""}
DIGICERT = {**FILE, "ProductCode": "digi_rapidssl", "SignatureHashAlgorithm": "sha256"}


async def put(client: Client, host: str, path: str, **body: Any) -> None:
    answer = await client.control("PUT", f"files/{host}/{path.lstrip('/')}", body)
    assert answer.status_code == 200, answer.text


async def look(client: Client, order: dict[str, Any]) -> str:
    await client.box.desk.round()
    return str((await client.status(order))["PollStatus"])


@pytest.mark.parametrize("members", [FILE, DIGICERT], ids=["sectigo", "digicert"])
async def test_a_file_at_the_name_itself_proves_it(client: Client, members: dict[str, Any]) -> None:
    order = await client.buy(**members)
    name, content = order["AuthFileName"], order["AuthFileContent"]
    assert (name == "fileauth.txt") == (members is DIGICERT)
    assert await look(client, order) == "file not found (HTTP 404)"
    await put(client, "example.test", PROOF_FOLDER + name, content=content)  # a parent's file proves nothing
    assert await look(client, order) == "file not found (HTTP 404)"
    await put(client, "www.example.test", PROOF_FOLDER + name, content="something else")
    assert await look(client, order) == "another content was found"
    await put(client, "www.example.test", PROOF_FOLDER + name, content=content.replace("\n", "\r\n") + "\r\n")
    shown = await client.until_active(order)
    assert shown["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvMethod"] == "HTTP"


async def test_the_web_root_tells_names_apart_and_forgets(client: Client, box: Sandbox) -> None:
    await put(client, "a.example.test", "/x/y.txt", content="A")
    url = f"http://127.0.0.1:{box.web_port}/x/y.txt"
    for host, status in (("A.example.test:80", 200), ("b.example.test", 404)):
        assert (await client.http.get(url, headers={"host": host})).status_code == status
    listed = (await client.control("GET", "files")).json()["files"]
    assert [(f["host"], f["path"], f["content"]) for f in listed] == [("a.example.test", "/x/y.txt", "A")]
    assert (await client.control("GET", "files/a.example.test/x/y.txt")).json()["content"] == "A"
    assert (await client.control("DELETE", "files/a.example.test/x/y.txt")).json() == {"removed": True}
    assert (await client.control("DELETE", "files/a.example.test/x/y.txt")).json() == {"removed": False}
    assert (await client.control("GET", "files/a.example.test/x/y.txt")).status_code == 404
    plain = await client.http.put(f"{box.control_url}/files/a.example.test/x", content="A")
    assert plain.status_code == 415


@pytest.mark.parametrize(
    ("status", "location", "result"),
    [
        (301, "https://www.example.test/elsewhere", "found"),
        (302, "http://cdn.example.test:80/elsewhere", "found"),
        (307, "/elsewhere", "found"),
        (308, "//cdn.example.test/elsewhere?q=1", "found"),
        (303, "/elsewhere", "file not found (HTTP 303)"),
        (300, "/elsewhere", "file not found (HTTP 300)"),
        (302, "http://www.example.test:8080/elsewhere", "redirect refused: not an authorized port"),
        (302, "ftp://www.example.test/elsewhere", "redirect refused: not http or https"),
        (302, f"{PROOF_FOLDER}fileauth.txt", "redirect refused: too many"),
        (302, "/secret", "redirect refused: the secret stands in the address"),
        (302, "/" + "a" * 2001, "redirect refused: the path is too long"),
        (404, "", "file not found (HTTP 404)"),
    ],
)
async def test_redirects(client: Client, status: int, location: str, result: str) -> None:
    order = await client.buy(**DIGICERT)
    content = order["AuthFileContent"]
    for host in ("www.example.test", "cdn.example.test"):
        await put(client, host, "/elsewhere", content=content)
    target = f"/{content}" if location == "/secret" else location
    body = content if not location else ""
    await put(client, "www.example.test", PROOF_FOLDER + "fileauth.txt", status=status, location=target, content=body)
    said = await look(client, order)
    assert said.startswith(result) if result == "found" else said == result


async def test_too_big_a_file_is_not_read(client: Client) -> None:
    order = await client.buy(**DIGICERT)
    content = order["AuthFileContent"] + "\n" * 5000
    await put(client, "www.example.test", PROOF_FOLDER + "fileauth.txt", content=content)
    assert await look(client, order) == "the file is too big"


async def test_a_wildcard_is_never_proven_by_a_file(client: Client, box: Sandbox) -> None:
    answer = await client.call(
        "order/neworder", **client.order_body("*.example.test", ProductCode="positivesslwildcard", **FILE)
    )
    assert answer["AuthResponse"]["isError"] is True
    order = await client.buy("*.example.test", ProductCode="positivesslwildcard")
    kept = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert kept is not None
    proof = kept.proofs[0]  # not even where the seller let it pass
    proof.method, proof.file_name, proof.file_content = "FILE", "proof.txt", "secret"
    box.state.files.put("example.test", PROOF_FOLDER + "proof.txt", WebFile(content="secret"))
    assert await look(client, order) == "a file proves no wildcard name"


async def test_a_real_folder_and_a_real_web_server(tmp_path: Path) -> None:
    """A second sandbox's web root, fed from a folder, plays the web server of others."""
    folder = tmp_path / "www.example.test" / PROOF_FOLDER.strip("/")
    folder.mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("outside")
    async with Sandbox(SandboxSettings(port=0, dns_port=0, web_folder=tmp_path)) as web:
        address = ("127.0.0.1", web.web_port)
        async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600, web_address=address)) as box:
            client = Client(box)
            order = await client.buy(**DIGICERT)
            (folder / "fileauth.txt").write_text(order["AuthFileContent"])
            assert (await look(client, order)).startswith("found at http://www.example.test/.well-known/")
            await client.http.aclose()
        assert web.state.files.find("www.example.test", "/../secret.txt") is None
        assert web.state.files.find("..", "/secret.txt") is None


async def test_files_survive_a_restart_and_not_a_reset(tmp_path: Path) -> None:
    settings = SandboxSettings(port=0, dns_port=0, state_file=tmp_path / "state.db")
    async with Sandbox(settings) as box:
        box.state.files.put("www.example.test", "/kept", WebFile(content="A"))
        box.state.files.put("www.example.test", "/gone", WebFile(content="B"))
        box.state.files.remove("www.example.test", "/gone")
    async with Sandbox(settings) as box:
        async with httpx.AsyncClient(headers={"host": "www.example.test"}) as http:
            root = f"http://127.0.0.1:{box.web_port}"
            assert [(await http.get(root + path)).status_code for path in ("/kept", "/gone")] == [200, 404]
        box.state.reset()
    async with Sandbox(settings) as box:
        assert box.state.files.files() == []
