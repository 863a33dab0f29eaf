"""Ids are fixed before anything happens and the same again after it."""

from hypothesis import given
from hypothesis import strategies as st

from domain import ids


def test_order_id_is_fixed_by_namespace_workflow_and_first_run() -> None:
    one = ids.order_id("evercert", "issue-www.example.test-1", "run-a")
    assert one == "EC-GPQJSACZB5LOZOW77EO5QULHHI"  # a change here would orphan every order ever placed
    assert ids.is_order_id(one)
    assert (
        len(
            {
                one,
                ids.order_id("other", "issue-www.example.test-1", "run-a"),
                ids.order_id("evercert", "x", "run-a"),
                ids.order_id("evercert", "issue-www.example.test-1", "run-b"),
            }
        )
        == 4
    )


def test_kinds_of_ids_do_not_meet() -> None:
    order = ids.order_id("n", "w", "r")
    assert len({order, ids.certificate_id(order), ids.key_id(order, 1), ids.key_id(order, 2)}) == 4


@given(st.text(max_size=80), st.text(max_size=40))
def test_workflow_ids_survive_addresses(name: str, request: str) -> None:
    made = ids.issue_workflow_id(name, request)
    assert made.startswith("issue-")
    assert all(c.isascii() and (c.isalnum() or c in ".-") for c in made)


def test_a_wildcard_is_spelled_out() -> None:
    assert ids.issue_workflow_id("*.Example.test", "7") == "issue-wildcard.example.test-7"
