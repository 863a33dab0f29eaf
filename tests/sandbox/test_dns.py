"""The name server: answers, signed updates, and the manners of real servers."""

import base64

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.tsig
import dns.update
import pytest

from deploy.sandbox import Sandbox
from tests.sandbox.support import add_record, ask_dns, update_dns

OTHER_SECRET = base64.b64encode(b"another key of thirty-two bytes!").decode()


def values(answer: dns.message.Message) -> list[str]:
    return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)


async def serial(box: Sandbox) -> int:
    return int((await ask_dns(box, "test.", "SOA")).answer[0][0].serial)


@pytest.mark.parametrize("tcp", [True, False])
async def test_a_signed_update_is_stored_and_answered(box: Sandbox, tcp: bool) -> None:
    before = await serial(box)
    rcode = await update_dns(box, lambda u: u.add("_dnsauth.example.test.", 60, "TXT", '"one"'), tcp=tcp)
    assert rcode == dns.rcode.NOERROR
    answer = await ask_dns(box, "_DNSAUTH.Example.test.", "TXT")
    assert values(answer) == ['"one"'] and answer.flags & dns.flags.AA
    assert await serial(box) == before + 1
    await add_record(box, "_dnsauth.example.test", "TXT", '"one"')
    assert await serial(box) == before + 1
    await add_record(box, "_dnsauth.example.test", "TXT", '"two"')
    await update_dns(box, lambda u: u.delete("_dnsauth.example.test.", "TXT", '"one"'))
    assert values(await ask_dns(box, "_dnsauth.example.test.", "TXT")) == ['"two"']
    await update_dns(box, lambda u: u.delete("_dnsauth.example.test."))
    assert (await ask_dns(box, "_dnsauth.example.test.", "TXT")).rcode() == dns.rcode.NXDOMAIN


async def test_negative_answers(box: Sandbox) -> None:
    await add_record(box, "_x.www.example.test", "TXT", "hello")
    missing = await ask_dns(box, "nothing.example.test.", "TXT")
    assert missing.rcode() == dns.rcode.NXDOMAIN and missing.authority[0].name.to_text() == "test."
    other_type = await ask_dns(box, "_x.www.example.test.", "CNAME")
    between = await ask_dns(box, "www.example.test.", "TXT")
    for empty in (other_type, between):
        assert empty.rcode() == dns.rcode.NOERROR and not empty.answer and empty.authority
    assert (await ask_dns(box, "example.com.", "A")).rcode() == dns.rcode.REFUSED


async def test_an_update_signed_with_another_secret_is_not_taken(box: Sandbox) -> None:
    change = "_x.example.test."
    with pytest.raises(dns.tsig.PeerBadSignature):
        await update_dns(box, lambda u: u.add(change, 60, "TXT", "x"), secret=OTHER_SECRET)
    with pytest.raises(dns.tsig.PeerBadKey):
        await update_dns(box, lambda u: u.add(change, 60, "TXT", "x"), name="stranger.")
    told = [entry.details["rcode"] for entry in box.state.journal.entries("dns.updated")]
    assert told == ["NOTAUTH (BadSignature)", "NOTAUTH (UnknownTSIGKey)"]
    assert (await ask_dns(box, change, "TXT")).rcode() == dns.rcode.NXDOMAIN


async def test_a_wrong_signature_is_notauth_on_the_wire(box: Sandbox) -> None:
    message = dns.update.UpdateMessage("test.", keyring=dns.tsig.Key(box.tsig_name, OTHER_SECRET, "hmac-sha256"))
    message.add("_x.example.test.", 60, "TXT", "x")
    wire = box._names._responder.respond(message.to_wire(), is_udp=True)
    assert wire is not None
    answer = dns.message.from_wire(wire, keyring=False)
    assert answer.rcode() == dns.rcode.NOTAUTH and answer.tsig_error == dns.rcode.BADSIG


async def test_an_unsigned_update_is_refused(box: Sandbox) -> None:
    message = dns.update.UpdateMessage("test.")
    message.add("_x.example.test.", 60, "TXT", "x")
    answer = await dns.asyncquery.udp(message, box.dns_host, timeout=10, port=box.dns_port)
    assert answer.rcode() == dns.rcode.REFUSED


