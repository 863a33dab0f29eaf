"""Proof records in a real name server: nothing overwritten, everything read back, every server's view told."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import dns.update
import pytest

from activities.adapters.dns import AuthoritativeResolver, PublisherDirectory, Rfc2136Publisher
from activities.adapters.dns import authoritative as looking
from activities.adapters.dns.addresses import configured_address, is_global
from activities.adapters.dns.authoritative import Authority
from activities.adapters.dns.directory import SECRET_PURPOSE_DNS_TSIG, tsig_key
from activities.adapters.dns.rfc2136 import UpdateServer
from deploy.sandbox import Sandbox, SandboxSettings
from domain.errors import EvercertError, InvalidRequest, Misconfigured, Refused, Unavailable
from domain.inventory import DnsAccountRecord, Environment
from domain.seller import ProofRecord

CNAME = ProofRecord(name="www.shop.test", record_type="CNAME", owner="_x.www.shop.test", value="a.sectigo.com")
TXT = ProofRecord(name="www.shop.test", record_type="TXT", owner="_dnsauth.www.shop.test", value='To"ken 1')


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0, dns_port=0)) as running:
        yield running


@pytest.fixture
def publisher(box: Sandbox) -> Rfc2136Publisher:
    return publisher_at(box.dns_port, box.tsig_secret)


def publisher_at(port: int, secret: str, name: str = "evercert-sandbox.", *zones: str) -> Rfc2136Publisher:
    key = tsig_key(name, secret.encode(), "hmac-sha256")
    return Rfc2136Publisher(UpdateServer("127.0.0.1", port, zones or ("test",), key))


async def stranger(box: Sandbox, change: Callable[[dns.update.UpdateMessage], Any]) -> None:
    """Write something that is not ours."""
    key = dns.tsig.Key(box.tsig_name, base64.b64decode(box.tsig_secret))
    message = dns.update.UpdateMessage("test.", keyring=key)
    change(message)
    answer = await dns.asyncquery.tcp(message, box.dns_host, timeout=10, port=box.dns_port)
    assert answer.rcode() == dns.rcode.NOERROR


async def code_of(act: Any, kind: type[EvercertError]) -> str:
    with pytest.raises(kind) as caught:
        await act
    assert caught.value.__context__ is None
    return caught.value.code


def records(box: Sandbox) -> list[tuple[str, str, str]]:
    ours = [(str(r["name"]), str(r["type"]), str(r["value"])) for r in box.state.records()]
    return [record for record in ours if record[1] in ("CNAME", "TXT")]


async def test_access_is_proved_by_writing_and_leaves_nothing(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    serial = box.state.zones[0].serial
    assert await publisher.check_access("*.www.shop.test") == "test"
    assert box.state.zones[0].serial == serial + 2
    assert records(box) == []


async def test_a_check_of_access_that_was_cut_off_is_cleaned_up_by_the_next_one(
    box: Sandbox, publisher: Rfc2136Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Ends a call as a kill would: nothing that handles errors sees it."""

    async def dies(record: ProofRecord) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(publisher, "_remove", dies)
        with pytest.raises(Killed):
            await publisher.check_access("www.shop.test", mark="ab12")
    assert len(records(box)) == 1
    assert await publisher.check_access("www.shop.test", mark="ab12") == "test"
    assert records(box) == []


