"""Orders that are sold first and configured later: invites, order tokens in both forms, renewals, organisations."""

from typing import Any

import pytest

from deploy.sandbox import Sandbox
from tests.sandbox.support import Client, make_csr
from tests.sandbox.test_seller import ORGANIZATION, refusal

ADMIN = {"FirstName": "Web", "Email": "hostmaster@example.test"}


async def invite(client: Client, **changes: Any) -> dict[str, Any]:
    body = {"ProductCode": "positivessl", "ValidityPeriod": 12, "CustomOrderID": "EC-9"} | changes
    answer = await client.call("order/inviteorder", **body)
    assert answer["AuthResponse"]["isError"] is False, answer
    return dict(answer)


def token_forms(client: Client, order: dict[str, Any]) -> list[dict[str, Any]]:
    """The token with blank partner credentials, beside full ones, and as its two halves."""
    return [
        {"PartnerCode": "", "AuthToken": "", "Token": order["Token"]},
        client.auth | {"Token": order["Token"], "TokenID": "", "TokenCode": ""},
        {"TokenID": order["TokenID"], "TokenCode": order["TokenCode"], "IsUsedForTokenSystem": "true"},
    ]


@pytest.mark.parametrize("form", [0, 1, 2])
async def test_an_invite_is_one_sale_whichever_way_its_token_comes(client: Client, box: Sandbox, form: int) -> None:
    order = await invite(client)
    assert order["OrderStatus"]["MajorStatus"] == "Initial"
    assert (order["OrderStatus"]["isTinyOrder"], order["OrderStatus"]["isTinyOrderClaimed"]) == (True, False)
    assert order["TinyOrderLink"] and order["CommonName"] == "" and order["OrderAmount"] == "7.95"
    partner, client.auth = client.auth, token_forms(client, order)[form]
    body = client.order_body(CustomOrderID="", TheSSLStoreOrderID=order["TheSSLStoreOrderID"], AdminContact=ADMIN)
    assert (await client.call("order/validateorderparameters", **body))["AuthResponse"]["isError"] is False
    done = await client.call("order/neworder", **body)
    assert done["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"] and done["CustomOrderID"] == "EC-9"
    assert done["OrderStatus"]["MajorStatus"] == "Pending" and done["OrderStatus"]["isTinyOrderClaimed"] is True
    assert refusal(await client.call("order/neworder", **body)) == -99015
    assert [sale.seller_order_id for sale in box.sales()] == [order["TheSSLStoreOrderID"]]
    client.auth = partner
    await client.publish_proofs(done)
    assert (await client.until_active(done))["CommonName"] == "www.example.test"


async def test_a_completion_takes_what_was_bought_and_no_more(client: Client) -> None:
    order = await invite(client, ProductCode="positivemdcssl", ExtraSAN=3, ServerCount=1)
    assert order["OrderAmount"] == f"{24.20 + 9.40:.2f}" and order["SANCount"] == 3
    client.auth = token_forms(client, order)[0]
    names = [f"n{number}.test" for number in range(4)]
    body = client.order_body(ProductCode="", ValidityPeriod=None, DNSNames=names)
    assert refusal(await client.call("order/neworder", **body)) == -99005
    assert refusal(await client.call("order/neworder", **body | {"ProductCode": "positivessl"})) == -99002
    done = await client.call("order/neworder", **body | {"DNSNames": names[:3], "CSRUniqueValue": "q1"})
    assert done["DNSNames"] == ",".join(names[:3]) and done["Validity"] == 12


async def test_invites_are_lenient(client: Client, box: Sandbox) -> None:
    extra: dict[str, Any] = {
        "ExtraSAN": "5",
        "IsWildcardCSRDomain": "true",
        "OrganizationIds ": [],
        "RequestorEmail": None,
    }
    assert (await invite(client, CustomOrderID=None, **extra))["OrderAmount"] == "7.95"
    box.switch(invite_nulls="refuse")
    answer = await client.call("order/inviteorder", ProductCode="positivessl", ValidityPeriod=12, RequestorEmail=None)
    assert refusal(answer) == -99002
    box.switch(duplicate_custom_order_id="return_existing")
    first = await invite(client)
    assert (await invite(client))["TheSSLStoreOrderID"] == first["TheSSLStoreOrderID"]
    assert len(box.sales()) == 2
    client.auth = token_forms(client, first)[1]
    assert refusal(await client.call("order/inviteorder", ProductCode="positivessl", ValidityPeriod=12)) == -9008


