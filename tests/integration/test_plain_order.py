"""A plain order on a real server against the sandbox: what the history, the inventory, the seller and the DNS hold."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import WorkflowExecution

from domain.errors import InvalidRequest
from domain.inventory import VersionState
from starter.client import StartedOrder
from starter.stack import NAMESPACE
from tests.integration.support import House, summaries, until
from workflows.messages import OrderResult

pytestmark = pytest.mark.server

NAME = "plain.example.test"
GOLDEN = Path(__file__).parent / "golden" / "plain_order_summaries.txt"
MOST_EVENTS = 100
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Ordered:
    """The plain order of this module, at its end."""

    started: StartedOrder
    result: OrderResult
    page: str
    events: Sequence[HistoryEvent]


@pytest.fixture(scope="module")
async def ordered(house: House) -> Ordered:
    started = await house.order(NAME, request_id="plain-1", reason="CHG-1")
    result = await house.issued(started)
    history = await house.handle(started).fetch_history()
    return Ordered(started, result, await house.page(started), history.events)


def test_the_history_is_small(ordered: Ordered) -> None:
    size = sum(event.ByteSize() for event in ordered.events)
    print(f"plain DV order: {len(ordered.events)} events, {size} bytes")
    assert len(ordered.events) <= MOST_EVENTS
    assert size <= MOST_BYTES


def test_the_history_reads_as_a_story(ordered: Ordered) -> None:
    """Rewrite the golden file with UPDATE_GOLDEN=1 when the story was changed on purpose."""
    told = "\n".join(_nameless(line, ordered.result) for line in summaries(ordered.events)) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(told)
    assert told == GOLDEN.read_text()


def _nameless(line: str, result: OrderResult) -> str:
    """Put words in the place of what differs from order to order."""
    line = line.replace(result.serial, "<serial>").replace(result.seller_order_id, "<seller order>")
    line = line.replace(NAME, "<name>").replace(result.key_id, "<key>").replace(result.order_id, "<order>")
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "<time>", line)
    return re.sub(r"_[0-9a-f]{32}", "<label>", line)


async def test_the_page_in_the_web_ui_says_what_it_waits_for(healed: House, ordered: Ordered) -> None:
    assert "issued" in ordered.page.splitlines()[0]
    await healed.fault("issue_delay", seconds=3600)
    started = await healed.order("waiting.example.test")
    await healed.until_state(started, "awaiting-issuance")
    page = await healed.page(started)
    assert "Waiting for: the CA" in page.splitlines()[0]
    assert "check_now" in page and "CNAME" in page and started.order_id in page
    assert len(page.encode()) < 6 * 1024
    await healed.heal()
    await healed.issued(started)


async def test_the_closed_run_is_found_by_its_search_attributes(house: House, ordered: Ordered) -> None:
    query = (
        f"EvercertKind = 'issue' AND EvercertState = 'issued' AND EvercertNames = '{NAME}' "
        "AND EvercertNeedsPerson = false AND ExecutionStatus = 'Completed'"
    )

    async def look() -> WorkflowExecution | None:
        return next((found for found in [it async for it in house.client.temporal.list_workflows(query)]), None)

    found = await until(look)  # visibility lags behind the history
    assert found.id == ordered.started.workflow_id
    shown = {pair.key.name: pair.value for pair in found.typed_search_attributes}
    not_after, deadline = shown.pop("EvercertNotAfter"), shown.pop("EvercertDeadline", None)
    assert not_after == ordered.result.not_after
    assert deadline is None
    shown.pop("BuildIds", None)
    assert shown == {
        "EvercertKind": "issue",
        "EvercertState": "issued",
        "EvercertName": NAME,
        "EvercertNames": [NAME],
        "EvercertOrder": ordered.started.order_id,
        "EvercertSellerOrder": ordered.result.seller_order_id,
        "EvercertAccount": "sandbox",
        "EvercertProduct": "positivessl",
        "EvercertWaitingFor": "nobody",
        "EvercertNeedsPerson": False,
    }


async def test_closed_runs_are_kept_ninety_days(house: House) -> None:
    told = await house.client.temporal.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=NAMESPACE)
    )
    assert told.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=90)


async def test_the_inventory_has_version_one_and_both_clocks(house: House, ordered: Ordered) -> None:
    order = await house.record(ordered.started)
    assert (order.state, order.waiting_for, order.error_code) == ("issued", "nobody", "")
    assert order.seller_order_id == ordered.result.seller_order_id
    assert order.term_ends_at is not None and order.leaf_ends_at is not None
    assert order.leaf_ends_at == ordered.result.not_after
    assert timedelta(days=360) < order.term_ends_at - datetime.now(UTC) < timedelta(days=367)
    assert order.leaf_ends_at < order.term_ends_at
    (version,) = await house.client.inventory.versions(order.certificate_id)
    assert (version.number, version.state, version.names) == (1, VersionState.CURRENT, (NAME,))
    assert version.serial == ordered.result.serial
    certificate = await house.client.inventory.certificate(order.certificate_id)
    assert certificate is not None and certificate.current == version


async def test_the_audit_tells_the_story_in_order(house: House, ordered: Ordered) -> None:
    assert await house.story(ordered.started.order_id) == [
        "order.requested",
        "key.made",
        "purchase.reserved",
        "purchase.sending",
        "purchase.placed",
        "version.current",
        "order.issued",
    ]


async def test_the_proof_is_gone_and_one_was_sold(house: House, ordered: Ordered) -> None:
    assert house.dns(NAME) == []
    proof = await house.client.inventory.proof(ordered.started.order_id)
    assert proof and all(it.published_at and it.withdrawn_at for it in proof)
    assert house.sales(ordered.started) == 1


@pytest.mark.openssl
async def test_openssl_accepts_the_exported_chain(house: House, ordered: Ordered, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "tests marked openssl need the command"
    (tmp_path / "root.pem").write_text(house.stack.root_certificate())
    for part in ("leaf", "chain"):
        said = await house.cli("cert", "export", NAME, "--part", part, "--to", str(tmp_path / f"{part}.pem"))
        assert said.code == 0, said.err
    command = [openssl, "verify", "-purpose", "sslserver", "-verify_hostname", NAME]
    files = ["-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem"]
    ended = subprocess.run([*command, *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "leaf.pem: OK"), ended.stderr


# asked again


async def test_the_same_request_id_answers_with_the_same_order(house: House, ordered: Ordered) -> None:
    again = await house.order(NAME, request_id="plain-1", reason="typed again")
    assert (again.order_id, again.run_id) == (ordered.started.order_id, ordered.started.run_id)
    assert again.was_running
    assert house.sales(ordered.started) == 1


async def test_the_same_request_id_for_something_else_is_refused(house: House, ordered: Ordered) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await house.order("other.example.test", request_id="plain-1")
    assert caught.value.code == "request-id-reused"
    assert ordered.started.order_id in caught.value.message


async def test_an_equal_order_is_refused_and_buys_nothing(house: House, ordered: Ordered) -> None:
    sold = house.sales()
    error = await house.failure(await house.order(NAME))
    assert error.type == "already-issued"
    assert ordered.started.order_id in error.message
    assert "allow_duplicate" in error.message
    assert house.sales() == sold


async def test_an_equal_order_that_is_wanted_is_bought(house: House, ordered: Ordered) -> None:
    wanted = await house.order(NAME, allow_duplicate=True)
    result = await house.issued(wanted)
    assert result.serial != ordered.result.serial
    assert house.sales(wanted) == 1


async def test_two_equal_orders_at_once_are_one_sale(house: House) -> None:
    sold = house.sales()
    both = await asyncio.gather(*(house.order("twins.example.test") for _ in range(2)))
    ends = await asyncio.gather(*(house.client.wait(it) for it in both), return_exceptions=True)
    good = [end for end in ends if isinstance(end, OrderResult)]
    assert len(good) == 1 and good[0].state == "issued"
    loser = next(it for it, end in zip(both, ends, strict=True) if not isinstance(end, OrderResult))
    assert (await house.failure(loser)).type == "duplicate-order"
    assert (await house.record(loser)).state == "rejected"
    assert house.sales() == sold + 1
