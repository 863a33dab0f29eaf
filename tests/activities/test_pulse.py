"""What the pulse builds on: a real server keeps what an attempt remembered, though later ones ended before their first beat."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errors import NotYet
from starter.plugin import evercert_plugin
from starter.server import DevServer

pytestmark = pytest.mark.server

_ENOUGH = 4


@activity.defn(name="look")
async def look() -> list[list[str]]:
    """Remember by the first attempt; tell at the end what the last one was given."""
    info = activity.info()
    if info.attempt == 1:
        activity.heartbeat("failing since noon")
    if info.attempt < _ENOUGH:
        raise NotYet("issuance-pending", "not yet", retry_after=timedelta(milliseconds=50))
    return [list(info.heartbeat_details)]


@workflow.defn(name="Look")
class Look:
    """Polls as orders do: one activity whose retries are the poll."""

    @workflow.run
    async def run(self) -> list[list[str]]:
        return await workflow.execute_activity(
            look,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50)),
        )


async def test_what_is_remembered_outlasts_attempts_that_do_not_repeat_it(
    temporal_binary: Path, tmp_path: Path
) -> None:
    async with DevServer(temporal_binary, tmp_path) as server:
        client = await Client.connect(server.address, plugins=[evercert_plugin()])
        runner = UnsandboxedWorkflowRunner()
        async with Worker(client, task_queue="looks", workflows=[Look], activities=[look], workflow_runner=runner):
            assert await client.execute_workflow(Look.run, id="look", task_queue="looks") == [["failing since noon"]]
