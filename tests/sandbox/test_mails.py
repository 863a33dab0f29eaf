"""Approval by mail over real SMTP: sent, sent again, sent to somebody else, opened, approved."""

import asyncio
import smtplib
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.book import Order
from tests.sandbox.support import Client

MAIL: dict[str, Any] = {"CNAMEAuthDVIndicator": False, "ApproverEmail": "admin@example.test"}


@pytest.fixture
async def box() -> Any:
    """The CA looks only when the test says so."""
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600)) as running:
        yield running


async def mails(client: Client, to: str = "") -> list[dict[str, Any]]:
    await client.box.desk.round()
    found: list[dict[str, Any]] = (await client.control("GET", f"mails?to={to}")).json()["mails"]
    return found


def kept(box: Sandbox, order: dict[str, Any]) -> Order:
    found = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert found is not None
    return found


async def test_the_link_in_the_mail_approves(client: Client, box: Sandbox) -> None:
    order = await client.buy(**MAIL)
    (mail,) = await mails(client)
    assert (mail["from"], mail["to"]) == ("validation@sectigo.test", ["admin@example.test"])
    assert mail["subject"] == "Approve a certificate for www.example.test" and order["VendorOrderID"] in mail["text"]
    (link,) = mail["links"]
    opened = await client.http.get(link)
    assert opened.status_code == 200 and '<form method="post"><button>' in opened.text
    await box.desk.round()
    shown = await client.status(order)
    assert shown["OrderStatus"]["MajorStatus"] == "Pending"  # opening is not approving
    assert shown["PollStatus"] == "waiting for approval by admin@example.test"
    assert "You approved" in (await client.http.post(link)).text
    await box.desk.round()
    shown = await client.status(order)
    assert shown["OrderStatus"]["MajorStatus"] == "Active"
    assert shown["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"] == "Validated"
    assert "approved already" in (await client.http.post(link)).text
    assert len(await mails(client)) == 1


async def test_a_mail_is_sent_again_byte_for_byte_and_once_per_request(client: Client, box: Sandbox) -> None:
    order = kept(box, await client.buy(**MAIL))
    await mails(client)
    box.clock.advance(3600)
    order.proofs[0].mail_asked_at = box.clock.now()
    await mails(client)
    first, second = await mails(client)
    assert first["raw"] == second["raw"] and first["at"] < second["at"]
    assert "You approved" in (await client.http.post(second["links"][0])).text


async def test_another_approver_gets_a_new_mail_and_the_old_link_is_void(client: Client, box: Sandbox) -> None:
    order = kept(box, await client.buy(**MAIL))
    (old,) = await mails(client)
    order.proofs[0].approver = "webmaster@example.test"
    assert (await client.http.post(old["links"][0])).status_code == 410  # at once, before the CA's next round
    (new,) = await mails(client, "webmaster@example.test")
    assert new["links"] != old["links"]
    order.proofs[0].approver = "admin@example.test"  # and back: the first link stays void
    third = (await mails(client, "admin@example.test"))[-1]
    for link, status in ((old["links"][0], 410), (new["links"][0], 410), (third["links"][0], 200)):
        assert (await client.http.post(link)).status_code == status


async def test_links_end(client: Client, box: Sandbox) -> None:
    order = await client.buy(**MAIL)
    (mail,) = await mails(client)
    assert (await client.http.get(f"{box.control_url.removesuffix('/control')}/approve/nothing")).status_code == 404
    assert (await client.http.get(mail["links"][0], headers={"host": "evil.test"})).status_code == 403
    box.clock.advance(timedelta(days=30).total_seconds())
    assert (await client.http.post(mail["links"][0])).status_code == 410
    fresh = (await mails(client))[-1]
    assert fresh["links"] != mail["links"]
    proof = kept(box, order).proofs[0]
    proof.method, proof.record_name, proof.record_value = "CNAME", "_x.www.example.test", "y.sectigo.com"
    await box.desk.round()
    assert (await client.http.post(fresh["links"][0])).status_code == 410
    proof.method = "EMAIL"
    latest = (await mails(client))[-1]
    await client.control("POST", f"orders/{order['TheSSLStoreOrderID']}/cancel", {})
    assert (await client.http.post(latest["links"][0])).status_code == 410


