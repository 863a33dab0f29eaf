"""Revocation: lists and OCSP answers, judged by cryptography and by OpenSSL."""

import asyncio
import base64
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from deploy.sandbox import Sandbox, SandboxSettings
from deploy.sandbox.ca import BRANDS, CertificateAuthority, Issued, LeafOrder
from deploy.sandbox.catalogue import Brand
from deploy.sandbox.revocation import reason_of
from deploy.sandbox.state import Store
from tests.sandbox.support import KEY, Client


def issue(box: Sandbox, brand: Brand = "sectigo") -> Issued:
    now = box.clock.now()
    return box.state.ca.issue(
        LeafOrder(["www.example.test"], KEY.public_key(), brand, "DV", now + timedelta(days=365), {}), now
    )


def question(
    issued: Issued, algorithm: hashes.HashAlgorithm | None = None, serial: int | None = None, nonce: bytes = b""
) -> bytes:
    builder = ocsp.OCSPRequestBuilder()
    if serial is None:
        builder = builder.add_certificate(issued.leaf, issued.chain, algorithm or hashes.SHA1())
    else:
        name, key = (hashes.Hash(hashes.SHA1()) for _ in range(2))
        name.update(issued.chain.subject.public_bytes())
        public = issued.chain.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        key.update(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        builder = builder.add_certificate_by_hash(name.finalize(), key.finalize(), serial, hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def responder_url(leaf: x509.Certificate) -> str:
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    (url,) = [a.access_location.value for a in access if a.access_method == AuthorityInformationAccessOID.OCSP]
    return str(url)


async def ask(client: Client, issued: Issued, request: bytes) -> ocsp.OCSPResponse:
    answer = await client.http.post(responder_url(issued.leaf), content=request)
    assert answer.headers["content-type"] == "application/ocsp-response"
    return ocsp.load_der_ocsp_response(answer.content)


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
async def test_the_responder_answers_good_then_revoked(
    client: Client, box: Sandbox, brand: Brand, algorithm: hashes.HashAlgorithm
) -> None:
    issued = issue(box, brand)
    request = question(issued, algorithm, nonce=b"n" * 16)
    good = await ask(client, issued, request)
    assert good.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert good.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    (delegate,) = good.certificates
    delegate.verify_directly_issued_by(issued.chain)
    usages = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    key = delegate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(good.signature, good.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    assert box.state.ca.revoke(issued.leaf.serial_number, "superseded")
    url = f"{responder_url(issued.leaf)}/{quote(base64.b64encode(request).decode(), safe='')}"
    revoked = ocsp.load_der_ocsp_response((await client.http.get(url)).content)
    assert revoked.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert revoked.revocation_reason is x509.ReasonFlags.superseded


async def test_what_the_responder_does_not_know(client: Client, box: Sandbox) -> None:
    issued, other = issue(box), issue(box, "digicert")
    unknown = await ask(client, issued, question(issued, serial=12345))
    assert unknown.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    foreign = await ask(client, issued, question(issued, serial=other.leaf.serial_number))
    assert foreign.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    strange = CertificateAuthority(Store(None), "http://127.0.0.1:1")
    stranger = Issued(issued.leaf, strange.intermediates["sectigo"].certificate)
    refused = await ask(client, issued, question(stranger))
    assert refused.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    for junk in (b"", b"junk", b"0" * 20_000):
        answer = await ask(client, issued, junk)
        assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    got = await client.http.get(f"{responder_url(issued.leaf)}/%%%25")
    assert ocsp.load_der_ocsp_response(got.content).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


async def test_the_intermediates_have_a_responder_too(client: Client, box: Sandbox) -> None:
    ca = box.state.ca
    pair = Issued(ca.intermediates["sectigo"].certificate, ca.root.certificate)
    answer = await client.http.post(responder_url(issue(box).leaf), content=question(pair))
    found = ocsp.load_der_ocsp_response(answer.content)
    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
    found.certificates[0].verify_directly_issued_by(ca.root.certificate)


async def test_the_pointer_is_a_switch(box: Sandbox) -> None:
    box.switch(ocsp_pointer=False)
    access = issue(box).leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [a.access_method for a in access] == [AuthorityInformationAccessOID.CA_ISSUERS]


async def test_the_ledger_keeps_first_date_and_sharper_reason(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    settings = SandboxSettings(port=0, dns_port=0, state_file=path)
    async with Sandbox(settings) as box:
        serial, ca = issue(box).leaf.serial_number, box.state.ca
        box.clock.freeze()
        first = box.clock.now()
        assert not ca.revoke(1) and ca.revoke(serial)
        box.clock.advance(60)
        ca.revoke(serial, "superseded")
        assert (known := ca.ledger.revocation(serial)) and known.flag is None
        ca.revoke(f"{serial:X}", "keyCompromise")
        for bad in ("certificateHold", "because"):
            with pytest.raises(ValueError, match="a reason must be one of"):
                ca.revoke(serial, bad)
    async with Sandbox(settings) as box:
        known = box.state.ca.ledger.revocation(serial)
        assert known is not None and (known.at, known.reason) == (first, "keyCompromise")
        crl = box.state.ca.crl("sectigo", box.state.revocations("sectigo"), box.clock.now())
        assert crl is not None
        entry = x509.load_der_x509_crl(crl).get_revoked_certificate_by_serial_number(serial)
        assert entry is not None and entry.revocation_date_utc == first.replace(microsecond=0)
        assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise


def test_reasons_in_free_text() -> None:
    assert reason_of(" Key Compromise ") == "keyCompromise" == reason_of("KEY_COMPROMISE")
    assert reason_of("") == "unspecified" == reason_of("customer asked") == reason_of("certificateHold")


async def test_revocation_by_the_control_api_shows_in_the_book(client: Client) -> None:
    shown = await client.issue()
    serial = shown["SerialNumber"]
    answers = [await client.control("POST", f"certificates/{s}/revoke", b) for s, b in (
        ("FF", {}), ("no-hex", {}), (serial, {"reason": "because"}), (serial, {"reason": "superseded"}),
    )]  # fmt: skip
    assert [answer.status_code for answer in answers] == [404, 400, 400, 200]
    (order,) = (await client.control("GET", "orders")).json()["orders"]
    assert order["revoked"] is True


async def openssl(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "openssl", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.openssl
async def test_openssl_verifies_chain_list_and_answer(client: Client, box: Sandbox, tmp_path: Path) -> None:
    issued = issue(box)
    paths = {
        name: str(tmp_path / name) for name in ("leaf.pem", "chain.pem", "root.pem", "all.pem", "crl.pem", "root.crl")
    }
    texts = {"leaf.pem": issued.leaf_pem, "chain.pem": issued.chain_pem, "root.pem": box.root_pem}
    texts["all.pem"] = box.root_pem + issued.chain_pem
    for name, text in texts.items():
        Path(paths[name]).write_text(text)

    async def judge() -> tuple[str, str]:
        base = box.control_url.removesuffix("control")
        for issuer, target in (("sectigo", "crl.pem"), ("root", "root.crl")):
            der = (await client.http.get(f"{base}pki/{issuer}.crl")).content
            Path(paths[target]).write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
        code, said = await openssl("crl", "-in", paths["crl.pem"], "-CAfile", paths["all.pem"], "-noout")
        assert code == 0 and "verify OK" in said
        lists = ("-CRLfile", paths["crl.pem"], "-CRLfile", paths["root.crl"], "-crl_check_all", "-x509_strict")
        _, verified = await openssl(
            "verify", "-CAfile", paths["root.pem"], "-untrusted", paths["chain.pem"], *lists, paths["leaf.pem"]
        )
        ocsp_call = ("ocsp", "-issuer", paths["chain.pem"], "-cert", paths["leaf.pem"], "-CAfile", paths["all.pem"])
        _, answered = await openssl(*ocsp_call, "-url", responder_url(issued.leaf))
        assert "Response verify OK" in answered, answered
        return verified, answered

    verified, answered = await judge()
    assert "leaf.pem: OK" in verified and "leaf.pem: good" in answered
    assert box.state.revoke(f"{issued.leaf.serial_number:X}", "keyCompromise")
    verified, answered = await judge()
    assert "certificate revoked" in verified
    assert "leaf.pem: revoked" in answered and "keyCompromise" in answered


async def test_list_and_answers_are_fresh_at_the_sandbox_clock(client: Client, box: Sandbox) -> None:
    box.clock.set(datetime.fromisoformat("2030-01-01T00:00:00+00:00"))
    issued = issue(box)
    answer = await ask(client, issued, question(issued))
    assert answer.this_update_utc.year == 2030
    assert answer.next_update_utc is not None and answer.next_update_utc > box.clock.now()
