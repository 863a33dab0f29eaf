"""Keys, requests, and the verdict on what a CA has issued. The CA is the sandbox's own, which shares no code with us."""

import random
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key

from activities.adapters import x509_verdict
from activities.adapters.x509 import CryptographyX509, pem_bundle
from activities.adapters.x509_parts import spki_sha256
from activities.ports import MadeKey
from deploy.sandbox.ca import CertificateAuthority, Issued, LeafOrder, WrongLeaf
from deploy.sandbox.state import Store
from domain.errors import InvalidRequest, InvariantBroken, NotYet

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
X509 = CryptographyX509()
CA = CertificateAuthority(Store(None), "http://127.0.0.1:8560")


@pytest.fixture(scope="module")
async def key() -> MadeKey:
    return await X509.make_key("ecdsa", 256, ["www.example.test"])


def issued(key: MadeKey, *names: str, wrong: WrongLeaf | None = None, now: datetime = NOW) -> Issued:
    public_key = x509.load_pem_x509_csr(key.csr.encode()).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    order = LeafOrder(names or ("www.example.test",), public_key, "sectigo", "DV", now + timedelta(days=365), {})
    return CA.issue(order, now, wrong)


def verdict(key: MadeKey, got: Issued, *names: str, now: datetime = NOW, roots: tuple[str, ...] = ()) -> list[str]:
    found = X509.problems(
        got.leaf_pem,
        got.chain_pem,
        names=names or ["www.example.test"],
        spki_sha256=key.spki_sha256,
        now=now,
        roots=roots or [CA.root.pem],
    )
    return [problem.partition(":")[0] for problem in found]


