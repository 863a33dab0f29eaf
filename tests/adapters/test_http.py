"""The one door: on which side of the line a POST failed, and what never gets out."""

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.adapters import http as door
from activities.adapters.http import HttpClient, HttpFault
from tests.adapters.raw_server import Exchange, Gate, answering, raw_server, response

SECRET = "s3cr3t-in-the-body"
PAYLOAD = {"AuthToken": SECRET, "name": "bücher.test"}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient()
    yield made
    await made.close()


async def fault_of(client: HttpClient, url: str, gate: Gate | None = None, read_seconds: float = 5) -> HttpFault:
    with pytest.raises(HttpFault) as caught:
        await client.post_json(url, PAYLOAD, gate=gate, read_seconds=read_seconds)
    fault = caught.value
    assert fault.__context__ is None and fault.__cause__ is None
    assert SECRET not in "".join(traceback.format_exception(fault)) + repr(fault)
    return fault


async def test_posts_json_once_and_returns_the_answer(client: HttpClient) -> None:
    async with raw_server(answering(b'{"ok":1}')) as server:
        answer = await client.post_json(f"{server.url}/rest/x", PAYLOAD)
    assert (answer.status, answer.body, answer.is_success) == (200, b'{"ok":1}', True)
    head = server.exchanges[0].head.decode().lower()
    assert head.startswith("post /rest/x http/1.1")
    assert "content-type: application/json; charset=utf-8" in head
    assert "transfer-encoding" not in head
    assert server.bodies == [b'{"AuthToken": "s3cr3t-in-the-body", "name": "b\\u00fccher.test"}']
    assert "ok" not in repr(answer)


async def test_refused_connection_is_before_the_body(client: HttpClient) -> None:
    async with raw_server(answering(b"{}")) as server:
        pass
    gate = Gate()
    fault = await fault_of(client, server.url, gate)
    assert (fault.began, fault.gate_shut, gate.asked) == (False, False, 0)


async def test_shut_gate_lets_no_byte_of_the_body_out(client: HttpClient) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.read_all()

    gate = Gate(is_open=False)
    async with raw_server(behave) as server:
        fault = await fault_of(client, server.url, gate)
        await server.finished.wait()
    assert (fault.began, fault.gate_shut, gate.asked) == (False, True, 1)
    assert server.bodies == [b""]


async def test_open_gate_is_asked_once_and_the_connection_is_fresh(client: HttpClient) -> None:
    async with raw_server(answering(b"{}")) as server:
        await client.post_json(server.url, PAYLOAD)
        gate = Gate()
        await client.post_json(server.url, PAYLOAD, gate=gate)
    assert gate.asked == 1
    assert len(server.exchanges) == 2


async def answering_again_and_again(exchange: Exchange) -> None:
    while True:
        await exchange.read_head()
        await exchange.read_body()
        await exchange.write(response(b"{}"))


async def test_all_connections_of_reads_are_kept_and_none_is_lent_to_what_costs_money(client: HttpClient) -> None:
    async with raw_server(answering_again_and_again) as server:
        for _ in range(2):
            await asyncio.gather(*(client.post_json(server.url, PAYLOAD) for _ in range(15)))
        assert len(server.exchanges) == 15
        await client.post_json(server.url, PAYLOAD, gate=Gate())
        assert len(server.exchanges) == 16
        await client.close()


async def test_a_kept_connection_that_the_peer_has_closed_is_not_used(client: HttpClient) -> None:
    async with raw_server(answering(b"{}")) as server:
        await client.post_json(server.url, PAYLOAD)
        await server.finished.wait()
        await asyncio.sleep(0.01)
        assert (await client.post_json(server.url, PAYLOAD)).is_success
    assert len(server.exchanges) == 2


