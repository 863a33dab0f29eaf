"""What a proof plans and how it judges: pure, so that the judge can be judged."""

from dataclasses import replace
from random import Random

import pytest

from starter.prove.case import Case, Database, Line, Repeated, kills, read_case
from starter.prove.disasters import DISASTERS
from starter.prove.kills import AND, chains
from starter.prove.plan import SHORT_KILLS, all_cases, named_cases, short_cases
from starter.prove.report import headline, page, rows, summary
from starter.prove.run import Check, Outcome, Proof
from starter.prove.verdict import Facts, Sale, breaches

DATABASES = tuple(Database)
PLACES = [
    f"{activity}/{call}/{side}"
    for activity in ("start", "check_offer", "prepare_key", "purchase", "read_proof", "collect", "record")
    for call in ("inventory.order#1", "seller.find#1", "inventory.change_order#1")
    for side in ("before", "after")
]
BOUNDARIES = {(database, line): PLACES for database in Database for line in Line}

ISSUED = Facts(
    order_id="EC-A",
    run_status="COMPLETED",
    state="issued",
    seller_order_id="1",
    serial="AB",
    versions=1,
    sales=(Sale("1", "EC-A", "Active", "AB"),),
    posts=1,
    keys=1,
    key_matches=True,
    story=("order.requested", "purchase.reserved", "purchase.sending", "purchase.placed", "order.issued"),
)
REJECTED = Facts(order_id="EC-A", run_status="FAILED", state="rejected", story=("order.requested", "order.rejected"))
REFUNDED = replace(
    ISSUED,
    run_status="CANCELED",
    state="cancelled",
    serial="",
    versions=0,
    key_matches=None,
    sales=(Sale("1", "EC-A", "Cancelled", "", refunded=True),),
    story=(*ISSUED.story[:-1], "refund.requested", "order.cancelled"),
)


@pytest.mark.parametrize("facts", [ISSUED, REJECTED, REFUNDED], ids=["issued", "rejected", "refunded"])
def test_a_promise_that_is_kept(facts: Facts) -> None:
    assert breaches(facts) == ()


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(ISSUED, sales=ISSUED.sales * 2), "2 sales for one order"),
        (
            replace(ISSUED, sales=(replace(ISSUED.sales[0], custom_order_id="EC-B"),)),
            "does not carry the order's own id",
        ),
        (replace(ISSUED, sales=()), "which the seller never sold"),
        (replace(ISSUED, sales=(), seller_order_id=""), "nothing was sold"),
        (replace(ISSUED, posts=2), "posted 2 times, where the audit allows 1"),
        (replace(ISSUED, seller_order_id="2"), "the seller sold 1, the inventory has 2"),
        (replace(ISSUED, seller_order_id=""), "the inventory has no number"),
        (replace(ISSUED, keys=2), "2 private keys"),
        (replace(ISSUED, keys=0), "0 private keys"),
        (replace(ISSUED, key_matches=False), "the sealed key does not open the leaf"),
        (replace(ISSUED, versions=2), "2 versions"),
        (replace(ISSUED, serial="CD"), "serial CD, the seller AB"),
        (replace(ISSUED, records=1), "1 proof records left published"),
        (replace(ISSUED, story=ISSUED.story[:-1]), "does not tell of the end"),
        (replace(ISSUED, story=(*ISSUED.story, "purchase.adopted")), "the audit tells of 2 sales"),
        (replace(ISSUED, story=("order.requested", "purchase.placed", "order.issued")), "a sale without an intention"),
        (replace(ISSUED, story=()), "the audit is empty"),
        (replace(ISSUED, run_status="RUNNING"), "the run still goes on"),
        (replace(ISSUED, state="awaiting-issuance"), "not finished: awaiting-issuance"),
        (replace(ISSUED, state=""), "not finished: no row"),
        (replace(ISSUED, unlisted=("purchase/seller.place#2/before",)), "which no undisturbed run passes"),
        (replace(ISSUED, troubles=("never came to its place",)), "never came to its place"),
        (replace(REFUNDED, sales=ISSUED.sales), "with a sale that was not refunded"),
        (replace(REJECTED, sales=ISSUED.sales), "with a sale that was not refunded"),
        (replace(REJECTED, keys=2), "2 private keys"),
        (Facts(), "no order came of it"),
    ],
)
def test_a_promise_that_is_broken(facts: Facts, told: str) -> None:
    assert [breach for breach in breaches(facts) if told in breach]


