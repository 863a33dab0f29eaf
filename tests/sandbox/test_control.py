"""The control API: what it shows, what it takes, whom it turns away."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509

from deploy.sandbox import Sandbox
from tests.sandbox.support import Client, add_record


async def test_the_ledger_counts_sales(client: Client, box: Sandbox) -> None:
    assert (await client.control("GET", "ledger")).json() == {"count": 0, "sales": []}
    order = await client.buy()
    ledger = (await client.control("GET", "ledger")).json()
    (sale,) = ledger["sales"]
    assert ledger["count"] == 1
    assert datetime.fromisoformat(sale.pop("at")).tzinfo is not None
    assert sale == {
        "seller_order_id": order["TheSSLStoreOrderID"],
        "custom_order_id": "EC-1",
        "product": "positivessl",
        "names": ["www.example.test"],
        "amount": "7.95",
        "currency": "USD",
    }


async def test_the_journal_tells_the_story_without_secrets(client: Client, box: Sandbox) -> None:
    client.auth = client.auth | {"UserAgent": "sandbox-token in disguise", "TokenCode": ""}
    csr = client.order_body()["CSR"]
    order = await client.issue(CSR=csr, SpecialInstructions="-----BEGIN PRIVATE KEY-----\nMIIB")
    client.auth = client.auth | {"AuthToken": "a wrong secret"}
    await client.status(order)
    client.auth = {"Token": order["Token"]}
    await client.status(order)
    journal = (await client.control("GET", "journal")).text
    kinds = [entry["kind"] for entry in json.loads(journal)["entries"]]
    for kind in ("request", "order.sold", "dns.updated", "proof.seen", "certificate.issued"):
        assert kind in kinds
    secrets = (
        "sandbox-token",
        box.tsig_secret,
        "a wrong secret",
        order["Token"],
        order["TokenCode"],
        "MIIB",
        csr[60:100],
    )
    assert not [secret for secret in secrets if secret in journal]
    assert "sha256:" in journal and "EC-1" in journal
    only_sales = (await client.control("GET", "journal?kind=order.sold")).json()["entries"]
    assert [entry["kind"] for entry in only_sales] == ["order.sold"]


async def test_the_clock(client: Client, box: Sandbox) -> None:
    assert (await client.control("GET", "clock")).json()["frozen"] is False
    frozen = (await client.control("POST", "clock", {"freeze": "2027-03-14T23:59:00Z"})).json()
    assert frozen["frozen"] is True and frozen["now"] == "2027-03-14T23:59:00+00:00"
    assert (
        (await client.control("POST", "clock", {"advance_seconds": 60})).json()["now"].startswith("2027-03-15T00:00:00")
    )
    assert box.clock.now() == datetime(2027, 3, 15, tzinfo=UTC)
    moved = (await client.control("POST", "clock", {"now": "2030-01-01T00:00:00Z"})).json()
    assert moved["frozen"] is False and moved["now"].startswith("2030-01-01")
    back = (await client.control("POST", "clock", {"follow_system": True})).json()
    assert abs(back["offset_seconds"]) < 1
    for wrong in ({}, {"now": "2030-01-01T00:00:00"}, {"now": "1999-01-01T00:00:00Z"}, {"advance_seconds": 1e30},
                  {"speed": 2}, {"freeze": True, "advance_seconds": 1}):  # fmt: skip
        assert (await client.control("POST", "clock", wrong)).status_code == 400


async def test_fault_rules_come_and_go(client: Client, box: Sandbox) -> None:
    rules = [{"fault": "http_502", "times": 3}, {"fault": "delay", "seconds": 1, "endpoint": "order/status"}]
    shown = (await client.control("POST", "faults", rules)).json()["faults"]
    assert [rule["fault"] for rule in shown] == ["http_502", "delay"]
    assert (await client.control("POST", "faults", {"fault": "delay"})).status_code == 400
    left = (await client.control("DELETE", "faults?fault=http_502")).json()["faults"]
    assert [rule["fault"] for rule in left] == ["delay"]
    assert (await client.control("DELETE", "faults")).json() == {"faults": []}


async def test_switches(client: Client, box: Sandbox) -> None:
    shown = (await client.control("POST", "switches", {"unknown_order": "null_ids"})).json()
    assert shown["unknown_order"] == "null_ids" and box.state.switches.unknown_order == "null_ids"
    for wrong in ({"unknown_order": "perhaps"}, {"nonesuch": 1}, [1]):
        assert (await client.control("POST", "switches", wrong)).status_code == 400
    assert (await client.control("GET", "switches")).json()["unknown_order"] == "null_ids"


async def test_orders_records_and_trust(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    (row,) = (await client.control("GET", "orders")).json()["orders"]
    assert row["major"] == "Active" and row["serial"] == order["SerialNumber"]
    records = (await client.control("GET", "dns")).json()["records"]
    assert any(r["name"] == f"{order['CNAMEAuthName']}." and r["type"] == "CNAME" for r in records)
    assert box.state.has_record(order["CNAMEAuthName"], "CNAME", order["CNAMEAuthValue"])
    root = x509.load_pem_x509_certificate((await client.control("GET", "pki/root.pem")).content)
    intermediates = x509.load_pem_x509_certificates((await client.control("GET", "pki/intermediates.pem")).content)
    assert len(intermediates) == 2
    for intermediate in intermediates:
        intermediate.verify_directly_issued_by(root)


async def test_the_ca_rejects_an_order(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    assert (await client.control("POST", "orders/EC-1/cancel", {"reason": "high risk"})).json()["major"] == "Cancelled"
    shown = await client.status(order)
    assert shown["OrderStatus"]["MajorStatus"] == "Cancelled"
    assert shown["OrderStatus"]["OrderNotes"][0]["Comments"] == "high risk"
    assert (await client.control("POST", "orders/EC-1/cancel", {})).status_code == 409
    assert (await client.control("POST", "orders/EC-1/validate", {})).status_code == 409
    assert (await client.control("POST", "orders/EC-9/cancel", {})).status_code == 404
    assert (await client.control("POST", "orders/EC-1/refund", {"approve": True})).status_code == 409


async def test_reset_forgets_everything_but_keys_and_ids(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    root = box.root_pem
    box.add_fault("http_502")
    box.clock.freeze()
    assert (await client.control("POST", "reset", {})).status_code == 200
    assert box.sales() == [] and len(box.state.book) == 0 and not box.clock.is_frozen
    assert not box.state.has_record(order["CNAMEAuthName"], "CNAME", order["CNAMEAuthValue"])
    assert box.root_pem == root
    assert int((await client.buy())["TheSSLStoreOrderID"]) > int(order["TheSSLStoreOrderID"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:80"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"host": "localhost:8560"}, 200),
        ({"host": "[::1]"}, 200),
        ({"content-type": "application/json; charset=utf-8"}, 200),
    ],
)
async def test_pages_of_other_origins_are_turned_away(client: Client, headers: dict[str, str], status: int) -> None:
    sent = {"content-type": "application/json"} | headers
    answer = await client.http.post(f"{client.box.control_url}/reset", content="{}", headers=sent)
    assert answer.status_code == status
    if "host" in headers:
        read = await client.http.get(f"{client.box.control_url}/ledger", headers=headers)
        assert read.status_code == status


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"null", b'"x"'])
async def test_rubbish_is_a_bad_request(client: Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("clock", "faults", "switches"):
        answer = await client.http.post(f"{client.box.control_url}/{path}", content=body, headers=headers)
        assert answer.status_code == 400


def test_secrets_are_not_in_reprs(box: Sandbox) -> None:
    shown = repr(box.settings) + repr(box) + repr(box.state)
    assert "sandbox-token" not in shown and box.tsig_secret not in shown
    assert len(base64.b64decode(box.tsig_secret)) >= 32


async def test_updates_are_in_the_journal(client: Client, box: Sandbox) -> None:
    await add_record(box, "_x.example.test", "TXT", "value")
    (entry,) = box.state.journal.entries("dns.updated")
    assert entry.text == "DNS update NOERROR: _x.example.test."
