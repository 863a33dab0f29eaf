"""``evercert prove`` itself: it finds nothing where all is well, and finds what is broken on purpose."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from starter.prove.case import Case, Database, Line, Repeated
from starter.prove.report import headline
from starter.prove.run import Proof, ProveOptions, Prover
from tests.integration.support import run_cli

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

SOLD = "purchase/seller.place#1/after"
"""The seller has sold and Evercert has read the answer, but written nothing down."""


LINES = (Line.PLAIN, Line.LOST)


async def prove(home: Path, *cases: Case, **changes: Any) -> Proof:
    options = ProveOptions(cases=cases, databases=(Database.SQLITE,), lanes=3, home=home, lines=LINES, **changes)
    return await Prover(options, lambda _: None).run()


async def test_a_worker_killed_after_the_sale(tmp_path: Path) -> None:
    # By the last seed Temporal misses the worker by itself; by the others the proof gives it up at once.
    cases = [Case("kill", SOLD, repeated=mode, seed=seed) for mode, seed in zip(Repeated, (1, 2, 4), strict=True)]
    proof = await prove(tmp_path, *cases)
    assert [outcome.breaches for outcome in proof.outcomes] == [()] * len(proof.outcomes)
    kills = [outcome for outcome in proof.outcomes if outcome.case.kind == "kill"]
    assert len(kills) == 3
    for outcome in kills:
        assert (len(outcome.facts.sales), outcome.facts.posts) == (1, 1)
        assert "purchase.adopted" in outcome.facts.story
    assert set(proof.boundaries) == {line.value for line in LINES}
    assert proof.boundaries["plain"] > 150


async def test_a_worker_that_does_not_look_first_is_caught(tmp_path: Path) -> None:
    # Without a look some orders of the survey go round for ever; they need not be waited for.
    damaged = {"host_module": "tests.integration.naive_host", "stuck_seconds": 60}
    proof = await prove(tmp_path, Case("kill", SOLD), **damaged)
    (killed,) = (outcome for outcome in proof.outcomes if outcome.case.kind == "kill")
    assert any("sales for one order" in breach for breach in killed.breaches)
    assert killed in proof.broken


async def test_a_boundary_that_nobody_passes_is_no_success(tmp_path: Path) -> None:
    proof = await prove(tmp_path, Case("kill", "purchase/seller.place#9/after"))
    (missed,) = (outcome for outcome in proof.outcomes if outcome.case.kind == "kill")
    assert missed.breaches == ("never came to purchase/seller.place#9/after",)


async def test_an_interrupted_proof_keeps_what_it_found_and_leaves_nothing_running(tmp_path: Path) -> None:
    said: list[str] = []
    options = ProveOptions(databases=(Database.SQLITE,), lanes=1, home=tmp_path, lines=LINES)
    prover = Prover(options, said.append)
    running = asyncio.create_task(prover.run())
    while not prover.proof.outcomes:
        await asyncio.sleep(0.1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert prover.proof.interrupted
    assert prover.proof.outcomes
    assert "; interrupted, " in headline(prover.proof)


async def test_a_case_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    env = {"EVERCERT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for name, told in (("kill", "named"), ("flood@x:sqlite:accept:plain:1", "no case is of the kind flood")):
        said = await run_cli(["prove", "--case", name, "-o", "json"], env)
        assert said.code == 2
        assert told in json.loads(said.err.strip().splitlines()[-1])["error"]["message"]
