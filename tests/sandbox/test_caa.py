"""CAA: records in the DNS decide whether the CA signs."""

import pytest

from deploy.sandbox import Sandbox
from deploy.sandbox.caa import Record, is_permitted, why_forbidden
from deploy.sandbox.catalogue import Brand
from deploy.sandbox.resolver import Resolver
from tests.sandbox.support import Client, add_record


@pytest.mark.parametrize(
    ("records", "brand", "wild", "permitted"),
    [
        ([], "sectigo", False, True),
        ([(0, "issue", "sectigo.com")], "sectigo", False, True),
        ([(0, "issue", " Sectigo.COM ; account=1")], "sectigo", True, True),
        ([(0, "issue", "sectigo.com")], "digicert", False, False),
        ([(0, "issue", "digicert.com"), (0, "issue", "comodoca.com")], "sectigo", False, True),
        ([(0, "issue", "rapidssl.com")], "digicert", False, True),
        ([(0, "issue", ";")], "digicert", False, False),
        ([(0, "issue", "")], "sectigo", False, False),
        ([(0, "issuewild", "digicert.com"), (0, "issue", "sectigo.com")], "sectigo", True, False),
        ([(0, "issuewild", "digicert.com"), (0, "issue", "sectigo.com")], "sectigo", False, True),
        ([(0, "issuewild", ";")], "sectigo", False, True),
        ([(0, "iodef", "mailto:a@example.test")], "sectigo", False, True),
        ([(128, "future", "x"), (0, "issue", "sectigo.com")], "sectigo", False, False),
        ([(0, "future", "x"), (0, "issue", "sectigo.com")], "sectigo", False, True),
        ([(128, "issue", "sectigo.com")], "sectigo", False, True),
    ],
)
def test_one_set_of_records(records: list[Record], brand: Brand, wild: bool, permitted: bool) -> None:
    assert is_permitted(records, brand, is_wildcard=wild) is permitted


async def test_a_forbidden_order_waits_until_the_record_goes(client: Client, box: Sandbox) -> None:
    await add_record(box, "example.test", "CAA", '0 issue "digicert.com"')
    order = await client.buy()
    await client.publish_proofs(order)
    for _ in range(2):
        await box.desk.round()
    shown = await client.status(order)
    assert shown["OrderStatus"]["MajorStatus"] == "Pending"
    (note,) = shown["OrderStatus"]["OrderNotes"]
    assert note["Comments"] == "www.example.test: CAA at example.test forbids issuance"
    await add_record(box, "www.example.test", "CAA", '0 issue "sectigo.com"')  # the nearest set decides
    await client.until_active(order)


async def test_a_refused_look_up_is_no_permission(box: Sandbox) -> None:
    resolver = Resolver(box.dns_host, box.dns_port)
    assert (
        await why_forbidden(resolver, "www.example.invalid", "sectigo") == "CAA look-up failed at www.example.invalid"
    )


async def test_the_check_can_be_switched_off(client: Client, box: Sandbox) -> None:
    await add_record(box, "example.test", "CAA", '0 issue ";"')
    box.switch(caa_check=False)
    await client.issue()
