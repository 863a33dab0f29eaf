"""How errors read: code, what, why, next, and what it means for money. Text, accessible text, or one line of JSON.

The code comes first and is stable; three lines of why at most, the rest behind ``-v``; no traceback (a trace id instead);
nothing that a person typed and no secret.
"""

import hashlib
import json
import re
import traceback
from dataclasses import dataclass, replace

from domain.codes import Spent, facts
from domain.errors import EvercertError

_WHY_LINES = 3


@dataclass(frozen=True)
class Problem:
    """An error as it is shown.

    Attributes:
        code: kebab-case.
        message: one sentence.
        why: observed facts.
        next: what to do.
        order_id: the order it is about, or ``""``.
    """

    code: str
    message: str
    why: tuple[str, ...] = ()
    next: str = ""
    order_id: str = ""

    @property
    def exit_code(self) -> int:
        """How the command ends."""
        return int(facts(self.code).exit_code)

    @property
    def advice(self) -> str:
        """What to do: the error's own step, or the registry's, for the order at hand where it names one."""
        known = facts(self.code).next_step
        return self.next or (re.sub(r"\bID\b", self.order_id, known) if self.order_id else known)


def problem_of(error: BaseException, *, order_id: str = "") -> Problem:
    """Return what to show for an exception; one that is not ours is a bug, or the engine when Temporal raised it."""
    if isinstance(error, EvercertError):
        why = error.why or _listed(error)
        return Problem(error.code, _sentence(error), why, error.next_step, order_id)
    module = type(error).__module__
    if module.startswith("pydantic"):
        return Problem("input-invalid", "The input has not the right shape.", _fields(error), order_id=order_id)
    if module.startswith("temporalio"):
        status = getattr(getattr(error, "status", None), "name", type(error).__name__)
        return Problem("engine-unreachable", "Temporal did not answer as it should.", (f"{status}",), order_id=order_id)
    trace = "".join(traceback.format_exception(error))
    mark = hashlib.sha256(trace.encode()).hexdigest()[:12]
    return Problem("internal", f"{type(error).__name__}, trace id {mark}.", order_id=order_id)


def _sentence(error: EvercertError) -> str:
    return f"{len(error.violations)} things cannot be used." if len(error.violations) > 1 else error.message


def _listed(error: EvercertError) -> tuple[str, ...]:
    if len(error.violations) < 2:
        return ()
    return tuple(f"{each.path or 'request'}: {each.message} ({each.code})" for each in error.violations)


def _fields(error: BaseException) -> tuple[str, ...]:
    """Return path and reason of each wrong field of a pydantic error, never a value."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return ()
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return tuple(f"{'.'.join(str(part) for part in each['loc']) or 'input'}: {each['msg']}" for each in found)


def as_text(problem: Problem, *, verbose: bool = False) -> str:
    """Return the form for a terminal."""
    known = facts(problem.code)
    lines = [f"error {problem.code}: {problem.message}"]
    lines += _labelled("why", _cut(_lines(problem.why), verbose=verbose))
    lines += _labelled("next", tuple(problem.advice.splitlines()))
    label = "sent" if known.spent is Spent.NOTHING else "spent"
    lines += _labelled(label, (known.spent.value,))
    if problem.order_id and known.retryable:
        lines.append(f"  order {problem.order_id} goes on by itself.  evercert order watch {problem.order_id}")
    lines.append(f"  more  evercert help errors {problem.code}")
    return "\n".join(lines)


def as_accessible(problem: Problem, *, verbose: bool = False) -> str:
    """Return the form for screen readers: whole sentences, no alignment."""
    known = facts(problem.code)
    lines = [f"Error. Code: {problem.code}.", f"What: {problem.message}"]
    lines += [f"Why: {line}" for line in _cut(_lines(problem.why), verbose=verbose)]
    lines += [f"Next: {line}" for line in problem.advice.splitlines()]
    lines.append(f"Money: {known.spent.value}")
    if problem.order_id and known.retryable:
        lines.append(f"Order {problem.order_id} goes on by itself.")
    lines.append(f"More: evercert help errors {problem.code}")
    return "\n".join(lines)


def as_json(problem: Problem) -> str:
    """Return the one line that ends stderr with ``-o json``."""
    known = facts(problem.code)
    error = {
        "code": problem.code,
        "message": problem.message,
        "detail": "\n".join(problem.why),
        "hint": problem.advice,
        "docs": f"evercert help errors {problem.code}",
        "retryable": known.retryable,
        "order_id": problem.order_id or None,
        "exit_code": problem.exit_code,
    }
    return json.dumps({"error": error}, ensure_ascii=False)


def rendered(problem: Problem, *, output: str, accessible: bool, verbose: bool = False) -> str:
    """Return the form that fits the flags."""
    if output in {"json", "jsonl"}:
        return as_json(problem)
    return as_accessible(problem, verbose=verbose) if accessible else as_text(problem, verbose=verbose)


def about(problem: Problem, order_id: str) -> Problem:
    """Return the problem with the order it is about."""
    return problem if problem.order_id else replace(problem, order_id=order_id)


def _cut(why: tuple[str, ...], *, verbose: bool) -> tuple[str, ...]:
    if verbose or len(why) <= _WHY_LINES:
        return why
    return (*why[: _WHY_LINES - 1], f"and {len(why) - _WHY_LINES + 1} more; -v shows them")


def _labelled(label: str, lines: tuple[str, ...]) -> list[str]:
    return [f"  {label if number == 0 else '':<5} {line}".rstrip() for number, line in enumerate(lines)]


def _lines(why: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line.strip() for fact in why for line in fact.splitlines() if line.strip())
