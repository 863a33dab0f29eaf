"""From proof to leaf: token formulas, real look-ups, the leaf's profile, chain and dates."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from deploy.sandbox import Sandbox
from deploy.sandbox.csr import read_csr
from deploy.sandbox.dcv import authorization_names, sectigo_file, sectigo_record
from deploy.sandbox.rules import add_months, leaf_not_after
from tests.sandbox.support import KEY, Client, add_record

WORKED_EXAMPLE = """-----BEGIN CERTIFICATE REQUEST-----
MIIBDzCBtgIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAARHHD51jEkEKFu6flMRjtD1JK3rB1fSW9L457DXbfpx
TN1SD3rKiouResw39R3o8Mm7462Fg4LnAtwloS0J96hYoDowOAYJKoZIhvcNAQkO
MSswKTAnBgNVHREEIDAegg93d3cuZXhhbXBsZS5jb22CC2V4YW1wbGUuY29tMAoG
CCqGSM49BAMCA0gAMEUCIFqpi7gRAyKhNE8rS8XDhOstYhlMFaMFNceiBTWGxvIb
AiEAkaYG5/i0VqpUlSiXiQ5efFGJmXzsfJeLcX3skJthXBM=
-----END CERTIFICATE REQUEST-----
"""
ORGANIZATION = {
    "OrganizationName": "Example Ltd",
    "RegistrationNumber": "12345",
    "JurisdictionCountry": "US",
    "OrganizationAddress": {"AddressLine1": "1 Main St", "City": "Anytown", "Region": "WA", "Country": "US"},
}


def test_sectigo_formulas_against_the_worked_example() -> None:
    csr = read_csr(WORKED_EXAMPLE, "sectigo")
    halves = "06cb7e9be77b7261db4cc2f919da149f.655c18a0d208b04d4cc8676a79a8b640"
    owner = "_178e8b7674bd5150bba2b9fee5457d1d.example.com"
    assert sectigo_record("example.com", csr) == (owner, f"{halves}.sectigo.com")
    assert sectigo_record("*.example.com", csr, "Q7xK2mPz9T") == (owner, f"{halves}.Q7xK2mPz9T.sectigo.com")
    body = "06cb7e9be77b7261db4cc2f919da149f655c18a0d208b04d4cc8676a79a8b640\nsectigo.com"
    assert sectigo_file(csr) == ("178E8B7674BD5150BBA2B9FEE5457D1D.txt", body)
    assert sectigo_file(csr, "uv1")[1] == f"{body}\nuv1"


def test_a_proof_counts_down_to_the_base_domain() -> None:
    assert list(authorization_names("a.b.example.test")) == ["a.b.example.test", "b.example.test", "example.test"]
    assert list(authorization_names("example.test")) == ["example.test"]


@pytest.mark.parametrize(
    ("issued", "days"),
    [("2026-03-14", 397), ("2026-03-15", 199), ("2027-03-14", 199), ("2027-03-15", 99), ("2029-03-15", 46)],
)
def test_leaf_life_by_the_calendar(issued: str, days: int) -> None:
    at = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    assert leaf_not_after(at, at + timedelta(days=999)) == at + timedelta(days=days) - timedelta(seconds=1)
    assert leaf_not_after(at, at + timedelta(days=5)) == at + timedelta(days=5)


def test_months_end_where_the_month_ends() -> None:
    assert add_months(datetime(2027, 11, 30, tzinfo=UTC), 3) == datetime(2028, 2, 29, tzinfo=UTC)


async def download(client: Client, order: dict[str, object], **members: object) -> list[x509.Certificate]:
    answer = await client.call("order/download", TheSSLStoreOrderID=order["TheSSLStoreOrderID"], **members)
    assert answer["CertificateStatus"] == "Active"
    pem = "".join(file["FileContent"] for file in answer["Certificates"])
    if "PKCS7" in pem:
        return pkcs7.load_pem_pkcs7_certificates(pem.encode())
    return x509.load_pem_x509_certificates(pem.encode())


def names_of(leaf: x509.Certificate) -> list[str]:
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def verify(box: Sandbox, chain: list[x509.Certificate], name: str, at: datetime | None = None) -> None:
    root = x509.load_pem_x509_certificate(box.root_pem.encode())
    verifier = (
        PolicyBuilder().store(Store([root])).time(at or box.clock.now()).build_server_verifier(x509.DNSName(name))
    )
    verifier.verify(chain[0], chain[1:])


ALLOWED = {
    "DV": "cabf.serverauth.dv.common_name_attribute_present",
    "OV": "cabf.serverauth.ov.common_name_attribute_present",
    "EV": "cabf.ev_guidelines.common_name_attribute_present",
}
LEVELS = {"isDVProduct": "DV", "isOVProduct": "OV", "isEVProduct": "EV"}


async def test_leaves_of_every_product_pass_the_linter(client: Client, tmp_path: Path) -> None:
    """That `.test` and loopback are no public names is the sandbox's point; besides, only the common name may be named."""
    products = await client.call("product/query", ProductCode="", ProductType=0)
    assert len(products) >= 60
    leaves: list[tuple[Path, str]] = []
    for number, product in enumerate(products):
        kind = next(level for flag, level in LEVELS.items() if product[flag])
        code = product["ProductCode"]
        name = f"p{number}.example.test"
        order = await client.issue(
            f"*.{name}" if product["isWildcard"] else name,
            ProductCode=code,
            OrganizationInfo=ORGANIZATION,
            SignatureHashAlgorithm="sha256",
            CustomOrderID=code,
            ValidityPeriod=product["PricingInfo"][0]["NumberOfMonths"],
        )
        path = tmp_path / f"{code}.pem"
        path.write_bytes((await download(client, order))[0].public_bytes(Encoding.PEM))
        leaves.append((path, kind))
    for codes, (path, kind) in zip(await lint(*leaves), leaves, strict=True):
        assert codes - {"cabf.internal_domain_name"} == {ALLOWED[kind]}, path.stem


