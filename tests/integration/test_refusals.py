"""What is refused before a cent is spent: wrong requests all at once, wrong input within one workflow task."""

import secrets
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.adapters.build import TSIG_SECRET_PURPOSE, adapter_settings, open_adapters
from activities.interface import WORKFLOW_QUEUE
from domain.inventory import AuditEvent, DnsAccountRecord, Environment
from tests.integration.support import House, count, failure_of

pytestmark = pytest.mark.server

FORM: dict[str, Any] = {
    "account": "sandbox",
    "product": "positivessl",
    "common_name": "form.example.test",
    "months": 12,
    "dcv": {"method": "dns", "dns_account": "sandbox"},
}
# Made up, and in the shape that people paste.
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDECOYNOTREAL\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("name", "changes", "codes"),
    [
        pytest.param("a.example.test", {"product": "positivssl"}, ["product-not-found"], id="unknown product"),
        pytest.param("b.example.test", {"months": 13}, ["validity-not-sold"], id="months not sold"),
        pytest.param("c.example.test", {"account": "nobody"}, ["account-not-found"], id="unknown account"),
        pytest.param(
            "d.example.test",
            {"dcv": {"dns_account": "nowhere"}},
            ["dns-account-not-found"],
            id="unknown DNS account",
        ),
        pytest.param("e.example.test", {"dcv": {}}, ["dns-account-required"], id="no DNS account"),
        pytest.param("www.readonly.test", {}, ["dns-no-write-access"], id="zone not writable"),
        pytest.param("f.example.test", {"max_price": "1.00"}, ["price-over-limit"], id="too expensive"),
        pytest.param("*.g.example.test", {}, ["wildcard-not-in-product"], id="wildcard"),
        pytest.param(
            "h.readonly.test",
            {"months": 13, "max_price": "1.00", "key": {"algorithm": "rsa", "size": 1024}},
            ["key-too-small", "validity-not-sold", "dns-no-write-access"],
            id="several of one order, all together",
        ),
        pytest.param(
            "i.example.test",
            {"account": "nobody", "dcv": {"dns_account": "nowhere"}, "key": {"algorithm": "ecdsa", "size": 521}},
            ["account-not-found", "dns-account-not-found", "key-size-not-supported"],
            id="nothing is known",
        ),
    ],
)
async def test_all_that_is_wrong_is_listed_together(
    house: House, name: str, changes: dict[str, Any], codes: list[str]
) -> None:
    sold = house.sales()
    started = await house.order(name, **changes)
    error = await house.failure(started)
    assert [finding["code"] for finding in error.details] == codes
    assert error.type == (codes[0] if len(codes) == 1 else "request-refused")
    assert error.message.startswith("Nothing was bought.")
    assert house.sales() == sold
    order = await house.record(started)
    assert (order.state, order.error_code) == ("rejected", error.type)
    assert "purchase.reserved" not in await house.story(started.order_id)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("intranet", "name-internal", id="internal name"),
        pytest.param("mail.local", "name-invalid", id="internal zone"),
        pytest.param("under_score.example.test", "name-invalid", id="malformed"),
        pytest.param("www.example.com", "name-invalid", id="public name at the sandbox"),
    ],
)
async def test_names_that_no_ca_certifies(house: House, name: str, code: str) -> None:
    sold = house.sales()
    error = await house.failure(await house.order(name, months=13))
    assert code in [finding["code"] for finding in error.details]
    assert "validity-not-sold" in [finding["code"] for finding in error.details]
    assert house.sales() == sold


async def test_an_account_of_another_world_is_refused(house: House) -> None:
    """A DNS account for public zones never serves an order of the sandbox, and nothing is written through it."""
    async with open_adapters(adapter_settings(house.stack.settings)) as adapters:
        now = await adapters.clock.now()
        record = DnsAccountRecord(
            name="public",
            server=house.stack.sandbox.dns_host,
            port=house.stack.sandbox.dns_port,
            zones=("test",),
            tsig_name="k.",
            secret_id="dns-account/public",
            environment=Environment.LIVE,
        )
        sealed = adapters.vault.seal(b"c2VjcmV0", row_id=record.secret_id, purpose=TSIG_SECRET_PURPOSE)
        event = AuditEvent(event_id="evt_public", kind="dns-account.added", subject="public", at=now)
        await adapters.inventory.add_dns_account(record, sealed, event)
    started = await house.order("world.example.test", dcv={"dns_account": "public"})
    error = await house.failure(started)
    assert [finding["code"] for finding in error.details] == ["account-mismatch"]


# what a person types into the start box


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        pytest.param({**FORM, "produkt": "x"}, "input-invalid", "produkt: there is no such field", id="unknown field"),
        pytest.param({**FORM, "months": "a year"}, "input-invalid", "months: ", id="wrong type"),
        pytest.param([FORM], "input-invalid", "must be one JSON object", id="array"),
        pytest.param(None, "input-empty", "one JSON object", id="empty form"),
        pytest.param({**FORM, "reason": PEM}, "secret-in-input", "rotate it", id="PEM key"),
        pytest.param({**FORM, "password": "hunter2"}, "secret-in-input", "rotate it", id="password"),
    ],
)
async def test_bad_input_ends_the_run_in_one_task(house: House, typed: Any, code: str, words: str) -> None:
    given = {} if typed is None else {"arg": typed}
    handle = await house.client.temporal.start_workflow(
        "IssueCertificate", id=f"typed-{secrets.token_hex(6)}", task_queue=WORKFLOW_QUEUE, **given
    )
    error = await failure_of(handle)
    assert error.type == code
    assert words in error.message
    for value in ("hunter2", "NOTREAL", "a year"):
        assert value not in error.message
    events = (await handle.fetch_history()).events
    assert count(events, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) == 1
    assert count(events, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED) == 0
    assert count(events, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 0


async def test_a_form_pasted_into_the_web_ui_is_an_order(house: House) -> None:
    handle = await house.client.temporal.start_workflow(
        "IssueCertificate", {**FORM, "dry_run": True}, id="any id will do", task_queue=WORKFLOW_QUEUE
    )
    told = await handle.result()
    assert told["state"] == "dry-run"
    assert told["price"] == {"amount": "7.95", "currency": "USD"}


async def test_a_refused_update_leaves_no_event(healed: House) -> None:
    await healed.fault("issue_delay", seconds=3600)
    started = await healed.order("updates.example.test")
    await healed.until_state(started, "awaiting-issuance")
    handle = healed.handle(started)

    async def of_updates() -> list[str]:
        """The run goes on meanwhile (the CA sees the proof): only what an update leaves behind counts."""
        kinds = [EventType.Name(event.event_type) for event in (await handle.fetch_history()).events]
        return [kind for kind in kinds if "WORKFLOW_EXECUTION_UPDATE" in kind]

    for update, typed, code in (
        ("extend_deadline", {"by": "me", "days": 0}, "input-invalid"),
        ("extend_deadline", {"by": "me", "days": 7, "token": "hunter2"}, "secret-in-input"),
        ("check_now", {}, "input-invalid"),
        ("check_now", ["me"], "input-invalid"),
    ):
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await handle.execute_update(update, typed)
        cause = caught.value.cause
        assert isinstance(cause, ApplicationError)
        assert cause.type == code
        assert "hunter2" not in cause.message
    assert await of_updates() == []

    answer = await handle.execute_update("extend_deadline", {"by": "me", "days": 7})
    assert answer["done"]
    assert len(await of_updates()) == 2
    await handle.terminate("the test is over")
