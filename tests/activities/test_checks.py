"""What is checked before money is spent, each check run twice: nothing is bought, nothing is written double."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from activities.checks import Checks
from activities.messages import CheckInput
from domain.errors import InvalidRequest, Refused
from domain.inventory import DnsAccountRecord, Environment, OrderChange
from domain.product import Product
from domain.request import DcvChoice, OrderRequest
from tests.activities.desk import Desk, at_once, refused, run, twice
from tests.activities.shop import Shop
from tests.activities.zone import Zone
from tests.adapters.inventory_support import NOW, PRICE, event, fingerprint, order, version


@pytest.fixture
async def zone(blank_desk: Desk) -> Zone:
    account = DnsAccountRecord(
        name="dns",
        server="127.0.0.1",
        zones=("example.test",),
        tsig_name="k",
        secret_id="d",
        environment=Environment.SANDBOX,
    )
    await blank_desk.inventory.add_dns_account(account, b"sealed", event("dns"))
    return Zone()


@dataclass
class Counter(Shop):
    """A shop that remembers which products it was asked for, and knows one."""

    asked: list[str] = field(default_factory=list)

    async def products(self, code: str = "") -> tuple[Product, ...]:
        self.asked.append(code)
        return tuple(product for product in await super().products() if code in ("", product.code))


def checks(desk: Desk, zone: Zone) -> Checks:
    return Checks(desk.inventory, desk.shop, zone, desk.clock)


def asked(desk: Desk, **changes: object) -> CheckInput:
    request = {
        "account": "sandbox",
        "product": "positivessl",
        "common_name": "www.example.test",
        "months": 12,
        "dcv": DcvChoice(dns_account="dns"),
    }
    return CheckInput(run=desk.run, request=OrderRequest.model_validate(request | changes))


async def test_twice_check_request(blank_desk: Desk, zone: Zone) -> None:
    given = asked(blank_desk, common_name="WWW.Example.test", requested_by="ann")
    first, second = await twice(checks(blank_desk, zone).check_request, given)
    assert first == second
    assert (first.findings, first.names, first.is_sent) == ((), ("www.example.test",), False)
    assert [row.order_id for row in await blank_desk.inventory.orders()] == [blank_desk.wanted.order_id]
    assert await blank_desk.trail("order") == ["order.requested"]


async def test_check_request_at_once_opens_one_row(blank_desk: Desk, zone: Zone) -> None:
    results = await at_once(checks(blank_desk, zone).check_request, asked(blank_desk), times=3)
    assert results == [results[0]] * 3
    assert await blank_desk.trail("order") == ["order.requested"]


async def test_check_request_tells_all_that_is_wrong_and_never_counts_its_own_order(
    blank_desk: Desk, zone: Zone
) -> None:
    other = order(2, request_id="r-1")
    await blank_desk.inventory.open_order(other, NOW)
    await blank_desk.inventory.reserve(
        other.order_id, fingerprint=fingerprint(other), owner="o", price=PRICE, body_hash="", now=NOW
    )
    given = asked(
        blank_desk, dcv=DcvChoice(dns_account="nowhere"), key={"algorithm": "rsa", "size": 1024}, request_id="r-1"
    )
    first, second = await twice(checks(blank_desk, zone).check_request, given)
    assert first == second
    assert {finding.code for finding in first.findings} == {
        "dns-account-not-found", "key-too-small", "request-id-reused", "duplicate-order",
    }  # fmt: skip


async def test_check_request_says_when_a_purchase_may_be_under_way(desk: Desk, zone: Zone) -> None:
    given = asked(desk)
    assert not (await run(checks(desk, zone).check_request, given)).is_sent
    await desk.buy()
    found = await run(checks(desk, zone).check_request, given)
    assert found.is_sent
    assert found.findings == ()


async def test_a_name_that_is_none_is_listed_all_the_same(blank_desk: Desk, zone: Zone) -> None:
    found = await run(checks(blank_desk, zone).check_request, asked(blank_desk, common_name="_under.example.test"))
    assert len(found.findings) == 1
    assert [row.common_name for row in await blank_desk.inventory.orders()] == ["_under.example.test"]


async def test_twice_check_offer(blank_desk: Desk, zone: Zone) -> None:
    first, second = await twice(checks(blank_desk, zone).check_offer, asked(blank_desk))
    assert first == second
    assert first.quote is not None
    assert (first.quote.vendor, first.quote.price.amount, first.findings) == ("SECTIGO", Decimal("7.10"), ())
    assert (first.quote.leaf_days, first.quote.leaves_needed) == (199, 3)
    assert [product.code for product in await blank_desk.inventory.products("sandbox")] == ["positivessl"]


async def test_check_offer_at_once_stores_one_catalogue(blank_desk: Desk, zone: Zone) -> None:
    results = await at_once(checks(blank_desk, zone).check_offer, asked(blank_desk), times=3)
    assert results == [results[0]] * 3
    assert len(await blank_desk.inventory.products("sandbox")) == 1


async def test_the_whole_catalogue_is_read_once_in_ten_minutes_and_each_price_at_each_check(
    blank_desk: Desk, zone: Zone
) -> None:
    """The price is always that of now, and a product that is not sold is told by what is."""
    shop = Counter(blank_desk.clock)
    work = Checks(blank_desk.inventory, shop, zone, blank_desk.clock)

    async def price() -> Decimal | None:
        quote = (await run(work.check_offer, asked(blank_desk))).quote
        return None if quote is None else quote.price.amount

    first, shop.price = await price(), Decimal("7.20")
    blank_desk.clock.move(minutes=9)
    assert (first, await price(), shop.asked) == (Decimal("7.10"), Decimal("7.20"), ["", "positivessl"])
    (stored,) = await blank_desk.inventory.products("sandbox")
    assert (stored.read_at, stored.terms[0].price) == (blank_desk.clock.at, Decimal("7.20"))
    unknown = await run(work.check_offer, asked(blank_desk, product="positivessI"))
    assert unknown.findings[0].next_step == "similar ones: positivessl"
    blank_desk.clock.move(minutes=11)
    assert await price() == Decimal("7.20")
    assert shop.asked[2:] == ["positivessI", "", ""]


async def test_a_parked_account_is_asked_for_no_offer(blank_desk: Desk, zone: Zone) -> None:
    await blank_desk.inventory.park_account("sandbox", "auth-rejected", event("sandbox", "account.parked"))
    shop = Counter(blank_desk.clock)
    work = Checks(blank_desk.inventory, shop, zone, blank_desk.clock)
    assert (await refused(run(work.check_offer, asked(blank_desk)))).code == "account-parked"
    assert shop.asked == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"product": "positivessI"}, "product-not-found"),
        ({"months": 13}, "validity-not-sold"),
        ({"max_price": Decimal("7.09")}, "price-over-limit"),
        ({"common_name": "*.example.test"}, "wildcard-not-in-product"),
    ],
)
async def test_an_offer_that_does_not_fit_has_no_quote(
    blank_desk: Desk, zone: Zone, changes: dict[str, object], code: str
) -> None:
    found = await run(checks(blank_desk, zone).check_offer, asked(blank_desk, **changes))
    assert [finding.code for finding in found.findings] == [code]
    assert found.quote is None


async def test_an_offer_of_an_unknown_account_is_left_to_the_other_check(blank_desk: Desk, zone: Zone) -> None:
    nowhere = blank_desk.run.model_copy(update={"account": "nowhere"})
    given = asked(blank_desk).model_copy(update={"run": nowhere})
    found = await run(checks(blank_desk, zone).check_offer, given)
    assert (found.findings, found.quote) == ((), None)


async def test_twice_check_zones(blank_desk: Desk, zone: Zone) -> None:
    first, second = await twice(checks(blank_desk, zone).check_zones, asked(blank_desk, common_name="*.example.test"))
    assert zone.marks[0] == zone.marks[1] != ""  # the second try removes what the first may have left
    assert first.findings == second.findings == ()
    assert zone.writes == ["check example.test"] * 2


@pytest.mark.parametrize(
    "error", [Refused("dns-no-write-access", "no"), InvalidRequest("dns-zone-not-found", "no such zone")]
)
async def test_a_zone_that_cannot_be_written_is_a_finding(
    blank_desk: Desk, zone: Zone, error: Refused | InvalidRequest
) -> None:
    zone.refuses = error
    first, second = await twice(checks(blank_desk, zone).check_zones, asked(blank_desk))
    assert first == second
    assert [(finding.code, finding.path) for finding in first.findings] == [(error.code, "dcv.dns_account")]


@pytest.mark.parametrize("dns_account", [None, "nowhere", "live"])
async def test_no_zone_is_touched_for_what_the_other_check_refuses(
    blank_desk: Desk, zone: Zone, dns_account: str | None
) -> None:
    live = DnsAccountRecord(
        name="live", server="192.0.2.1", zones=("example.test",), tsig_name="k", secret_id="l",
        environment=Environment.LIVE,
    )  # fmt: skip
    await blank_desk.inventory.add_dns_account(live, b"sealed", event("live"))
    given = asked(blank_desk, dcv=DcvChoice(dns_account=dns_account))
    assert (await run(checks(blank_desk, zone).check_zones, given)).findings == ()
    assert zone.writes == []
    found = await run(checks(blank_desk, zone).check_request, given)
    assert len(found.findings) == 1


@pytest.mark.parametrize(("days_left", "codes"), [(31, {"already-issued"}), (30, set()), (29, set())])
async def test_an_equal_order_with_term_left_is_not_bought_again(
    blank_desk: Desk, zone: Zone, days_left: int, codes: set[str]
) -> None:
    other = order(2)
    await blank_desk.inventory.open_order(other, NOW)
    await blank_desk.inventory.reserve(
        other.order_id, fingerprint=fingerprint(other), owner="o", price=PRICE, body_hash="", now=NOW
    )
    await blank_desk.inventory.store_version(version(other, "A1"), NOW)
    await blank_desk.inventory.make_current(other.order_id, "A1", event(other.order_id, "version.current"), NOW)
    term = OrderChange(state="issued", term_ends_at=NOW + timedelta(days=days_left))
    await blank_desk.inventory.change_order(other.order_id, term, None, NOW)
    work = checks(blank_desk, zone).check_request
    assert {finding.code for finding in (await run(work, asked(blank_desk))).findings} == codes
    assert (await run(work, asked(blank_desk, allow_duplicate=True))).findings == ()


async def test_an_allowed_duplicate_is_recorded_with_the_order(blank_desk: Desk, zone: Zone) -> None:
    await run(checks(blank_desk, zone).check_request, asked(blank_desk, allow_duplicate=True))
    assert (await blank_desk.order()).request["allow_duplicate"] is True
