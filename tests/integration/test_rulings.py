"""A purchase in doubt on real processes: every ruling that cannot be right is refused by every door and stands in the
trail with its code; of two at once one is taken; and whatever was ruled, there is one sale.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.adapters.http import HttpClient
from activities.adapters.inventory import SqlInventory
from activities.adapters.seller import Credential, SellerClient
from activities.ports import SendGate
from domain.errors import Refused
from domain.inventory import ActRecord, ActState, AuditEvent
from domain.request import ResolvePurchase
from starter.client import StartedOrder
from starter.stack import ACCOUNT
from tests.conformance.test_seller_sandbox import OpenGate, placement
from tests.integration.support import House, failure_of, open_house
from workflows.messages import ActAnswer

pytestmark = pytest.mark.server

NAME = "doubt.example.test"
REFUSED = "purchase.ruling-refused"


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A machine whose seller shows its sales at once: nobody has to wait for more than the time to send."""
    async with open_house(tmp_path_factory.mktemp("home"), visibility_minutes=0) as house:
        yield house


class WallClock:
    async def now(self) -> datetime:
        return datetime.now(UTC)

    def send_gate(self, deadline: datetime) -> SendGate:
        return OpenGate()


async def bought_elsewhere(house: House, name: str, reference: str = "") -> str:
    """Buy past Evercert, as somebody does in the seller's panel; returns the number."""
    account = await house.client.inventory.account(ACCOUNT)
    assert account is not None
    http = HttpClient()
    try:
        seller = SellerClient(account, Credential(account.partner_code, "sandbox-token"), http, WallClock())
        return (await seller.place(placement(name, order_id=reference), OpenGate())).seller_order_id
    finally:
        await http.close()


async def in_doubt(house: House, *names: str) -> list[StartedOrder]:
    """Let orders be sold, their answers get lost, and the seller not show them: neither by id nor by list."""
    assert house.stack.worker is not None
    await house.stack.worker.stop()  # so that each order can be singled out before anything is bought
    started = [await house.order(name) for name in names]
    await house.fault("query_lag", seconds=86_400)
    for it in started:
        await house.fault("drop_after_sale", order=it.order_id, times=1)
        await hide(house, it)
    await house.stack.start_worker()
    for it in started:
        await house.until_state(it, "needs-person", "purchase-in-doubt")
        assert house.sales(it) == 1
    return started


async def hide(house: House, started: StartedOrder) -> None:
    await house.fault("unknown_order_shape", shape="error", hide=True, order=started.order_id)


async def show(house: House, fault: str) -> None:
    await house.tell_sandbox("DELETE", f"faults?fault={fault}")


async def window(house: House, minutes: int) -> None:
    """Give the seller another time to show its sales, as an administrator may at any time."""
    assert isinstance(house.client.inventory, SqlInventory)
    with house.client.inventory._db.writing() as session:
        session.execute(text("UPDATE account SET visibility_minutes = :minutes"), {"minutes": minutes})


def number_of(house: House, started: StartedOrder) -> str:
    ledger: Any = house.stack.control("ledger")
    (sale,) = [it for it in ledger["sales"] if it["custom_order_id"] == started.order_id]
    return str(sale["seller_order_id"])


async def act_of(house: House, started: StartedOrder) -> ActRecord:
    act = await house.client.inventory.act(started.order_id)
    assert act is not None
    return act


async def refusals(house: House, started: StartedOrder) -> list[AuditEvent]:
    return [it for it in await house.client.inventory.audit(subject=started.order_id) if it.kind == REFUSED]


def ruling(outcome: str, number: str | None = None, by: str = "ann@example.test") -> ResolvePurchase:
    payload = {"by": by, "reason": "seen in the panel", "outcome": outcome, "seller_order_id": number}
    return ResolvePurchase.model_validate(payload)


async def rule(house: House, started: StartedOrder, wanted: ResolvePurchase) -> ActAnswer | Refused:
    try:
        return await house.client.resolve_purchase(await house.record(started), wanted)
    except Refused as error:
        return error


