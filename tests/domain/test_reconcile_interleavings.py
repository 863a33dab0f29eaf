"""Every way that an inventory set back to an earlier state can get into a purchase: at most one sale.

The worlds of ``test_purchase_interleavings``, with what they leave out there: once, at any moment, the act's row becomes
what it was when it was reserved, as it does when a copy is put back. The seller knows better, and may show it late. What is
kept outside of the inventory is written in a step of its own between the commit of ``sending`` and the request, so that the
copy may also come in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest

from domain.inventory import ActState
from domain.purchase import Step
from tests.domain.test_purchase_interleavings import (
    LONG_AGO,
    NEVER,
    Attempt,
    Explorer,
    Row,
    Rules,
    World,
    decided,
    put,
)

RESERVED = Row()


class Doubtful(NamedTuple):
    """A world, and what is known outside of its inventory.

    ``sent``: the newest deadline kept outside, in ticks from now. ``forgot``: the inventory lacks what is kept there.
    ``pending``: nothing may be sent before a comparison.
    """

    world: World
    sent: int = NEVER
    forgot: bool = False
    pending: bool = False
    was_set_back: bool = False
    was_entered: bool = False


@dataclass(frozen=True)
class Guards:
    """What keeps sales at one here, each of which a test takes out."""

    mark: bool = True
    window: bool = True
    fresh_look: bool = True
    own_commit: bool = True


@dataclass
class Setback(Explorer):
    """Visits every world, with a copy of the inventory put back once."""

    guards: Guards = Guards()
    seen: set[Doubtful] = field(default_factory=set)

    def most(self, enough: int = 2) -> int:
        todo = [Doubtful(World(attempts=(Attempt(),) * 2))]
        self.seen.update(todo)
        most = 0
        while todo and most < enough:
            here = todo.pop()
            most = max(most, here.world.sales)
            fresh = set(self.after(here)) - self.seen
            self.seen |= fresh
            todo += fresh
        return most

    def after(self, here: Doubtful) -> Iterator[Doubtful]:
        world = here.world
        if world.sales and not world.shown:
            yield here._replace(world=world._replace(shown=True))
        yield self.passed(here)
        for ruled in self.ruled(world):
            yield here._replace(world=ruled)
        if not here.was_set_back and world.row != RESERVED:
            yield self.set_back(here)
        if here.pending and (not self.guards.window or here.sent <= LONG_AGO):
            yield here._replace(pending=False)  # the list was read whole, and compared
        for index, attempt in enumerate(world.attempts):
            if attempt.at != "done":
                yield here._replace(world=put(world, index, Attempt(asked=attempt.asked)))  # it crashes
                yield from self.moved(here, index, attempt)

    def passed(self, here: Doubtful) -> Doubtful:
        sent = here.sent if here.sent in (NEVER, LONG_AGO) else here.sent - 1
        return here._replace(world=self.later(here.world), sent=sent)

    def set_back(self, here: Doubtful) -> Doubtful:
        """Let the row be what it was when it was reserved; who read it then is not stale, whoever read it later is."""
        attempts = tuple(
            sorted(
                attempt._replace(stale=attempt.row != RESERVED) if attempt.at not in ("start", "done") else attempt
                for attempt in here.world.attempts
            )
        )
        ruler = here.world.ruler._replace(stale=True)
        world = here.world._replace(row=RESERVED, attempts=attempts, ruler=ruler)
        return here._replace(world=world, forgot=here.sent != NEVER, was_set_back=True)

    def moved(self, here: Doubtful, index: int, attempt: Attempt) -> Iterator[Doubtful]:
        """One step of one attempt, with the guards of ``activities.sending`` around the commit."""
        if attempt.at == "keep":
            yield self.kept(here, index, attempt)
            return
        is_sure = attempt.at == "sure"
        attempt = attempt._replace(at="decide") if is_sure else attempt
        step = decided(attempt.row, attempt.seen, self.rules.window, attempt.asked).step
        if attempt.at == "decide" and step is Step.LOOK:
            # A look that is taken when all that was sent must show is another one than an earlier look.
            looked = "sure" if here.sent in (NEVER, LONG_AGO) else "decide"
            for seen in self.sights(here.world):
                yield here._replace(world=put(here.world, index, attempt._replace(at=looked, seen=seen)))
        elif attempt.at == "decide" and step is Step.SEND:
            yield self.sent(here, index, attempt, is_sure=is_sure)
        else:
            for world in self.advanced(here.world, index, attempt):
                yield here._replace(world=world)

    def sent(self, here: Doubtful, index: int, attempt: Attempt, *, is_sure: bool) -> Doubtful:
        if self.guards.mark and here.forgot:
            return here._replace(world=put(here.world, index, Attempt()), forgot=False, pending=True, was_entered=True)
        is_early = self.guards.fresh_look and self.guards.window and here.was_entered and not is_sure
        if here.pending or is_early:
            return here._replace(world=put(here.world, index, Attempt()))
        return here._replace(world=self.change(here.world, index, attempt, Row(ActState.SENDING, 1), "keep"))

    def kept(self, here: Doubtful, index: int, attempt: Attempt) -> Doubtful:
        """Hold the inventory against the mark once more, write the mark, look for the commit, and let the request go."""
        world = here.world
        if self.guards.mark and here.forgot:
            back = put(world, index, Attempt())
            if world.row == attempt.row:  # committed into the copy: taken back
                back = self.change(world, index, attempt, Row(ActState.RESERVED, attempt.row.deadline), "start")
            return here._replace(world=back, forgot=False, pending=True, was_entered=True)
        sent = 1 if here.sent in (NEVER, LONG_AGO) else max(1, here.sent)
        # Whoever looked before this cannot have seen what it is about to send.
        older = tuple(it._replace(at="decide") if it.at == "sure" else it for it in world.attempts)
        world = world._replace(attempts=older)
        if self.guards.own_commit and attempt.stale:
            return here._replace(world=put(world, index, Attempt()), sent=sent, forgot=self.guards.mark)
        return here._replace(world=put(world, index, attempt._replace(at="post")), sent=sent)


SMALL = Rules(attempts=2)


def test_an_inventory_that_is_set_back_at_any_moment_sells_once() -> None:
    explorer = Setback(SMALL)
    assert explorer.most() == 1
    assert any(here.was_set_back and here.world.sales for here in explorer.seen)
    assert any(here.was_set_back and here.world.row.state is ActState.PLACED for here in explorer.seen), "it goes on"


@pytest.mark.parametrize("guard", ["mark", "window", "fresh_look", "own_commit"])
def test_with_one_guard_taken_out_it_sells_twice(guard: str) -> None:
    assert Setback(SMALL, guards=replace(Guards(), **{guard: False})).most() == 2
