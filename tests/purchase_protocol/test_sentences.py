"""Every sentence of the purchase's protocol has a test that shows it, or says why not yet; and every such test exists."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LONGEST = 140


class Sentence(BaseModel):
    """One rule of the protocol."""

    model_config = ConfigDict(extra="forbid")

    number: int
    says: str
    tests: tuple[str, ...] = ()
    built_later: str = ""


def sentences(text: str) -> list[Sentence]:
    return [Sentence.model_validate(row) for row in tomllib.loads(text)["sentence"]]


SENTENCES = sentences((HERE / "sentences.toml").read_text(encoding="utf-8"))


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests of one file, read and not run."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def exists(node_id: str) -> bool:
    path, _, name = node_id.partition("::")
    return name in names_in(path)


def is_shown(sentence: Sentence) -> bool:
    return bool(sentence.tests) or len(sentence.built_later) > 20


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: str(sentence.number))
def test_a_sentence_is_shown_by_tests_that_exist(sentence: Sentence) -> None:
    assert is_shown(sentence), "name the tests that show it, or say in built_later why there is none yet"
    missing = [node_id for node_id in sentence.tests if not exists(node_id)]
    assert not missing, f"no such test: {missing}; was it renamed? then write its new name into sentences.toml"
    assert len(set(sentence.tests)) == len(sentence.tests)


def test_sentences_are_numbered_without_a_gap_and_short() -> None:
    assert [sentence.number for sentence in SENTENCES] == list(range(1, len(SENTENCES) + 1))
    assert len({sentence.says for sentence in SENTENCES}) == len(SENTENCES)
    assert all(len(sentence.says) <= LONGEST for sentence in SENTENCES)


def test_a_gap_would_be_found() -> None:
    bare, hollow, lost = sentences(
        "[[sentence]]\nnumber = 1\nsays = 'x'\n"
        "[[sentence]]\nnumber = 2\nsays = 'y'\nbuilt_later = 'later'\n"
        "[[sentence]]\nnumber = 3\nsays = 'z'\ntests = ['tests/domain/test_purchase.py::test_nothing_of_the_kind']\n"
    )
    assert not is_shown(bare)
    assert not is_shown(hollow)
    assert not exists(lost.tests[0])
    assert not exists("tests/nowhere.py::test_table")
    assert exists("tests/domain/test_purchase.py::test_table")


def test_the_readme_says_what_is_left_to_chance() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    _, _, told = text.partition("Left to chance")
    assert told, "README.md has to say what the protocol leaves to chance"
    for word in ("frozen", "first byte", "window"):
        assert word in told[:600]
