"""The registry, the files and the worker's workflow types say the same; nothing is left out without a reason."""

import pytest
from temporalio import workflow

from starter.plugin import WORKFLOWS
from tests.replay import housed, record, scripted
from tests.replay.call_sites import WORKFLOWS_FOLDER
from tests.replay.recording import HISTORIES, files, read
from tests.replay.registry import REGISTRY, Registry, present_version, read_registry

TYPES = [str(workflow._Definition.must_from_class(kind).name) for kind in WORKFLOWS]


def test_every_file_has_an_entry_and_every_workflow_type_a_history() -> None:
    assert REGISTRY.gaps(files(), TYPES) == []
    assert len(list(HISTORIES.iterdir())) == len(files())


def test_an_entry_says_the_type_that_its_history_is_of() -> None:
    for entry in REGISTRY.history:
        started = read(entry.name)["events"][0]["workflowExecutionStartedEventAttributes"]
        assert started["workflowType"]["name"] == entry.workflow, entry.name


def test_every_path_is_recorded() -> None:
    by_hand = {"house": set(housed.PATHS), "stage": set(scripted.PATHS)}
    for where, paths in by_hand.items():
        assert {entry.path for entry in REGISTRY.history if entry.by == where} == paths


def test_what_is_missing_names_code_that_is_there() -> None:
    for missing in REGISTRY.missing:
        assert [file for file in missing.files if not (WORKFLOWS_FOLDER.parent / file).is_file()] == []


def sample(text: str = "") -> Registry:
    return read_registry(
        '[[history]]\nname = "one"\nworkflow = "Kind"\nshows = "something worth a line"\nshape = "1"\nby = "house"\n'
        + text
    )


@pytest.mark.parametrize(
    ("text", "there", "types", "gap"),
    [
        ("", ["one", "two"], ["Kind"], "two: has a file and no entry"),
        ("", [], ["Kind"], "one: has an entry and no file"),
        ("", ["one"], ["Kind", "Other"], "Other: has no history, and no reason why"),
        ('[[missing]]\nworkflow = "Other"\nreason = "later"', ["one"], ["Kind", "Other"], "Other: give a reason"),
        (
            '[[missing]]\nworkflow = "Kind"\nreason = "a reason that is long enough"',
            ["one"],
            ["Kind"],
            "Kind: has hist",
        ),
        (
            '[[history]]\nname = "one"\nworkflow = "Kind"\nshows = "little"\nshape = "1"\nby = "stage"\n',
            ["one"],
            ["Kind"],
            "one: stands twice",
        ),
    ],
)
def test_a_gap_would_be_found(text: str, there: list[str], types: list[str], gap: str) -> None:
    assert sample().gaps(["one"], ["Kind"]) == []
    assert sample(text).gaps(there, types)[0].startswith(gap)


def test_what_a_release_has_recorded_is_not_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = REGISTRY.history[0]
    assert [it.name for it in record.chosen([entry.name])] == [entry.name]
    monkeypatch.setattr(record, "present_version", lambda: "99.0")
    assert record.chosen([]) == []
    with pytest.raises(SystemExit, match="may still be open"):
        record.chosen([entry.name])
    with pytest.raises(SystemExit, match="no such history"):
        record.chosen(["nobody-has-this"])


def test_no_shape_is_of_a_version_to_come() -> None:
    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    assert all(numbers(entry.shape) <= numbers(present_version()) for entry in REGISTRY.history)
