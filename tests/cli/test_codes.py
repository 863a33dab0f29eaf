"""The registry of error codes holds what the sources raise, all of it and nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import errors
from domain.codes import CODES, EXIT_MEANINGS, Exit, Spent, normalised

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    [it for folder in ("domain", "activities", "workflows", "starter") for it in (ROOT / folder).rglob("*.py")]
    + [ROOT / "worker.py"]
)
RAISERS = {name for name, it in vars(errors).items() if isinstance(it, type) and issubclass(it, errors.EvercertError)}
RAISERS |= {"Violation", "Problem"}
NO_ERROR_CODES = ("products", "errors", "leave")
"""Functions whose parameter ``code`` is another kind of code: of a product, of an exit, of a command line."""
HELP = """
Codes and registry differ.
  raised, not registered: {missing}
    -> add each to CODES in domain/codes.py: meaning, next step, exit code, whether money was spent
  registered, used nowhere: {unused}
    -> take it out of CODES, or correct its spelling where it is raised
"""


def strings(node: ast.expr, bound: dict[str, set[str]]) -> set[str]:
    """Every string that an expression may be, as far as it can be read without running it."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=left, orelse=right):
            return strings(left, bound) | strings(right, bound)
        case ast.BoolOp(values=values):
            return set().union(*(strings(it, bound) for it in values))
        case ast.Name(id=name):
            return bound.get(name, set())
    return set()


def assigned(tree: ast.AST) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, set()).update(strings(node.value, {}))
    return found


def takers(trees: list[ast.AST]) -> dict[str, int]:
    """Functions of ours with a parameter ``code``, and where it stands (``self`` not counted)."""
    found: dict[str, int] = {}
    for node in (it for tree in trees for it in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [it.arg for it in node.args.args if it.arg not in {"self", "cls"}]
            if "code" in names and node.name not in {"__init__", "facts"}:
                found[node.name] = names.index("code")
    return found


def raised_in(tree: ast.AST, positions: dict[str, int]) -> Iterator[str]:
    bound = assigned(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        place = 0 if name in RAISERS else positions.get(name, -1)
        if 0 <= place < len(node.args):
            yield from strings(node.args[place], bound)
        for keyword in node.keywords:
            if keyword.arg in {"code", "error_code"} or (keyword.arg == "type" and name == "ApplicationError"):
                yield from strings(keyword.value, bound)


def scan() -> tuple[dict[str, str], set[str]]:
    """Return where each code is raised, and every string constant outside of the registry."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    positions = takers(list(trees.values()))
    for other in NO_ERROR_CODES:
        positions.pop(other, None)
    raised: dict[str, str] = {}
    words: set[str] = set()
    public = {name: place for name, place in positions.items() if not name.startswith("_")}
    for path, tree in trees.items():
        for code in raised_in(tree, public | {name: at for name, at in takers([tree]).items() if name.startswith("_")}):
            if code:
                raised.setdefault(code, str(path.relative_to(ROOT)))
        if path.name != "codes.py":
            words |= {it.value for it in ast.walk(tree) if isinstance(it, ast.Constant) and isinstance(it.value, str)}
    return raised, words


def test_every_raised_code_is_registered_and_every_registered_one_is_used() -> None:
    raised, words = scan()
    missing = {code: where for code, where in raised.items() if code not in CODES}
    unused = sorted(set(CODES) - words)
    assert not missing and not unused, HELP.format(missing=missing, unused=unused)


def test_the_scan_sees_the_usual_ways_of_raising() -> None:
    tree = ast.parse(
        'HERE = "by-constant"\n'
        "async def call_person(self, code, message): ...\n"
        'code = "one-way" if x else "other-way"\n'
        'raise Refused("direct", "…")\n'
        "raise NotYet(HERE, '…')\n"
        "Violation(code, 'path', '…')\n"
        'ApplicationError("…", type="as-type")\n'
        'steps.call_person("by-function", "…")\n'
        'Result(error_code="as-field")\n'
    )
    found = set(raised_in(tree, takers([tree])))
    assert found == {"by-constant", "one-way", "other-way", "direct", "as-type", "by-function", "as-field"}


@pytest.mark.parametrize("code", CODES)
def test_facts_say_something(code: str) -> None:
    it = CODES[code]
    assert code == normalised(code.upper().replace("-", "_"))
    assert it.meaning and it.next_step and it.exit_code is not Exit.DONE
    assert it.exit_code in EXIT_MEANINGS
    assert not (it.exit_code is Exit.REFUSED and it.spent is not Spent.NOTHING), "refused before anything was sent"
    assert it.exit_code is not Exit.PERSON or it.needs_person


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_MEANINGS) == set(Exit)
