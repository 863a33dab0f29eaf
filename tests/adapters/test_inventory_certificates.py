"""Keys, proof and certificates: written once however often they are told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from activities.adapters.inventory import SqlInventory
from domain import ids
from domain.errors import InvariantBroken
from domain.inventory import KeyRecord, VersionState
from domain.seller import ProofRecord
from tests.adapters.inventory_support import NOW, Databases, at, event, fingerprint, order, reserved, version

ORDER = order()
CERTIFICATE = ids.certificate_id(ORDER.order_id)
RECORD = ProofRecord(name="www.example.test", record_type="CNAME", owner="_a.www.example.test", value="b.example")


@pytest.fixture
async def inventory(databases: Databases) -> AsyncIterator[SqlInventory]:
    async with databases.inventory() as opened:
        await opened.open_order(ORDER, NOW)
        yield opened


async def current(inventory: SqlInventory, serial: str, minute: int = 1) -> None:
    await inventory.store_version(version(ORDER, serial), at(minute))
    told = event(ORDER.order_id, "version.current", serial)
    await inventory.make_current(ORDER.order_id, serial, told, at(minute))


async def test_the_first_key_of_an_order_version_stays(inventory: SqlInventory) -> None:
    key = KeyRecord(
        key_id=ids.key_id(ORDER.order_id, 1),
        order_id=ORDER.order_id,
        algorithm="ecdsa",
        size=256,
        csr="csr",
        spki_sha256="first",
    )
    other = key.model_copy(update={"spki_sha256": "second", "csr": "other"})
    kept, again = await asyncio.gather(
        inventory.put_key(key, b"sealed-1", at(1)), inventory.put_key(other, b"sealed-2", at(2))
    )
    assert kept == again == await inventory.key(key.key_id)
    assert (kept.spki_sha256, await inventory.sealed_key(key.key_id)) in [
        ("first", b"sealed-1"),
        ("second", b"sealed-2"),
    ]
    assert [entry.kind for entry in await inventory.audit(subject=ORDER.order_id)].count("key.made") == 1


async def test_a_missing_key_is_none_or_a_bug(inventory: SqlInventory) -> None:
    assert await inventory.key("key_x") is None
    with pytest.raises(InvariantBroken, match="key-missing"):
        await inventory.sealed_key("key_x")


async def test_proof_is_remembered_with_what_became_of_it(inventory: SqlInventory) -> None:
    text = RECORD.model_copy(update={"record_type": "TXT", "owner": "_z.example.test"})
    for _ in range(2):
        await inventory.save_proof(ORDER.order_id, [RECORD, text])
    await inventory.mark_proof(ORDER.order_id, RECORD, published=True, now=at(1))
    await inventory.mark_proof(ORDER.order_id, RECORD, published=True, now=at(2))
    await inventory.save_proof(ORDER.order_id, [RECORD])
    first, second = await inventory.proof(ORDER.order_id)
    assert first.model_dump(include=set(ProofRecord.model_fields)) == RECORD.model_dump()
    assert (first.published_at, first.withdrawn_at) == (at(1), None)
    assert (second.record_type, second.published_at) == ("TXT", None)
    for minute in (3, 4):
        await inventory.mark_proof(ORDER.order_id, RECORD, published=False, now=at(minute))
    assert (await inventory.proof(ORDER.order_id))[0].withdrawn_at == at(3)
    assert not await inventory.mark_proof(ORDER.order_id, RECORD, published=True, now=at(5))  # withdrawn meanwhile
    assert (await inventory.proof(ORDER.order_id))[0].withdrawn_at == at(3)
    assert await inventory.mark_proof(ORDER.order_id, RECORD, published=True, now=at(5), withdrawn_before=at(3))
    assert (await inventory.proof(ORDER.order_id))[0].published_at == at(5)
    assert (await inventory.proof(ORDER.order_id))[0].withdrawn_at is None


async def test_a_record_that_was_never_saved_is_marked_all_the_same(inventory: SqlInventory) -> None:
    await inventory.mark_proof(ORDER.order_id, RECORD, published=True, now=at(1))
    (only,) = await inventory.proof(ORDER.order_id)
    assert only.published_at == at(1)


async def test_the_first_version_makes_the_certificate(inventory: SqlInventory) -> None:
    await reserved(inventory, ORDER)
    stored = await inventory.store_version(version(ORDER, "A1").model_copy(update={"certificate_id": ""}), at(1))
    assert (stored.number, stored.state, stored.certificate_id) == (0, VersionState.CANDIDATE, CERTIFICATE)
    assert await inventory.certificate(CERTIFICATE) is None
    told = event(ORDER.order_id, "version.current", "A1")
    first = await inventory.make_current(ORDER.order_id, "A1", told, at(2))
    assert (first.number, first.state) == (1, VersionState.CURRENT)
    assert await inventory.make_current(ORDER.order_id, "A1", told, at(3)) == first
    assert await inventory.store_version(version(ORDER, "A1", problems=("name: x",)), at(4)) == first
    certificate = await inventory.certificate(CERTIFICATE)
    assert certificate is not None
    assert (certificate.current, certificate.versions, certificate.order_id) == (first, 1, ORDER.order_id)
    assert (certificate.common_name, certificate.created_at) == ("www.example.test", at(2))
    seen = await inventory.order(ORDER.order_id)
    assert seen is not None
    assert (seen.certificate_id, seen.leaf_ends_at) == (CERTIFICATE, first.not_after)
    assert await inventory.open_orders_like(fingerprint(ORDER)) == ()


async def test_versions_count_from_one_and_the_former_steps_down(inventory: SqlInventory) -> None:
    for minute, serial in enumerate(("A1", "B2", "C3")):
        await current(inventory, serial, minute)
    await current(inventory, "A1", 9)
    shown = [(one.serial, one.number, one.state.value) for one in await inventory.versions(CERTIFICATE)]
    assert shown == [("C3", 3, "current"), ("B2", 2, "superseded"), ("A1", 1, "superseded")]
    certificate = await inventory.certificate(CERTIFICATE)
    assert certificate is not None
    assert certificate.current is not None
    assert (certificate.current.serial, certificate.versions) == ("C3", 3)


async def test_candidates_at_the_same_time_get_different_numbers(inventory: SqlInventory) -> None:
    serials = ["A1", "B2", "C3", "D4"]
    await asyncio.gather(*(current(inventory, serial) for serial in serials))
    found = await inventory.versions(CERTIFICATE)
    assert sorted(one.number for one in found) == [1, 2, 3, 4]
    assert [one.state for one in found].count(VersionState.CURRENT) == 1


async def test_quarantine_is_shown_never_used_and_may_be_lifted_by_a_new_look(inventory: SqlInventory) -> None:
    bad = await inventory.store_version(version(ORDER, "A1", problems=("key: x",)), at(1))
    assert (bad.state, bad.problems) == (VersionState.QUARANTINED, ("key: x",))
    told = event(ORDER.order_id, "version.current", "A1")
    with pytest.raises(InvariantBroken, match="version-quarantined"):
        await inventory.make_current(ORDER.order_id, "A1", told, at(2))
    with pytest.raises(InvariantBroken, match="version-missing"):
        await inventory.make_current(ORDER.order_id, "FF", told, at(2))
    assert await inventory.versions(CERTIFICATE) == (bad,)
    assert await inventory.certificate(CERTIFICATE) is None
    good = await inventory.store_version(version(ORDER, "A1"), at(3))
    assert (good.state, good.problems, good.recorded_at) == (VersionState.CANDIDATE, (), at(1))


async def test_certificates_are_listed_by_name(inventory: SqlInventory) -> None:
    await current(inventory, "A1")
    other = order(2, name="a.example.test")
    await inventory.open_order(other, NOW)
    await inventory.store_version(version(other, "B2"), NOW)
    await inventory.make_current(other.order_id, "B2", event(other.order_id), NOW)
    listed = await inventory.certificates()
    assert [one.common_name for one in listed] == ["a.example.test", "www.example.test"]
    assert await inventory.certificates(name="WWW.example.test") == listed[1:]
    assert await inventory.certificates(name="example.test") == ()
    assert await inventory.certificates(limit=1) == listed[:1]
