"""The decision table of the purchase, row by row, and every interleaving of three attempts."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.inventory import ActRecord, ActState
from domain.purchase import SEND_SECONDS, Decision, Sight, Step, decide, fingerprint, may_be_sold_twice, sight
from domain.seller import Placement, SellerOrder, SellerState

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=60)
DEADLINE = NOW + timedelta(seconds=SEND_SECONDS)
PLACEMENT = Placement(
    order_id="EC-A", product="positivessl", vendor="SECTIGO", months=12, common_name="www.example.test", csr="…"
)


def act(state: ActState, **facts: object) -> ActRecord:
    return ActRecord.model_validate(
        {"act_id": "EC-A", "order_id": "EC-A", "owner": "w/r", "state": state, "send_deadline": DEADLINE, **facts}
    )


def step(state: ActState, seen: Sight, now: datetime = NOW, *, person: bool = False) -> Decision:
    return decide(act(state), seen, now=now, window=WINDOW, person_asks=person)


LATE = DEADLINE + WINDOW


@pytest.mark.parametrize(
    ("state", "seen", "now", "person", "expected"),
    [
        (ActState.RESERVED, Sight.NOT_LOOKED, NOW, False, Step.LOOK),
        (ActState.RESERVED, Sight.NOTHING, NOW, False, Step.SEND),
        (ActState.RESERVED, Sight.OURS, NOW, False, Step.ADOPT),
        (ActState.RESERVED, Sight.FOREIGN, NOW, False, Step.CALL_PERSON),
        (ActState.SENDING, Sight.NOT_LOOKED, NOW, False, Step.LOOK),
        (ActState.SENDING, Sight.NOTHING, NOW, False, Step.WAIT),
        (ActState.SENDING, Sight.NOTHING, LATE, False, Step.DOUBT),
        (ActState.SENDING, Sight.OURS, LATE, False, Step.ADOPT),
        (ActState.SENDING, Sight.FOREIGN, NOW, False, Step.CALL_PERSON),
        (ActState.IN_DOUBT, Sight.NOT_LOOKED, LATE, True, Step.LOOK),
        (ActState.IN_DOUBT, Sight.NOTHING, LATE, True, Step.FINISHED),
        (ActState.IN_DOUBT, Sight.OURS, LATE, False, Step.ADOPT),
        (ActState.NEEDS_PERSON, Sight.NOT_LOOKED, NOW, False, Step.FINISHED),
        (ActState.NEEDS_PERSON, Sight.NOT_LOOKED, NOW, True, Step.REOPEN),
        (ActState.PLACED, Sight.NOT_LOOKED, NOW, True, Step.FINISHED),
        (ActState.REJECTED, Sight.NOT_LOOKED, NOW, True, Step.FINISHED),
    ],
)
def test_table(state: ActState, seen: Sight, now: datetime, person: bool, expected: Step) -> None:
    assert step(state, seen, now, person=person).step is expected


def test_only_a_reserved_row_that_the_seller_does_not_know_is_sent() -> None:
    sent = [
        (state, seen)
        for state in ActState
        for seen in Sight
        for person in (False, True)
        if step(state, seen, person=person).step is Step.SEND
    ]
    assert set(sent) == {(ActState.RESERVED, Sight.NOTHING)}


def test_waits_grow_and_end_with_the_window() -> None:
    now, waits = DEADLINE, []
    while (decision := step(ActState.SENDING, Sight.NOTHING, now)).step is Step.WAIT:
        assert decision.wait is not None
        waits.append(decision.wait)
        now += decision.wait
    assert now >= LATE
    assert decision.step is Step.DOUBT
    assert len(waits) < 40
    assert waits[0] < waits[5]


def order(**facts: object) -> SellerOrder:
    return SellerOrder.model_validate(
        {
            "seller_order_id": "1",
            "custom_order_id": "EC-A",
            "state": SellerState.PENDING,
            "product": "positivessl",
            "common_name": "www.example.test",
            "names": ("www.example.test",),
            **facts,
        }
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, Sight.NOTHING),
        (order(), Sight.OURS),
        (order(names=("www.example.test", "example.test")), Sight.OURS),
        (order(product=""), Sight.OURS),
        (order(custom_order_id="EC-B"), Sight.FOREIGN),
        (order(custom_order_id=""), Sight.FOREIGN),
        (order(product="essentialssl"), Sight.FOREIGN),
        (order(names=("www.other.test",), common_name="www.other.test"), Sight.FOREIGN),
        (order(names=("www.example.test", "www.other.test")), Sight.FOREIGN),
    ],
)
def test_only_what_is_positively_ours_is_ours(found: SellerOrder | None, expected: Sight) -> None:
    assert sight(found, PLACEMENT) is expected


def test_fingerprint_ignores_the_order_of_names() -> None:
    one = fingerprint(account="a", product="p", names=("b.test", "a.test"))
    assert one == fingerprint(account="a", product="p", names=("a.test", "b.test"))
    assert one != fingerprint(account="a", product="q", names=("a.test", "b.test"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([ActState.PLACED], False),
        ([ActState.SENDING, ActState.PLACED], False),
        ([ActState.SENDING, ActState.IN_DOUBT, ActState.PLACED], False),
        ([ActState.SENDING, ActState.RESERVED, ActState.SENDING, ActState.PLACED], True),
        ([ActState.SENDING, ActState.IN_DOUBT, ActState.RESERVED, ActState.SENDING, ActState.PLACED], True),
    ],
)
def test_only_what_was_sent_again_may_be_sold_twice(changes: list[ActState], expected: bool) -> None:
    assert may_be_sold_twice(act(changes[-1], fence=len(changes))) is expected


# Every interleaving. The model is as small as the protocol allows: a row with state and fence, a seller that may show a
# sale late, attempts that may stop dead between any two steps. What each attempt does next comes from `decide` alone.


@dataclass(frozen=True)
class Attempt:
    """One attempt: where it stands (``start``, ``looked``, ``sending``, ``sent``, ``dead``, ``done``), what it holds."""

    at: str = "start"
    seen: Sight = Sight.NOT_LOOKED
    fence: int = -1
    row: ActState = ActState.RESERVED


@dataclass(frozen=True)
class State:
    """The whole world: row, fence, sales made, sales shown, whether the window is over."""

    row: ActState = ActState.RESERVED
    fence: int = 0
    sales: int = 0
    shown: bool = False
    late: bool = False
    attempts: tuple[Attempt, ...] = (Attempt(), Attempt(), Attempt())


@dataclass(frozen=True)
class Guards:
    """What keeps sales at one; a test takes each out."""

    compare_and_set: bool = True
    never_post_from_sending: bool = True


def successors(world: State, guards: Guards) -> list[State]:
    """Return every world that may follow in one step."""
    found = []
    if world.sales and not world.shown:
        found.append(replace(world, shown=True))
    if not world.late:
        found.append(replace(world, late=True))
    for index, attempt in enumerate(world.attempts):
        if attempt.at in ("dead", "done"):
            continue
        moved = [put(world, index, replace(attempt, at="dead")), *advance(world, index, attempt, guards)]
        found += [world_ for world_ in moved if world_ != world]
    return found


def put(world: State, index: int, attempt: Attempt, **facts: object) -> State:
    attempts = (*world.attempts[:index], attempt, *world.attempts[index + 1 :])
    return replace(world, attempts=attempts, **facts)  # type: ignore[arg-type]


def advance(world: State, index: int, attempt: Attempt, guards: Guards) -> list[State]:
    """One step of one attempt, as the activity takes it."""
    if attempt.at == "start":
        return [put(world, index, replace(attempt, at="decide", row=world.row, fence=world.fence))]
    if attempt.at == "decide":
        now = LATE if world.late else NOW
        row = (
            ActState.RESERVED if not guards.never_post_from_sending and attempt.row is ActState.SENDING else attempt.row
        )
        decision = decide(act(row), attempt.seen, now=now, window=WINDOW)
        if decision.step is Step.LOOK:
            seen = Sight.OURS if world.shown else Sight.NOTHING
            return [put(world, index, replace(attempt, seen=seen))]
        if decision.step is Step.SEND:
            return [cas(world, index, attempt, ActState.SENDING, "post", guards)]
        if decision.step is Step.ADOPT:
            return [cas(world, index, attempt, ActState.PLACED, "done", guards)]
        if decision.step is Step.DOUBT:
            return [cas(world, index, attempt, ActState.IN_DOUBT, "done", guards)]
        return [put(world, index, Attempt())]  # WAIT: the retry is a new attempt, which reads the row anew
    assert attempt.at == "post"
    sold = world.sales + 1
    answered = cas(replace(world, sales=sold), index, attempt, ActState.PLACED, "done", guards)
    lost = put(world, index, Attempt(), sales=sold)
    return [answered, lost]


def cas(world: State, index: int, attempt: Attempt, to: ActState, at: str, guards: Guards) -> State:
    """Compare-and-set; who loses reads the row anew, as a retried attempt does."""
    if guards.compare_and_set and (world.row, world.fence) != (attempt.row, attempt.fence):
        return put(world, index, Attempt())
    fence = world.fence + 1
    return put(world, index, replace(attempt, at=at, row=to, fence=fence), row=to, fence=fence)


def most_sales(guards: Guards, enough: int = 2) -> int:
    """Explore every interleaving; stop once ``enough`` sales are found."""
    start = State()
    known, todo, most = {start}, [start], 0
    while todo:
        world = todo.pop()
        most = max(most, world.sales)
        if most >= enough:
            return most
        for following in successors(world, guards):
            if following not in known:
                known.add(following)
                todo.append(following)
    return most


def test_no_interleaving_of_three_attempts_sells_twice() -> None:
    assert most_sales(Guards()) == 1


@pytest.mark.parametrize("guards", [Guards(compare_and_set=False), Guards(never_post_from_sending=False)])
def test_without_one_guard_it_sells_twice(guards: Guards) -> None:
    assert most_sales(guards) == 2
