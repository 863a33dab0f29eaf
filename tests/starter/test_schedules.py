"""The schedules on a real Temporal server: made once, left alone afterwards, and starting what they should."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.errors import Unavailable
from starter.plugin import evercert_plugin
from starter.schedules import SYNC_SCHEDULE, SchedulesReport, missing_schedules, provide_schedules
from starter.server import DevServer, provision
from workflows.search_attributes import REGISTRATION

pytestmark = pytest.mark.server

MADE = SchedulesReport(changed=("schedule evercert-sync made, every 15 minutes",))


@pytest.fixture
async def client(temporal_binary: Path, tmp_path: Path) -> AsyncIterator[Client]:
    async with DevServer(temporal_binary, tmp_path) as server:
        await provision(server.address, search_attributes=REGISTRATION)
        yield await Client.connect(server.address, namespace="evercert", plugins=[evercert_plugin()])


async def test_made_once_and_told_before(client: Client) -> None:
    assert await missing_schedules(client) == ("evercert-sync is not there",)
    assert await provide_schedules(client, dry_run=True) == MADE
    assert await missing_schedules(client) != ()
    assert await provide_schedules(client) == MADE
    assert await provide_schedules(client) == SchedulesReport()
    assert await missing_schedules(client) == ()
    made = (await client.get_schedule_handle(SYNC_SCHEDULE).describe()).schedule
    assert [it.every for it in made.spec.intervals] == [timedelta(minutes=15)]
    assert made.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert made.policy.catchup_window == timedelta(minutes=1)


async def test_made_by_several_at_once_it_is_one(client: Client) -> None:
    reports = await asyncio.gather(*(provide_schedules(client) for _ in range(3)))
    assert all(report in (MADE, SchedulesReport()) for report in reports)
    assert await provide_schedules(client) == SchedulesReport()


async def test_what_a_person_changed_stays_and_is_told(client: Client) -> None:
    await provide_schedules(client)
    handle = client.get_schedule_handle(SYNC_SCHEDULE)
    await handle.pause(note="while the seller moves house")

    def hourly(given: ScheduleUpdateInput) -> ScheduleUpdate:
        given.description.schedule.spec = ScheduleSpec(cron_expressions=["0 * * * *"])
        return ScheduleUpdate(schedule=given.description.schedule)

    await handle.update(hourly)
    report = await provide_schedules(client)
    assert report == SchedulesReport(
        differs=(
            "schedule evercert-sync has other times than every 15 minutes; left",
            "schedule evercert-sync is paused; left",
        )
    )
    assert await missing_schedules(client) == ("evercert-sync is paused",)
    assert (await handle.describe()).schedule.state.note == "while the seller moves house"


async def test_another_schedule_of_that_name_is_told_and_left(client: Client) -> None:
    action = ScheduleActionStartWorkflow("SomethingElse", id="x", task_queue="y")
    await client.create_schedule(SYNC_SCHEDULE, Schedule(action=action, spec=ScheduleSpec()))
    report = await provide_schedules(client)
    assert report.changed == ()
    assert "starts something else than SyncOrders" in report.differs[0]


async def test_it_starts_the_workflow_on_our_queue(client: Client) -> None:
    await provide_schedules(client)
    await client.get_schedule_handle(SYNC_SCHEDULE).trigger()
    while not (actions := (await client.get_schedule_handle(SYNC_SCHEDULE).describe()).info.recent_actions):
        await asyncio.sleep(0.05)
    started = actions[0].action
    described = await client.get_workflow_handle(started.workflow_id).describe()  # type: ignore[attr-defined]
    assert (described.workflow_type, described.task_queue) == ("SyncOrders", "evercert")
    assert described.id.startswith("sync-")


async def test_a_server_that_is_gone_is_an_error_of_ours(temporal_binary: Path, tmp_path: Path) -> None:
    async with DevServer(temporal_binary, tmp_path) as server:
        await provision(server.address, search_attributes=REGISTRATION)
        client = await Client.connect(server.address, namespace="evercert", plugins=[evercert_plugin()])
    with pytest.raises(Unavailable, match="temporal-not-ready"):
        await provide_schedules(client)
