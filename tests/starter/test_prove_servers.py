"""Disasters of servers and of the inventory: their places, and what each of them must come to; pure."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from activities.adapters.inventory import previous_revision
from starter.prove.case import Case, Database, read_case
from starter.prove.disasters import DISASTERS, inventory_gone, inventory_restored, servers
from starter.prove.moments import ALL, BOUNDARIES, Moment
from starter.prove.verdict import Expects, Facts, Sale, breaches
from tests.starter.test_prove_cases import ISSUED

FORGOTTEN = replace(
    ISSUED,
    expects=Expects.FORGOTTEN,
    story=("order.requested", "purchase.reserved", "purchase.adopted", "order.issued"),
    installation_story=("reconcile.entered", "reconcile.finished"),
)
GIVEN_UP = replace(
    ISSUED,
    expects=Expects.ORPHAN_TOLD,
    run_status="FAILED",
    state="abandoned",
    seller_order_id="",
    serial="",
    versions=0,
    key_matches=None,
    story=("purchase.sending", "purchase.in-doubt", "purchase.ruled-abandon", "order.abandoned", "alert.raised"),
    alerts=(("orphan-sale", "1"),),
)
SOLD_AGAIN = replace(
    ISSUED,
    expects=Expects.DOUBLE_TOLD,
    seller_order_id="2",
    serial="CD",
    sales=(Sale("1", "EC-A", "Pending", ""), Sale("2", "EC-A", "Active", "CD")),
    posts=2,
    story=("purchase.sending", "purchase.ruled-not-placed", "purchase.placed", "alert.raised", "order.issued"),
    alerts=(("double-sale", "1"),),
)


@pytest.mark.parametrize("facts", [FORGOTTEN, GIVEN_UP, SOLD_AGAIN], ids=["forgotten", "given-up", "sold-again"])
def test_what_was_expected_and_came(facts: Facts) -> None:
    assert breaches(facts) == ()


@pytest.mark.parametrize("facts", [FORGOTTEN, GIVEN_UP, SOLD_AGAIN], ids=["forgotten", "given-up", "sold-again"])
def test_the_same_is_a_breach_where_the_plain_promise_holds(facts: Facts) -> None:
    assert breaches(replace(facts, expects=Expects.ONE_SALE))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(FORGOTTEN, installation_story=("reconcile.entered",)), "has no reconcile.finished"),
        (replace(FORGOTTEN, installation_story=()), "has no reconcile.entered"),
        (replace(FORGOTTEN, sales=FORGOTTEN.sales * 2), "2 sales for one order"),
        (replace(FORGOTTEN, story=("order.requested", "order.issued")), "the audit tells of 0 sales"),
        (replace(GIVEN_UP, alerts=()), "no alert orphan-sale for the seller's order 1"),
        (replace(GIVEN_UP, sales=()), "was not made"),
        (replace(GIVEN_UP, seller_order_id="1"), "the inventory has 1"),
        (replace(GIVEN_UP, alerts=(("double-sale", "1"),)), "an alert double-sale"),
        (replace(GIVEN_UP, story=GIVEN_UP.story[:-1]), "an alert without its row"),
        (replace(SOLD_AGAIN, alerts=()), "no alert double-sale for the seller's order 1"),
        (replace(SOLD_AGAIN, alerts=(("double-sale", "2"),)), "no alert double-sale for the seller's order 1"),
        (replace(SOLD_AGAIN, sales=SOLD_AGAIN.sales[1:]), "was not made"),
        (replace(SOLD_AGAIN, serial="AB"), "serial AB, the seller CD"),
        (replace(ISSUED, alerts=(("double-sale", "7"),)), "an alert double-sale for the seller's order 7"),
    ],
)
def test_what_was_expected_and_did_not_come(facts: Facts, told: str) -> None:
    assert [breach for breach in breaches(facts) if told in breach]


def test_every_disaster_of_servers_is_in_the_table_and_its_cases_are_found_by_name() -> None:
    for disaster in servers.SERVERS:
        assert DISASTERS[disaster.kind] is disaster
        assert len(set(disaster.named)) == len(disaster.named)
        for place in disaster.named:
            case = Case(disaster.kind, str(place), Database.SQLITE, seed=3)
            assert read_case(case.name) == case


def test_every_moment_is_a_boundary_or_held_by_the_seller() -> None:
    assert set(ALL) - set(BOUNDARIES) == {Moment.ANSWER_HELD, Moment.AWAITING}


def test_places_of_a_gone_inventory() -> None:
    read = [inventory_gone.read_place(place) for place in inventory_gone.PLACES]
    assert (Moment.RESERVED, 0.0) in read
    assert (Moment.ANSWER_HELD, 600.0) in read
    assert all(seconds < inventory_gone.LIMIT_SECONDS for _, seconds in read)


def test_places_of_a_restored_inventory() -> None:
    for place in (*inventory_restored.PLACES, *inventory_restored.PLACES_OF_SERVERS):
        assert str(inventory_restored.read_place(place)) == place


def test_the_revision_before_the_newest() -> None:
    names = sorted(path.name for path in Path("activities/adapters/inventory/migrations/versions").glob("r0*.py"))
    assert names[-2].startswith(f"r{previous_revision()}_")


@pytest.mark.skipif(sys.platform != "linux", reason="what a process may is given up on Linux alone")
def test_a_process_that_obeys_permissions_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    file.chmod(0o400)
    words = (
        "import sys; from starter.prove.privileges import obey_permissions; obey_permissions(); open(sys.argv[1], 'a')"
    )
    asked = subprocess.run([sys.executable, "-c", words, str(file)], capture_output=True, text=True, check=False)
    assert "Permission denied" in asked.stderr
    if os.geteuid() == 0:
        file.open("a").close()  # root itself is refused nothing
