"""A proof as rows for a table and for programs, and as a page to keep."""

from collections import Counter
from collections.abc import Sequence

from starter.cli.answer import Column, Json
from starter.prove.run import Outcome, Proof

COLUMNS = (
    Column("case", kind="id"),
    Column("seed"),
    Column("sales"),
    Column("keys"),
    Column("leaves"),
    Column("records", "DNS records left"),
    Column("state", "final state", kind="state"),
    Column("verdict"),
    Column("persons", "asked a person", wide=True),
    Column("posts", wide=True),
    Column("seconds", wide=True),
)


def rows(proof: Proof) -> list[dict[str, Json]]:
    """Return one row for each case, broken ones first, then one for each check of all runs together."""
    cases = [_row(outcome) for outcome in sorted(proof.outcomes, key=lambda it: (not it.breaches, it.case.kind))]
    return cases + [
        {"case": f"{check.name} ({check.counted} looked at)", "verdict": _verdict(check.breaches)}
        for check in proof.checks
    ]


def _verdict(breaches: Sequence[str]) -> str:
    return "; ".join(breaches) or "kept"


def _row(outcome: Outcome) -> dict[str, Json]:
    facts = outcome.facts
    return {
        "case": outcome.case.name,
        "seed": outcome.case.seed,
        "sales": len(facts.sales),
        "keys": facts.keys,
        "leaves": facts.versions,
        "records": facts.records,
        "state": facts.state or "none",
        "verdict": _verdict(outcome.breaches),
        "persons": list(facts.persons),
        "posts": facts.posts,
        "seconds": f"{outcome.seconds:.1f}",
        "order_id": facts.order_id,
        "audit": list(facts.story),
    }


SUMMARY = (
    Column("kind"),
    Column("cases"),
    Column("sales"),
    Column("unsold", "nothing sold"),
    Column("keys"),
    Column("leaves"),
    Column("records", "DNS records left"),
    Column("persons", "asked a person"),
    Column("broken"),
    Column("verdict"),
)


def summary(proof: Proof) -> list[dict[str, Json]]:
    """Return one row for each kind of case and database: what a person wants to see of a thousand cases."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in proof.outcomes:
        groups.setdefault(f"{outcome.case.kind} ({outcome.case.database})", []).append(outcome)
    cases = [_summary_row(kind, found) for kind, found in groups.items()]
    return cases + [
        {"kind": check.name, "cases": check.counted, "broken": len(check.breaches), "verdict": _verdict(check.breaches)}
        for check in proof.checks
    ]


def _summary_row(kind: str, found: Sequence[Outcome]) -> dict[str, Json]:
    facts = [outcome.facts for outcome in found]
    broken = sum(bool(outcome.breaches) for outcome in found)
    return {
        "kind": kind,
        "cases": len(found),
        "sales": sum(len(it.sales) for it in facts),
        "unsold": sum(not it.sales for it in facts),
        "keys": sum(it.keys for it in facts),
        "leaves": sum(it.versions for it in facts),
        "records": sum(it.records for it in facts),
        "persons": sum(bool(it.persons) for it in facts),
        "broken": broken,
        "verdict": "BROKEN" if broken else "kept",
    }


def headline(proof: Proof) -> str:
    """Return the result in a sentence."""
    states = Counter(outcome.facts.state or "none" for outcome in proof.outcomes)
    ends = ", ".join(f"{count} {state}" for state, count in states.most_common())
    passed = len(proof.outcomes) - len(proof.broken)
    text = f"{passed} of {len(proof.outcomes)} cases kept every promise (seed {proof.seed}); ends: {ends}"
    wrong = sum(bool(check.breaches) for check in proof.checks)
    text += f"; {wrong} of {len(proof.checks)} replays and searches found something" if wrong else ""
    if not proof.interrupted:
        return text
    left = f"{proof.missing} cases did not run" if proof.missing else "its cases had not begun"
    return f"{text}; interrupted, {left}"


def page(proof: Proof, command: str) -> str:
    """Return the proof as a page of Markdown to keep with a release."""
    lines = [
        f"Command: `{command}`",
        "",
        headline(proof) + ".",
        "",
        "| " + " | ".join(column.heading for column in SUMMARY) + " |",
        "|" + "---|" * len(SUMMARY),
    ]
    lines += ["| " + " | ".join(str(row.get(column.key, "")) for column in SUMMARY) + " |" for row in summary(proof)]
    lines += ["", "Boundaries that an undisturbed order passes, by line: "]
    lines[-1] += ", ".join(f"{line} {count}" for line, count in proof.boundaries.items()) + "."
    lines += [f"Left out: {what}." for what in proof.left_out]
    lines += [f"- BROKEN `{it.case.name}`: {'; '.join(it.breaches)}" for it in proof.broken]
    return "\n".join(lines) + "\n"