async def test_noerror_does_not_mean_stored(box: Sandbox) -> None:
    await add_record(box, "a.example.test", "TXT", "data")
    assert await add_record(box, "a.example.test", "CNAME", "target.test") == dns.rcode.NOERROR
    assert not (await ask_dns(box, "a.example.test.", "CNAME")).answer
    await add_record(box, "b.example.test", "CNAME", "target.test")
    assert await add_record(box, "b.example.test", "TXT", "data") == dns.rcode.NOERROR
    assert values(await ask_dns(box, "b.example.test.", "CNAME")) == ["target.test."]
    await add_record(box, "b.example.test", "CNAME", "other.test")
    assert values(await ask_dns(box, "b.example.test.", "CNAME")) == ["other.test."]


async def test_an_alias_is_followed_inside_the_zone(box: Sandbox) -> None:
    await add_record(box, "_dnsauth.example.test", "CNAME", "elsewhere.other.test")
    await add_record(box, "elsewhere.other.test", "TXT", "token")
    assert values(await ask_dns(box, "_dnsauth.example.test.", "TXT")) == ['"token"', "elsewhere.other.test."]


async def test_zones_that_take_no_update(box: Sandbox) -> None:
    def change(update: dns.update.UpdateMessage) -> None:
        update.add("_x.www.readonly.test.", 60, "TXT", "x")

    assert await update_dns(box, change, zone="readonly.test.") == dns.rcode.REFUSED
    assert await update_dns(box, change, zone="test.") == dns.rcode.REFUSED
    assert await update_dns(box, lambda u: u.add("x.com.", 60, "TXT", "x"), zone="com.") == dns.rcode.NOTAUTH
    assert await update_dns(box, lambda u: u.add("x.com.", 60, "TXT", "x")) == dns.rcode.NOTZONE
    soa = await ask_dns(box, "www.readonly.test.", "SOA")
    assert soa.authority[0].name.to_text() == "readonly.test."


async def test_conditions_guard_an_update(box: Sandbox) -> None:
    def only_if_absent(update: dns.update.UpdateMessage) -> None:
        update.absent("_x.example.test.")
        update.add("_x.example.test.", 60, "TXT", "mine")

    def only_if_mine(update: dns.update.UpdateMessage) -> None:
        update.present("_x.example.test.", "TXT", "mine")
        update.replace("_x.example.test.", 60, "TXT", "next")

    assert await update_dns(box, only_if_mine) == dns.rcode.NXRRSET
    assert await update_dns(box, only_if_absent) == dns.rcode.NOERROR
    assert await update_dns(box, only_if_absent) == dns.rcode.YXDOMAIN
    assert await update_dns(box, only_if_mine) == dns.rcode.NOERROR
    assert values(await ask_dns(box, "_x.example.test.", "TXT")) == ['"next"']


async def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp(box: Sandbox) -> None:
    for number in range(12):
        await add_record(box, "_many.example.test", "TXT", f'"{number:02}{"x" * 100}"')
    query = dns.message.make_query("_many.example.test.", "TXT")
    cut = await dns.asyncquery.udp(query, box.dns_host, timeout=10, port=box.dns_port)
    assert cut.flags & dns.flags.TC
    whole = await dns.asyncquery.tcp(query, box.dns_host, timeout=10, port=box.dns_port)
    assert len(whole.answer[0]) == 12


async def test_the_apex_keeps_its_soa_and_name_server(box: Sandbox) -> None:
    await update_dns(box, lambda u: u.delete("test."))
    assert (await ask_dns(box, "test.", "SOA")).answer
    assert values(await ask_dns(box, "test.", "NS")) == ["ns1.test."]
    assert values(await ask_dns(box, "ns1.test.", "A")) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "wire", [b"", b"\0" * 5, b"\0" * 12, b"\xff" * 40, b"\0\1\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"]
)
async def test_rubbish_breaks_nothing(box: Sandbox, wire: bytes) -> None:
    box._names._responder.respond(wire, is_udp=True)
    assert (await ask_dns(box, "test.", "SOA")).answer
