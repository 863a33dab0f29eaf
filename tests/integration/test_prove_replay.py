"""Replaying what a real server holds: closed and open runs, and one that the present code would lead elsewhere."""

import pytest
from temporalio.client import Client

from activities.interface import WORKFLOW_QUEUE
from starter.prove.replay import replay_histories
from starter.stack import NAMESPACE
from tests.integration.support import House, until_true

pytestmark = pytest.mark.server


async def listed(client: Client) -> int:
    """How many runs the server lists; that lags a little behind."""
    return (await client.count_workflows()).count


async def test_closed_and_open_runs_of_a_server_replay(healed: House) -> None:
    house, client = healed, healed.client.temporal
    closed = await house.order("closed.example.test")
    await house.issued(closed)
    await house.fault("issue_delay", seconds=3600)
    open_ = await house.order("open.example.test")
    await house.until_state(open_, "awaiting-issuance")
    await house.until_resting(open_)

    async def are_listed() -> bool:
        return await listed(client) >= 2

    await until_true(are_listed)
    report = await replay_histories(client, NAMESPACE)
    assert report.failures == ()
    assert report.is_clean and report.count >= 2
    assert house.sales() == 2  # looking changes nothing


async def test_a_run_of_a_type_that_is_gone_is_told(house: House) -> None:
    client = house.client.temporal
    before = await listed(client)
    run = await client.start_workflow("IssueOfOld", id="of-old", task_queue=f"{WORKFLOW_QUEUE}-of-old")

    async def is_listed() -> bool:
        return await listed(client) > before

    await until_true(is_listed)
    report = await replay_histories(client, NAMESPACE)
    await run.terminate()
    assert [failure.workflow_id for failure in report.failures] == ["of-old"]
    assert report.failures[0].run_id == run.first_execution_run_id
    assert "IssueOfOld" in report.failures[0].reason
