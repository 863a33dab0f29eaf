"""How errors read, in all three forms, for every code of the registry."""

import json
import re

import pytest
from inline_snapshot import snapshot
from pydantic import BaseModel, ValidationError

from domain.codes import CODES, facts
from domain.errors import Ambiguous, InvalidRequest, Refused, Unavailable, Violation, refuse_all
from starter.cli.problems import Problem, as_accessible, as_json, as_text, problem_of

ORDER = "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize("code", CODES)
def test_every_code_in_all_forms(code: str) -> None:
    known = facts(code)
    advice = re.sub(r"\bID\b", ORDER, known.next_step)
    problem = Problem(code, "What happened.", ("first fact", "second fact"), "", ORDER)
    text, spoken, error = as_text(problem), as_accessible(problem), json.loads(as_json(problem))["error"]

    goes_on = f"\n  order {ORDER} goes on by itself.  evercert order watch {ORDER}" if known.retryable else ""
    label = "sent " if known.spent.name == "NOTHING" else "spent"
    assert text == (
        f"error {code}: What happened.\n  why   first fact\n        second fact\n  next  {advice}\n"
        f"  {label} {known.spent.value}{goes_on}\n  more  evercert help errors {code}"
    )
    assert spoken.startswith(f"Error. Code: {code}.\nWhat: What happened.\nWhy: first fact\n")
    assert f"\nNext: {advice}\nMoney: {known.spent.value}\n" in spoken
    assert "  " not in spoken
    assert error == {
        "code": code,
        "message": "What happened.",
        "detail": "first fact\nsecond fact",
        "hint": advice,
        "docs": f"evercert help errors {code}",
        "retryable": known.retryable,
        "order_id": ORDER,
        "exit_code": int(known.exit_code),
    }


def test_text() -> None:
    error = Ambiguous(
        "purchase-in-doubt",
        "The seller's answer was lost.",
        why=("connection closed after the request was sent", "6 searches found nothing"),
        next_step="Do not order again.\nevercert order show tells more.",
    )
    assert as_text(problem_of(error, order_id=ORDER)) == snapshot("""\
error purchase-in-doubt: The seller's answer was lost.
  why   connection closed after the request was sent
        6 searches found nothing
  next  Do not order again.
        evercert order show tells more.
  spent unknown until settled; counted as spent until then.
  more  evercert help errors purchase-in-doubt\
""")


def test_accessible_text() -> None:
    error = Unavailable("dns-not-visible", "1 of 2 name servers does not show it.", why=("ns2: NXDOMAIN",))
    assert as_accessible(problem_of(error, order_id=ORDER)) == snapshot("""\
Error. Code: dns-not-visible.
What: 1 of 2 name servers does not show it.
Why: ns2: NXDOMAIN
Next: nothing; looked at again
Money: not known here; evercert order list tells.
Order EC-AAAAAAAAAAAAAAAAAAAAAAAAAA goes on by itself.
More: evercert help errors dns-not-visible\
""")


def test_json_is_one_line() -> None:
    shown = as_json(problem_of(Refused("auth-rejected", "The seller said no."), order_id=ORDER))
    assert "\n" not in shown
    assert shown == (
        '{"error": {"code": "auth-rejected", "message": "The seller said no.", "detail": "", '
        '"hint": "evercert account check NAME", "docs": "evercert help errors auth-rejected", '
        f'"retryable": false, "order_id": "{ORDER}", "exit_code": 6}}}}'
    )


def test_several_violations_are_listed_and_cut() -> None:
    found = tuple(Violation("name-invalid", f"sans.{number}", "is no host name") for number in range(6))
    problem = problem_of(refuse_all(found))
    assert as_text(problem) == snapshot("""\
error request-refused: 6 things cannot be used.
  why   sans.0: is no host name (name-invalid)
        sans.1: is no host name (name-invalid)
        and 4 more; -v shows them
  next  correct them all and ask again
  sent  nothing. No money was spent.
  more  evercert help errors request-refused\
""")
    assert "sans.5" in as_text(problem, verbose=True)
    assert "sans.5" in as_json(problem)


def test_one_violation_keeps_its_code() -> None:
    problem = problem_of(refuse_all((Violation("name-invalid", "common_name", "is no host name", "correct it"),)))
    assert (problem.code, problem.message, problem.why) == ("name-invalid", "common_name: is no host name", ())
    assert problem.next == "correct it"


def test_a_bug_tells_a_trace_id_and_nothing_of_its_text() -> None:
    def broken() -> None:
        raise RuntimeError("token hunter2 was refused")

    try:
        broken()
    except RuntimeError as error:
        text = as_text(problem_of(error))
    assert text.startswith("error internal: RuntimeError, trace id ")
    assert "hunter2" not in text and "Traceback" not in text
    assert problem_of(InvalidRequest("not-found", "x")).exit_code == 3


def test_wrong_fields_are_named_without_their_values() -> None:
    class Shape(BaseModel):
        months: int

    with pytest.raises(ValidationError) as caught:
        Shape.model_validate({"months": "secret-text"})
    problem = problem_of(caught.value)
    assert problem.code == "input-invalid" and problem.exit_code == 4
    assert problem.why[0].startswith("months: ")
    assert "secret-text" not in as_json(problem)


def test_an_unlisted_code_ends_as_a_bug() -> None:
    assert problem_of(Refused("never-registered", "x")).exit_code == 1
