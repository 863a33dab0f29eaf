"""Nothing that Evercert writes holds a secret: known ones are searched everywhere, after days that went as badly as can be.

The scan is worth something because it finds: with the scrubbers switched off (``unscrubbed_worker``) the same orders leak,
and each wall is seen to be the one that held.
"""

import asyncio
import json
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from activities.interface import WORKFLOW_QUEUE
from starter.client import StartedOrder
from starter.prove.canary import (
    Canary,
    CanaryReport,
    Found,
    OwnAct,
    private_key_canaries,
    scan_everything,
)
from starter.prove.canary_machine import canaries_of, places_of
from starter.stack import ACCOUNT
from tests.integration.failing_worker import ADAPTERS, DECOY
from tests.integration.support import House, open_house, run_cli, until_true

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

FORM: dict[str, Any] = {
    "account": "sandbox",
    "product": "positivessl",
    "common_name": "form.example.test",
    "months": 12,
    "dcv": {"method": "dns", "dns_account": "sandbox"},
}
PASSWORD = f"CANARY-password-{secrets.token_hex(8)}"
DATABASE_PASSWORD = f"CANARY-db-{secrets.token_hex(8)}"
PASTED = ec.generate_private_key(ec.SECP256R1())
PASTED_PEM = PASTED.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PASTED_DER = PASTED.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
_LIST = ("order", "list")
_BY_VARIABLE = "env:CANARY_ADDRESS"


