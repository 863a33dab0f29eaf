"""The command line as people and scripts use it, and where no secret may ever stand."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from starter.schedules import SYNC_SCHEDULE, provide_schedules
from tests.integration.support import House, Said, run_cli

pytestmark = pytest.mark.server

NAME = "shop.example.test"
TOKEN = "sandbox-token"
TSIG = "ZXZlcmNlcnQtc2FuZGJveC1wdWJsaXNoZWQta2V5LTE="
WRONG_TOKEN = "a-token-that-nobody-gave-out"
ORDER = ("--account", "sandbox", "--product", "positivessl", "--months", "12", "--dns-account", "sandbox")


@dataclass(frozen=True)
class Bought:
    """What ``order create --wait`` told."""

    said: Said
    order: dict[str, Any]


@pytest.fixture(scope="module")
async def bought(house: House) -> Bought:
    said = await house.cli("order", "create", *ORDER, "--yes", "--reason", "CHG-7", "--wait", "-o", "json", NAME)
    assert said.code == 0, said.err
    return Bought(said, said.json["data"])


async def ask(house: House, *words: str) -> Any:
    """Run a command that must succeed; its data."""
    said = await house.cli(*words, "-o", "json")
    assert said.code == 0, said.err
    assert said.json["schema"].startswith("evercert/")
    return said.json["data"]


async def test_order_create_waits_for_the_end(bought: Bought) -> None:
    assert bought.said.json["schema"] == "evercert/order.create/v1"
    assert bought.said.json["changed"] is True
    assert bought.order["state"] == "issued"
    assert bought.order["price"] == {"amount": "7.95", "currency": "USD"}
    assert bought.order["reason"] == "CHG-7"


async def test_orders_are_listed_and_shown(house: House, bought: Bought) -> None:
    (listed,) = await ask(house, "order", "list", "--name", NAME)
    assert listed["id"] == bought.order["id"]
    assert await ask(house, "order", "show", NAME) == listed
    ids = await house.cli("order", "list", "--state", "issued", "-o", "id")
    assert bought.order["id"] in ids.out.split()


async def test_certificates_are_listed_and_shown(house: House, bought: Bought) -> None:
    (listed,) = await ask(house, "cert", "list", "--name", NAME)
    shown = await ask(house, "cert", "show", NAME)
    assert shown == listed
    assert shown["order_id"] == bought.order["id"]
    (version,) = await ask(house, "cert", "versions", NAME)
    assert (version["version"], version["state"], version["problems"]) == (1, "current", [])


async def export(house: House, part: str, *more: str) -> str:
    """Export a part of the certificate as the PEM text on standard output."""
    said = await run_cli(["cert", "export", NAME, "--part", part, *more], house.stack.environment())
    assert said.code == 0, said.err
    return said.out


async def test_leaf_chain_and_fullchain_are_exported(house: House, bought: Bought) -> None:
    leaf, chain, fullchain = [await export(house, part) for part in ("leaf", "chain", "fullchain")]
    assert fullchain == leaf + chain
    (certificate,) = x509.load_pem_x509_certificates(leaf.encode())
    assert certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=200)
    issuers = x509.load_pem_x509_certificates(chain.encode())
    certificate.verify_directly_issued_by(issuers[0])
    root = x509.load_pem_x509_certificate(house.stack.root_certificate().encode())
    issuers[-1].verify_directly_issued_by(root)


async def test_a_key_leaves_only_with_a_reason_and_an_audit_row(house: House, bought: Bought, tmp_path: Path) -> None:
    refused = await house.cli("cert", "export", NAME, "--part", "key", "-o", "json")
    assert (refused.code, refused.error["code"]) == (4, "reason-required")
    assert "PRIVATE KEY" not in refused.out
    file = tmp_path / "key.pem"
    written = await house.cli("cert", "export", NAME, "--part", "key", "--reason", "move to web-1", "--to", str(file))
    assert written.code == 0, written.err
    assert file.stat().st_mode & 0o777 == 0o600
    (certificate,) = await house.client.inventory.certificates(name=NAME)
    assert certificate.current is not None
    key = load_pem_private_key(file.read_bytes(), None)
    assert key.public_key() == x509.load_pem_x509_certificate(certificate.current.leaf.encode()).public_key()
    events = await ask(house, "audit", "list", certificate.current.key_id)
    assert [(it["kind"], it["reason"]) for it in events] == [("key.exported", "move to web-1")]
    assert events[0]["facts"]["certificate"] == certificate.certificate_id
    assert events[0]["claim"] == "claimed" and events[0]["by"]


async def test_the_audit_of_an_order_reads_as_a_story(house: House, bought: Bought) -> None:
    events = await ask(house, "audit", "list", bought.order["id"])
    kinds = [it["kind"] for it in events]
    assert kinds[0] == "order.requested" and kinds[-1] == "order.issued"
    assert [it["at"] for it in events] == sorted(it["at"] for it in events)


async def test_doctor_is_content(house: House, bought: Bought) -> None:
    await provide_schedules(house.client.temporal)  # machines under test start nothing by the clock
    findings = await ask(house, "doctor", "--fail-on", "warning")
    await house.client.temporal.get_schedule_handle(SYNC_SCHEDULE).delete()
    assert {it["status"] for it in findings} == {"ok"}, findings
    areas = {"config", "inventory", "accounts", "alerts", "dns", "temporal", "worker"}
    assert areas == {it["area"] for it in findings}


async def test_links_into_the_web_ui(house: House, bought: Bought) -> None:
    links = {it["name"]: it["url"] for it in await ask(house, "temporal", "links", bought.order["id"])}
    assert "start-workflow?taskQueue=evercert" in links["start box"]
    assert "EvercertNeedsPerson" in links["needs a person"]
    assert bought.order["workflow_id"] in links[bought.order["id"]]


@pytest.mark.parametrize(
    ("changes", "name", "code", "exit_code"),
    [
        pytest.param((), "www.readonly.test", "dns-no-write-access", 6, id="zone not writable"),
        pytest.param(("--months", "13"), "term.example.test", "validity-not-sold", 4, id="months not sold"),
    ],
)
async def test_an_order_that_is_refused_ends_the_command_so(
    house: House, changes: tuple[str, ...], name: str, code: str, exit_code: int
) -> None:
    said = await house.cli("order", "create", *ORDER, *changes, "--yes", "--wait", "-o", "json", name)
    assert (said.code, said.error["code"]) == (exit_code, code)
    assert said.error["message"].startswith("Nothing was bought.")
    assert said.out == ""


async def test_an_account_with_a_wrong_token_is_not_saved(house: House) -> None:
    before = await house.client.inventory.accounts()
    words = ("--partner-code", "12345678", "--base-url", house.stack.sandbox.base_url, "--environment", "sandbox")
    said = await house.cli("account", "add", "second", *words, "--token-stdin", "-o", "json", stdin=f"{WRONG_TOKEN}\n")
    assert (said.code, said.error["code"]) == (6, "auth-rejected")
    assert await house.client.inventory.accounts() == before
    assert await house.client.inventory.audit(subject="second") == ()

    said = await house.cli("account", "add", "second", *words, "--token-stdin", "-o", "json", stdin=f"{TOKEN}\n")
    assert said.code == 0, said.err
    assert [it["name"] for it in await ask(house, "account", "list")] == ["sandbox", "second"]
    events = await house.client.inventory.audit(subject="second")
    assert [event.kind for event in events] == ["account.added"]


# secrets


def needles(key_pem: bytes) -> dict[str, bytes]:
    """What must stand nowhere in the open."""
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    number = key.private_numbers().private_value.to_bytes(32, "big")
    body = key_pem.split(b"-----")[2].split()
    return {
        "token": TOKEN.encode(),
        "wrong token": WRONG_TOKEN.encode(),
        "TSIG secret": TSIG.encode(),
        "TSIG key": base64.b64decode(TSIG),
        "PEM key": b"PRIVATE KEY-----",
        **{f"line {index} of the key": line for index, line in enumerate(body) if len(line) > 20},
        "private number": number,
        "private number in hex": number.hex().encode(),
    }


async def places(house: House) -> dict[str, bytes]:
    """Everything that was written or said: histories, logs, answers of commands, the inventory's files."""
    home = house.stack.options.home
    found = {str(file.relative_to(home)): file.read_bytes() for file in sorted(home.glob("data/inventory.db*"))}
    found["worker.log"] = (home / "worker.log").read_bytes()
    for number, said in enumerate(house.said):
        found[f"command {number}"] = (said.out + said.err).encode()
    async for run in house.client.temporal.list_workflows():
        history = await house.client.temporal.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        found[f"history {run.id}"] = b"".join(event.SerializeToString() for event in history.events)
    return found


async def test_no_secret_stands_anywhere_in_the_open(house: House, bought: Bought) -> None:
    key = (await export(house, "key", "--reason", "to look for it")).encode()
    wanted = needles(key)
    seen = await places(house)
    for kind in ("history", "command", "data/inventory.db"):  # the search reads what it says it reads
        assert NAME.encode() in b"".join(text for where, text in seen.items() if where.startswith(kind))
    assert seen["worker.log"]
    hits = [(where, what) for where, text in seen.items() for what, needle in wanted.items() if needle in text]
    assert hits == []
    planted = f"{TOKEN} {WRONG_TOKEN} {TSIG}\n{key.decode()}".encode()
    found = {what for what, needle in wanted.items() if needle in planted}
    assert found >= {"token", "wrong token", "TSIG secret", "PEM key", "line 1 of the key"}
