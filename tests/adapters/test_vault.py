"""The vault: secrets open with the right key, in their own row, for their own purpose, and not otherwise."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.vault import (
    EnvelopeVault,
    KeyEncryptionKey,
    create_kek_file,
    kek_from_text,
    key_check,
    load_kek,
    verify_key_check,
)
from domain.errors import EvercertError, InvariantBroken, Misconfigured

KEK = KeyEncryptionKey(bytes(range(32)))
VAULT = EnvelopeVault(KEK, "installation-1")
NAMES = st.text(max_size=20)


@given(st.binary(max_size=200), NAMES, NAMES)
def test_what_was_sealed_opens_again(secret: bytes, row_id: str, purpose: str) -> None:
    sealed = VAULT.seal(secret, row_id=row_id, purpose=purpose)
    assert VAULT.unseal(sealed, row_id=row_id, purpose=purpose) == secret


@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(b"a secret", row_id="r", purpose="p"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EvercertError) as caught:
        VAULT.unseal(bytes(sealed), row_id="r", purpose="p")
    assert caught.value.code in {"master-key-wrong", "sealed-value-damaged"}


@given(st.integers(0, 300))
def test_a_shortened_value_is_refused(length: int) -> None:
    sealed = VAULT.seal(b"a secret", row_id="r", purpose="p")
    with pytest.raises(InvariantBroken):
        VAULT.unseal(sealed[: min(length, len(sealed) - 1)], row_id="r", purpose="p")
    with pytest.raises(InvariantBroken):
        VAULT.unseal(sealed + b"\0", row_id="r", purpose="p")


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_no_other_row_or_purpose_opens_it(sealed_for: tuple[str, str], asked: tuple[str, str]) -> None:
    sealed = VAULT.seal(b"a secret", row_id=sealed_for[0], purpose=sealed_for[1])
    if sealed_for == asked:
        return
    with pytest.raises(InvariantBroken, match="sealed-value-damaged"):
        VAULT.unseal(sealed, row_id=asked[0], purpose=asked[1])


def test_boundaries_between_row_and_purpose_count() -> None:
    sealed = VAULT.seal(b"a secret", row_id="ab", purpose="c")
    with pytest.raises(InvariantBroken):
        VAULT.unseal(sealed, row_id="a", purpose="bc")


def test_another_installation_or_master_key_opens_nothing() -> None:
    sealed = VAULT.seal(b"a secret", row_id="r", purpose="p")
    with pytest.raises(InvariantBroken):
        EnvelopeVault(KEK, "installation-2").unseal(sealed, row_id="r", purpose="p")
    with pytest.raises(Misconfigured, match="master-key-wrong"):
        EnvelopeVault(KeyEncryptionKey(bytes(32)), "installation-1").unseal(sealed, row_id="r", purpose="p")


def test_equal_secrets_look_different_when_sealed() -> None:
    assert VAULT.seal(b"same", row_id="r", purpose="p") != VAULT.seal(b"same", row_id="r", purpose="p")
    assert b"same" not in VAULT.seal(b"same", row_id="r", purpose="p")


def test_a_key_shows_nothing_of_itself() -> None:
    key = b"\x41" * 32
    kek = KeyEncryptionKey(key)
    assert repr(kek) == f"KeyEncryptionKey(kek_id='{kek.kek_id}')"
    assert "AAAA" not in repr(EnvelopeVault(kek, "i")) + repr(kek)
    with pytest.raises(TypeError):
        pickle.dumps(kek)


def test_the_key_check_knows_its_key_and_installation() -> None:
    check = key_check(KEK, "installation-1")
    verify_key_check(KEK, "installation-1", check)
    for kek, installation in ((KeyEncryptionKey(bytes(32)), "installation-1"), (KEK, "installation-2")):
        with pytest.raises(Misconfigured, match="master-key-wrong"):
            verify_key_check(kek, installation, check)


def test_a_created_key_file_is_private_and_loads_again(tmp_path: Path) -> None:
    made = create_kek_file(tmp_path / "master.key")
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    for reference in ("file:master.key", f"file:{tmp_path / 'master.key'}"):
        assert load_kek(reference, tmp_path).kek_id == made.kek_id
    assert kek_from_text((tmp_path / "master.key").read_text()).kek_id == made.kek_id


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    create_kek_file(path)
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="master-key-exists"):
        create_kek_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_kek_file(tmp_path / "master.key")
    (tmp_path / "master.key").chmod(mode)
    with pytest.raises(Misconfigured, match="master-key-exposed"):
        load_kek("file:master.key", tmp_path)


def test_a_missing_file_and_a_strange_reference_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="master-key-missing"):
        load_kek("file:absent.key", tmp_path)
    for reference in ("absent.key", "vault:transit/x", "file:"):
        with pytest.raises(Misconfigured, match="master-key-unusable"):
            load_kek(reference, tmp_path)


@pytest.mark.parametrize("text", ["", "short", "!" * 43, "A" * 42, "A" * 44, "ü" * 43])
def test_text_that_is_no_key_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(Misconfigured, match="master-key-unusable") as caught:
        kek_from_text(text)
    assert not text or text not in str(caught.value)
