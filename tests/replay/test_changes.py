"""What a change of workflow code does to the corpus: every place that gives a command is guarded, a patch lets it pass."""

from collections import defaultdict

import pytest

from starter.plugin import WORKFLOWS
from tests.replay import broken
from tests.replay.call_sites import Site, observed, spoilt, written
from tests.replay.registry import REGISTRY
from tests.replay.replaying import ORDERS, diverging, replay

Passed = dict[Site, list[str]]


@pytest.fixture(scope="module")
async def passed() -> Passed:
    """Which histories pass a place, by place."""
    found: Passed = defaultdict(list)
    for name in REGISTRY.names():
        sites: set[Site] = set()
        with observed(sites):
            assert await replay([name], in_sandbox=False) == {name: None}
        for site in sites:
            found[site].append(name)
    return found


def test_every_place_that_gives_a_command_is_passed_by_a_history(passed: Passed) -> None:
    excused = {file for missing in REGISTRY.missing for file in missing.files}
    bare = [site for site in written() if site not in passed and site.file not in excused]
    assert bare == [], "record a history that passes there (tests/replay/histories.toml)"


def test_what_is_observed_is_what_is_written(passed: Passed) -> None:
    assert set(passed) <= {*written(), *(site for site in passed if site.call == "wait_condition")}
    assert len(written()) > 20


@pytest.mark.parametrize("site", written(), ids=lambda site: f"{site.file}:{site.line}")
async def test_a_change_at_any_place_is_noticed(passed: Passed, site: Site) -> None:
    """Another activity, no timer, no command: at least one history that passes there goes another way."""
    for name in passed[site]:
        with spoilt(site):
            if diverging(await replay([name], in_sandbox=False)):
                return
    pytest.fail(f"nothing in {passed[site]} depends on it")


@pytest.mark.parametrize("change", [broken.OneStepMore], ids=lambda change: change.__name__)
async def test_a_step_more_is_noticed_by_every_history_that_gets_there(change: type) -> None:
    refused_at_once = {"bad_input", "empty_input"}
    assert set(diverging(await replay(ORDERS, [change], in_sandbox=False))) >= set(ORDERS) - refused_at_once


@pytest.mark.parametrize(
    "change", [broken.OneStepLess, broken.OrderSwapped, broken.NoDeadline], ids=lambda change: change.__name__
)
async def test_a_change_without_a_patch_is_noticed(change: type) -> None:
    assert "plain_order" in diverging(await replay(ORDERS, [change], in_sandbox=False))


@pytest.mark.parametrize(
    "change",
    [broken.OneStepMorePatched, broken.OneStepLessPatched, broken.OrderSwappedPatched, broken.OtherWords],
    ids=lambda change: change.__name__,
)
async def test_a_change_under_a_patch_passes_and_so_do_other_words(change: type) -> None:
    assert diverging(await replay(ORDERS, [change], in_sandbox=False)) == []


async def test_a_workflow_type_that_is_gone_is_noticed() -> None:
    outcomes = await replay(
        ["plain_order"], [kind for kind in WORKFLOWS if kind.__name__ != "IssueCertificate"], in_sandbox=False
    )
    assert outcomes["plain_order"] is not None
