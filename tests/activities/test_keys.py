"""A key is made once per order, however often it is asked for, and only its seal is kept."""

import asyncio
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from activities.adapters.vault import EnvelopeVault, KeyEncryptionKey
from activities.adapters.x509 import CryptographyX509
from activities.adapters.x509_parts import spki_sha256
from activities.keys import KEY_PURPOSE, KeyMaker
from activities.messages import PreparedKey, PrepareKeyInput
from activities.ports import MadeKey
from domain import ids
from domain.inventory import KeyRecord
from domain.order import OrderState
from tests.activities.desk import Desk, at_once, twice

VAULT = EnvelopeVault(KeyEncryptionKey(bytes(range(32))), "installation-1")


def maker(desk: Desk) -> KeyMaker:
    return KeyMaker(desk.inventory, VAULT, CryptographyX509(), desk.clock)


def asked(desk: Desk) -> PrepareKeyInput:
    return PrepareKeyInput(run=desk.run, names=desk.wanted.names, algorithm="ecdsa", size=256)


async def sealed_public_key(desk: Desk, key: PreparedKey) -> str:
    sealed = await desk.inventory.sealed_key(key.key_id)
    private = load_der_private_key(VAULT.unseal(sealed, row_id=key.key_id, purpose=KEY_PURPOSE), password=None)
    return spki_sha256(private.public_key())


async def test_twice_prepare_key(open_desk: Desk) -> None:
    first, second = await twice(maker(open_desk).prepare_key, asked(open_desk))
    assert first == second
    assert first.key_id == ids.key_id(open_desk.wanted.order_id, 1)
    assert await sealed_public_key(open_desk, first) == first.spki_sha256
    assert await open_desk.trail("key") == ["key.made"]
    assert (await open_desk.order()).state == OrderState.PREPARING_KEY


async def test_two_keys_at_once_are_one(open_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[MadeKey] = []

    class Counting(CryptographyX509):
        async def make_key(self, algorithm: str, size: int, names: Sequence[str]) -> MadeKey:
            made.append(await super().make_key(algorithm, size, names))
            return made[-1]

    kept_key, both = open_desk.inventory.key, asyncio.Barrier(2)

    async def looked_at_together(key_id: str) -> KeyRecord | None:
        found = await kept_key(key_id)
        await both.wait()
        return found

    work = KeyMaker(open_desk.inventory, VAULT, Counting(), open_desk.clock)
    with monkeypatch.context() as patch:
        patch.setattr(open_desk.inventory, "key", looked_at_together)
        results = await at_once(work.prepare_key, asked(open_desk))
    assert len(made) == 2
    first = results[0]
    assert isinstance(first, PreparedKey)
    assert results == [first] * 2
    kept = await open_desk.inventory.key(first.key_id)
    assert kept is not None
    assert kept.spki_sha256 == first.spki_sha256 == await sealed_public_key(open_desk, first)
    assert kept.csr in {key.csr for key in made}
    assert await open_desk.trail("key") == ["key.made"]


async def test_no_message_carries_the_key(open_desk: Desk) -> None:
    work = maker(open_desk)
    result, _ = await twice(work.prepare_key, asked(open_desk))
    assert set(result.model_dump()) == {"key_id", "spki_sha256"}