async def test_a_check_of_access_that_is_cancelled_leaves_nothing(
    box: Sandbox, publisher: Rfc2136Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, remove = asyncio.Event(), publisher._remove

    async def slow(record: ProofRecord) -> None:
        written.set()
        await asyncio.sleep(0.05)
        await remove(record)

    monkeypatch.setattr(publisher, "_remove", slow)
    checking = asyncio.create_task(publisher.check_access("www.shop.test"))
    await written.wait()
    assert len(records(box)) == 1
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    assert records(box) == []


async def test_access_without_right_key_secret_or_zone(box: Sandbox) -> None:
    wrong_secret = publisher_at(box.dns_port, base64.b64encode(b"wrong" * 6).decode())
    assert await code_of(wrong_secret.check_access("www.shop.test"), Refused) == "dns-no-write-access"
    wrong_name = publisher_at(box.dns_port, box.tsig_secret, "nobody.")
    assert await code_of(wrong_name.check_access("www.shop.test"), Refused) == "dns-no-write-access"
    good = publisher_at(box.dns_port, box.tsig_secret)
    assert await code_of(good.check_access("www.readonly.test"), Refused) == "dns-no-write-access"
    assert await code_of(good.check_access("www.example.com"), InvalidRequest) == "dns-zone-not-found"
    foreign = publisher_at(box.dns_port, box.tsig_secret, "evercert-sandbox.", "example.com")
    assert await code_of(foreign.check_access("www.example.com"), Refused) == "dns-no-write-access"


async def test_the_longest_zone_is_the_one(box: Sandbox) -> None:
    both = publisher_at(box.dns_port, box.tsig_secret, "evercert-sandbox.", "test", "readonly.test")
    assert await code_of(both.check_access("www.readonly.test"), Refused) == "dns-no-write-access"
    assert await both.check_access("notreadonly.test") == "test"


@pytest.mark.parametrize("record", [CNAME, TXT])
async def test_publish_and_withdraw_twice(box: Sandbox, publisher: Rfc2136Publisher, record: ProofRecord) -> None:
    await publisher.publish(record)
    serial = box.state.zones[0].serial
    await publisher.publish(record)
    assert box.state.zones[0].serial == serial
    assert len(records(box)) == 1
    await publisher.withdraw(record)
    await publisher.withdraw(record)
    assert records(box) == []


async def test_a_long_text_is_one_value(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    long = TXT.model_copy(update={"value": "x" * 600})
    await publisher.publish(long)
    await publisher.publish(long)
    assert len(records(box)) == 1
    await publisher.withdraw(long)
    assert records(box) == []


async def test_texts_stand_beside_each_other(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    other = TXT.model_copy(update={"value": "another"})
    await asyncio.gather(publisher.publish(TXT), publisher.publish(other))
    assert len(records(box)) == 2
    await publisher.withdraw(TXT)
    assert records(box) == [("_dnsauth.www.shop.test.", "TXT", '"another"')]


@pytest.mark.parametrize(
    ("record", "there"),
    [
        (CNAME, ("CNAME", "elsewhere.test.")),
        (CNAME, ("TXT", "keep-me")),
        (CNAME, ("A", "192.0.2.1")),
        (TXT, ("CNAME", "delegated.test.")),
    ],
)
async def test_what_stands_there_is_never_touched(
    box: Sandbox, publisher: Rfc2136Publisher, record: ProofRecord, there: tuple[str, str]
) -> None:
    await stranger(box, lambda update: update.add(record.owner + ".", 60, *there))
    before = box.state.records()
    assert await code_of(publisher.publish(record), Refused) == "dns-conflict"
    await publisher.withdraw(record)
    assert box.state.records() == before


async def test_a_text_may_stand_beside_an_address(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    await stranger(box, lambda update: update.add(TXT.owner + ".", 60, "A", "192.0.2.1"))
    await publisher.publish(TXT)
    assert len(records(box)) == 1


async def test_a_stranger_between_look_and_update_is_not_overwritten(
    box: Sandbox, publisher: Rfc2136Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = publisher._look

    async def look_then_lose_the_race(record: ProofRecord) -> Any:
        seen = await look(record)
        monkeypatch.setattr(publisher, "_look", look)
        await stranger(box, lambda update: update.add(CNAME.owner + ".", 60, "CNAME", "faster.test."))
        return seen

    monkeypatch.setattr(publisher, "_look", look_then_lose_the_race)
    assert await code_of(publisher.publish(CNAME), Refused) == "dns-conflict"
    assert records(box) == [("_x.www.shop.test.", "CNAME", "faster.test.")]


async def test_two_runs_publish_the_same_at_once(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    await asyncio.gather(*(publisher.publish(CNAME) for _ in range(5)))
    assert len(records(box)) == 1


class OddServer:
    """A TCP name server whose answers a test makes; signs like the query asks for."""

    def __init__(self, answer: Callable[[dns.message.Message], dns.message.Message | None]) -> None:
        self._answer = answer
        self._key = tsig_key("k", b"c2VjcmV0", "hmac-sha256")
        self.updates = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *unused: object) -> None:
        self._server.close()

    def publisher(self) -> Rfc2136Publisher:
        return Rfc2136Publisher(UpdateServer("127.0.0.1", self.port, ("test",), self._key))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        query = dns.message.from_wire(await reader.readexactly(size), keyring={self._key.name: self._key})
        self.updates += isinstance(query, dns.update.UpdateMessage)
        answer = self._answer(query)
        if answer is not None:
            wire = answer.to_wire()
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
        writer.close()


def says(rcode: dns.rcode.Rcode, *, signed: bool = True) -> Callable[[dns.message.Message], dns.message.Message]:
    """Answer queries with nothing and updates with one code."""

    def answer(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        if isinstance(query, dns.update.UpdateMessage):
            made.set_rcode(rcode)
            if not signed:
                made.use_tsig(None)
        return made

    return answer


@pytest.mark.parametrize(
    ("rcode", "kind", "code"),
    [
        (dns.rcode.REFUSED, Refused, "dns-no-write-access"),
        (dns.rcode.NOTAUTH, Refused, "dns-no-write-access"),
        (dns.rcode.NOTZONE, Refused, "dns-no-write-access"),
        (dns.rcode.NOTIMP, Refused, "dns-no-write-access"),
        (dns.rcode.SERVFAIL, Unavailable, "dns-unreachable"),
        (dns.rcode.YXDOMAIN, Refused, "dns-conflict"),
        (dns.rcode.YXRRSET, Refused, "dns-conflict"),
        (dns.rcode.NOERROR, Unavailable, "dns-not-visible"),  # NOERROR does not mean stored
    ],
)
async def test_what_a_server_says_to_an_update(rcode: dns.rcode.Rcode, kind: type[EvercertError], code: str) -> None:
    async with OddServer(says(rcode)) as server:
        assert await code_of(server.publisher().publish(CNAME), kind) == code


async def test_taken_but_not_stored_is_no_access() -> None:
    async with OddServer(says(dns.rcode.NOERROR)) as server:
        assert await code_of(server.publisher().check_access("www.shop.test"), Refused) == "dns-no-write-access"
        assert server.updates == 2


async def test_an_unsigned_answer_proves_nothing() -> None:
    async with OddServer(says(dns.rcode.NOERROR, signed=False)) as server:
        assert await code_of(server.publisher().publish(CNAME), Unavailable) == "dns-unreachable"


async def test_a_record_that_stays_is_not_withdrawn() -> None:
    def answer(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        if not isinstance(query, dns.update.UpdateMessage):
            made.answer.append(dns.rrset.from_text(CNAME.owner + ".", 60, "IN", "CNAME", CNAME.value + "."))
        return made

    async with OddServer(answer) as server:
        assert await code_of(server.publisher().withdraw(CNAME), Unavailable) == "dns-still-visible"


async def test_silence_and_nobody_are_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.adapters.dns.rfc2136._EXCHANGE_SECONDS", 0.3)
    async with OddServer(lambda query: None) as server:
        publisher = server.publisher()
        assert await code_of(publisher.publish(CNAME), Unavailable) == "dns-unreachable"
    assert await code_of(publisher.check_access("www.shop.test"), Unavailable) == "dns-unreachable"


# Looking.


def dns_account(port: int, environment: Environment = Environment.SANDBOX, **changes: Any) -> DnsAccountRecord:
    fields: dict[str, Any] = {
        "name": "main",
        "server": "127.0.0.1",
        "port": port,
        "zones": ("Test.",),
        "tsig_name": "evercert-sandbox",
        "secret_id": "sec_dns",
        "environment": environment,
    }
    return DnsAccountRecord(**(fields | changes))


class Accounts:
    def __init__(self, account: DnsAccountRecord | None) -> None:
        self._account = account

    async def dns_account(self, name: str) -> DnsAccountRecord | None:
        return self._account if self._account and name == self._account.name else None

    async def sealed_secret(self, secret_id: str) -> bytes:
        return b"sealed " + secret_id.encode()


class Vault:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def seal(self, plaintext: bytes, *, row_id: str, purpose: str) -> bytes:
        raise AssertionError

    def unseal(self, sealed: bytes, *, row_id: str, purpose: str) -> bytes:
        assert (sealed, row_id, purpose) == (b"sealed sec_dns", "sec_dns", SECRET_PURPOSE_DNS_TSIG)
        return self._secret.encode()


async def test_a_directory_opens_accounts_that_work(box: Sandbox) -> None:
    directory = PublisherDirectory(Accounts(dns_account(box.dns_port)), Vault(box.tsig_secret))
    assert await (await directory.open("main")).check_access("www.shop.test") == "test"
    assert await code_of(directory.open("other"), InvalidRequest) == "dns-account-not-found"


@pytest.mark.parametrize(
    ("changes", "secret", "code"),
    [
        ({"provider": "route53"}, "c2VjcmV0", "dns-provider-unknown"),
        ({"tsig_algorithm": "rot13"}, "c2VjcmV0", "dns-tsig-invalid"),
        ({"tsig_name": "a..b"}, "c2VjcmV0", "dns-tsig-invalid"),
        ({}, "no base64!", "dns-tsig-invalid"),
        ({}, "ключ", "dns-tsig-invalid"),
        ({}, "", "dns-tsig-invalid"),
        ({"environment": Environment.LIVE}, "c2VjcmV0", "dns-server-address"),
    ],
)
async def test_accounts_that_cannot_be_opened(changes: dict[str, Any], secret: str, code: str) -> None:
    directory = PublisherDirectory(Accounts(dns_account(53, **changes)), Vault(secret))
    with pytest.raises(Misconfigured) as caught:
        await directory.open("main")
    assert caught.value.code == code
    assert not secret or secret not in str(caught.value) + caught.value.next_step
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("address", "environment", "fits"),
    [
        ("127.0.0.1", Environment.SANDBOX, True),
        ("10.1.2.3", Environment.SANDBOX, True),
        ("::1", Environment.SANDBOX, True),
        ("9.9.9.9", Environment.SANDBOX, False),
        ("0.0.0.0", Environment.SANDBOX, False),
        ("127.0.0.1", Environment.LIVE, False),
        ("169.254.169.254", Environment.LIVE, False),
        ("::1", Environment.LIVE, False),
        ("10.1.2.3", Environment.LIVE, True),
        ("9.9.9.9", Environment.LIVE, True),
    ],
)
async def test_addresses_of_an_accounts_own_server(address: str, environment: Environment, fits: bool) -> None:
    if fits:
        assert await configured_address(address, 53, environment) == address
    else:
        assert await code_of(configured_address(address, 53, environment), Misconfigured) == "dns-server-address"


async def test_a_server_whose_name_does_not_resolve() -> None:
    assert (
        await code_of(configured_address("ns.nowhere.invalid", 53, Environment.LIVE), Unavailable) == "dns-unreachable"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fe80::1", "x"])
def test_only_public_addresses_are_global(address: str) -> None:
    assert not is_global(address)
    assert is_global("9.9.9.9") and is_global("2620:fe::fe")


async def test_a_sandbox_account_is_looked_at_directly(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    resolver = AuthoritativeResolver(Accounts(dns_account(box.dns_port)))
    server = f"127.0.0.1:{box.dns_port}"
    for record in (CNAME, TXT):
        (before,) = await resolver.views(record, "main")
        assert (before.server, before.seen) == (server, False)
        assert "NXDOMAIN, zone serial" in before.detail
        await publisher.publish(record)
        (after,) = await resolver.views(record, "main")
        assert (after.seen, after.detail) == (True, f"{record.record_type} {record.owner}  ok")
    (other,) = await resolver.views(CNAME.model_copy(update={"value": "b.sectigo.com"}), "main")
    assert not other.seen and "CNAME a.sectigo.com" in other.detail
    (crossed,) = await resolver.views(CNAME.model_copy(update={"record_type": "TXT"}), "main")
    assert not crossed.seen and "CNAME a.sectigo.com" in crossed.detail
    assert await code_of(resolver.views(CNAME, "other"), InvalidRequest) == "dns-account-not-found"


async def test_the_case_of_names_does_not_matter_but_of_texts_does(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    await publisher.publish(TXT)
    await publisher.publish(CNAME)
    resolver = AuthoritativeResolver(Accounts(dns_account(box.dns_port)))
    (text,) = await resolver.views(TXT.model_copy(update={"value": TXT.value.upper()}), "main")
    (alias,) = await resolver.views(CNAME.model_copy(update={"value": "A.Sectigo.COM."}), "main")
    assert (text.seen, alias.seen) == (False, True)


async def test_nobody_answers(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LOOK_SECONDS", 0.2)
    port = box.dns_port
    await box.close()
    resolver = AuthoritativeResolver(Accounts(dns_account(port)))
    assert await code_of(resolver.views(CNAME, "main"), Unavailable) == "dns-unreachable"


class Delegated:
    def __init__(self, *authorities: Authority) -> None:
        self._authorities = authorities

    async def authorities(self, owner: str) -> tuple[Authority, ...]:
        return self._authorities


async def live_views(*authorities: Authority) -> Any:
    resolver = AuthoritativeResolver(Accounts(dns_account(53, Environment.LIVE)), Delegated(*authorities))
    return await resolver.views(CNAME, "main")


async def test_a_live_account_never_asks_an_address_that_is_not_public(
    box: Sandbox, publisher: Rfc2136Publisher
) -> None:
    await publisher.publish(CNAME)
    inside = Authority("ns1.shop.test (127.0.0.1)", "127.0.0.1", box.dns_port)
    with pytest.raises(Unavailable) as caught:
        await live_views(inside)
    assert caught.value.why == ("ns1.shop.test (127.0.0.1): not asked: its address is not a public one",)


async def test_every_server_is_told_by_itself(
    box: Sandbox, publisher: Rfc2136Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback stands in for public addresses here; the rule that forbids it has its own test."""
    monkeypatch.setattr(looking, "is_global", lambda address: address != "10.0.0.1")
    monkeypatch.setattr(looking, "_LOOK_SECONDS", 0.3)
    await publisher.publish(CNAME)
    async with Sandbox(SandboxSettings(port=0, dns_port=0)) as stale:
        views = await live_views(
            Authority("ns1", "127.0.0.1", box.dns_port),
            Authority("ns2", "127.0.0.1", stale.dns_port),
            Authority("ns3", "127.0.0.1", 1),
            Authority("ns4", "::1", 1),
            Authority("ns5", "10.0.0.1"),
        )
    assert [(view.server, view.seen) for view in views] == [
        ("ns1", True),
        ("ns2", False),
        ("ns3", False),
        ("ns5", False),
    ]
    assert "NXDOMAIN, zone serial" in views[1].detail
    assert "not a public one" in views[3].detail


async def test_a_server_that_is_not_authoritative_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lame(query: dns.message.Message, *unused: object, **named: object) -> tuple[dns.message.Message, bool]:
        made = dns.message.make_response(query)
        made.answer.append(dns.rrset.from_text(CNAME.owner + ".", 60, "IN", "CNAME", CNAME.value + "."))
        assert not query.flags & dns.flags.RD
        return made, False

    monkeypatch.setattr(dns.asyncquery, "udp_with_fallback", lame)
    (view,) = await live_views(Authority("ns1", "9.9.9.9"))
    assert not view.seen and "not authoritative" in view.detail


async def test_what_stands_there_is_shown_bounded_and_printable(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    await publisher.publish(TXT.model_copy(update={"value": "\x1b[31m" + "x" * 500}))
    resolver = AuthoritativeResolver(Accounts(dns_account(box.dns_port)))
    (view,) = await resolver.views(TXT, "main")
    assert view.detail.isprintable() and len(view.detail) < 300


def test_no_secret_in_any_repr(box: Sandbox, publisher: Rfc2136Publisher) -> None:
    assert box.tsig_secret not in repr(publisher) + repr(publisher._server)
    assert base64.b64decode(box.tsig_secret).hex() not in repr(publisher._server)