@asynccontextmanager
async def spoilt_house(home: Path, module: str) -> AsyncIterator[House]:
    """A machine whose worker is a damaged one and logs everything it may."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text('[profile.default.log]\nlevel = "debug"\nformat = "json"\n')
    async with open_house(home, with_worker=False) as house:
        house.stack.options = replace(house.stack.options, worker_module=module)
        await house.stack.start_worker()
        yield house


# bad days


async def ordered(house: House, name: str, **changes: Any) -> StartedOrder:
    return await house.order(f"{name}.example.test", **changes)


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


async def issued_orders(house: House) -> None:
    _say("issued_orders")
    for name, key in (("ecdsa", {}), ("rsa", {"algorithm": "rsa", "size": 2048})):
        await house.issued(await ordered(house, name, key=key, reason="a canary order"))


async def refused_orders(house: House) -> None:
    _say("refused_orders")
    await house.failure(await ordered(house, "dear", max_price="1.00"))
    await house.failure(await ordered(house, "unknown", product="positivssl"))
    await house.fault("echo_secrets", place="message", endpoint="order/validateorderparameters", times=1)
    await house.failure(await ordered(house, "echoed"))
    await house.heal()


async def a_refunded_order(house: House) -> None:
    _say("a_refunded_order")
    await house.fault("issue_delay", seconds=3600)
    started = await ordered(house, "cancelled")
    await house.until_state(started, "awaiting-issuance")
    said = await house.cli("order", "cancel", started.order_id, "--reason", "wrong name")
    assert said.code == 0, said.err
    await house.until_state(started, "awaiting-refund")
    seller_order = (await house.record(started)).seller_order_id
    await house.tell_sandbox("POST", f"orders/{seller_order}/refund", {"approve": True})
    await house.look_at_once(started)
    with pytest.raises(WorkflowFailureError):
        await house.handle(started).result()
    await house.heal()


async def a_rejected_token(house: House) -> None:
    _say("a_rejected_token")
    await house.fault("token_rejected", endpoint="order/neworder", times=1)
    started = await ordered(house, "rejected")
    await house.until_order(started, lambda it: it.waiting_for == "account")
    checked = await house.cli("account", "check", ACCOUNT, "-o", "json", "--debug")
    assert checked.code == 0, checked.err
    await house.look_at_once(started)
    await house.issued(started)
    await house.heal()


async def a_seller_that_echoes(house: House) -> list[StartedOrder]:
    """A page, a message, words of a good answer, each repeating credential and order token; two orders stay open."""
    _say("a_seller_that_echoes")
    await house.fault("issue_delay", seconds=3600)
    for place in ("page", "message"):
        await house.fault("echo_secrets", place=place, endpoint="product/query", times=1)
        await house.fault("echo_secrets", place=place, endpoint="order/status", times=1)
        started = await ordered(house, f"echo-{place}")
        await house.until_order(started, lambda it: it.look.startswith("could not look"))
        await until_awaiting(house, started)
    await house.fault("echo_secrets", place="words", endpoint="product/query", times=1)
    waiting = await ordered(house, "echo-words")
    await until_awaiting(house, waiting)
    await house.fault("echo_secrets", place="words", endpoint="order/status")
    await house.look_at_once(waiting)
    await house.until_order(waiting, lambda it: "link" in it.look)
    await no_more_echoes(house)
    await house.fault("echo_secrets", place="message", endpoint="order/neworder", times=1)
    doubtful = await ordered(house, "doubt")
    await house.until_order(doubtful, lambda it: it.state == "purchasing" and bool(it.look))
    await no_more_echoes(house)
    return [waiting, doubtful]


async def no_more_echoes(house: House) -> None:
    await house.tell_sandbox("DELETE", "faults?fault=echo_secrets")


async def until_awaiting(house: House, started: StartedOrder) -> None:
    """Look again and again; an answer that nobody knows parks the account, and one command releases it."""
    while (order := await house.client.inventory.order(started.order_id)) is None or order.state != "awaiting-issuance":
        account = await house.client.inventory.account(ACCOUNT)
        if account is not None and account.parked_code:
            await no_more_echoes(house)
            said = await house.cli("account", "check", ACCOUNT, "-o", "json", "--debug")
            assert said.code == 0, said.err
        await house.look_at_once(started)
        await asyncio.sleep(0.5)


async def failing_adapters(house: House) -> None:
    _say("failing_adapters")
    for adapter in ADAPTERS:
        started = await ordered(house, f"boom-{adapter}")
        await until_true(lambda started=started: _told_failure(house, started))  # type: ignore[misc]
    log = (house.stack.options.home / "worker.log").read_text()
    for adapter in ADAPTERS:
        lines = [line for line in log.splitlines() if f"boom-{adapter}." in line and "activity.failed" in line]
        assert lines, adapter
        assert all(json.loads(line)["error_type"] == "RuntimeError" for line in lines)


async def _told_failure(house: House, started: StartedOrder) -> bool:
    described = (await house.handle(started).describe()).raw_description
    return any(
        it.HasField("last_failure") for it in described.pending_activities
    ) or described.workflow_execution_info.HasField("close_time")


async def mistaken_people(house: House, waiting: StartedOrder) -> list[OwnAct]:
    """A password and a private key typed into forms of the Web UI, and told to a running order."""
    _say("mistaken_people")
    temporal = house.client.temporal
    typed: list[tuple[str, str, Any]] = [
        ("typed password", "password-field", {**FORM, "password": PASSWORD}),
        ("typed password", "unknown-field", {**FORM, "passwort": PASSWORD}),
        ("typed password", "wrong-place", {**FORM, "months": PASSWORD}),
        ("typed password", "nested", {**FORM, "dcv": {"dns_account": {"token": PASSWORD}}}),
        ("typed password", "as-name", {**FORM, "account": f"{PASSWORD}/x y"}),
        ("pasted key", "pasted-key", {**FORM, "private_key": PASTED_PEM}),
        ("pasted key", "pasted-into-reason", {**FORM, "reason": PASTED_PEM}),
    ]
    acts = []
    for kind, workflow_id, form in typed:
        handle = await temporal.start_workflow("IssueCertificate", form, id=workflow_id, task_queue=WORKFLOW_QUEUE)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        acts.append(OwnAct(kind, workflow_id))
    running = house.handle(waiting)
    with pytest.raises(WorkflowUpdateFailedError):
        await running.execute_update("extend_deadline", {"by": "me", "days": 7, "token": PASSWORD})
    await running.signal("check_now_signal", {"by": "me", "secret": PASSWORD})
    await running.signal("nobody-listens", {"password": PASSWORD})
    await running.query("status")
    return [*acts, OwnAct("typed password", waiting.workflow_id)]


async def what_commands_say(house: House) -> dict[str, str]:
    """Everything that a person would ask after such days, with all there is to show."""
    _say("what_commands_say")
    orders = await house.client.inventory.orders(limit=1000)
    explained = {order.state: order.order_id for order in orders}  # one of each kind
    asked: list[tuple[str, ...]] = [
        ("order", "show", *(order.order_id for order in orders)),
        *(("order", "explain", order_id) for order_id in explained.values()),
        ("order", "list"),
        ("audit", "list"),
        ("config", "show"),
        ("config", "path"),
        ("doctor",),
        ("account", "show", ACCOUNT),
        ("account", "list"),
        ("dns-account", "list"),
        ("cert", "list"),
    ]
    texts = {}
    for words in asked:
        said = await house.cli(*words, "-o", "json", "--debug")
        assert said.code in (0, 1, 2, 11), (words, said.err)
        texts[f"evercert {' '.join(words)}"] = said.out + said.err
    return texts | await _with_a_database_password(house)


async def _with_a_database_password(house: House) -> dict[str, str]:
    """What is said where the inventory's address holds a password, in the open or by reference."""
    _say("_with_a_database_password")
    key = "EVERCERT_PROFILE__DEFAULT__INVENTORY"
    secret = DATABASE_PASSWORD
    addresses = {
        "open": f"postgresql://evercert:{secret}@127.0.0.1:1/evercert",
        "in the query": f"postgresql://127.0.0.1:1/evercert?user=evercert&password={secret}",
        "broken": f"postgresql://evercert:{secret}@[127.0.0.1:1/evercert",
        "with a slash": f"postgresql://evercert:a/b{secret}@127.0.0.1:1/evercert",
    }
    texts = {}
    for name, address in addresses.items():
        for words, setting in (
            (("config", "show"), address),
            (("doctor", "inventory"), address),
            (_LIST, _BY_VARIABLE),
        ):
            env = {**house.stack.environment(), key: setting, "CANARY_ADDRESS": address}
            said = await run_cli((*words, "-o", "json", "--debug"), env)
            texts[f"evercert {' '.join(words)}, password {name}"] = said.out + said.err
    return texts


