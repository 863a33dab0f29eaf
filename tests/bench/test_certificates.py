"""The benchmark itself, tiny: every number is there and counts what it says; how large it is, is nobody's business here."""

import json
import os
from pathlib import Path

import pytest

from tests.bench.certificates import BARE, RATIOS, SIDES, Findings, Measured, document, run, table
from tests.bench.machine import Meter, Usage


@pytest.mark.server
async def test_a_tiny_run_measures_every_side_and_counts_the_sales(tmp_path: Path) -> None:
    said, before = list[str](), dict(os.environ)
    found = await run(tmp_path, orders=2, at_once=2, runs=1, say=said.append)
    assert dict(os.environ) == before
    (measured,) = found.runs
    assert set(measured) == set(SIDES)
    assert {side: it.sold for side, it in measured.items()} == {side: 0 if side == BARE else 2 for side in SIDES}
    assert all(it.done == 2 and found.rate(side) > 0 for side, it in measured.items())
    assert all(found.ratio(*pair) > 0 for pair in RATIOS)
    assert found.activities >= 10, "an order has a dozen activities, and the bare workflow as many"
    shown = table(found)
    assert all(side in shown for side in SIDES)
    assert shown.endswith("8/8")
    told = json.loads(document(found))
    assert told["ratios"].keys() == {f"{side} / {other}" for side, other in RATIOS}
    assert set(told["runs"][0]) == set(SIDES)


def test_ratios_are_taken_within_a_run_and_medians_over_the_runs() -> None:
    def ran(ours: float, bare: float) -> dict[str, Measured]:
        return {
            "evercert": Measured(10, Usage(10 / ours, {"worker": 2.0}, 1.0), 10),
            BARE: Measured(10, Usage(10 / bare, {"worker": 1.0}, 1.0), 0),
        }

    found = Findings(10, 5, 12, (ran(1.0, 2.0), ran(4.0, 5.0), ran(2.0, 8.0)))
    assert found.rate("evercert") == pytest.approx(2.0)
    assert found.ratio("evercert", BARE) == pytest.approx(0.5)
    assert found.shares("evercert") == {"worker": pytest.approx(0.4)}
    assert "evercert / bare" in table(found)
    assert "plain" not in table(found)


def test_a_meter_knows_what_its_processes_used_where_the_system_tells() -> None:
    meter = Meter({"me": os.getpid()})
    sum(range(3_000_000))
    usage = meter.usage()
    if not Path("/proc/self/stat").exists():
        assert (usage.cpu_seconds, usage.other_seconds) == ({}, None)
        return
    assert usage.cpu_seconds["me"] > 0
    assert usage.wall_seconds > 0
    assert usage.other_seconds is not None
