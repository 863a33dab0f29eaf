"""The reference page says everything: each switch, fault, member of a rule and endpoint, with examples that work."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from deploy.sandbox.endpoints import ENDPOINTS
from deploy.sandbox.faults import FaultName, Rule
from deploy.sandbox.settings import Switches

PAGE = (Path(__file__).parents[2] / "deploy" / "docs" / "sandbox.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, str]:
    """Rows of the table below a heading, by the name in their first column."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` (.*)$", section, re.MULTILINE))


def example(row: str) -> dict[str, object]:
    """The object in the last column of a row."""
    found = re.findall(r"`(\{.*?\})` \|$", row)
    assert found, row
    return dict(json.loads(found[-1]))


def test_every_switch_and_no_other_stands_on_the_page() -> None:
    assert set(rows("Switches")) == set(Switches.model_fields)


@pytest.mark.parametrize("name", sorted(Switches.model_fields))
def test_the_page_says_the_default_first_and_shows_another_value(name: str) -> None:
    row = rows("Switches")[name]
    default = Switches.model_dump(Switches(), mode="json")[name]
    said = row.removeprefix("| ").partition(" |")[0].partition(",")[0]
    spelled = json.dumps(default).strip('"').removesuffix(".0")
    assert said == spelled
    shown = example(row)
    assert set(shown) == {name}
    assert Switches.model_validate(shown) != Switches()


def test_every_fault_and_no_other_stands_on_the_page() -> None:
    assert set(rows("Faults")) == set(get_args(FaultName))


@pytest.mark.parametrize("name", get_args(FaultName))
def test_the_example_of_a_fault_is_a_rule(name: str) -> None:
    assert Rule.model_validate(example(rows("Faults")[name])).fault == name


def test_every_member_of_a_rule_and_every_endpoint_stands_on_the_page() -> None:
    assert [name for name in Rule.model_fields if f"`{name}`" not in PAGE] == []
    assert [path for path in ENDPOINTS if f"`{path}`" not in PAGE] == []