@pytest.mark.parametrize(
    "case",
    [
        Case("kill", "purchase/inventory.reserve#1/before", Database.POSTGRESQL, Repeated.REJECT, Line.SLOW, 17),
        Case("undisturbed"),
        Case("chain", f"a/b.c#1/before{AND}d/e.f#2/after", seed=5),
    ],
)
def test_a_case_is_found_by_its_name(case: Case) -> None:
    assert read_case(case.name) == case


@pytest.mark.parametrize(
    "name", ["", "kill", "kill@x:sqlite", "kill@x:oracle:accept:plain:1", "kill@x:sqlite:accept:plain:y"]
)
def test_a_name_that_names_no_case(name: str) -> None:
    with pytest.raises(ValueError, match=r"named|valid|invalid"):
        read_case(name)


def test_every_boundary_is_struck_once_a_round_and_in_every_setting_after_all_rounds() -> None:
    once = {(place, line) for place in PLACES for line in (Line.PLAIN, Line.SLOW, Line.RESET)}
    first = kills(BOUNDARIES, DATABASES, seed=3)
    assert {(case.at, case.line) for case in first} >= once
    assert len(first) == len(once) + len(PLACES)
    assert sorted(case.at for case in first if case.line in (Line.LOST, Line.TORN)) == sorted(PLACES)
    assert {(case.database, case.repeated) for case in first} == {(d, r) for d in Database for r in Repeated}
    everything = kills(BOUNDARIES, DATABASES, seed=3, rounds=12)
    settings = {(case.at, case.line, case.database, case.repeated) for case in everything}
    assert len(settings) == len(PLACES) * len(Line) * len(Repeated) * len(DATABASES)


def test_the_same_seed_gives_the_same_cases_and_another_one_others() -> None:
    for choose in (all_cases, short_cases):
        cases = choose(BOUNDARIES, DATABASES, seed=7)
        assert cases == choose(BOUNDARIES, DATABASES, seed=7)
        assert cases != choose(BOUNDARIES, DATABASES, seed=8)
        assert len(cases) == len(set(cases))


def test_the_full_form_has_a_thousand_cases_and_the_short_one_some_of_each_kind() -> None:
    many = {key: [f"purchase/port.call#{number}/before" for number in range(180)] for key in BOUNDARIES}
    sending = ["purchase/inventory.change_act#1/after", "purchase/inventory.change_act#2/before"]
    many = {key: [*places, *PLACES, *sending] for key, places in many.items()}
    cases = all_cases(many, DATABASES, seed=1)
    assert len(cases) > 1000
    assert {case.kind for case in cases} == set(DISASTERS)
    short = [*named_cases(DATABASES, seed=1), *short_cases(many, DATABASES, seed=1)]
    assert sum(case.kind == "kill" for case in short) == SHORT_KILLS
    wanted = {kind for kind, disaster in DISASTERS.items() if disaster.short}
    assert {case.kind for case in short} == wanted


def test_the_short_form_spreads_over_both_databases_and_takes_nothing_that_lasts_for_minutes() -> None:
    for seed in range(40):
        named, struck = named_cases(DATABASES, seed=seed), short_cases(BOUNDARIES, DATABASES, seed=seed)
        assert not [case.at for case in named if case.at in DISASTERS[case.kind].long]
        assert not [case.name for case in struck if case.line is Line.RESET]
        on_sqlite = sum(case.database is Database.SQLITE for case in (*named, *struck))
        assert abs(2 * on_sqlite - len(named) - len(struck)) <= 6
    alone = short_cases(BOUNDARIES, (Database.SQLITE,), seed=1)
    assert sum(case.kind == "kill" for case in alone) == SHORT_KILLS
    assert {case.database for case in alone} == {Database.SQLITE}


