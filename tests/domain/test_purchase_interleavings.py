"""Every way that three attempts, a person, a clock and a seller can get in each other's way: at most one sale.

A world is small: the act's row, what the seller sold and shows, and where each attempt stands. Time goes by in ticks of
half a minute (the time for sending; the window is one more), counted backwards from each deadline, so that it never ends
and the worlds do. One step of anybody gives the next worlds; all are visited. What an attempt does is asked of ``decide``,
what a ruling may do of ``refuse_not_placed``. Attempts may crash between any two steps and be tried again, as often as
they like, or stand still, for as long as they like. Left out is what no protocol can rule out: standing still between the
gate and the first byte, and a sale that the seller shows only after the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple

import pytest

from domain.inventory import ActRecord, ActState
from domain.purchase import SEND_SECONDS, Decision, Sight, Step, decide
from domain.ruling import refuse_any, refuse_not_placed

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TICK = timedelta(seconds=SEND_SECONDS)
NEVER = 9
LONG_AGO = -1
"""The deadline is over, and so is the window: nothing more happens because of time."""

Repeated = Literal["accept", "reject", "return"]
ANY: tuple[Repeated, ...] = ("accept", "reject", "return")
"""What a seller may do with a reference that it knows: sell again, answer with an error, answer with its order."""


@dataclass(frozen=True)
class Rules:
    """What keeps sales at one, each of which a test takes out; and what the seller may do with a known reference."""

    compare_state: bool = True
    compare_fence: bool = True
    deadline: bool = True
    window: int = 1
    look: bool = True
    repeated: tuple[Repeated, ...] = ANY
    attempts: int = 3


class Row(NamedTuple):
    """The act, its deadline in ticks from now. Who read it before its last change is stale: that is the fence."""

    state: ActState = ActState.RESERVED
    deadline: int = NEVER
    code: str = ""


class Attempt(NamedTuple):
    """One attempt: where it stands, the row as it read it, whether that was changed since, and what its look saw."""

    at: str = "start"
    row: Row = Row()
    stale: bool = False
    seen: Sight = Sight.NOT_LOOKED
    asked: bool = False


class World(NamedTuple):
    """Everything that is so at one moment; attempts are sorted, since none is more than another."""

    row: Row = Row()
    sales: int = 0
    shown: bool = False
    shown_in: int = NEVER
    ruler: Attempt = Attempt("idle")
    attempts: tuple[Attempt, ...] = (Attempt(),) * 3


def record(row: Row) -> ActRecord:
    deadline = None if row.deadline == NEVER else NOW + row.deadline * TICK
    return ActRecord(
        act_id="EC-A", order_id="EC-A", owner="w/r", state=row.state, send_deadline=deadline, error_code=row.code
    )


@cache
def decided(row: Row, seen: Sight, window: int, asked: bool) -> Decision:
    return decide(record(row), seen, now=NOW, window=window * TICK, person_asks=asked)


@cache
def ruling_is_taken(row: Row, shown: bool, window: int) -> bool:
    if refuse_any(record(row)) is not None:
        return False
    seen = Sight.OURS if shown else Sight.NOTHING
    refused = refuse_not_placed(record(row), by_id=seen, listed=shown, now=NOW, window=window * TICK)
    return refused is None


def later(row: Row) -> Row:
    return row if row.deadline in (NEVER, LONG_AGO) else Row(row.state, row.deadline - 1, row.code)


@dataclass
class Explorer:
    """Visits every world that can follow from the first one."""

    rules: Rules
    known: set[World] = field(default_factory=set)
    rulings: int = 0
    repeats: int = 0

    def most_sales(self, enough: int = 2) -> int:
        """Return the most sales of any world; stop once there are ``enough``."""
        todo = [World(attempts=(Attempt(),) * self.rules.attempts)]
        self.known.update(todo)
        most = 0
        while todo and most < enough:
            world = todo.pop()
            most = max(most, world.sales)
            fresh = set(self.following(world)) - self.known
            self.known |= fresh
            todo += fresh
        return most

    def following(self, world: World) -> Iterator[World]:
        """Every world one step later."""
        if world.sales and not world.shown:
            yield world._replace(shown=True)
        yield self.later(world)
        yield from self.ruled(world)
        for index, attempt in enumerate(world.attempts):
            if (index and attempt == world.attempts[index - 1]) or attempt.at == "done":
                continue  # an equal one has moved already; or it moves no more
            yield put(world, index, Attempt(asked=attempt.asked))  # it crashes, and Temporal tries it again
            yield from self.advanced(world, index, attempt)

    def later(self, world: World) -> World:
        """Half a minute passes. The seller shows its sale at the end of the window at the latest."""
        waits = bool(world.sales) and not world.shown
        return World(
            later(world.row),
            world.sales,
            world.shown or (waits and world.shown_in <= 1),
            world.shown_in - 1 if waits and world.shown_in > 1 else NEVER,
            world.ruler._replace(row=later(world.ruler.row)),
            tuple(sorted(attempt._replace(row=later(attempt.row)) for attempt in world.attempts)),
        )

    def ruled(self, world: World) -> Iterator[World]:
        """The person looks, and later writes the ruling, or asks that the purchase goes on."""
        if world.row.state not in (ActState.IN_DOUBT, ActState.NEEDS_PERSON):
            return
        yield again(world, asked=True)
        shown = world.shown and self.rules.look
        if world.ruler.at == "idle" and ruling_is_taken(world.row, shown, self.rules.window):
            yield world._replace(ruler=Attempt("ruling", world.row))
        elif world.ruler.at == "ruling":
            judged = world._replace(ruler=Attempt("idle"))
            if self.may_change(world, world.ruler):
                self.rulings += 1
                judged = changed(judged, Row(ActState.RESERVED, world.row.deadline))
            yield again(judged, asked=False)

    def advanced(self, world: World, index: int, attempt: Attempt) -> Iterator[World]:
        """One step of one attempt, as the activity takes it."""
        if attempt.at == "start":
            yield put(world, index, Attempt("decide", world.row, asked=attempt.asked))
        elif attempt.at == "decide":
            yield from self.decided(world, index, attempt)
        elif attempt.at == "post":
            yield from self.posted(world, index, attempt)
        elif attempt.at == "answered":
            yield self.change(world, index, attempt, replace_state(attempt.row, ActState.PLACED), "done")
        else:
            assert attempt.at == "unsent"
            yield self.change(world, index, attempt, replace_state(attempt.row, ActState.RESERVED), "start")

    def decided(self, world: World, index: int, attempt: Attempt) -> Iterator[World]:
        decision = decided(attempt.row, attempt.seen, self.rules.window, attempt.asked)
        match decision.step:
            case Step.LOOK:
                for seen in self.sights(world):
                    yield put(world, index, attempt._replace(seen=seen))
            case Step.SEND:
                yield self.change(world, index, attempt, Row(ActState.SENDING, 1), "post")
            case Step.ADOPT:
                yield self.change(world, index, attempt, replace_state(attempt.row, ActState.PLACED), "done")
            case Step.DOUBT:
                yield self.change(world, index, attempt, replace_state(attempt.row, ActState.IN_DOUBT), "done")
            case Step.CALL_PERSON:
                called = Row(ActState.NEEDS_PERSON, attempt.row.deadline, decision.code)
                yield self.change(world, index, attempt, called, "done")
            case Step.REOPEN:
                yield self.change(world, index, attempt, replace_state(attempt.row, decision.to), "start")
            case Step.WAIT:
                yield put(world, index, Attempt())  # the retry reads the row anew
            case _:
                yield put(world, index, Attempt("done"))

    def sights(self, world: World) -> tuple[Sight, ...]:
        """What a look may see: a sale that is not shown yet is seen as nothing, or garbled."""
        if not world.sales or not self.rules.look:
            return (Sight.NOTHING,)
        return (Sight.OURS,) if world.shown else (Sight.NOTHING, Sight.FOREIGN)

    def posted(self, world: World, index: int, attempt: Attempt) -> Iterator[World]:
        """The gate, and what may happen to a request that it lets out."""
        yield put(world, index, attempt._replace(at="unsent"))  # the gate is shut, no connection, or definitely refused
        if self.rules.deadline and attempt.row.deadline <= 0:
            return
        yield put(world, index, Attempt())  # lost on the way to the seller
        for sold in self.sold(world, attempt):
            yield put(sold, index, Attempt())  # the answer is lost
            yield put(sold, index, attempt._replace(at="answered"))

    def sold(self, world: World, attempt: Attempt) -> Iterator[World]:
        """What the seller makes of a request; an error about a known reference leaves the attempt as clueless as none."""
        self.repeats += world.sales
        if world.sales and "return" in self.rules.repeated:
            yield world
        if not world.sales or "accept" in self.rules.repeated:
            yield world._replace(sales=world.sales + 1, shown_in=max(attempt.row.deadline, 1) + 1)

    def change(self, world: World, index: int, attempt: Attempt, to: Row, then: str) -> World:
        """Compare-and-set; who comes too late reads the row anew, as a retried attempt does."""
        if not self.may_change(world, attempt):
            return put(world, index, Attempt())
        mine = Attempt("done") if then == "done" else Attempt() if then == "start" else Attempt(then, to)
        # Everybody else has seen the row as it was; the one who changed it knows it as it is.
        return put(changed(world, to), index, mine)

    def may_change(self, world: World, attempt: Attempt) -> bool:
        as_read = not self.rules.compare_state or world.row.state is attempt.row.state
        return as_read and (not self.rules.compare_fence or not attempt.stale)


def put(world: World, index: int, attempt: Attempt) -> World:
    attempts = (*world.attempts[:index], attempt, *world.attempts[index + 1 :])
    return world._replace(attempts=tuple(sorted(attempts)))


def changed(world: World, to: Row) -> World:
    others = tuple(one._replace(stale=True) if one.at not in ("start", "done") else one for one in world.attempts)
    ruler = world.ruler._replace(stale=True) if world.ruler.at == "ruling" else world.ruler
    return world._replace(row=to, attempts=others, ruler=ruler)


def again(world: World, *, asked: bool) -> World:
    """The workflow starts the activity once more."""
    ended = [index for index, attempt in enumerate(world.attempts) if attempt.at == "done"]
    return put(world, ended[0], Attempt(asked=asked)) if ended else world


def replace_state(row: Row, state: ActState) -> Row:
    return Row(state, row.deadline)


def test_no_interleaving_of_three_attempts_sells_twice() -> None:
    explorer = Explorer(Rules())
    assert explorer.most_sales() == 1
    assert explorer.repeats == 0, "a seller that knows the reference is never asked to sell again"
    ends = {world.row.state for world in explorer.known}
    assert ends == set(ActState) - {ActState.REJECTED, ActState.ABANDONED}
    assert explorer.rulings


TAKEN_OUT = {
    "compare-and-set": Rules(compare_state=False, compare_fence=False),
    "fence": Rules(compare_fence=False),
    "deadline": Rules(deadline=False),
    "fence and deadline": Rules(compare_fence=False, deadline=False),
    "window": Rules(window=0),
    "look-up": Rules(look=False),
}


@pytest.mark.parametrize("guard", TAKEN_OUT)
def test_with_one_guard_taken_out_it_sells_twice(guard: str) -> None:
    assert Explorer(TAKEN_OUT[guard]).most_sales() == 2


@pytest.mark.parametrize("repeated", ["reject", "return"])
def test_a_seller_that_sells_a_reference_once_is_a_guard_of_its_own(repeated: Repeated) -> None:
    explorer = Explorer(Rules(compare_state=False, compare_fence=False, repeated=(repeated,), attempts=2))
    assert explorer.most_sales() == 1
    assert explorer.repeats


def test_the_wish_to_go_on_must_not_lead_back_to_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken out: what may have been sent is only looked for, whoever asks to go on."""
    as_decided = decided
    monkeypatch.setitem(globals(), "decided", lambda *given: replace(as_decided(*given), to=ActState.RESERVED))
    assert Explorer(Rules()).most_sales() == 2
