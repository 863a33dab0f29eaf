"""Runs the tests of a mutation in a copy, and tells how they noticed."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.copies import environment, mistaken
from tests.mutations.mutation import Mutation

_ASSERTED = re.compile(r"(AssertionError|assert |Failed: DID NOT RAISE|hypothesis.errors.FlakyFailure)")
_PLACE = re.compile(r"^(\S+\.py:\d+): ", re.MULTILINE)
_LINE = re.compile(r"^>\s+(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Catch:
    """One test that noticed.

    Attributes:
        test: its name.
        place: file and line of what failed.
        line: that line.
    """

    test: str
    place: str
    line: str


@dataclass(frozen=True)
class Outcome:
    """What the tests made of the code as it stood.

    Attributes:
        passed: how many passed.
        catches: those that failed by an assertion.
        broken: those that failed otherwise, and what pytest said where it ran none: no proof of anything.
    """

    passed: int
    catches: tuple[Catch, ...]
    broken: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """All ran, and all passed."""
        return self.passed > 0 and not self.catches and not self.broken


def run_tests(root: Path, tests: Iterable[str]) -> Outcome:
    """Run tests in a copy, in a process of their own."""
    report = root / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += [
        "--timeout=60",
        "-k",
        "not postgresql",
    ]  # the same tests on a server: it takes longer to start than they take
    told = subprocess.run(
        [*command, *tests], cwd=root, env=environment(root), capture_output=True, text=True, check=False
    )
    if not report.is_file():
        return Outcome(0, (), (_last_words(told),))
    return _outcome(ET.parse(report).getroot(), told)


def try_mutation(root: Path, mutation: Mutation) -> Outcome:
    """Make the mistake in a copy, run its tests, and mend it again. Raises ``Disarmed``."""
    with mistaken(root, mutation):
        return run_tests(root, mutation.tests)


def _outcome(report: ET.Element, told: "subprocess.CompletedProcess[str]") -> Outcome:
    cases = list(report.iter("testcase"))
    catches, broken, passed = [], [], 0
    for case in cases:
        name = case.get("name", "?")
        problem = next(iter([*case.iter("failure"), *case.iter("error"), *case.iter("skipped")]), None)
        if problem is None:
            passed += 1
        elif problem.tag == "failure" and _ASSERTED.match(problem.get("message", "")):
            catches.append(_catch(name, problem.text or ""))
        else:
            last = (problem.text or "").strip().splitlines()[-1:]
            broken.append(f"{name}: {problem.tag}: {' '.join([problem.get('message', '')[:300], *last])}")
    if not cases:
        broken.append(_last_words(told))
    return Outcome(passed, tuple(catches), tuple(broken))


def _catch(test: str, told: str) -> Catch:
    """Tell the line of the test at which it failed; a helper that it asks may have raised."""
    steps = list(zip(_PLACE.findall(told), _LINE.findall(told), strict=False))
    in_tests = [it for it in steps if Path(it[0]).name.startswith("test_")]
    place, line = (in_tests or steps or [("", "")])[-1]
    return Catch(test, place, line.strip())


def _last_words(told: "subprocess.CompletedProcess[str]") -> str:
    return f"pytest ended with {told.returncode}: " + (told.stdout + told.stderr).strip()[-1500:]


def table(found: Iterable[tuple[Mutation, Outcome]]) -> Iterator[str]:
    """Lines for people: each mutation, the tests that caught it, and by which line."""
    for mutation, outcome in found:
        word = "caught" if outcome.catches else "NO PROOF" if outcome.broken else "SURVIVED"
        yield f"{word:8}  {mutation.name}: {mutation.says}"
        for catch in outcome.catches:
            yield f"            {catch.test}"
            yield f"              {catch.place}: {catch.line}"
        for broken in outcome.broken:
            yield f"            {broken}"