async def test_an_order_that_nobody_configured_shows_itself_everywhere(client: Client) -> None:
    order = await invite(client)
    ref = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"]}
    for endpoint in ("order/status", "order/info", "order/live-order-status", "order/refundrequest"):
        shown = await client.call(endpoint, **ref)
        assert shown["OrderStatus"]["MajorStatus"] == "Initial", endpoint
    assert refusal(await client.call("order/download", **ref)) == -99014
    assert refusal(await client.call("order/certificate/csr/download", **ref)) == -99015
    for endpoint in ("order/resend", "order/changeapprovermethod", "order/certificaterevokerequest"):
        answer = await client.call(endpoint, **ref, ResendEmailType="ApproverEmail", ApproverMethod="FILE")
        assert answer["isError"] is True
    assert (await client.control("GET", "orders")).status_code == 200


async def test_what_a_token_is_good_for(client: Client) -> None:
    order = await invite(client, ProductCode="positivemdcssl")
    body = {"Token": order["Token"], "TokenID": "", "TokenCode": "", "IsUsedForTokenSystem": True}
    answer = (await client.http.post(f"{client.box.base_url}/health/validatetoken/", json=body)).json()
    assert answer["isError"] is False and answer["AuthResponse"]["isError"] is False
    assert (answer["ProductCode"], answer["NumberOfMonths"], answer["OrderStatus"]) == ("positivemdcssl", 12, "Initial")
    answer = (await client.http.post(f"{client.box.base_url}/health/validatetoken", json=client.auth)).json()
    assert answer["isError"] is True


async def test_renewals_may_send_bare_base64_by_switch(client: Client, box: Sandbox) -> None:
    bare = "".join(make_csr("www.example.test").splitlines()[1:-1])
    renewal = client.order_body(CSR=bare, isRenewalOrder=True, RelatedTheSSLStoreOrderID="")
    assert refusal(await client.call("order/neworder", **renewal)) == -99006
    box.switch(bare_base64_csr="accept_on_renewal")
    assert refusal(await client.call("order/neworder", **renewal | {"isRenewalOrder": "false"})) == -99006
    assert (await client.call("order/neworder", **renewal))["AuthResponse"]["isError"] is False


async def test_organizations_that_are_vetted(client: Client) -> None:
    wrapped = await client.call("digicert/organizationlist")
    flat = (await client.http.post(f"{client.box.base_url}/digicert/organizationlist", json=client.auth)).json()
    assert flat["OrganizationList"] == wrapped["OrganizationList"] and flat["AuthResponse"]["isError"] is False
    states = {row["TSSOrganizationId"]: row["Status"] for row in flat["OrganizationList"]}
    assert states == {54321: "active", 54322: "active", 54323: "pending"}
    one = await client.call("digicert/organizationinfo", TSSOrganizationId="54322")
    assert one["Name"] == "Example GmbH" and one["Country"] == "de"
    assert refusal(await client.call("digicert/organizationinfo", TSSOrganizationId=1)) == -99002
    body = client.order_body(ProductCode="digi_ssl_basic", OrganizationInfo=None)
    order = await client.call("order/neworder", **body | {"TSSOrganizationId": 54321})
    assert (order["Organization"], order["TSSOrganizationId"]) == ("Example Ltd", 54321)
    for number in (54323, 7):
        assert refusal(await client.call("order/neworder", **body | {"TSSOrganizationId": number})) == -99013
    zero = client.order_body(ProductCode="sectigoovssl", OrganizationInfo=ORGANIZATION, TSSOrganizationId=0)
    assert (await client.call("order/neworder", **zero))["AuthResponse"]["isError"] is False


async def test_raw_csrs_for_digicert_by_switch(client: Client, box: Sandbox) -> None:
    box.switch(raw_csr_digicert="csr_invalid")
    body = client.order_body(ProductCode="digi_rapidssl")
    assert refusal(await client.call("order/neworder", **body)) == -99007
    encoded = body["CSR"].replace("\n", "%0A").replace(" ", "%20").replace("+", "%2B")
    assert (await client.call("order/neworder", **body | {"CSR": encoded}))["AuthResponse"]["isError"] is False
    await client.buy()


async def test_an_order_token_is_no_key_to_the_account(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    client.auth = {"PartnerCode": "", "AuthToken": "", "Token": order["Token"]}
    assert refusal((await client.call("order/query"))[0]) == -9008
    for endpoint in ("user/accountdetail", "order/getmodifiedorderssummary", "digicert/organizationlist"):
        assert refusal(await client.call(endpoint)) == -9008, endpoint
    assert (await client.call("setting/setordercallback", url="http://127.0.0.1:1/"))["isError"] is True
    assert box.state.book.callback_url == ""
    assert (await client.call("order/status"))["TheSSLStoreOrderID"] == order["TheSSLStoreOrderID"]
