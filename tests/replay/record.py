"""Records real histories: ``python -m tests.replay.record`` starts a machine of its own and writes ``histories/*.json``.

Run it again when the order of commands was changed on purpose before a release. After a release the recorded histories
are those of runs that may still be open, so a change needs ``workflow.patched`` and a further history instead.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError

from domain.request import Act
from starter.client import StartedOrder
from starter.process import leave
from starter.stack import ACCOUNT
from tests.integration.support import House, open_house

HISTORIES = Path(__file__).parent / "histories"
IDENTITY = "worker@evercert"
_BY = Act(by="ann@example.test", reason="mended")


async def plain_order(house: House) -> StartedOrder:
    """From the request to version 1."""
    started = await house.order("plain.example.test", request_id="plain", reason="CHG-1")
    await house.issued(started)
    return started


async def dry_run(house: House) -> StartedOrder:
    """Checked and priced, nothing bought."""
    started = await house.order("dry.example.test", request_id="dry", dry_run=True)
    await house.client.wait(started)
    return started


async def rejected(house: House) -> StartedOrder:
    """Refused by several checks at once."""
    started = await house.order("www.readonly.test", request_id="rejected", months=13, max_price="1.00")
    await house.failure(started)
    return started


async def needs_person(house: House) -> StartedOrder:
    """Foreign proof data, a person mends it; then a wrong leaf, and a person again."""
    await house.fault("foreign_proof", name="_x.www.victim.test", value="x.sectigo.com")
    await house.fault("wrong_leaf", kind="key")
    started = await house.order("person.example.test", request_id="person")
    for code, fault in (("proof-out-of-scope", "foreign_proof"), ("issued-mismatch", "wrong_leaf")):
        order = await house.until_state(started, "needs-person", code)
        await house.tell_sandbox("DELETE", f"faults?fault={fault}")
        await house.client.check_now(order, _BY)
    await house.issued(started)
    return started


async def parked_account(house: House) -> StartedOrder:
    """The seller rejects the token when the order is placed; the account is released later."""
    await house.fault("token_rejected", endpoint="order/neworder")
    started = await house.order("parked.example.test", request_id="parked")
    await house.until_order(started, lambda it: it.waiting_for == "account")
    await house.heal()
    assert (await house.cli("account", "check", ACCOUNT)).code == 0
    await house.look_at_once(started)
    await house.issued(started)
    return started


async def cancelled(house: House) -> StartedOrder:
    """Cancelled while the seller is away and nothing is bought."""
    await house.fault("http_502")
    started = await house.order("cancelled.example.test", request_id="cancelled")
    await house.until_order(started, lambda it: it.look.startswith("could not look"))
    handle = house.handle(started)
    await handle.cancel()
    try:
        await handle.result()
    except WorkflowFailureError:
        return started
    raise AssertionError("the order was not cancelled")


async def long_wait(house: House) -> StartedOrder:
    """A wait with a look at once and a moved deadline in it."""
    await house.fault("issue_delay", seconds=3600)
    started = await house.order("wait.example.test", request_id="wait")
    order = await house.until_state(started, "awaiting-issuance")
    await house.until_resting(started)
    await house.handle(started).execute_update("extend_deadline", {"by": "ann@example.test", "days": 3})
    await house.client.check_now(order, _BY)
    await house.handle(started).signal("nudge")
    await house.until_resting(started)
    await house.heal()
    await house.issued(started)
    return started


PATHS: dict[str, Callable[[House], Awaitable[StartedOrder]]] = {
    path.__name__: path for path in (plain_order, dry_run, rejected, needs_person, parked_account, cancelled, long_wait)
}
"""One recorded history per way that an order may go."""


def clean(value: Any) -> Any:
    """Put a fixed word in the place of what names the machine that recorded."""
    if isinstance(value, dict):
        return {key: IDENTITY if key == "identity" else clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [clean(inner) for inner in value]
    return re.sub(r"\b\d+@[\w.-]+", IDENTITY, value) if isinstance(value, str) else value


async def record(folder: Path = HISTORIES) -> None:
    """Take every path once and write its history."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="evercert-record-") as home:
        async with open_house(Path(home)) as house:
            for name, path in PATHS.items():
                started = await path(house)
                await house.heal()
                history = json.loads((await house.handle(started).fetch_history()).to_json())
                text = json.dumps({"workflowId": started.workflow_id, **clean(history)}, indent=1, sort_keys=True)
                (folder / f"{name}.json").write_text(text + "\n")
                print(f"{name}: {len(history['events'])} events", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(record())
    leave(0)
