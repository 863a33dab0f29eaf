"""When an inventory is in doubt, and what ends the wait of an account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Misconfigured
from domain.inventory import AccountRecord, Environment, Installation
from domain.purchase import SEND_SECONDS
from domain.reconcile import (
    Reason,
    Standing,
    Watermark,
    behind_sync,
    higher,
    is_over,
    joined,
    merged_mark,
    other_cluster,
    other_database,
    require_own,
    set_back,
    wait_of,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SENT = NOW - timedelta(hours=3)
MARK = Watermark(installation_id="i", sequence=120, event_id="evt_120", file_sequence=100, sent_until=SENT)


def standing(**changes: Any) -> Standing:
    """An inventory that has gone on a little since the mark was kept."""
    fields = {"newest": 125, "newest_event_id": "evt_125", "event_id_there": "evt_120", "file_sequence": 110}
    return Standing.model_validate({"installation_id": "i", "sent_until": SENT, **fields, **changes})


def account(**changes: Any) -> AccountRecord:
    fields = {"name": "a", "environment": Environment.LIVE, "base_url": "", "partner_code": "1", "secret_id": "s"}
    return AccountRecord.model_validate({**fields, "visibility_minutes": 60, **changes})


def doubtful(**changes: Any) -> Installation:
    fields = {"reconcile_since": NOW, "reconcile_reason": "it was set back", "sent_until": None}
    return Installation.model_validate({"installation_id": "i", **fields, **changes})


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"newest": 120, "newest_event_id": "evt_120", "file_sequence": 100}, None),
        ({"file_sequence": None}, None),
        ({"newest": 119, "event_id_there": ""}, "behind"),
        ({"newest": 0, "newest_event_id": "", "event_id_there": "", "file_sequence": 0}, "behind"),
        ({"newest": 300, "event_id_there": "evt_of_another_branch"}, "behind"),
        ({"newest": 300, "event_id_there": ""}, "behind"),
        ({"file_sequence": 99}, "file-set-back"),
    ],
)
def test_an_inventory_is_held_against_what_is_kept_outside(changes: dict[str, Any], kind: str | None) -> None:
    found = set_back(MARK, standing(**changes))
    assert (found.kind if found else None) == kind
    if found is not None:
        assert (found.past, found.sent_until) == (120, SENT)


def test_of_a_shared_database_no_single_file_knows_all_that_was_sent() -> None:
    found = set_back(MARK, standing(newest=1, event_id_there="", file_sequence=None, is_shared=True))
    assert found is not None
    assert found.sent_until is None
    assert found.sent_before(NOW) == NOW + timedelta(seconds=SEND_SECONDS)


@pytest.mark.parametrize(("synced", "is_behind"), [(0, False), (125, False), (126, True)])
def test_a_finished_synchronisation_has_seen_later_rows(synced: int, is_behind: bool) -> None:
    found = behind_sync(synced, standing())
    assert (found is not None) == is_behind
    assert found is None or (found.past, found.sent_until) == (126, None)


@pytest.mark.parametrize(
    ("bound", "now", "differs"),
    [
        ("", "", False),
        ("", "77/1", False),
        ("77/1", "77/1", False),
        ("77/1", "", False),
        ("77/1", "77/", False),
        ("77/1", "/1", False),
        ("77/", "/3", False),
        ("77/1", "77/2", True),
        ("77/1", "78/1", True),
        ("77/1", "/2", True),
    ],
)
def test_another_database_or_timeline(bound: str, now: str, differs: bool) -> None:
    found = other_database(bound, standing(database_mark=now, is_shared=True, file_sequence=None))
    assert (found is not None) == differs
    assert found is None or found.sent_until is None


@pytest.mark.parametrize(
    ("bound", "now", "kept"),
    [("", "", ""), ("", "77/1", "77/1"), ("77/1", "", "77/1"), ("77/1", "/2", "77/2"), ("77/", "77/3", "77/3")],
)
def test_what_a_database_does_not_tell_stays_as_it_told_before(bound: str, now: str, kept: str) -> None:
    assert merged_mark(bound, now) == kept


def test_another_cluster() -> None:
    assert other_cluster("", "c", standing()) is None
    assert other_cluster("c", "c", standing()) is None
    alone = other_cluster("c", "d", standing())
    assert alone is not None and alone.sent_until == SENT
    shared = other_cluster("c", "d", standing(is_shared=True))
    assert shared is not None and shared.sent_until is None
    fresh = other_cluster("c", "d", standing(sent_until=None))
    assert fresh is not None and fresh.sent_before(NOW) < NOW - timedelta(days=365), "nothing was ever sent"


def test_a_mark_of_another_installation_is_refused_with_a_next_step() -> None:
    require_own(MARK, "i")
    with pytest.raises(Misconfigured, match="sequence-foreign") as caught:
        require_own(MARK, "j")
    assert "evercert db reconcile" in caught.value.next_step


def test_marks_kept_at_once_leave_the_further_one_with_the_latest_instant() -> None:
    later = NOW + timedelta(seconds=30)
    behind = MARK.model_copy(update={"sequence": 110, "event_id": "evt_110", "sent_until": later})
    for one, other in ((MARK, behind), (behind, MARK)):
        merged = higher(one, other)
        assert (merged.sequence, merged.event_id, merged.sent_until) == (120, "evt_120", later)
    assert higher(MARK, MARK.model_copy(update={"sent_until": None})) == MARK


@pytest.mark.parametrize(
    ("sent", "compared", "waits"),
    [
        (None, None, True),
        (None, timedelta(seconds=-1), True),
        (None, timedelta(), False),
        (timedelta(hours=-3), timedelta(), False),
        (timedelta(minutes=-30), timedelta(minutes=29, seconds=59), True),
        (timedelta(minutes=-30), timedelta(minutes=30), False),
        (timedelta(seconds=30), timedelta(minutes=60), True),
        (timedelta(seconds=30), timedelta(minutes=60, seconds=30), False),
    ],
)
def test_a_list_counts_when_its_reading_began_late_enough(
    sent: timedelta | None, compared: timedelta | None, waits: bool
) -> None:
    """After the doubt arose, and after the window of whatever may have been sent."""
    installation = doubtful(sent_until=None if sent is None else NOW + sent)
    wait = wait_of(installation, account(compared_at=None if compared is None else NOW + compared))
    assert (wait is not None) == waits
    assert wait is None or (wait.reason, wait.since) == ("it was set back", NOW)


def test_without_doubt_no_account_waits() -> None:
    assert wait_of(Installation(installation_id="i"), account()) is None


def test_each_account_has_its_own_window() -> None:
    installation = doubtful(sent_until=NOW)
    for minutes, environment, ready in ((90, "live", 90), (1, "live", 15), (1, "sandbox", 1)):
        wait = wait_of(installation, account(visibility_minutes=minutes, environment=environment))
        assert wait is not None and wait.ready_at == NOW + timedelta(minutes=ready)


def test_it_is_over_with_the_last_account() -> None:
    done = account(compared_at=NOW)
    assert is_over(doubtful(), (done, done))
    assert not is_over(doubtful(), (done, account()))
    assert not is_over(doubtful(), ()), "an account that is added later may have sold before"


def test_reasons_come_together_once_each() -> None:
    assert joined("", "a") == "a"
    assert joined("a", "a") == "a"
    assert joined("a", "b") == "a; b"
    assert joined("a; b", "b") == "a; b"


def test_a_request_under_way_when_the_doubt_arose_counts_too() -> None:
    assert Reason("by-hand", "…").sent_before(NOW) == NOW + timedelta(seconds=SEND_SECONDS)
    assert Reason("behind", "…", sent_until=SENT).sent_before(NOW) == SENT
