"""What an administrator sees and does about an inventory that may have lost something."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from domain.errors import Misconfigured
from domain.inventory import Installation
from domain.reconcile import Reason, Standing
from starter import schedules
from starter.binding import Person
from starter.schedules import SchedulesReport
from starter.server import ProvisionReport
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, World, account

provisioning = import_module("starter.server.provision")  # the package has a function of that name
PENDING = Installation(
    installation_id="i",
    reconcile_since=NOW,
    reconcile_reason="row 9 is missing",
    sent_until=NOW - timedelta(minutes=10),
)


def findings(evercert: Evercert) -> dict[str, Any]:
    told = evercert("doctor", "inventory", "-o", "json")
    return {it["name"]: it for it in told.document["data"]}


def test_doctor_tells_since_when_why_for_whom_and_what_ends_it(evercert: Evercert, world: World) -> None:
    world.inventory.held_installation = PENDING
    world.inventory.held_accounts["done"] = account("done", compared_at=NOW + timedelta(hours=1))
    world.inventory.held_accounts["main"] = account("main")
    found = findings(evercert)
    assert (found["reconcile done"]["status"], found["reconcile main"]["status"]) == ("ok", "warning")
    for word in ("account main", "2026-11-24 12:00 UTC", "row 9 is missing", "after 2026-11-24 12:50:00 UTC"):
        assert word in found["reconcile main"]["sentence"]
    assert "evercert order sync" in found["reconcile main"]["next"]
    assert "set back" not in found


def test_doctor_tells_it_where_there_is_no_account_to_compare(evercert: Evercert, world: World) -> None:
    world.inventory.held_installation = PENDING
    assert "row 9 is missing" in findings(evercert)["reconcile"]["sentence"]


def test_doctor_tells_a_doubt_that_no_worker_has_entered_yet(evercert: Evercert, world: World) -> None:
    world.reason = Reason("behind", "the inventory ends at audit row 3, and row 9 was written before")
    found = findings(evercert)["set back"]
    assert found["status"] == "warning" and "row 9 was written before" in found["sentence"]


def test_doctor_tells_that_nothing_is_kept_yet(evercert: Evercert, world: World) -> None:
    assert findings(evercert)["set back"]["status"] == "ok"
    world.is_kept = False
    assert findings(evercert)["set back"]["status"] == "warning"


def test_doctor_tells_a_sequence_file_of_another_inventory(evercert: Evercert, world: World) -> None:
    world.doubt_error = Misconfigured("sequence-foreign", "of another inventory", next_step="evercert db reconcile")
    found = findings(evercert)["set back"]
    assert (found["status"], found["next"]) == ("failed", "evercert db reconcile")


@pytest.mark.parametrize(("mark", "is_told"), [("77/1", False), ("77/", True), ("/1", True), ("", True)])
def test_doctor_tells_what_the_database_may_not_be_asked(
    evercert: Evercert, world: World, mark: str, is_told: bool
) -> None:
    world.standing = Standing(installation_id="i", newest=1, database_mark=mark, is_shared=True)
    assert ("database identity" in findings(evercert)) == is_told


def test_account_show_tells_the_wait(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    assert evercert("account", "show", "main", "-o", "json").document["data"]["state"] == "ready"
    world.inventory.held_installation = PENDING
    told = evercert("account", "show", "main", "-o", "json").document
    assert (told["data"]["state"], told["data"]["reconcile"]) == ("waiting", "row 9 is missing")
    assert told["data"]["reconcile_ready_at"].startswith("2026-11-24T12:50:00")
    assert "evercert doctor inventory" in told["next"]
    listed = evercert("account", "list", "-o", "json").document["data"]
    assert [it["state"] for it in listed] == ["waiting"]


def test_by_hand_it_needs_a_reason_and_a_yes(evercert: Evercert, world: World) -> None:
    told = evercert("db", "reconcile", "--yes", "-o", "json")
    assert (told.code, told.error["code"]) == (4, "reason-required")
    told = evercert("db", "reconcile", "--reason", "restored", "-o", "json")
    assert (told.code, told.error["code"]) == (4, "confirmation-required")
    assert world.asked == []
    told = evercert("db", "reconcile", "--reason", "restored", "--yes", "-o", "json")
    assert (told.code, told.document["changed"]) == (0, True)
    assert [it.reason for it in world.asked] == ["restored"] and world.asked[0].by
    assert "evercert doctor inventory" in told.document["next"]


@pytest.fixture
def ready_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that lacks nothing."""

    async def provide(*_: Any, **__: Any) -> ProvisionReport:
        return ProvisionReport("evercert", (), ())

    async def provide_schedules(*_: Any, **__: Any) -> SchedulesReport:
        return SchedulesReport((), ())

    world.temporal = SimpleNamespace(namespace="evercert")
    monkeypatch.setattr(provisioning, "provision", provide)
    monkeypatch.setattr(schedules, "provide_schedules", provide_schedules)


@pytest.mark.usefixtures("ready_server")
def test_rebinding_needs_a_reason_and_a_yes(evercert: Evercert, world: World) -> None:
    rebind = ("temporal", "provision", "--rebind", "-o", "json")
    assert evercert(*rebind, "--yes").error["code"] == "reason-required"
    assert evercert(*rebind, "--reason", "the old one burnt").error["code"] == "confirmation-required"
    assert evercert(*rebind, "--reason", "the old one burnt", "--dry-run").document["changed"] is False
    assert evercert("temporal", "provision", "--yes", "-o", "json").document["changed"] is False
    assert world.asked == []
    told = evercert(*rebind, "--reason", "the old one burnt", "--yes")
    assert told.document["changed"] is True and "evercert doctor inventory" in told.err
    (person,) = world.asked
    assert isinstance(person, Person) and person.reason == "the old one burnt"
    world.is_other_cluster = False
    again = evercert(*rebind, "--reason", "the old one burnt", "--yes")
    assert again.document["changed"] is False and "already" in again.err