async def by_update(house: House, started: StartedOrder, payload: dict[str, Any]) -> ApplicationError:
    """What the run itself says to a payload of any shape."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await house.handle(started).execute_update("resolve_purchase", payload)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def by_command(house: House, started: StartedOrder, *flags: str) -> dict[str, Any]:
    words = ("order", "resolve", started.order_id, *flags, "--reason", "seen in the panel", "--yes", "-o", "json")
    said = await house.cli(*words)
    assert said.code != 0
    assert said.out == ""
    return said.error


async def refused_everywhere(house: House, started: StartedOrder, outcome: str, number: str | None, code: str) -> None:
    """Rule by update and by command: refused twice with the code, told twice in the trail, and nothing changed."""
    before, known = await act_of(house, started), len(await refusals(house, started))
    error = await by_update(house, started, ruling(outcome, number).model_dump())
    flags = ("--seller-order", number) if number is not None else (f"--{outcome}",)
    said = await by_command(house, started, *flags, "--by", "bob@example.test")
    assert (error.type, said["code"], said["order_id"]) == (code, code, started.order_id)
    assert said["message"] in error.message
    rows = (await refusals(house, started))[known:]
    assert [(it.by, it.claim, it.reason, it.facts["code"]) for it in rows] == [
        (by, "claimed", "seen in the panel", code) for by in ("ann@example.test", "bob@example.test")
    ]
    assert all(said["message"] in str(it.facts["detail"]) for it in rows)
    assert await act_of(house, started) == before
    record = await house.record(started)
    assert (record.state, record.error_code) == ("needs-person", "purchase-in-doubt")


@pytest.fixture(scope="module")
async def doubts(house: House) -> tuple[StartedOrder, StartedOrder]:
    """Two orders in doubt, so that the time to send is waited for once."""
    one, two = await in_doubt(house, NAME, "two.example.test")
    return one, two


NO_NUMBERS = ["", "A-1", "1" * 21, "9\x07912345", "99\n12345"]


async def test_refused_rulings_and_then_the_right_one_are_one_sale(
    healed: House, doubts: tuple[StartedOrder, StartedOrder]
) -> None:
    house = healed
    started, _ = doubts
    first = await house.order("first.example.test")
    await house.issued(first)
    stranger = await bought_elsewhere(house, "www.stranger.test")
    twin = await bought_elsewhere(house, NAME, reference="PANEL-7")
    sales = house.sales()

    # Refused by its shape: no event of the run, no row of the trail.
    for number in (*NO_NUMBERS, started.order_id):
        payload = {"by": "ann@example.test", "reason": "seen", "outcome": "placed", "seller_order_id": number}
        assert (await by_update(house, started, payload)).type == "input-invalid"
    for number, code in (("", "usage"), ("1" * 21, "input-invalid"), (started.order_id, "input-invalid")):
        assert (await by_command(house, started, "--seller-order", number))["code"] == code
    assert await refusals(house, started) == []

    # Refused by what the seller shows under the number, or does not.
    taken = number_of(house, first)
    for number, code in (
        ("7", "seller-order-unknown"),  # as for an order of another account: it is not shown in ours
        ("0", "seller-order-unknown"),
        ("9" * 20, "seller-order-unknown"),
        (taken, "seller-order-taken"),
        (f"000{taken}", "seller-order-taken"),
        (stranger, "order-not-ours"),
        (twin, "order-not-ours"),
    ):
        await refused_everywhere(house, started, "placed", number, code)

    # *Not placed*: too early, shown by list alone, shown by id alone.
    await window(house, 60)
    await refused_everywhere(house, started, "not-placed", None, "too-early-to-tell")
    await window(house, 0)
    await show(house, "query_lag")
    await refused_everywhere(house, started, "not-placed", None, "seller-shows-order")
    await house.fault("query_lag", seconds=86_400)
    await show(house, "unknown_order_shape")
    await refused_everywhere(house, started, "not-placed", None, "seller-shows-order")

    # Two good ones at once, and the order goes on; of all this there is one sale.
    good = ruling("placed", number_of(house, started))
    told = await asyncio.gather(*(rule(house, started, good) for _ in range(2)))
    assert_one_is_taken(told)
    result = await house.issued(started)
    assert (house.sales(started), house.sales()) == (1, sales)
    assert (await house.record(started)).seller_order_id == number_of(house, started)
    assert result.version == 1
    story = await house.story(started.order_id)
    assert (story.count("purchase.ruled-placed"), story.count("purchase.sending"), story.count(REFUSED)) == (1, 1, 20)
    late = await rule(house, started, good)
    assert isinstance(late, Refused) and late.code == "order-ended"


def assert_one_is_taken(told: list[ActAnswer | Refused]) -> int:
    """One is taken, the other is told that the run is busy or what it is by now; returns which was taken."""
    (taken,) = [number for number, it in enumerate(told) if isinstance(it, ActAnswer) and it.done]
    other = told[1 - taken]
    if isinstance(other, Refused):
        assert other.code == "nothing-to-resolve"
    else:
        assert other.message.startswith("busy")
    return taken


async def test_of_two_rulings_at_once_one_decides_what_becomes_of_the_order(
    healed: House, doubts: tuple[StartedOrder, StartedOrder]
) -> None:
    """Adopt it and give it up, at the same time: the order does what the one that was taken says, and nothing else."""
    house = healed
    _, started = doubts
    await house.heal()
    await house.fault("delay", endpoint="order/status", seconds=1, times=1)  # the first is still looking
    rulings = [ruling("placed", number_of(house, started)), ruling("abandon", by="bob@example.test")]
    told = await asyncio.gather(*(rule(house, started, it) for it in rulings))
    taken = assert_one_is_taken(told)
    if rulings[taken].outcome == "placed":
        await house.issued(started)
        expected = ActState.PLACED
    else:
        assert (await failure_of(house.handle(started))).type == "purchase-abandoned"
        expected = ActState.ABANDONED
    assert (await act_of(house, started)).state is expected
    story = await house.story(started.order_id)
    assert [it for it in story if "ruled" in it] == [f"purchase.ruled-{rulings[taken].outcome}"]
    assert house.sales(started) == 1
