"""Which proof records may be published, and Sectigo's formulas with a vector measured on a real CSR."""

import base64

import pytest

from domain.dcv import SectigoToken, scope_problem, sectigo_mismatch, sectigo_token
from domain.seller import ProofRecord

# CN www.example.com, SAN www.example.com and example.com, P-256; all values below were measured on these bytes.
CSR = """
MIIBDzCBtgIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAARHHD51jEkEKFu6flMRjtD1JK3rB1fSW9L457DXbfpx
TN1SD3rKiouResw39R3o8Mm7462Fg4LnAtwloS0J96hYoDowOAYJKoZIhvcNAQkO
MSswKTAnBgNVHREEIDAegg93d3cuZXhhbXBsZS5jb22CC2V4YW1wbGUuY29tMAoG
CCqGSM49BAMCA0gAMEUCIFqpi7gRAyKhNE8rS8XDhOstYhlMFaMFNceiBTWGxvIb
AiEAkaYG5/i0VqpUlSiXiQ5efFGJmXzsfJeLcX3skJthXBM=
"""
DER = base64.b64decode(CSR)
MD5 = "178e8b7674bd5150bba2b9fee5457d1d"
SHA = "06cb7e9be77b7261db4cc2f919da149f655c18a0d208b04d4cc8676a79a8b640"
TARGET = "06cb7e9be77b7261db4cc2f919da149f.655c18a0d208b04d4cc8676a79a8b640"


def cname(owner: str, value: str = f"{TARGET}.sectigo.com", name: str = "www.example.com") -> ProofRecord:
    return ProofRecord(name=name, record_type="CNAME", owner=owner, value=value)


def txt(owner: str, value: str = "token") -> ProofRecord:
    return ProofRecord(name="www.example.com", record_type="TXT", owner=owner, value=value)


def test_token_of_the_measured_csr() -> None:
    assert len(DER) == 275
    assert sectigo_token(DER) == SectigoToken(MD5, SHA)
    assert sectigo_token(DER).cname("example.com") == (f"_{MD5}.example.com", f"{TARGET}.sectigo.com")


def test_token_with_unique_value() -> None:
    token = sectigo_token(DER, "Q7xK2mPz9T")
    assert token.cname("*.example.com") == (f"_{MD5}.example.com", f"{TARGET}.q7xk2mpz9t.sectigo.com")
    assert token.file() == (f"/.well-known/pki-validation/{MD5.upper()}.txt", f"{SHA}\nsectigo.com\nQ7xK2mPz9T")


def test_file_of_the_measured_csr() -> None:
    path, body = sectigo_token(DER).file()
    assert path == "/.well-known/pki-validation/178E8B7674BD5150BBA2B9FEE5457D1D.txt"
    assert body == f"{SHA}\nsectigo.com"


def test_hashing_pem_text_gives_another_token() -> None:
    pem = f"-----BEGIN CERTIFICATE REQUEST-----{CSR}-----END CERTIFICATE REQUEST-----\n"
    assert sectigo_token(pem.encode()).sha256 == "0e1a8f47e20233ee1fd944b727fd88dc0d83cc86a3a89866f130442f2f13d1e8"


@pytest.mark.parametrize("unique", ["a-b", "a" * 21, "ä"])
def test_unique_value_is_up_to_twenty_letters_and_digits(unique: str) -> None:
    with pytest.raises(ValueError, match="at most 20"):
        sectigo_token(DER, unique)


def test_mismatch_with_the_formula_is_told() -> None:
    token = sectigo_token(DER)
    assert sectigo_mismatch(cname(f"_{MD5}.www.example.com"), token) is None
    assert sectigo_mismatch(cname(f"_{MD5}.example.com"), token) is None
    assert sectigo_mismatch(cname("_0000.example.com"), token) is not None
    assert sectigo_mismatch(cname(f"_{MD5}.example.com", "elsewhere.example.net"), token) is not None
    assert sectigo_mismatch(cname(f"_{MD5}.example.org"), token) is not None
    assert sectigo_mismatch(txt(f"_{MD5}.example.com"), token) is not None


@pytest.mark.parametrize(
    "record",
    [
        cname(f"_{MD5}.www.example.com"),
        cname(f"_{MD5}.example.com"),
        cname("_dnsauth.www.example.com", "abc123.dcv.digicert.com"),
        cname("_x._y.example.com"),
        txt("example.com"),
        txt("www.example.com"),
        txt("_dnsauth.example.com"),
        txt("_pki-validation.www.example.com"),
    ],
)
def test_records_at_or_below_an_authorisation_name_may_be_published(record: ProofRecord) -> None:
    assert scope_problem(record, ["www.example.com"]) is None


@pytest.mark.parametrize(
    "record",
    [
        cname(f"_{MD5}.example.org"),
        cname(f"_{MD5}.com"),
        cname(f"_{MD5}.notexample.com"),
        cname(f"_{MD5}"),
        cname("www.example.com"),
        cname("mail.example.com"),
        cname("a_b.example.com"),
        cname("*.example.com"),
        cname("_x..example.com"),
        cname(f"_{'x' * 63}.example.com"),
        cname("_x.example.com."),
        cname("_X.example.com"),
        cname("_x.example.com", "no-dots"),
        cname("_x.example.com", "bad target.example.net"),
        cname("_x.example.com", "_x.example.com"),
        cname("_x.example.com", ""),
        txt("_dnsauth.example.org"),
        txt("com"),
        txt("example.com", ""),
        txt("example.com", "x" * 256),
        txt("example.com", "two\nlines"),
        txt("example.com", "ümlaut"),
        txt("*.example.com"),
        ProofRecord(name="www.example.com", record_type="A", owner="_x.example.com", value="192.0.2.1"),
        ProofRecord(name="www.example.com", record_type="NS", owner="_x.example.com", value="ns.example.net"),
    ],
)
def test_everything_else_is_out_of_scope(record: ProofRecord) -> None:
    assert scope_problem(record, ["www.example.com"]) is not None


def test_scope_counts_every_ordered_name_and_the_wildcards_own_domain() -> None:
    ordered = ["*.shop.example.co.uk", "www.example.org"]
    assert scope_problem(cname("_x.shop.example.co.uk"), ordered) is None
    assert scope_problem(cname("_x.example.org"), ordered) is None
    assert scope_problem(cname("_x.co.uk"), ordered) is not None
    assert scope_problem(cname("_x.example.com"), []) is not None