# the scan


async def report_of(house: House, own_acts: list[OwnAct], texts: dict[str, str]) -> CanaryReport:
    _say("report_of")
    canaries = [
        *await canaries_of(house.stack),
        Canary("typed password", PASSWORD.encode()),
        Canary("database password", DATABASE_PASSWORD.encode()),
        Canary("decoy", DECOY.encode()),
        *private_key_canaries("pasted key", PASTED_DER),
    ]
    kinds = {canary.kind.partition(" key_")[0].partition(" of ")[0] for canary in canaries}
    assert {"master key", "seller token", "TSIG secret", "private key", "token"} <= kinds
    return await scan_everything(places_of(house.stack, house.client.temporal, texts), canaries, own_acts)


async def test_no_secret_is_found_anywhere(tmp_path: Path) -> None:
    async with spoilt_house(tmp_path, "tests.integration.failing_worker") as house:
        await issued_orders(house)
        await refused_orders(house)
        await a_refunded_order(house)
        await a_rejected_token(house)
        waiting, _ = await a_seller_that_echoes(house)
        await failing_adapters(house)
        acts = await mistaken_people(house, waiting)
        texts = await what_commands_say(house)
        report = await report_of(house, acts, texts)
    assert [str(find) for find in report.found] == []
    assert report.missing == ()
    assert report.searched["history events"] > 300
    assert {act.workflow_id for act in acts} == {
        act.workflow_id for act in acts if any(act.workflow_id in find.source for find in report.typed)
    }


async def test_with_the_scrubbers_off_secrets_are_found_where_each_of_them_stood(tmp_path: Path) -> None:
    async with spoilt_house(tmp_path, "tests.integration.unscrubbed_worker") as house:
        await house.fault("issue_delay", seconds=3600)
        waiting = await ordered(house, "echo-words")
        await until_awaiting(house, waiting)
        broken = await ordered(house, "boom-dns")
        await until_true(lambda: _told_failure(house, broken))
        await house.fault("echo_secrets", place="message", endpoint="product/query")
        echoed = await ordered(house, "echoed")
        await until_true(lambda: _told_failure(house, echoed))
        acts = await mistaken_people(house, waiting)
        await house.fault("echo_secrets", place="words", endpoint="order/status")
        await house.look_at_once(waiting)
        await house.until_order(waiting, lambda it: "link" in it.look)
        report = await report_of(house, acts, {"nothing": "was said"})
    found = {(find.kind, _where(find)) for find in report.found}
    # the converter, which quotes no value of what people type
    assert ("typed password", "history password-field: failure.message") in found
    assert ("pasted key, scalar", "history pasted-key: failure.message") in found
    # the translation of foreign errors, which keeps their words to itself
    assert ("decoy", "description issue-boom-dns: last_failure.message") in found
    assert ("decoy", "description issue-boom-dns: last_failure.cause.message") in found
    # the masking of what the seller says: in errors, and in free texts of good answers
    assert ("seller token of sandbox", "description issue-echoed: last_failure.message") in found
    assert ("seller token of sandbox", "inventory: order_.look") in found
    assert any(kind.startswith("token of order ") and where == "inventory: order_.look" for kind, where in found)
    # the logs, which write no words of foreign errors
    assert ("decoy", "worker.log") in found
    for text in (repr(report), *map(str, report.found)):
        assert not any(secret in text for secret in (DECOY, PASSWORD, "sandbox-token"))


def _where(find: Found) -> str:
    """The source without random parts, and the end of the path."""
    source = find.source.partition(" (")[0].partition(".example.test")[0]
    if source == "inventory":
        return f"inventory: {find.place.partition(' ')[0]}"
    if find.place.startswith("line "):
        return Path(source).name
    path = re.sub(r"\[\d+\]", "", find.place)
    return f"{source}: {'.'.join(path.split('.')[-3 if 'cause' in path else -2 :])}"
