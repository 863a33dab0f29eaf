"""The rule calendar against the dates of ballot SC-081v3, and the two clocks of an order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cadence import FIRST_DAY, LATER, SOONEST, next_look
from domain.calendar import leaf_days, leaves_needed


@pytest.mark.parametrize(
    ("at", "days"),
    [
        ("2026-03-14T23:59:59", 397),
        ("2026-03-15T00:00:00", 199),
        ("2027-03-14T23:59:59", 199),
        ("2027-03-15T00:00:00", 99),
        ("2029-03-14T23:59:59", 99),
        ("2029-03-15T00:00:00", 46),
    ],
)
def test_leaf_days(at: str, days: int) -> None:
    assert leaf_days(datetime.fromisoformat(at).replace(tzinfo=UTC)) == days


@pytest.mark.parametrize(("at", "leaves"), [("2026-04-01", 2), ("2027-04-01", 5), ("2029-04-01", 11)])
def test_leaves_of_a_year(at: str, leaves: int) -> None:
    assert leaves_needed(datetime.fromisoformat(at).replace(tzinfo=UTC), 365) == leaves


def test_a_term_across_a_change_counts_both_lives() -> None:
    assert leaves_needed(datetime(2026, 12, 1, tzinfo=UTC), 365) == 3


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_looks_are_bounded_and_never_denser_later(waited: timedelta) -> None:
    assert SOONEST <= next_look(waited) <= LATER
    assert next_look(waited) <= next_look(waited * 2)
    assert next_look(waited) <= FIRST_DAY or waited >= timedelta(days=1)
