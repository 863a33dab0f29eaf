"""What may be ruled about a purchase in doubt: facts in, refusal or nothing out."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from domain import ids
from domain.inventory import ActRecord, ActState
from domain.purchase import SEND_SECONDS, Sight
from domain.request import ResolvePurchase
from domain.ruling import plain_number, refuse_any, refuse_not_placed, refuse_placed
from domain.seller import Placement, SellerOrder, SellerState

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=60)
DEADLINE = NOW + timedelta(seconds=SEND_SECONDS)
OURS = ids.order_id("evercert", "issue-1", "run-1")
OTHER = ids.order_id("evercert", "issue-2", "run-1")
PLACEMENT = Placement(
    order_id=OURS, product="positivessl", vendor="SECTIGO", months=12, common_name="www.example.test", csr="…"
)


def act(state: ActState = ActState.IN_DOUBT, **facts: object) -> ActRecord:
    return ActRecord.model_validate(
        {"act_id": OURS, "order_id": OURS, "owner": "w/r", "state": state, "send_deadline": DEADLINE, **facts}
    )


def shown(**facts: object) -> SellerOrder:
    return SellerOrder.model_validate(
        {
            "seller_order_id": "9912345",
            "state": SellerState.PENDING,
            "product": "positivessl",
            "common_name": "www.example.test",
            "names": ("www.example.test",),
            **facts,
        }
    )


# the payload

NO_NUMBERS = [
    "", " ", "0x10", "12a", "A-1", "-1", "+1", "1.0", "1e3", "1 2", "1\n2", "1\x00", "\x1b[2J1", "1" * 21, "٣٤٥",
    "9912345\r\nX: y", "' OR 1=1 --", OURS,
]  # fmt: skip
"""Nothing of it can be a number of the seller: empty, letters, huge, control characters, other digits, an id of ours."""


@pytest.mark.parametrize("number", NO_NUMBERS, ids=ascii)
def test_what_is_no_number_is_refused_by_its_shape_and_never_quoted(number: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ResolvePurchase.model_validate({"by": "ann", "outcome": "placed", "seller_order_id": number})
    told = str(caught.value)
    assert "seller_order_id" in told
    assert len(number) < 3 or number not in told


@pytest.mark.parametrize(
    "payload",
    [
        {"outcome": "placed"},
        {"outcome": "not-placed", "seller_order_id": "9912345"},
        {"outcome": "abandon", "seller_order_id": "9912345"},
        {"outcome": "perhaps"},
        {},
    ],
)
def test_number_and_outcome_go_together(payload: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ResolvePurchase.model_validate({"by": "ann", **payload})


@pytest.mark.parametrize(
    ("typed", "number"), [("9912345", "9912345"), ("0009912345", "9912345"), ("0", ""), ("000", ""), (None, "")]
)
def test_zeros_in_front_make_no_other_number(typed: str | None, number: str) -> None:
    assert plain_number(typed) == number


# whether anything can be ruled


@pytest.mark.parametrize("state", ActState)
def test_only_what_waits_for_a_person_can_be_ruled_about(state: ActState) -> None:
    refused = refuse_any(act(state))
    if state in (ActState.IN_DOUBT, ActState.NEEDS_PERSON):
        assert refused is None
    else:
        assert refused is not None
        assert refused.code == "nothing-to-resolve"
        assert state.value in refused.message  # what it is by now: who comes second reads what won


# placed


@pytest.mark.parametrize("reference", ["", OURS])
@pytest.mark.parametrize("names", [("www.example.test",), ("www.example.test", "example.test")])
def test_an_equal_order_with_our_reference_or_none_is_taken(reference: str, names: tuple[str, ...]) -> None:
    assert refuse_placed(shown(custom_order_id=reference, names=names), PLACEMENT, holder="") is None


@pytest.mark.parametrize(
    ("found", "holder", "code"),
    [
        (None, "", "seller-order-unknown"),  # also: a number of another account
        (shown(custom_order_id=OTHER), "", "order-not-ours"),
        (shown(custom_order_id=OURS.lower()), "", "order-not-ours"),
        (shown(names=("www.other.test",), common_name="www.other.test"), "", "order-not-ours"),
        (shown(names=("www.example.test", "www.other.test")), "", "order-not-ours"),
        (shown(names=("example.test",), common_name="example.test"), "", "order-not-ours"),
        (shown(product="essentialssl"), "", "order-not-ours"),
        (shown(custom_order_id=OURS, product="essentialssl"), "", "order-not-ours"),
        (shown(), OTHER, "seller-order-taken"),
        (shown(custom_order_id=OURS), OTHER, "seller-order-taken"),
        (shown(custom_order_id=OTHER), OTHER, "seller-order-taken"),
    ],
)
def test_any_other_order_is_refused(found: SellerOrder | None, holder: str, code: str) -> None:
    refused = refuse_placed(found, PLACEMENT, holder=holder)
    assert refused is not None
    assert refused.code == code
    assert holder in f"{refused.message} {refused.next_step}"


# not placed


@pytest.mark.parametrize("state", [ActState.IN_DOUBT, ActState.NEEDS_PERSON])
@pytest.mark.parametrize(
    ("by_id", "listed", "now", "code"),
    [
        (Sight.NOTHING, False, DEADLINE - timedelta(seconds=1), "too-early-to-tell"),
        (Sight.NOTHING, False, DEADLINE, "too-early-to-tell"),
        (Sight.NOTHING, False, DEADLINE + WINDOW - timedelta(microseconds=1), "too-early-to-tell"),
        (Sight.NOTHING, False, DEADLINE + WINDOW, ""),
        (Sight.OURS, True, DEADLINE + WINDOW, "seller-shows-order"),
        (Sight.OURS, False, DEADLINE + WINDOW, "seller-shows-order"),  # by id alone
        (Sight.NOTHING, True, DEADLINE + WINDOW, "seller-shows-order"),  # by list alone
        (Sight.FOREIGN, False, DEADLINE + WINDOW, "seller-shows-order"),
        (Sight.NOT_LOOKED, False, DEADLINE + WINDOW, "seller-shows-order"),  # without a look nothing is ruled
    ],
)
def test_not_placed_needs_deadline_window_and_an_empty_look(
    state: ActState, by_id: Sight, listed: bool, now: datetime, code: str
) -> None:
    refused = refuse_not_placed(act(state), by_id=by_id, listed=listed, now=now, window=WINDOW)
    assert (refused.code if refused else "") == code


def test_a_window_of_nothing_still_waits_for_the_deadline() -> None:
    def ruled(now: datetime) -> bool:
        none = timedelta()
        return refuse_not_placed(act(), by_id=Sight.NOTHING, listed=False, now=now, window=none) is None

    assert not ruled(DEADLINE - timedelta(microseconds=1))
    assert ruled(DEADLINE)


def test_what_was_never_sent_has_no_window_to_wait_for() -> None:
    unsent = act(ActState.NEEDS_PERSON, send_deadline=None)
    assert refuse_not_placed(unsent, by_id=Sight.NOTHING, listed=False, now=NOW, window=WINDOW) is None