@pytest.mark.parametrize(("algorithm", "size"), [("ecdsa", 256), ("ecdsa", 384), ("rsa", 2048)])
async def test_a_request_carries_the_key_and_all_names(algorithm: str, size: int) -> None:
    made = await X509.make_key(algorithm, size, ["www.example.test", "example.test", "www.example.test"])
    csr = x509.load_pem_x509_csr(made.csr.encode())
    private = load_der_private_key(made.private_key, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    assert private.key_size == size
    assert csr.is_signature_valid
    assert spki_sha256(csr.public_key()) == made.spki_sha256 == spki_sha256(private.public_key())
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.example.test", "example.test"]
    assert csr.subject.rfc4514_string() == "CN=www.example.test"
    assert isinstance(csr.signature_hash_algorithm, hashes.SHA384 if size == 384 else hashes.SHA256)


async def test_a_request_is_pem_with_64_columns_and_line_feeds(key: MadeKey) -> None:
    lines = key.csr.split("\n")
    assert lines[0] == "-----BEGIN CERTIFICATE REQUEST-----"
    assert {len(line) for line in lines[1:-3]} == {64}
    assert "\r" not in key.csr
    assert key.csr.endswith("-----END CERTIFICATE REQUEST-----\n")


async def test_a_name_too_long_for_a_common_name_stands_in_the_san_alone() -> None:
    name = f"{'a' * 60}.example.test"
    csr = x509.load_pem_x509_csr((await X509.make_key("ecdsa", 256, [name])).csr.encode())
    assert not csr.subject.rdns
    extension = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.value.get_values_for_type(x509.DNSName) == [name]
    assert extension.critical


@pytest.mark.parametrize(("algorithm", "size"), [("rsa", 1024), ("ecdsa", 521), ("dsa", 2048)])
async def test_other_keys_are_not_made(algorithm: str, size: int) -> None:
    with pytest.raises(InvalidRequest, match="key-unsupported"):
        await X509.make_key(algorithm, size, ["www.example.test"])


async def test_a_made_key_hides_itself(key: MadeKey) -> None:
    assert repr(key.private_key) not in repr(key)


def test_the_leaf_is_found_in_any_order_among_junk(key: MadeKey) -> None:
    got, other = issued(key), issued(key, now=NOW - timedelta(days=1))
    texts = [
        "Bag Attributes\r\n" + got.chain_pem.replace("\n", "\r\n"),
        CA.root.pem + other.leaf_pem,
        f"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n{got.leaf_pem}{got.leaf_pem}",
        "not a certificate",
    ]
    for seed in range(5):
        random.Random(seed).shuffle(texts)
        leaf, chain = X509.read_issued(texts, spki_sha256=key.spki_sha256)
        assert leaf == got.leaf_pem  # the newer of two with our key
        assert chain == got.chain_pem  # no root, nothing twice


async def test_without_our_key_the_only_leaf_is_shown(key: MadeKey) -> None:
    got = issued(key)
    leaf, _ = X509.read_issued([got.chain_pem, got.leaf_pem], spki_sha256="0" * 64)
    assert leaf == got.leaf_pem


@pytest.mark.parametrize("texts", [[], ["nonsense"], [CA.root.pem]])
def test_no_leaf_is_not_yet(texts: list[str]) -> None:
    with pytest.raises(NotYet, match="download-unavailable"):
        X509.read_issued(texts, spki_sha256="0" * 64)


def test_a_longer_chain_is_put_in_order(key: MadeKey) -> None:
    got = issued(key)
    _, chain = X509.read_issued([CA.root.pem, *_cross_signed(), got.leaf_pem, got.chain_pem], spki_sha256="")
    subjects = [c.subject for c in x509.load_pem_x509_certificates(chain.encode())]
    assert subjects == [CA.intermediates["sectigo"].certificate.subject, CA.root.certificate.subject]


def _cross_signed() -> list[str]:
    """The sandbox's root signed by an older root: such a certificate belongs into the chain."""
    old_key, old_name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=Older Root")
    root = CA.root.certificate
    builder = x509.CertificateBuilder(
        old_name, root.subject, root.public_key(), 7, root.not_valid_before_utc, root.not_valid_after_utc
    )
    for extension in root.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return [builder.sign(old_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()]


def test_a_leaf_is_described(key: MadeKey) -> None:
    got = issued(key, "www.example.test", "example.test")
    facts = X509.describe(got.leaf_pem, got.chain_pem)
    assert facts.serial == f"{got.leaf.serial_number:X}"
    assert facts.fingerprint == got.leaf.fingerprint(hashes.SHA256()).hex()
    assert facts.spki_sha256 == key.spki_sha256
    assert facts.names == ("www.example.test", "example.test")
    assert facts.issuer == "Evercert Sandbox Sectigo Server CA"
    assert facts.not_before == NOW
    assert facts.not_after.tzinfo is not None
    assert (facts.order_id, facts.certificate_id, facts.key_id, facts.problems) == ("", "", "", ())
    with pytest.raises(InvariantBroken):
        X509.describe("nonsense", "")


@pytest.mark.parametrize("names", [("www.example.test",), ("*.example.test",), ("www.example.test", "example.test")])
def test_a_right_leaf_has_no_problems(key: MadeKey, names: tuple[str, ...]) -> None:
    assert verdict(key, issued(key, *names), *reversed(names)) == []


@pytest.mark.parametrize("wrong", ["name", "key", "chain", "dates"])
def test_each_fault_is_called_by_its_name(key: MadeKey, wrong: WrongLeaf) -> None:
    assert set(verdict(key, issued(key, wrong=wrong))) == {wrong}


def test_a_name_more_or_less_is_a_problem(key: MadeKey) -> None:
    assert verdict(key, issued(key), "www.example.test", "example.test") == ["name"]
    assert verdict(key, issued(key, "*.example.test"), "www.example.test") == ["name", "name"]


@pytest.mark.parametrize(
    ("ordered", "added"),
    [
        ("*.example.test", "example.test"),
        ("www.example.test", "example.test"),
        ("example.test", "www.example.test"),
        ("shop.example.test", "www.shop.example.test"),
        ("www.www.example.test", "www.example.test"),
        ("WWW.Example.Test", "example.test"),
    ],
)
def test_a_name_that_a_product_adds_by_itself_is_right(key: MadeKey, ordered: str, added: str) -> None:
    assert verdict(key, issued(key, ordered.lower(), added), ordered) == []
    assert verdict(key, issued(key, added), ordered) == ["name"]  # … but it replaces nothing


@pytest.mark.parametrize(
    ("ordered", "added"),
    [
        ("*.example.test", "www.example.test"),
        ("*.www.example.test", "example.test"),
        ("www.example.test", "www.www.example.test"),
        ("www.example.test", "shop.example.test"),
        ("www.example.test", "*.example.test"),
        ("example.test", "mail.example.test"),
        ("shop.example.test", "example.test"),
        ("wwwx.example.test", "x.example.test"),
    ],
)
def test_any_other_name_too_many_is_a_problem(key: MadeKey, ordered: str, added: str) -> None:
    found = X509.problems(
        *_pems(issued(key, ordered, added)),
        names=[ordered],
        spki_sha256=key.spki_sha256,
        now=NOW,
        roots=[CA.root.pem],
    )
    assert found == (f"name: the certificate also names {added}",)


def test_an_added_name_is_right_beside_a_strange_one_that_is_not(key: MadeKey) -> None:
    got = issued(key, "www.example.test", "example.test", "evil.test")
    found = X509.problems(
        *_pems(got), names=["www.example.test"], spki_sha256=key.spki_sha256, now=NOW, roots=[CA.root.pem]
    )
    assert found == ("name: the certificate also names evil.test",)


def test_dates_are_judged_by_the_clock_and_the_calendar(key: MadeKey) -> None:
    got = issued(key)
    assert verdict(key, got, now=NOW - timedelta(hours=47)) == []
    assert verdict(key, got, now=NOW - timedelta(hours=49)) == ["dates"]
    assert verdict(key, got, now=got.leaf.not_valid_after_utc) == ["dates"]
    long = _resigned(got.leaf, days=201)
    assert verdict(key, Issued(long, got.chain)) == ["dates"]
    assert verdict(key, Issued(_resigned(got.leaf, days=199), got.chain)) == []


def _resigned(leaf: x509.Certificate, days: int) -> x509.Certificate:
    begins = leaf.not_valid_before_utc
    builder = x509.CertificateBuilder(
        leaf.issuer, leaf.subject, leaf.public_key(), leaf.serial_number, begins, begins + timedelta(days=days)
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(CA.intermediates["sectigo"].key, hashes.SHA256())


def test_a_sandbox_leaf_is_not_trusted_by_the_public_store(key: MadeKey) -> None:
    found = X509.problems(
        *_pems(issued(key)), names=["www.example.test"], spki_sha256=key.spki_sha256, now=NOW, roots=[]
    )
    assert len(found) == 1
    assert found[0].startswith("chain: no trusted root has signed CN=Evercert Sandbox Sectigo Server CA")


@pytest.mark.parametrize("kept", ["one-by-one", "nowhere"])
def test_anchors_are_found_where_the_system_keeps_no_single_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    """Without a file of all anchors TLS loads none beforehand; without any at all those of HTTPS count."""
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(capath=str(tmp_path)))
    monkeypatch.setattr(x509_verdict, "default_trust", _sandbox_trust)
    if kept == "one-by-one":
        (tmp_path / "0a1b2c3d.0").write_text(CA.root.pem + "x")
        (tmp_path / "README").write_text("no anchor")
        monkeypatch.setattr(x509_verdict, "default_trust", pytest.fail)
    assert x509_verdict._public_anchors.__wrapped__() == (CA.root.certificate,)


def _sandbox_trust() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=CA.root.pem)
    return context


def test_a_forged_chain_is_told_link_by_link(key: MadeKey) -> None:
    strange = CertificateAuthority(Store(None), "http://127.0.0.1:1")
    got = issued(key)
    found = X509.problems(
        got.leaf_pem,
        strange.intermediates["sectigo"].pem,  # same name, another key
        names=["www.example.test"],
        spki_sha256=key.spki_sha256,
        now=NOW,
        roots=[CA.root.pem],
    )
    assert [problem[:7] for problem in found] == ["chain: "]
    assert "did not sign" in found[0]


def test_a_name_outside_the_roots_constraints_breaks_the_chain(key: MadeKey) -> None:
    got = issued(key, "www.example.com")
    found = X509.problems(
        *_pems(got), names=["www.example.com"], spki_sha256=key.spki_sha256, now=NOW, roots=[CA.root.pem]
    )
    assert len(found) == 1
    assert found[0].startswith("chain: the path to a root breaks a rule")


def _pems(got: Issued) -> tuple[str, str]:
    return got.leaf_pem, got.chain_pem


async def test_a_version_is_exported_as_pem(key: MadeKey) -> None:
    got = issued(key)
    bundle = pem_bundle(got.leaf_pem.replace("\n", "\r\n"), got.chain_pem, key.private_key)
    assert bundle.full_chain == got.leaf_pem + got.chain_pem
    assert bundle.private_key is not None
    private = load_pem_private_key(bundle.private_key, password=None)
    assert spki_sha256(private.public_key()) == key.spki_sha256
    assert "PRIVATE" not in repr(bundle)
    assert pem_bundle(got.leaf_pem, got.chain_pem).private_key is None
