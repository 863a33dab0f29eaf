"""Certificates that are out: reissue, revocation, and the ways to fetch them."""

import base64
import io
import zipfile
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from deploy.sandbox import Sandbox
from tests.sandbox.support import Client, make_csr
from tests.sandbox.test_invites import ADMIN
from tests.sandbox.test_seller import refusal

NEXT_KEY = ec.generate_private_key(ec.SECP256R1())


async def ask(client: Client, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A reissue with another key, proven by CNAME."""
    body: dict[str, Any] = {
        "TheSSLStoreOrderID": order["TheSSLStoreOrderID"],
        "CustomOrderID": "ignored",
        "CSR": make_csr("www.example.test", key=NEXT_KEY),
        "WebServerType": "Other",
        "ReissueEmail": order["AdminContact"].get("Email", ""),
        "CNAMEAuthDVIndicator": True,
        "AddSAN": None,
        "DeleteSAN": None,
        "EditSAN": None,
    }
    return dict(await client.call("order/reissue", **body | changes))


async def leaf_of(client: Client, order: dict[str, Any]) -> x509.Certificate:
    answer = await client.call("order/download", TheSSLStoreOrderID=order["TheSSLStoreOrderID"])
    return x509.load_pem_x509_certificate(answer["Certificates"][0]["FileContent"].encode())


async def until_reissued(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    await client.publish_proofs(order)
    for _ in range(200):
        await client.box.desk.round()
        shown = await client.status(order)
        if shown["OrderStatus"]["MinorStatus"] == "Active":
            return shown
    raise AssertionError("the reissue never ended")


async def test_a_reissue_keeps_the_order_and_serves_the_old_leaf_until_done(client: Client, box: Sandbox) -> None:
    order = await client.issue(AdminContact=ADMIN)
    old = await leaf_of(client, order)
    assert refusal(await ask(client, order, ReissueEmail="other@example.test")) == -99002
    asked = await ask(client, order)
    assert (asked["TheSSLStoreOrderID"], asked["CustomOrderID"]) == (order["TheSSLStoreOrderID"], "EC-1")
    assert asked["PartnerOrderID"] != order["PartnerOrderID"]
    assert (asked["OrderStatus"]["MajorStatus"], asked["OrderStatus"]["MinorStatus"]) == ("Active", "PENDING_REISSUE")
    assert asked["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"] == "Not Validated"
    assert asked["SerialNumber"] == order["SerialNumber"] and await leaf_of(client, order) == old
    assert refusal(await ask(client, order)) == -99015
    done = await until_reissued(client, asked)
    new = await leaf_of(client, order)
    assert new.public_key() == NEXT_KEY.public_key() and done["SerialNumber"] != order["SerialNumber"]
    assert done["PartnerOrderID"] == asked["PartnerOrderID"]
    assert done["OrderExpiryDateInUTC"] == order["OrderExpiryDateInUTC"]
    assert len(box.sales()) == 1


async def test_names_are_edited_by_three_lists_within_what_was_bought(client: Client, box: Sandbox) -> None:
    order = await client.issue(
        ProductCode="positivemdcssl", DNSNames=["a.test", "b.test"], ReserveSANCount=3, CustomOrderID="EC-7"
    )
    edits = {
        "AddSAN": [{"OldValue": "", "NewValue": "c.test"}, {"OldValue": None, "NewValue": "d.test"}],
        "DeleteSAN": [{"OldValue": "b.test", "NewValue": ""}],
        "EditSAN": [{"OldValue": "a.test", "NewValue": "e.test"}],
    }
    too_many = {"AddSAN": [{"NewValue": f"x{number}.test"} for number in range(2)]}
    assert refusal(await ask(client, order, **too_many)) == -99005
    assert refusal(await ask(client, order, DeleteSAN=[{"OldValue": "www.example.test"}])) == -99002
    assert refusal(await ask(client, order, EditSAN="nonsense")) == -99002
    asked = await ask(client, order, **edits)
    assert asked["CommonName"] == "www.example.test" and asked["DNSNames"] == "e.test,c.test,d.test"
    await until_reissued(client, asked)
    box.switch(reissue_extra_sans="billed")
    more = await ask(client, order, **too_many)
    assert more["SANCount"] == 5 and float(more["OrderAmount"]) > float(order["OrderAmount"])
    assert [str(sale.amount) for sale in box.sales()] == [order["OrderAmount"], "18.80"]


async def test_a_single_name_stays_single(client: Client) -> None:
    order = await client.issue()
    assert refusal(await ask(client, order, AddSAN=[{"NewValue": "other.test"}])) == -99005
    assert refusal(await ask(client, order, CSR="")) == -99006
    assert (await ask(client, order, AddSAN=[{"NewValue": "example.test"}]))["DNSNames"] == "example.test"


async def test_a_reissue_without_a_method_goes_the_way_of_the_order(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    linked = await ask(client, order, PreferEnrollmentLink=True)
    assert linked["TinyOrderLink"] and linked["OrderStatus"]["MinorStatus"] == "Active"
    asked = await ask(client, order, CNAMEAuthDVIndicator=None, ApproverEmails="", ReissueEmail=None)
    assert asked["CNAMEAuthName"].startswith("_")
    await client.control("POST", f"orders/{order['TheSSLStoreOrderID']}/validate")
    await until_reissued(client, asked)
    box.switch(reissue_proof="reused", reissue_email="ignored")
    again = await ask(client, order, ApproverEmails="DNS", CNAMEAuthDVIndicator=False, CSRUniqueValue="n2")
    assert again["OrderStatus"]["DomainAuthVettingStatus"][0]["dcvStatus"] == "Validated"


async def test_only_issued_orders_are_reissued(client: Client, box: Sandbox) -> None:
    order = await client.buy()
    assert refusal(await ask(client, order)) == -99015
    issued = await client.issue("two.example.test", CustomOrderID="EC-2")
    box.clock.advance(400 * 86_400)
    assert refusal(await ask(client, issued)) == -99015


async def revoke(client: Client, order: dict[str, Any], **members: Any) -> dict[str, Any]:
    body = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], **members}
    return dict(await client.call("order/certificaterevokerequest", **body))


async def test_revocation_by_serial_or_of_the_current_certificate(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    await until_reissued(client, await ask(client, order))
    leaves = box.state.book.by_id(order["TheSSLStoreOrderID"])
    assert leaves is not None
    old, new = leaves.leaves
    assert (await revoke(client, order, SerialNumber="12AB"))["isError"] is True
    assert (await revoke(client, order, SerialNumber="no hex"))["isError"] is True
    answer = await revoke(client, order, SerialNumber=old.serial.lower(), RevokeReason="Key Compromise")
    assert answer["isError"] is False and "TheSSLStoreOrderID" not in answer
    assert int(old.serial, 16) in box.state.revocations("sectigo")
    assert int(new.serial, 16) not in box.state.revocations("sectigo")
    assert (await revoke(client, order, SerialNumber="", RefundReason="moved"))["isError"] is False
    assert int(new.serial, 16) in box.state.revocations("sectigo")
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == "Active"


@pytest.mark.parametrize("major", ["Cancelled", "Revoked"])
async def test_what_a_revocation_makes_of_the_order_by_switch(client: Client, box: Sandbox, major: str) -> None:
    box.switch(revoked_order=major)
    order = await client.issue()
    assert (await revoke(client, order))["isError"] is False
    assert (await client.status(order))["OrderStatus"]["MajorStatus"] == major


async def test_every_path_of_a_download(client: Client, box: Sandbox) -> None:
    order = await client.issue()
    ref = {"TheSSLStoreOrderID": order["TheSSLStoreOrderID"], "PlatFormId": "-2", "FormatType": ""}
    plain = await client.call("order/download", **ref)
    for endpoint in ("order/downloadaszip", "order/certificate/downloadaszip"):
        answer = await client.call(endpoint, **ref)
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["Zip"]))) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
        assert texts == [file["FileContent"] for file in plain["Certificates"]]
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["pkcs7zip"]))) as archive:
            bundle = archive.read(archive.namelist()[0])
        assert len(pkcs7.load_pem_pkcs7_certificates(bundle)) == 2
        assert "Certificates" not in answer and answer["CertificateStatus"] == "Active"
    newer = await client.call("order/certificate/download", **ref)
    assert [newer["CertificateContent"], newer["CaCertificateContent"]] == texts
    box.switch(newer_download="same_as_download")
    assert (await client.call("order/certificate/download", **ref))["Certificates"] == plain["Certificates"]
    csr = x509.load_pem_x509_csr((await client.call("order/certificate/csr/download", **ref))["CSR"].encode())
    assert csr.public_key() == (await leaf_of(client, order)).public_key()
    box.switch(unknown_order="empty_success", empty_certificates=True)
    assert (await client.call("order/downloadaszip", TheSSLStoreOrderID="1"))["Zip"] == ""
    assert (await client.call("order/certificate/download", **ref | {"TheSSLStoreOrderID": "1"}))["Certificates"] == []
    box.switch(newer_download="content_members")
    assert (await client.call("order/certificate/download", **ref))["CertificateContent"] == ""