async def test_every_name_has_its_own_mail(client: Client) -> None:
    names = {"ProductCode": "positivemdcssl", "DNSNames": "b.test", "ApproverEmail": "admin@a.test,hostmaster@b.test"}
    order = await client.buy("a.test", **{**MAIL, **names})
    both = await mails(client)
    assert [mail["to"] for mail in both] == [["admin@a.test"], ["hostmaster@b.test"]]
    await client.http.post(both[1]["links"][0])
    await client.box.desk.round()
    states = [v["dcvStatus"] for v in (await client.status(order))["OrderStatus"]["DomainAuthVettingStatus"]]
    assert states == ["Not Validated", "Validated"]


async def test_a_mail_that_cannot_be_sent_is_tried_again(client: Client, box: Sandbox) -> None:
    order = await client.buy(**MAIL)
    box.state.mailbox, kept_box = None, box.state.mailbox  # type: ignore[assignment]
    await box.desk.round()
    said = (await client.status(order))["PollStatus"]
    assert said.startswith("the approver mail could not be sent")
    box.state.mailbox = kept_box
    assert len(await mails(client)) == 1


async def test_links_and_mails_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=3600, state_file=path)) as box:
        client = Client(box)
        await client.buy(**MAIL)
        (mail,) = await mails(client)
        await client.http.aclose()
        port = int(box.base_url.split(":")[2].split("/")[0])
    async with Sandbox(SandboxSettings(port=port, dns_port=0, ca_poll_seconds=3600, state_file=path)) as box:
        client = Client(box)
        assert await mails(client) == [mail]
        assert "You approved" in (await client.http.post(mail["links"][0])).text
        box.state.reset()
        assert await mails(client) == []
        assert (await client.http.post(mail["links"][0])).status_code == 404
        await client.http.aclose()


async def test_the_sink_takes_mail_of_anybody(client: Client, box: Sandbox) -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("first\n.dot\n..two\n\nhttp://127.0.0.1/x?y=1 ümlaut")
    await in_thread(
        box, lambda smtp: smtp.sendmail("a@b.test", ["c@d.test", "E@d.test"], message.as_bytes(policy=SMTP))
    )
    (mail,) = await mails(client, "e@D.test")
    assert (mail["subject"], mail["links"]) == ("Grüße", ["http://127.0.0.1/x?y=1"])
    assert mail["text"].replace("\r", "").rstrip() == "first\n.dot\n..two\n\nhttp://127.0.0.1/x?y=1 ümlaut"
    strange = b"Content-Type: text/plain; charset=x-no\r\n\r\n\xff\r\n"
    await in_thread(box, lambda smtp: smtp.sendmail("", ["c@d.test"], strange))
    assert (await mails(client))[-1]["text"] == ""


async def in_thread(box: Sandbox, act: Any) -> None:
    def run() -> None:
        with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10) as smtp:
            act(smtp)

    await asyncio.to_thread(run)


async def test_the_sink_speaks_its_protocol(client: Client, box: Sandbox) -> None:
    def talk(smtp: smtplib.SMTP) -> None:
        asked = ["DATA", "RCPT TO:<a@b.test>", "MAIL FROM:a@b.test", "MAIL FROM:<a@b.test> SIZE=3", "RCPT TO:<>"]
        assert [smtp.docmd(line)[0] for line in asked] == [503, 503, 501, 250, 550]
        assert [smtp.docmd(line)[0] for line in ("NOOP", "VRFY a", "RSET", "DATA", "HELO x")] == [
            250,
            502,
            250,
            503,
            250,
        ]
        assert smtp.docmd("RCPT TO:<a@b.test>")[0] == 503  # RSET and HELO forget the envelope
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("a@b.test", ["c@d.test"], (b"x" * 998 + b"\r\n") * 2100)
        assert refused.value.smtp_code == 552
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.docmd("x" * 70_000)  # no end of line in sight

    await in_thread(box, talk)
    assert await mails(client) == []
