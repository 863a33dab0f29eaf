"""The page that a person sees in the Temporal Web UI while an order runs: current details, as markdown.

Only what is stable between two changes stands here; the live look is in the pending activity and in ``evercert order
show``. Foreign text is escaped and cut, and the page stays under 6 KB.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.seller import Money, ProofRecord

from workflows.search_attributes import cut

MAX_BYTES = 6000
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SHOWN_RECORDS = 10


def foreign(text: str, most: int = 300) -> str:
    """Escape a text that is not ours for markdown, on one line, cut to ``most`` bytes."""
    return cut(_SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", text)), most)


def code(text: str, most: int = 300) -> str:
    """Show a text that people copy, letter by letter; what could end the code span is left out."""
    return f"`{cut(_CONTROL.sub(' ', text).replace('`', '').replace('|', ''), most)}`"


def instant(moment: datetime) -> str:
    """Write an instant for people, UTC, to the minute."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def page(
    *,
    headline: str,
    since: datetime,
    until: datetime | None,
    cadence: str,
    facts: Sequence[tuple[str, str]],
    records: Sequence[ProofRecord],
    helps: Sequence[str],
) -> str:
    """Return the whole page.

    Args:
        headline: whom or what the order waits for, our own words.
        since: when the state began.
        until: its deadline, or None.
        cadence: how often somebody looks, or ``""``.
        facts: label and text; texts must be escaped by the caller where they are foreign.
        records: what must be visible in DNS.
        helps: what a person may do now, one line each.
    """
    times = [f"**since** {instant(since)}"]
    if until is not None:
        times.append(f"**until** {instant(until)}")
    if cadence:
        times.append(f"**looked at** {cadence}")
    lines = [f"## {headline}", "", " · ".join(times), ""]
    lines += [f"**{label}** {text}  " for label, text in facts if text]
    if records:
        lines += ["", "| proof of | record | type | value |", "|--|--|--|--|"]
        lines += [
            f"| {foreign(r.name)} | {code(r.owner)} | {foreign(r.record_type, 10)} | {code(r.value)} |"
            for r in records[:_SHOWN_RECORDS]
        ]
        if len(records) > _SHOWN_RECORDS:
            lines.append(f"| … and {len(records) - _SHOWN_RECORDS} more | | | |")
    if helps:
        lines += ["", "**You can**", ""] + [f"- {text}" for text in helps]
    lines += ["", "The live look: *Pending Activities* on this page, or `evercert order show`."]
    return cut("\n".join(lines), MAX_BYTES)


def money(value: Money | None) -> str:
    """Write an amount for people: ``USD 7.95``."""
    return "" if value is None else f"{value.currency} {value.amount:.2f}"
