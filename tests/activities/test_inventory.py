"""What activities write for people to see: one version, one audit row, however often they run."""

from datetime import timedelta

from activities.inventory import InventoryWriter
from activities.messages import Recorded, RecordInput, StateNote
from domain.inventory import VersionState
from domain.order import OrderState
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.adapters.inventory_support import NOW, version


def writer(desk: Desk) -> InventoryWriter:
    return InventoryWriter(desk.inventory, desk.clock)


async def test_twice_record(desk: Desk) -> None:
    await desk.inventory.store_version(version(desk.wanted, "A1"), NOW)
    given = RecordInput(run=desk.run, serial="A1")
    first, second = await twice(writer(desk).record, given)
    assert first == second
    assert (first.version, first.serial) == (1, "A1")
    assert await desk.trail("version") == ["version.current"]
    assert (await desk.order()).certificate_id == first.certificate_id


async def test_records_at_once_are_one_version(desk: Desk) -> None:
    await desk.inventory.store_version(version(desk.wanted, "A1"), NOW)
    results = await at_once(writer(desk).record, RecordInput(run=desk.run, serial="A1"), times=3)
    first = results[0]
    assert isinstance(first, Recorded)
    assert results == [first] * 3
    versions = await desk.inventory.versions(first.certificate_id)
    assert [(row.number, row.state) for row in versions] == [(1, VersionState.CURRENT)]
    assert await desk.trail("version") == ["version.current"]


async def test_a_quarantined_leaf_never_becomes_current(desk: Desk) -> None:
    await desk.inventory.store_version(version(desk.wanted, "A1", problems=("key: another",)), NOW)
    error = await refused(run(writer(desk).record, RecordInput(run=desk.run, serial="A1")))
    assert error.code == "version-quarantined"


def note(desk: Desk, **changes: object) -> StateNote:
    told = StateNote(
        run=desk.run, state="needs-person", waiting_for="person", detail="in doubt", code="purchase-in-doubt",
        until=NOW + timedelta(days=1), occasion="1",
    )  # fmt: skip
    return told.model_copy(update=changes)


async def test_twice_note_state(desk: Desk) -> None:
    await twice(writer(desk).note_state, note(desk))
    assert await desk.trail("needs-person") == ["order.needs-person"]
    shown = await desk.order()
    assert (shown.state, shown.waiting_for, shown.error_code) == ("needs-person", "person", "purchase-in-doubt")
    assert shown.until == NOW + timedelta(days=1)


async def test_notes_at_once_are_one_row_and_another_occasion_is_another(desk: Desk) -> None:
    await at_once(writer(desk).note_state, note(desk), times=3)
    await run(writer(desk).note_state, note(desk, occasion="2", by="ann@example.com", reason="because"))
    rows = [row for row in await desk.inventory.audit(subject=desk.wanted.order_id) if "needs" in row.kind]
    assert [(row.by, row.claim, row.reason) for row in rows] == [
        ("evercert", "system", ""),
        ("ann@example.com", "claimed", "because"),
    ]


async def test_a_refusal_stands_in_the_trail_alone(desk: Desk) -> None:
    """Other commands go by the order's code: one that says *in doubt* must not turn into one that says *unknown number*."""
    await run(writer(desk).note_state, note(desk))
    before = await desk.order()
    refusal = note(
        desk, occasion="2", kind="purchase.ruling-refused", by="ann@example.com",
        refused_code="seller-order-unknown", refused_detail="placed 123: no such order",
    )  # fmt: skip
    await twice(writer(desk).note_state, refusal)
    assert (await desk.order()).model_copy(update={"updated_at": before.updated_at}) == before
    (row,) = [it for it in await desk.inventory.audit(subject=desk.wanted.order_id) if "refused" in it.kind]
    assert row.facts == {"code": "seller-order-unknown", "detail": "placed 123: no such order"}


async def test_a_note_of_a_former_owner_is_ignored(desk: Desk) -> None:
    stranger = desk.run.model_copy(update={"first_run_id": "run-0"})
    before = await desk.order()
    await twice(writer(desk).note_state, note(desk, run=stranger))
    assert await desk.order() == before
    assert await desk.trail("needs-person") == []


async def test_a_note_about_an_order_that_was_never_opened_is_ignored(blank_desk: Desk) -> None:
    await twice(writer(blank_desk).note_state, note(blank_desk, state=OrderState.REJECTED.value))
    assert await blank_desk.inventory.audit(subject=blank_desk.wanted.order_id) == ()


async def test_a_note_that_comes_late_is_in_the_trail_and_does_not_show_what_was(desk: Desk) -> None:
    await run(writer(desk).note_state, note(desk, state="issued", waiting_for="nobody", occasion="2"))
    before = await desk.order()
    await run(writer(desk).note_state, note(desk), scheduled_time=NOW - timedelta(seconds=11))
    assert await desk.order() == before
    assert before.state == "issued"
    assert len(await desk.trail("order.needs-person")) == 1