def test_the_short_form_is_the_same_whether_the_longest_line_is_known_already_or_not() -> None:
    early = {key: places for key, places in BOUNDARIES.items() if key[1] is not Line.RESET}
    assert short_cases(early, DATABASES, seed=3) == short_cases(BOUNDARIES, DATABASES, seed=3)


def test_a_line_that_no_order_got_through_has_no_cases() -> None:
    assert {case.at for case in all_cases({}, DATABASES, seed=1)} <= {
        place for disaster in DISASTERS.values() for place in disaster.named
    } | {"from-the-start", "two-ids", "one-id"}


def test_what_lasts_for_minutes_is_begun_first() -> None:
    cases = all_cases(BOUNDARIES, DATABASES, seed=3)
    lasting = [case for case in cases if case.at in DISASTERS[case.kind].long]
    assert len(lasting) == 4
    assert cases[:4] == lasting


def test_disasters_take_turns_at_the_boundaries_and_each_has_been_everywhere_at_the_end() -> None:
    kinds = {kind for kind, disaster in DISASTERS.items() if disaster.takes_turns}
    assert len(kinds) == 6
    once, all_ = (
        [case for case in all_cases(BOUNDARIES, DATABASES, seed=5, rounds=rounds) if case.kind in kinds]
        for rounds in (1, 6)
    )
    assert len(PLACES) <= len(once) <= len(PLACES) + len(kinds)
    for kind in kinds:
        assert {case.at for case in all_ if case.kind == kind} >= set(PLACES)
    assert {case.database for case in all_} == set(Database)


def test_without_postgresql_no_case_needs_it() -> None:
    cases = all_cases(BOUNDARIES, (Database.SQLITE,), seed=1)
    assert {case.database for case in cases} == {Database.SQLITE}


def test_a_chain_strikes_at_three_later_and_later_activities() -> None:
    found = chains(PLACES, Random(4))
    assert len(found) == len(chains(PLACES, Random(4)))
    for chain in found:
        numbers = [PLACES.index(place) for place in chain.split(AND)]
        activities = [PLACES[number].partition("/")[0] for number in numbers]
        assert numbers == sorted(numbers)
        assert len(set(activities)) == 3


LEAK = Check("3 secrets searched", 9, ("found in a log",))


def test_the_report_tells_breaches_first() -> None:
    broken = replace(ISSUED, sales=ISSUED.sales * 2)
    outcomes = [
        Outcome(Case("kill", "a", seed=n), facts, breaches(facts), 1.0) for n, facts in enumerate((ISSUED, broken))
    ]
    proof = Proof(seed=9, outcomes=outcomes, boundaries={"plain": 2}, left_out=["PostgreSQL: not here"], checks=[LEAK])
    told = rows(proof)
    assert "2 sales for one order" in str(told[0]["verdict"])
    assert [row["verdict"] for row in told[1:]] == ["kept", "found in a log"]
    assert [row["broken"] for row in summary(proof)] == [1, 1]
    assert not proof.is_kept
    assert not Proof(seed=1, checks=[LEAK]).is_kept
    assert Proof(seed=1, outcomes=outcomes[:1]).is_kept
    assert headline(proof).startswith("1 of 2 cases kept every promise (seed 9)")
    text = page(proof, "evercert prove --seed 9")
    for part in ("evercert prove --seed 9", "BROKEN", "Left out: PostgreSQL: not here.", "plain 2", "found in a log"):
        assert part in text
    assert "2 cases did not run" in headline(replace_proof(proof))


def replace_proof(proof: Proof) -> Proof:
    return replace(proof, interrupted=True, missing=2)