async def test_a_call_looks_for_no_module(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is not there is looked for anew each time, in each directory that Python knows."""
    looked_for: list[str] = []

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            looked_for.append(name)

    async with raw_server(answering_again_and_again) as server:
        await client.post_json(server.url, PAYLOAD)
        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
        await client.post_json(server.url, PAYLOAD)
        await client.post_json(server.url, PAYLOAD, gate=Gate())
        await client.close()
    assert looked_for == []


async def test_an_early_answer_never_asks_the_gate_twice(client: HttpClient) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.write(response(b"{}", "413 Too Large"))
        await exchange.read_all()

    gate = Gate()
    async with raw_server(behave) as server:
        answer = await client.post_json(server.url, PAYLOAD, gate=gate)
    assert answer.status == 413
    assert gate.asked == 1


async def after_body_close(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    exchange.abort()


async def half_an_answer(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    await exchange.write(response(b'{"AuthResponse":{"isError":false}}')[:-10])


async def half_a_head(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-")


async def no_http_at_all(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    await exchange.write(b"\x00\xff garbage \r\n\r\n")


async def silence(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    await exchange.read_all()


async def packed(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_body()
    await exchange.write(response(b"x", headers="Content-Encoding: gzip\r\n"))


@pytest.mark.parametrize("behave", [after_body_close, half_an_answer, half_a_head, no_http_at_all, silence, packed])
async def test_anything_after_the_first_body_byte_is_sent(client: HttpClient, behave: object) -> None:
    async with raw_server(behave) as server:  # type: ignore[arg-type]
        fault = await fault_of(client, server.url, Gate(), read_seconds=0.3)
    assert (fault.began, fault.gate_shut) == (True, False)


async def test_an_answer_that_drips_for_ever_ends() -> None:
    client = HttpClient(connect_seconds=0.2)

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.read_body()
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            await exchange.write(b" ")
            await asyncio.sleep(0.02)

    async with raw_server(behave) as server:
        fault = await fault_of(client, server.url, Gate(), read_seconds=0.2)
    await client.close()
    assert fault.began


async def test_a_client_has_its_own_patience() -> None:
    """A call that says otherwise is served otherwise."""
    impatient = HttpClient(read_seconds=0.1)

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.read_body()
        await asyncio.sleep(0.5)
        await exchange.write(response(b"{}"))

    async with raw_server(behave) as server:
        with pytest.raises(HttpFault, match="no answer within the time-out"):
            await impatient.post_json(server.url, PAYLOAD)
        assert (await impatient.post_json(server.url, PAYLOAD, read_seconds=20)).is_success
    await impatient.close()


async def test_a_handshake_that_never_ends_is_no_connection() -> None:
    hasty = HttpClient(connect_seconds=0.2)

    async def behave(exchange: Exchange) -> None:
        await exchange.read_all()

    async with raw_server(behave) as server:
        fault = await fault_of(hasty, server.url.replace("http:", "https:"), Gate(), read_seconds=20)
    await hasty.close()
    assert not fault.began and "no connection within the time-out" in fault.why


async def test_an_answer_above_the_cap_is_none(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_ANSWER_BYTES", 100)
    async with raw_server(answering(b"x" * 101)) as server:
        fault = await fault_of(client, server.url, Gate())
    assert fault.began and "long" in fault.why
    async with raw_server(answering(b"x" * 100)) as server:
        assert len((await client.post_json(server.url, PAYLOAD)).body) == 100


async def test_redirects_are_answers_and_never_followed(client: HttpClient) -> None:
    async with raw_server(answering(b"", "307 Moved", "Location: /elsewhere\r\n")) as server:
        answer = await client.post_json(server.url, PAYLOAD)
    assert answer.status == 307 and not answer.is_success
    assert len(server.exchanges) == 1


async def test_proxies_of_the_environment_are_ignored(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    fresh = HttpClient()
    async with raw_server(answering(b"{}")) as server:
        assert (await fresh.post_json(server.url, PAYLOAD, gate=Gate())).status == 200
    await fresh.close()


@pytest.mark.parametrize("url", ["no-scheme", "ftp://127.0.0.1/", "http://", "http://a b/", "http://127.0.0.1:99999/"])
async def test_an_address_that_cannot_be_used_sends_nothing(client: HttpClient, url: str) -> None:
    assert not (await fault_of(client, url, Gate())).began


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Retry-After: 120\r\n", timedelta(seconds=120)),
        ("Retry-After: 99999999\r\n", timedelta(days=1)),
        ("Retry-After: 999999999999999\r\n", None),
        (
            "Date: Wed, 25 Nov 2026 10:00:00 GMT\r\nRetry-After: Wed, 25 Nov 2026 10:02:00 GMT\r\n",
            timedelta(minutes=2),
        ),
        ("Date: Wed, 25 Nov 2026 10:00:00 GMT\r\nRetry-After: Wed, 25 Nov 2026 09:00:00 GMT\r\n", timedelta(0)),
        ("Retry-After: soon\r\n", None),
        ("", None),
    ],
)
async def test_retry_after_is_read(client: HttpClient, headers: str, expected: timedelta | None) -> None:
    async with raw_server(answering(b"busy", "503 Busy", headers)) as server:
        answer = await client.post_json(server.url, PAYLOAD)
    assert answer.retry_after == expected


async def test_a_stranger_certificate_is_before_the_body(client: HttpClient) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.reader.read(100)
        await exchange.write(b"\x15\x03\x01\x00\x02\x02\x28")  # a TLS alert instead of a handshake

    async with raw_server(behave) as server:
        fault = await fault_of(client, server.url.replace("http:", "https:"), Gate())
    assert not fault.began
