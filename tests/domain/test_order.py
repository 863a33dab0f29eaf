"""The state table, read as a table."""

import itertools

import pytest

from domain.order import STATES, OrderState, WaitingFor, may_follow


def test_every_state_stands_in_the_table() -> None:
    assert set(STATES) == set(OrderState)


@pytest.mark.parametrize("state", OrderState)
def test_a_state_explains_itself(state: OrderState) -> None:
    facts = STATES[state]
    assert len(facts.sentence) > 5
    assert facts.is_end == (not facts.next)


def test_every_state_can_be_reached_and_can_end() -> None:
    def closure(start: OrderState) -> set[OrderState]:
        found, todo = {start}, [start]
        while todo:
            for following in STATES[todo.pop()].next:
                if following not in found:
                    found.add(following)
                    todo.append(following)
        return found

    assert closure(OrderState.CHECKING) == set(OrderState)
    for state in OrderState:
        assert any(STATES[reached].is_end for reached in closure(state))


def test_what_has_bought_never_goes_back_to_a_state_that_has_not() -> None:
    for state, following in itertools.product(OrderState, OrderState):
        if STATES[state].has_bought and may_follow(state, following) and state != following:
            # *rejected* may follow a purchase that the seller definitely refused; nothing else may.
            assert STATES[following].has_bought or following is OrderState.REJECTED


def test_a_person_is_awaited_in_one_state_only() -> None:
    assert [s for s in OrderState if STATES[s].waiting_for is WaitingFor.PERSON] == [OrderState.NEEDS_PERSON]
