"""What a worker makes sure of before it polls: whose the inventory is, and that it has not been set back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters.build import Adapters
from activities.adapters.inventory import SqlInventory
from domain.errors import Misconfigured, Unavailable
from domain.inventory import AccountRecord, AuditEvent, Environment
from domain.reconcile import Standing, Watermark
from starter.binding import Person, bind, by_hand, look
from tests.activities.shop import KeptInMemory, StandingClock
from tests.adapters.inventory_support import event, fresh_inventory

ANN = Person("ann", "the old one burnt")


@dataclass
class FakeTemporal:
    """As much of a client as binding asks."""

    namespace: str = "evercert"
    cluster: str = "c"
    address: str = "127.0.0.1:1"
    results: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    error: RPCError | None = None

    @property
    def service_client(self) -> Any:
        return SimpleNamespace(config=SimpleNamespace(target_host=self.address))

    @property
    def workflow_service(self) -> Any:
        async def get_cluster_info(_: object) -> Any:
            return SimpleNamespace(cluster_id=self.cluster)

        return SimpleNamespace(get_cluster_info=get_cluster_info)

    async def list_workflows(self, query: str, *, limit: int) -> AsyncIterator[Any]:
        assert "SyncOrders" in query and "Completed" in query and limit == 1
        if self.error is not None:
            raise self.error
        for number in range(len(self.results)):
            yield SimpleNamespace(id=str(number), run_id="r")

    def get_workflow_handle(self, number: str, *, run_id: str) -> Any:
        async def result() -> Any:
            return self.results[int(number)]

        return SimpleNamespace(result=result)

    async def start_workflow(self, kind: str, **given: Any) -> None:
        self.asked.append({"kind": kind, **given})


@dataclass
class Place:
    """An inventory, what is kept outside of it, and the cluster that answers."""

    inventory: SqlInventory
    watermarks: KeptInMemory = field(default_factory=KeptInMemory)
    clock: StandingClock = field(default_factory=StandingClock)
    temporal: FakeTemporal = field(default_factory=FakeTemporal)

    @property
    def adapters(self) -> Adapters:
        return cast("Adapters", self)

    async def bind(self, **given: Any) -> bool:
        return await bind(cast("Client", self.temporal), self.adapters, **given)

    async def entered(self) -> list[str]:
        return [row.facts["kind"] for row in await self.inventory.audit() if row.kind == "reconcile.entered"]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with fresh_inventory(tmp_path) as inventory:
        account = AccountRecord(
            name="sandbox",
            environment=Environment.SANDBOX,
            base_url="http://127.0.0.1:1/rest",
            partner_code="1",
            secret_id="s",
        )
        await inventory.add_account(account, b"sealed", event("sandbox"))
        yield Place(inventory)


async def test_the_first_time_it_binds_and_begins_what_is_kept_outside(place: Place) -> None:
    for _ in range(2):
        assert await place.bind() is False
    told = await place.inventory.installation()
    assert (told.namespace, told.cluster_id, told.reconcile_since) == ("evercert", "c", None)
    assert place.watermarks.mark is not None
    assert [row.kind for row in await place.inventory.audit()][-2:] == ["installation.bound", "sequence.begun"]
    assert place.temporal.asked == []


async def test_an_inventory_behind_the_mark_waits_and_asks_for_the_comparison(place: Place) -> None:
    await place.bind()
    kept = place.watermarks.mark
    assert kept is not None
    place.watermarks.mark = kept.model_copy(update={"sequence": 500, "event_id": "evt_500"})
    for _ in range(2):
        await place.bind()
    assert await place.entered() == ["behind"]
    assert await place.inventory.reconcile_pending("sandbox")
    assert (await place.inventory.installation()).audit_sequence > 500
    assert [(it["kind"], it["id"], it["task_queue"]) for it in place.temporal.asked] == [
        ("SyncOrders", "sync-reconcile", "evercert")
    ] * 2
    assert place.temporal.asked[0]["id_conflict_policy"] is WorkflowIDConflictPolicy.USE_EXISTING
    assert place.temporal.asked[0]["id_reuse_policy"] is WorkflowIDReusePolicy.ALLOW_DUPLICATE


@pytest.mark.parametrize("result", [{"audit_sequence": 600}, {"audit_sequence": 600, "other": 1}])
async def test_behind_what_sync_orders_saw(place: Place, result: Any) -> None:
    place.temporal.results = [result]
    for _ in range(2):
        await place.bind()
    assert await place.entered() == ["behind-sync"]
    told = await place.inventory.installation()
    assert told.audit_sequence > 600
    assert told.sent_until == place.clock.at + timedelta(seconds=30), "when it was set back nobody knows"


@pytest.mark.parametrize("result", [{}, {"audit_sequence": 1}, {"audit_sequence": None}, None, "done", ["?"]])
async def test_what_an_older_run_does_not_tell_is_left_out(place: Place, result: Any) -> None:
    place.temporal.results = [result]
    await place.bind()
    assert await place.entered() == []


async def test_a_server_that_lists_nothing_is_no_reason_to_stop(place: Place) -> None:
    place.temporal.error = RPCError("no", RPCStatusCode.PERMISSION_DENIED, b"")
    await place.bind()
    assert await place.entered() == []


async def test_another_database_or_timeline(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real, told = place.inventory.standing, ["77/1"]

    async def standing(mark: Watermark | None = None) -> Standing:
        found = await real(mark)
        return found.model_copy(update={"database_mark": told[0], "is_shared": True, "file_sequence": None})

    monkeypatch.setattr(place.inventory, "standing", standing)
    await place.bind()
    assert (await place.inventory.installation()).database_mark == "77/1"
    for mark in ("", "77/"):
        told[0] = mark
        await place.bind()
    assert await place.entered() == []
    told[0] = "77/2"
    for _ in range(2):
        await place.bind()
    assert await place.entered() == ["database-changed"]
    assert (await place.inventory.installation()).database_mark == "77/2"


async def test_another_cluster_is_refused_with_the_command(place: Place) -> None:
    await place.bind()
    place.temporal.cluster = "d"
    for own_server in ("", "127.0.0.1:2"):
        with pytest.raises(Misconfigured, match="cluster-differs") as caught:
            await place.bind(own_server=own_server)
        assert "evercert temporal provision --rebind --reason" in caught.value.next_step
    assert await place.entered() == []
    assert (await place.inventory.installation()).cluster_id == "c"


@pytest.mark.parametrize("given", [{"own_server": "127.0.0.1:1"}, {"person": ANN}], ids=["own", "person"])
async def test_it_is_bound_to_another_cluster(place: Place, given: dict[str, Any]) -> None:
    await place.bind()
    for cluster in ("d", "c", "d"):
        place.temporal.cluster = cluster
        assert await place.bind(**given) is True
        assert await place.bind(**given) is False
    assert await place.entered() == ["cluster-changed"] * 3
    told = [row for row in await place.inventory.audit() if row.kind == "installation.rebound"]
    assert [row.facts["to"] for row in told] == ["d", "c", "d"]
    expected = ("ann", "claimed", "the old one burnt") if "person" in given else ("evercert", "system", told[0].reason)
    assert (told[0].by, told[0].claim, told[0].reason) == expected
    assert await place.inventory.reconcile_pending("sandbox")


async def test_another_namespace_stays_refused(place: Place) -> None:
    await place.bind()
    place.temporal.namespace = "other"
    for given in ({"own_server": "127.0.0.1:1"}, {"person": ANN}):
        with pytest.raises(Misconfigured, match="namespace-differs"):
            await place.bind(**given)


async def test_a_mark_of_another_installation_keeps_a_worker_from_starting(place: Place) -> None:
    place.watermarks.mark = Watermark(installation_id="j", sequence=1, event_id="evt_1")
    with pytest.raises(Misconfigured, match="sequence-foreign"):
        await place.bind()
    place.watermarks.on_read = Unavailable("sequence-unavailable", "…")
    with pytest.raises(Unavailable, match="sequence-unavailable"):
        await place.bind()


async def test_a_look_changes_nothing(place: Place) -> None:
    before = len(await place.inventory.audit())
    assert not (await look(place.adapters)).is_kept
    assert (place.watermarks.mark, len(await place.inventory.audit())) == (None, before)
    await place.bind()
    assert place.watermarks.mark is not None
    place.watermarks.mark = place.watermarks.mark.model_copy(update={"sequence": 500})
    found = await look(place.adapters)
    assert found.reason is not None and found.reason.kind == "behind"
    assert await place.entered() == []


async def test_by_hand(place: Place) -> None:
    told = await by_hand(place.adapters, Person("ann", "restored"))
    assert told.reconcile_since == place.clock.at
    assert told.sent_until == place.clock.at + timedelta(seconds=30)
    row: AuditEvent = (await place.inventory.audit())[-1]
    assert (row.kind, row.by, row.claim, row.reason) == ("reconcile.entered", "ann", "claimed", "restored")
    assert place.watermarks.mark is not None and place.watermarks.mark.event_id == row.event_id


async def test_by_hand_another_installation_s_mark_is_left_to_the_person(place: Place) -> None:
    foreign = Watermark(installation_id="j", sequence=1, event_id="evt_1")
    place.watermarks.mark = foreign
    assert (await by_hand(place.adapters, ANN)).reconcile_since is not None
    assert place.watermarks.mark == foreign
