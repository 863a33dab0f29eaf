"""Alerts as people meet them: listed, shown, settled once with a reason, told by doctor; and the look asked for by hand."""

from typing import Any

import pytest

from domain import ids
from domain.errors import Unavailable
from domain.inventory import AlertKind, AlertRecord
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, World
from workflows.messages import SkippedAccount, SyncResult


def alert(number: int = 1, **changes: Any) -> AlertRecord:
    fields: dict[str, Any] = {
        "alert_id": ids.alert_id("orphan-sale", "main", str(number)),
        "kind": AlertKind.ORPHAN_SALE,
        "account": "main",
        "seller_order_id": str(number),
        "order_id": ONE,
        "facts": {"product": "positivessl", "seller_says": "Pending"},
        "first_seen_at": NOW,
        "last_seen_at": NOW,
    }
    return AlertRecord.model_validate(fields | changes)


OPEN = alert()
SETTLED = alert(2, settled_at=NOW, settled_by="bob", reason="refunded")


@pytest.fixture
def held(world: World) -> World:
    world.inventory.held_alerts = {it.alert_id: it for it in (OPEN, SETTLED)}
    return world


def test_only_open_alerts_are_listed_unless_asked_for_all(evercert: Evercert, held: World) -> None:
    rows = evercert("alert", "list", "-o", "json").document["data"]
    assert [(it["id"], it["kind"], it["state"]) for it in rows] == [(OPEN.alert_id, "orphan-sale", "open")]
    assert len(evercert("alert", "list", "--all", "-o", "json").document["data"]) == 2
    assert evercert("alert", "list", "-o", "id").out.split() == [OPEN.alert_id]


def test_an_alert_is_shown_with_the_sellers_words(evercert: Evercert, held: World) -> None:
    told = evercert("alert", "show", OPEN.alert_id, "-o", "table")
    assert told.code == 0
    assert "product: positivessl; seller says: Pending" in " ".join(told.out.split())
    assert evercert("alert", "show", "alr_x").code == 3


def test_settling_needs_a_reason_and_is_audited(evercert: Evercert, held: World) -> None:
    refused = evercert("alert", "settle", OPEN.alert_id, "--by", "ann", "-o", "json")
    assert (refused.code, refused.error["code"]) == (4, "reason-required")
    assert held.inventory.events == []
    told = evercert("alert", "settle", OPEN.alert_id, "--by", "ann", "--reason", "refunded at the seller", "-o", "json")
    row = told.document["data"]
    assert (row["state"], row["settled_by"], row["reason"]) == ("settled", "ann", "refunded at the seller")
    assert told.document["changed"] is True
    (event,) = held.inventory.events
    assert (event.kind, event.subject, event.by, event.claim) == ("alert.settled", ONE, "ann", "claimed")
    assert event.reason == "refunded at the seller"
    assert event.facts == {"alert": OPEN.alert_id, "code": "orphan-sale", "account": "main", "seller_order": "1"}


def test_settled_once_it_stays_as_it_was(evercert: Evercert, held: World) -> None:
    told = evercert("alert", "settle", SETTLED.alert_id, "--reason", "again", "-o", "json")
    assert (told.code, told.document["changed"], told.document["data"]["settled_by"]) == (0, False, "bob")
    assert "settled before, by bob" in told.err
    assert held.inventory.events == []


def test_an_alert_that_is_not_there_is_not_settled(evercert: Evercert, held: World) -> None:
    assert evercert("alert", "settle", "alr_x", "--reason", "none").code == 3


def test_doctor_tells_open_alerts(evercert: Evercert, held: World) -> None:
    (row,) = evercert("doctor", "alerts", "-o", "json").document["data"]
    assert (row["status"], row["next"]) == ("failed", f"evercert alert show {OPEN.alert_id}")
    assert row["sentence"] == f"orphan-sale: seller order 1 of account main carries our {ONE}"
    held.inventory.held_alerts |= {(it := alert(number)).alert_id: it for number in range(10, 25)}
    rows = evercert("doctor", "alerts", "-o", "json").document["data"]
    assert (len(rows), rows[-1]["next"]) == (11, "evercert alert list")
    assert evercert("doctor", "alerts", "--fail-on", "failed").code == 11


# the look that is asked for by hand


def test_a_look_is_started_and_not_waited_for(evercert: Evercert, world: World) -> None:
    told = evercert("order", "sync", "--request-id", "chg-1", "-o", "json")
    assert (told.code, told.document["data"]["id"], world.engine.syncs) == (0, "sync-chg-1", ["chg-1"])
    assert told.document["next"] == ["evercert alert list"]


def test_what_a_look_found_is_told(evercert: Evercert, world: World) -> None:
    world.engine.found = SyncResult(accounts_compared=("main",), alerts_raised=1, alert_ids=("alr_x",), runs_started=2)
    told = evercert("order", "sync", "--wait", "-o", "json")
    row = told.document["data"]
    assert (told.code, row["alerts_raised"], row["alert_ids"], row["runs_started"]) == (0, 1, ["alr_x"], 2)
    assert told.document["next"] == ["evercert alert list"]


@pytest.mark.parametrize(
    "found",
    [
        SyncResult(accounts_skipped=(SkippedAccount(account="main", code="account-parked"),)),
        SyncResult(orders_refused=((ONE, "resume-differs"),)),
    ],
)
def test_what_was_left_out_shows_in_the_exit_code(evercert: Evercert, world: World, found: SyncResult) -> None:
    world.engine.found = found
    told = evercert("order", "sync", "--wait", "-o", "json")
    assert told.code == 9
    assert told.document["data"]["accounts_skipped"] == (["main: account-parked"] if found.accounts_skipped else [])


def test_without_temporal_no_look_is_started(evercert: Evercert, world: World) -> None:
    world.engine.error = Unavailable("engine-unreachable", "no Temporal server answers")
    assert evercert("order", "sync").code == 12
