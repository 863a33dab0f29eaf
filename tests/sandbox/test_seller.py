"""The seller API as clients meet it: shapes, spelling, leniencies, money."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from deploy.sandbox import Sandbox
from deploy.sandbox.catalogue import PRODUCTS
from tests.sandbox.support import Client, make_csr

ORGANIZATION = {
    "OrganizationName": "Example Ltd",
    "OrganizationAddress": {"AddressLine1": "1 Main St", "City": "Anytown", "Region": "WA", "Country": "US"},
    "RegistrationNumber": "12345",
    "JurisdictionCountry": "US",
}


def refusal(answer: dict[str, object]) -> int:
    """Code of an error answer."""
    auth = answer["AuthResponse"]
    assert isinstance(auth, dict) and auth["isError"] is True
    return int(auth["Message"][0].removeprefix("ErrorCode:").partition("|")[0])


async def test_health(client: Client) -> None:
    for path in ("health/status", "health/status/"):
        answer = await client.http.get(f"{client.box.base_url}/{path}")
        assert answer.json()["isError"] is False and answer.json()["Message"] == ["Success"]
    good = await client.http.post(f"{client.box.base_url}/health/validate/", json=client.auth)
    assert good.json()["isError"] is False and good.json()["ReplayToken"] == "r-1"
    bad = await client.http.post(f"{client.box.base_url}/health/validate", json=client.auth | {"AuthToken": "x"})
    assert bad.status_code == 200
    assert bad.json()["isError"] is True and "-9008" in bad.json()["Message"][0]


async def test_catalogue_is_an_array_with_prices(client: Client) -> None:
    everything = await client.call("product/query", ProductType=None, NeedSortedList=None)
    assert {row["ProductCode"] for row in everything} == {product.code for product in PRODUCTS}
    assert all(row["PricingInfo"] and row["AuthResponse"]["isError"] is False for row in everything)
    (one,) = await client.call("product/query", ProductCode="positivessl")
    assert one["VendorName"] == "COMODO" and one["isWlidcard"] is False
    assert [row["NumberOfMonths"] for row in one["PricingInfo"]] == [6, 12, 24, 36]
    assert {row["ProductCode"] for row in await client.call("product/query", ProductType="4")} == {
        product.code for product in PRODUCTS if product.is_wildcard
    }
    assert refusal((await client.call("product/query", ProductCode="nonesuch"))[0]) == -99003


async def test_approvers(client: Client) -> None:
    answer = await client.call("order/approverlist", ProductCode="positivessl", DomainName="a.b.example.test")
    assert answer["baseDomainName"] == "example.test"
    assert (
        "admin@example.test" in answer["ApproverEmailList"]
        and "webmaster@a.b.example.test" in answer["ApproverEmailList"]
    )


async def test_a_new_order_carries_everything(client: Client) -> None:
    order = await client.buy(AdminContact={"FirstName": "Web", "Email": "hostmaster@example.test"})
    assert order["TheSSLStoreOrderID"].isdigit()
    assert order["CustomOrderID"] == "EC-1"
    assert order["OrderStatus"]["MajorStatus"] == "Pending"
    (vetting,) = order["OrderStatus"]["DomainAuthVettingStatus"]
    assert vetting["dcvStatus"] == "Not Validated"
    assert (order["CNAMEAuthName"], order["CNAMEAuthValue"]) == (vetting["DNSName"], vetting["DNSEntry"])
    assert order["OrderAmount"] == "7.95"
    assert order["CertificateStartDateInUTC"] == "1/1/1900 12:00:00 AM"
    assert order["AdminContact"]["FirstName"] == "Web"
    assert order["Token"] == f"{order['TokenID']}#!{order['TokenCode']}"
    by_own_id = await client.call("order/status", CustomOrderID="EC-1", TheSSLStoreOrderID=None)
    assert by_own_id["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"]
    assert "AuthRequest" not in by_own_id


async def test_dates_are_en_us_text(client: Client, box: Sandbox) -> None:
    box.clock.freeze(datetime(2026, 7, 23, 0, 5, 9, tzinfo=UTC))
    order = await client.buy()
    assert order["PurchaseDateInUTC"] == "7/23/2026 12:05:09 AM"
    assert order["PurchaseDate"] == "7/22/2026 8:05:09 PM"
    assert order["OrderExpiryDateInUTC"] == "7/23/2027 12:05:09 AM"


def csr_forms() -> list[str]:
    pem = make_csr("www.example.test")
    while "+" not in pem:  # the forms differ only where a plus stands
        pem = make_csr("www.example.test")
    return [
        pem,
        pem.replace("\n", "\r\n"),
        pem.replace("\n", ""),
        quote(pem, safe=""),
        quote(pem, safe=" ").replace(" ", "+"),
        pem.replace("BEGIN CERT", "BEGIN NEW CERT").replace("END CERT", "END NEW CERT"),
    ]


async def test_every_form_of_a_csr_is_the_same_csr(client: Client) -> None:
    forms = csr_forms()
    names = {(await client.buy(CSR=form, CustomOrderID=""))["CNAMEAuthName"] for form in forms}
    assert len(names) == 1


async def test_bad_csrs(client: Client, box: Sandbox) -> None:
    pem = make_csr("www.example.test")
    bare = "".join(pem.splitlines()[1:-1])
    weak = make_csr("www.example.test", key=rsa.generate_private_key(65537, 1024))  # type: ignore[arg-type]
    curve = make_csr("www.example.test", key=ec.generate_private_key(ec.SECP521R1()))
    forged = base64.b64decode(bare)[:-1] + b"\0"
    forged_pem = (
        f"-----BEGIN CERTIFICATE REQUEST-----{base64.b64encode(forged).decode()}-----END CERTIFICATE REQUEST-----"
    )
    for csr, code in ((bare, -99006), ("", -99006), (weak, -99007), (curve, -99007), (forged_pem, -99007)):
        assert refusal(await client.call("order/neworder", **client.order_body(CSR=csr))) == code
    digicert = client.order_body(ProductCode="digi_rapidssl", SignatureHashAlgorithm=None)
    assert refusal(await client.call("order/neworder", **digicert)) == -99007
    assert box.sales() == []
    box.switch(bare_base64_csr="accept", missing_hash_digicert="accept")
    await client.buy(CSR=bare)
    await client.buy(ProductCode="digi_rapidssl", SignatureHashAlgorithm=None)


async def test_nulls_texts_and_strangers_are_taken(client: Client) -> None:
    body = dict.fromkeys(
        (
            "ExtraProductCodes",
            "OrganizationInfo",
            "AdminContact",
            "DNSNames",
            "isTrialOrder",
            "RenewalDays",
            "StartDate",
        )
    )
    order = await client.buy(
        **body,
        ValidityPeriod="12",
        ServerCount="1",
        CNAMEAuthDVIndicator="true",
        FileAuthDVIndicator="false",
        DomainName="",
        SignatureHashAlgorithm="SHA2-256",
        WebServerType="nGinx",
        EmailLanguageCode="en",
        DateTimeCulture="en-UK",
        **{"OrganizationIds ": 1, "IsForceNewSKUs": "x"},
    )
    assert order["CommonName"] == "www.example.test"
    assert order["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvMethod"] == "CNAME"
    assert (await client.buy(DNSNames=[""], CustomOrderID=""))["DNSNames"] == ""
    text = json.dumps({"AuthRequest": client.auth, "TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}, indent=3)
    raw = await client.http.post(f"{client.box.base_url}/order/status/", content=text.replace("-", "\\u002d"))
    assert raw.json()["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ProductCode": "nonesuch"}, -99003),
        ({"ValidityPeriod": 13}, -99004),
        ({"ValidityPeriod": 365}, -99004),
        ({"ValidityPeriod": None}, -99004),
        ({"ValidityPeriod": [12]}, -99002),
        ({"ValidityPeriod": "1e400"}, -99002),
        ({"DomainName": "exa_mple.test"}, -99002),
        ({"DomainName": "www.example.com"}, -9009),
        ({"DomainName": "test"}, -9009),
        ({"DomainName": "*.example.test"}, -99005),
        ({"DNSNames": ["other.test"]}, -99005),
        ({"ProductCode": "positivesslwildcard"}, -99005),
        ({"ProductCode": "positivemdcssl", "DNSNames": [f"n{i}.test" for i in range(251)]}, -99005),
        ({"CSRUniqueValue": "x" * 21}, -99002),
        ({"CNAMEAuthDVIndicator": False}, -99011),
        ({"CNAMEAuthDVIndicator": False, "ApproverEmail": "ceo@example.test"}, -99011),
        ({"ProductCode": "sectigoovssl"}, -99013),
        ({"ProductCode": "sectigoovssl", "OrganizationInfo": ORGANIZATION | {"OrganizationName": "x" * 65}}, -99002),
        ({"ProductCode": "sectigoovssl", "OrganizationInfo": ORGANIZATION | {"Country": "United States"}}, -9009),
        (
            {
                "ProductCode": "positivesslwildcard",
                "DomainName": "*.example.test",
                "CNAMEAuthDVIndicator": False,
                "FileAuthDVIndicator": True,
            },
            -99012,
        ),
    ],
)
async def test_refusals_sell_nothing(client: Client, box: Sandbox, changes: dict[str, object], code: int) -> None:
    body = client.order_body(**changes)
    answer = await client.call("order/neworder", **body)
    assert refusal(answer) == code
    assert answer["TheSSLStoreOrderID"] is None
    assert refusal(await client.call("order/validateorderparameters", **body)) == code
    assert box.sales() == []


async def test_the_dry_run_sells_nothing(client: Client, box: Sandbox) -> None:
    answer = await client.call("order/validateorderparameters", **client.order_body())
    assert answer["AuthResponse"]["isError"] is False
    assert box.sales() == []


async def test_prices_of_names_and_terms(client: Client) -> None:
    multi = await client.buy(ProductCode="positivemdcssl", DNSNames=["a.test", "b.test", "c.test"], ReserveSANCount=5)
    assert multi["OrderAmount"] == f"{24.20 + 3 * 9.40:.2f}"
    assert multi["DNSNames"] == "a.test,b.test,c.test" and multi["SANCount"] == 5
    assert len(multi["OrderStatus"]["DomainAuthVettingStatus"]) == 4
    flex = await client.buy(
        ProductCode="digi_ssl_dv_geotrust_flex", DNSNames=["*.a.test"], SignatureHashAlgorithm="sha256"
    )
    assert flex["OrderAmount"] == "159.00"
    assert (await client.buy(ValidityPeriod=24))["OrderAmount"] == "14.95"


async def test_funds_run_out(client: Client, box: Sandbox) -> None:
    box.switch(account_credit="10.00")
    await client.buy()
    assert refusal(await client.call("order/neworder", **client.order_body(CustomOrderID="EC-2"))) == -99008
    assert len(box.sales()) == 1


async def test_repeated_ids_by_switch(client: Client, box: Sandbox) -> None:
    first = await client.buy()
    second = await client.buy()
    assert second["TheSSLStoreOrderID"] != first["TheSSLStoreOrderID"] and len(box.sales()) == 2
    latest = await client.call("order/status", CustomOrderID="EC-1")
    assert latest["TheSSLStoreOrderID"] == second["TheSSLStoreOrderID"]
    box.switch(duplicate_custom_order_id="reject")
    assert refusal(await client.call("order/neworder", **client.order_body())) == -99010
    box.switch(duplicate_custom_order_id="return_existing")
    assert (await client.buy())["TheSSLStoreOrderID"] == second["TheSSLStoreOrderID"]
    for custom_id in ("", None):
        await client.buy(CustomOrderID=custom_id)
    assert len(box.sales()) == 4


async def test_unknown_orders_by_switch(client: Client, box: Sandbox) -> None:
    assert refusal(await client.call("order/status", TheSSLStoreOrderID="999999999")) == -99009
    box.switch(unknown_order="empty_success")
    answer = await client.call("order/status", TheSSLStoreOrderID="999999999")
    assert answer["AuthResponse"]["isError"] is False and answer["TheSSLStoreOrderID"] == ""
    box.switch(unknown_order="null_ids")
    assert (await client.call("order/status", CustomOrderID="EC-unknown"))["TheSSLStoreOrderID"] is None
    assert (await client.call("order/status"))["TheSSLStoreOrderID"] is None


async def test_the_list(client: Client, box: Sandbox) -> None:
    box.clock.freeze(datetime(2026, 11, 1, tzinfo=UTC))
    ids = []
    for number in range(5):
        ids.append((await client.buy(f"n{number}.example.test", CustomOrderID=f"EC-{number}"))["TheSSLStoreOrderID"])
        box.clock.advance(86_400)
    rows = await client.call("order/query", PageNumber=None, PageSize=None, StartDate=None)
    assert [row["TheSSLStoreOrderID"] for row in rows] == ids
    assert rows[0]["CustomOrderID"] == "EC-0" and rows[0]["Token"] == ""
    page = await client.call("order/query", PageNumber="2", PageSize="2")
    assert [row["TheSSLStoreOrderID"] for row in page] == ids[2:4]
    assert await client.call("order/query", PageNumber=9, PageSize=2) == []
    since = int(datetime(2026, 11, 4, tzinfo=UTC).timestamp() * 1000)
    assert len(await client.call("order/query", StartDate=f"/Date({since})/")) == 2
    assert len(await client.call("order/query", DomainName="n3.example.test", ProductCode="positivessl")) == 1
    box.switch(query_custom_order_id="absent")
    assert (await client.call("order/query"))[0]["CustomOrderID"] == ""


async def test_a_bad_token(client: Client, box: Sandbox) -> None:
    await client.buy()
    client.auth = {"PartnerCode": "12345678", "AuthToken": "sändbox"}
    assert refusal(await client.call("order/status", CustomOrderID="EC-1")) == -9008
    (row,) = await client.call("order/query")
    assert refusal(row) == -9008
    assert refusal(await client.call("order/neworder", **client.order_body())) == -9008
    assert len(box.sales()) == 1
    box.switch(query_credentials="ignored")
    assert len(await client.call("order/query")) == 1


async def test_an_order_token_reads_its_order_and_never_buys(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    partner = dict(client.auth)
    for auth in ({"PartnerCode": "", "AuthToken": "", "Token": order["Token"]}, partner | {"Token": order["Token"]}):
        client.auth = auth
        assert (await client.call("order/status"))["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"]
        assert refusal(await client.call("order/neworder", **client.order_body())) == -99015
    client.auth = partner | {"Token": "T1#!0"}
    assert refusal(await client.call("order/status", CustomOrderID="EC-1")) == -9008
    assert len(box.sales()) == 1


async def test_error_layout_by_switch(client: Client, box: Sandbox) -> None:
    box.switch(error_text="code_then_text")
    message = (await client.call("order/status", CustomOrderID="none"))["AuthResponse"]["Message"]
    assert message == ["-99009 Order not found"]
    box.switch(error_text="text_only", error_status=400)
    answer = await client.http.post(f"{box.base_url}/order/status", json={"AuthRequest": client.auth})
    assert (answer.status_code, answer.json()["AuthResponse"]["Message"]) == (400, ["Order not found"])


async def test_refund_is_decided_by_hand(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    assert order["RefundRequestID"] == ""
    asked = await client.call("order/refundrequest", CustomOrderID="EC-1", RefundReason="by mistake")
    again = await client.call("order/refundrequest", CustomOrderID="EC-1")
    assert asked["RefundRequestID"] == again["RefundRequestID"] != ""
    assert asked["isRefundApproved"] is False and asked["OrderStatus"]["MajorStatus"] == "Active"
    path = f"orders/{order['TheSSLStoreOrderID']}/refund"
    assert (await client.control("POST", path, {"approve": False})).status_code == 200
    assert (await client.status(order))["isRefundApproved"] is False
    assert (await client.control("POST", path, {"approve": True})).json()["revoked"] is True
    shown = await client.call("order/refundstatus", RefundRequestID=asked["RefundRequestID"])
    assert shown["isRefundApproved"] is True and shown["OrderStatus"]["MajorStatus"] == "Cancelled"
    assert (await client.control("POST", path, {"approve": True})).status_code == 409


async def test_unknown_paths_and_methods(client: Client) -> None:
    assert (await client.http.post(f"{client.box.base_url}/order/renew", json={})).status_code == 404
    assert (await client.http.get(f"{client.box.base_url}/order/status")).status_code == 405
