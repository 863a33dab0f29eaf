"""Reconcile first, in the database: entered with its audit row, ended by the last account, on either database."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.adapters.inventory import SqlInventory, open_inventory
from domain import ids
from domain.errors import InvalidRequest
from domain.inventory import AccountRecord, ActRecord, ActState, AuditEvent, Environment
from domain.reconcile import Watermark
from tests.adapters.inventory_support import NOW, PostgresDatabases, at, event, moved, order, reserved


async def add(inventory: SqlInventory, name: str = "sandbox", **changes: Any) -> None:
    account = AccountRecord(
        name=name,
        environment=Environment.SANDBOX,
        base_url="http://127.0.0.1:1/rest",
        partner_code="1",
        secret_id=f"secret of {name}",
        **changes,
    )
    await inventory.add_account(account, b"sealed", event(name))


def entered(occasion: str = "1", when: datetime = NOW) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id("i", "reconcile.entered", occasion), kind="reconcile.entered", subject="i", at=when
    )


def compared(name: str, when: datetime) -> AuditEvent:
    return AuditEvent(
        event_id=ids.event_id(name, "account.compared", when.isoformat()),
        kind="account.compared",
        subject=name,
        at=when,
    )


async def story(inventory: SqlInventory) -> list[str]:
    words = ("reconcile", "compared", "rebound")
    return [row.kind for row in await inventory.audit() if any(word in row.kind for word in words)]


async def test_it_is_entered_once_for_one_event(inventory: SqlInventory) -> None:
    await add(inventory)
    assert await inventory.reconcile_pending("sandbox") == ""
    for _ in range(2):
        answer = await inventory.require_reconcile("set back", since=NOW, event=entered())
    assert answer is False
    assert await inventory.reconcile_pending("sandbox") == "set back"
    assert await story(inventory) == ["reconcile.entered"]
    told = await inventory.installation()
    assert (told.reconcile_since, told.reconcile_reason) == (NOW, "set back")


async def test_a_further_reason_makes_the_wait_begin_anew(inventory: SqlInventory) -> None:
    await add(inventory)
    await inventory.require_reconcile("set back", since=NOW, event=entered(), sent_until=at(10))
    await inventory.account_compared("sandbox", at=at(5), event=compared("sandbox", at(5)))
    assert await inventory.require_reconcile("cluster", since=at(7), event=entered("2"), sent_until=at(3))
    wait = await inventory.reconcile_wait("sandbox")
    assert wait is not None
    assert (wait.reason, wait.since, wait.ready_at) == ("set back; cluster", at(7), at(70))


async def test_it_ends_with_a_list_of_every_account_that_was_read_late_enough(inventory: SqlInventory) -> None:
    await add(inventory)
    await add(inventory, "other", visibility_minutes=5)
    await inventory.require_reconcile("set back", since=NOW, event=entered(), sent_until=NOW)
    assert not await inventory.account_compared("sandbox", at=at(59), event=compared("sandbox", at(59)))
    assert await inventory.reconcile_pending("sandbox")
    assert await inventory.account_compared("other", at=at(6), event=compared("other", at(6)))
    assert await inventory.reconcile_pending("other") == ""
    assert (await inventory.installation()).reconcile_since == NOW
    assert await inventory.account_compared("sandbox", at=at(60), event=compared("sandbox", at(60)))
    assert await story(inventory) == [
        "reconcile.entered",
        "account.compared",
        "account.compared",
        "reconcile.finished",
    ]
    told = await inventory.installation()
    assert (told.reconcile_since, told.reconcile_reason, told.sent_until) == (None, "", NOW)
    fresh = [await inventory.is_look_fresh("sandbox", at(minutes)) for minutes in (59, 60)]
    assert fresh == [False, True], "what was looked for before the window was over was looked for too early"
    assert not await inventory.account_compared("sandbox", at=at(61), event=compared("sandbox", at(61)))
    assert len(await story(inventory)) == 4


async def test_an_earlier_reading_does_not_count_for_a_later_one(inventory: SqlInventory) -> None:
    """Two readings overlap, and the one that began first ends last."""
    await add(inventory)
    await inventory.account_compared("sandbox", at=at(5), event=compared("sandbox", at(5)))
    await inventory.account_compared("sandbox", at=at(3), event=compared("sandbox", at(3)))
    account = await inventory.account("sandbox")
    assert account is not None
    assert account.compared_at == at(5)
    assert account.version == 1, "what an administrator edits is another matter"


async def test_an_account_that_is_not_there_is_told(inventory: SqlInventory) -> None:
    for attempt in (
        inventory.reconcile_pending("nobody"),
        inventory.account_compared("nobody", at=NOW, event=compared("nobody", NOW)),
    ):
        with pytest.raises(InvalidRequest, match="account-not-found"):
            await attempt


async def test_numbers_of_rows_that_were_lost_never_come_again(inventory: SqlInventory) -> None:
    await inventory.append_audit(event("a"))
    await inventory.require_reconcile("set back", since=NOW, event=entered(), past=120)
    assert (await inventory.installation()).audit_sequence == 121
    await inventory.append_audit(event("b"))
    assert (await inventory.installation()).audit_sequence == 122
    await inventory.require_reconcile("set back", since=NOW, event=entered("2"), past=50)
    assert (await inventory.installation()).audit_sequence == 123


async def test_where_it_stands(inventory: SqlInventory) -> None:
    assert (await inventory.standing()).newest == 0
    for name in ("a", "b", "c"):
        await inventory.append_audit(event(name))
    first, *_ = await inventory.audit()
    here = await inventory.standing(Watermark(installation_id="i", sequence=1, event_id="?"))
    assert (here.newest, here.event_id_there) == (3, first.event_id)
    assert here.newest_event_id == event("c").event_id
    assert (await inventory.standing(Watermark(installation_id="i", sequence=9, event_id="?"))).event_id_there == ""
    assert here.sent_until is None
    act = await reserved(inventory, order())
    deadline = NOW + timedelta(seconds=30)
    changes = ActRecord(
        act_id=act.act_id, order_id=act.order_id, state=act.state, owner=act.owner, send_deadline=deadline
    )
    assert await moved(inventory, act, ActState.SENDING, changes=changes)
    assert (await inventory.standing()).sent_until == deadline


async def test_it_is_bound_to_another_cluster_with_its_row(inventory: SqlInventory) -> None:
    await inventory.bind_installation(namespace="n", cluster_id="c", key_check=b"", now=NOW)
    told = AuditEvent(event_id="evt_rebound", kind="installation.rebound", subject="i", at=NOW)
    for _ in range(2):
        await inventory.rebind_cluster("d", told)
    assert (await inventory.installation()).cluster_id == "d"
    assert await story(inventory) == ["installation.rebound"]


@pytest.mark.postgres
async def test_postgresql_tells_which_one_it_is(on_postgresql: PostgresDatabases) -> None:
    async with await open_inventory(await on_postgresql.fresh()) as inventory:
        here = await inventory.standing()
        system, _, timeline = here.database_mark.partition("/")
        assert (system.isdigit(), timeline, here.is_shared, here.file_sequence) == (True, "1", True, None)
        for _ in range(2):
            await inventory.mark_database(here.database_mark)
        await inventory.mark_database("")
        assert (await inventory.installation()).database_mark == here.database_mark


@pytest.mark.postgres
async def test_what_postgresql_may_not_be_asked_is_left_out(
    on_postgresql: PostgresDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.adapters.inventory.reconcile._SYSTEM", "SELECT pg_read_file('no-such-file')")
    async with await open_inventory(await on_postgresql.fresh()) as inventory:
        assert (await inventory.standing()).database_mark == "/1"