LINTER = """
import sys
from pkilint.bin.lint_cabf_serverauth_cert import main
for path, kind in zip(sys.argv[1::2], sys.argv[2::2]):
    main(["lint", "-t", kind + "-FINAL-CERTIFICATE", "-s", "WARNING", "-f", "JSON", path])
    print(chr(0))
"""


async def lint(*leaves: tuple[Path, str]) -> list[set[str]]:
    """Codes of warnings and errors for each leaf, from pkilint's own command run in one process."""
    arguments = [str(part) for leaf in leaves for part in leaf]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LINTER, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    reports = [json.loads(text) for text in output.decode().split("\0") if text.strip()]
    return [{f["code"] for r in report["results"] for f in r["finding_descriptions"]} for report in reports]


async def test_a_leaf_is_issued_only_after_its_proof_stands_in_the_dns(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    await box.desk.round()
    waiting = await client.status(order)
    assert waiting["OrderStatus"]["MajorStatus"] == "Pending"
    assert waiting["PollStatus"] == "record not found"
    refused = await client.call("order/download", CustomOrderID="EC-1")
    assert "-99014" in refused["AuthResponse"]["Message"][0]
    await add_record(box, order["CNAMEAuthName"], "CNAME", "elsewhere.sectigo.com")
    await box.desk.round()
    assert (await client.status(order))["PollStatus"] == "another value was found"
    await client.publish_proofs(order)
    shown = await client.until_active(order)
    assert shown["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"] == "Validated"
    chain = await download(client, order)
    assert f"{chain[0].serial_number:X}" == shown["SerialNumber"].lstrip("0")
    verify(box, chain, "www.example.test")
    with pytest.raises(VerificationError):
        verify(box, chain, "other.example.test")
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert chain[0].public_key().public_bytes(*spki) == KEY.public_key().public_bytes(*spki)
    assert names_of(chain[0]) == ["www.example.test"]
    life = chain[0].not_valid_after_utc - chain[0].not_valid_before_utc
    assert life == timedelta(days=199) - timedelta(seconds=1)
    promises = chain[0].extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert len({promise.log_id for promise in promises}) == 3
    assert await download(client, order, ReturnPKCS7Cert="true") in (chain, chain[::-1])


async def test_one_record_at_the_base_domain_proves_names_below(client: Client, box: Sandbox) -> None:
    order = await client.buy(
        "example.test", ProductCode="positivemdcssl", DNSNames=["a.example.test", "b.a.example.test"]
    )
    await add_record(box, order["CNAMEAuthName"], "CNAME", order["CNAMEAuthValue"])
    await client.until_active(order)
    assert names_of((await download(client, order))[0]) == ["example.test", "a.example.test", "b.a.example.test"]


async def test_wildcards_strip_their_label_and_cover_the_bare_name(client: Client, box: Sandbox) -> None:
    order = await client.issue("*.example.test", ProductCode="positivesslwildcard")
    assert order["CNAMEAuthName"].endswith(".example.test") and "*" not in order["CNAMEAuthName"]
    chain = await download(client, order)
    assert names_of(chain[0]) == ["*.example.test", "example.test"]
    verify(box, chain, "any.example.test")


async def test_the_www_twin_comes_when_asked(client: Client, box: Sandbox) -> None:
    order = await client.issue("example.test", AutoWWW=True)
    assert order["DNSNames"] == ""
    assert names_of((await download(client, order))[0]) == ["example.test", "www.example.test"]


@pytest.mark.parametrize(("keyword", "switch"), [("DNS", "txt"), ("", "cname"), ("dns_cname_token", "txt")])
async def test_digicert_proofs(client: Client, box: Sandbox, keyword: str, switch: str) -> None:
    box.switch(digicert_dns=switch)
    order = await client.issue(
        ProductCode="digi_rapidssl",
        SignatureHashAlgorithm="sha256",
        ApproverEmail=keyword,
        CNAMEAuthDVIndicator=not keyword,
    )
    (vetting,) = order["OrderStatus"]["DomainAuthVettingStatus"]
    assert vetting["DNSName"] == "_dnsauth.www.example.test"
    is_alias = keyword != "DNS"
    assert vetting["DNSEntry"].endswith(".dcv.digicert.com") == is_alias
    assert vetting["dcvMethod"] == ("CNAME" if is_alias else "TXT")
    assert "Digicert" in (await download(client, order))[1].subject.rfc4514_string()


async def test_tokens_differ_between_orders_and_repeat_with_the_seed(client: Client, box: Sandbox) -> None:
    body = {"ProductCode": "digi_rapidssl", "SignatureHashAlgorithm": "sha256"}
    first, second = await client.buy(**body), await client.buy(**body)
    assert first["CNAMEAuthValue"] != second["CNAMEAuthValue"]
    dice = box.state.dice(f"order {first['TheSSLStoreOrderID']}")
    assert "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=32)) == first["CNAMEAuthValue"]


async def test_delays_run_on_the_sandbox_clock(client: Client, box: Sandbox) -> None:
    box.clock.freeze()
    box.switch(proof_delay_seconds=60, issue_delay_seconds=30)
    order = await client.buy()
    assert order["CNAMEAuthName"] == "" and order["OrderStatus"]["DomainAuthVettingStatus"] is None
    box.clock.advance(60)
    shown = await client.status(order)
    await client.publish_proofs(shown)
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"] == "Validated"
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    box.add_fault("issue_delay", order="EC-1", seconds=90)
    box.clock.advance(31)
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    box.clock.advance(60)
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Active"
    box.clock.advance(366 * 86_400)
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Expired"


async def test_the_calendar_rules_at_the_sandbox_clock(client: Client, box: Sandbox) -> None:
    box.clock.set(datetime(2027, 3, 15, tzinfo=UTC))
    leaf = (await download(client, await client.issue()))[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=99) - timedelta(seconds=1)
    promises = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert len(list(promises)) == 2


async def test_e_mail_orders_wait_for_a_person(client: Client, box: Sandbox) -> None:
    order = await client.buy(CNAMEAuthDVIndicator=False, ApproverEmail="admin@example.test")
    await box.desk.round()
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Pending"
    assert (await client.control("POST", "orders/EC-1/validate", {})).status_code == 200
    await client.until_active(order)


async def test_a_name_too_long_for_a_common_name(client: Client, box: Sandbox) -> None:
    name = ".".join(["a" * 30] * 3) + ".test"
    order = await client.buy(name, DomainName="")
    await client.publish_proofs(order)
    await client.until_active(order)
    chain = await download(client, order)
    assert not chain[0].subject.rdns
    assert chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    verify(box, chain, name)


async def test_the_root_permits_test_names_only(box: Sandbox) -> None:
    from deploy.sandbox.ca import LeafOrder

    now = box.clock.now()
    for name, is_allowed in (("www.example.test", True), ("www.example.com", False)):
        order = LeafOrder([name], KEY.public_key(), "sectigo", "DV", now + timedelta(days=365), {})
        issued = box.state.ca.issue(order, now)
        if is_allowed:
            verify(box, [issued.leaf, issued.chain], name)
        else:
            with pytest.raises(VerificationError):
                verify(box, [issued.leaf, issued.chain], name)


async def test_revocation_lists_and_issuers_are_served_where_leaves_point(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    leaf, intermediate = await download(client, order)
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    crl_url = points[0].full_name[0].value
    async with httpx.AsyncClient() as http:
        before = x509.load_der_x509_crl((await http.get(crl_url)).content)
        issuer = x509.load_der_x509_certificate((await http.get(access[0].access_location.value)).content)
        await client.control("POST", "orders/EC-1/cancel", {"reason": "high risk"})
        after = x509.load_der_x509_crl((await http.get(crl_url)).content)
        root = await http.get(crl_url.replace("sectigo", "root"))
        assert (await http.get(crl_url.replace("sectigo", "nobody"))).status_code == 404
    assert issuer == intermediate
    key = intermediate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert before.is_signature_valid(key) and after.is_signature_valid(key)
    assert before.get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    assert after.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    assert x509.load_der_x509_crl(root.content).issuer == x509.load_pem_x509_certificate(box.root_pem.encode()).subject


async def test_subjects_by_validation_level(client: Client) -> None:
    order = await client.issue(ProductCode="sectigoovssl", OrganizationInfo=ORGANIZATION)
    leaf, _ = await download(client, order)
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example Ltd"
