"""The journal is read from a number on, so that a reader need not take all of it again."""

from datetime import UTC, datetime

from deploy.sandbox.journal import Journal


def test_entries_after_a_number() -> None:
    journal = Journal(lambda: datetime(2026, 11, 25, tzinfo=UTC), ())
    for kind in ("request", "order.sold", "request"):
        journal.note(kind, "said")
    assert [entry.number for entry in journal.entries(after=1)] == [2, 3]
    assert [entry.number for entry in journal.entries("request", after=1)] == [3]
    assert journal.entries(after=3) == []
