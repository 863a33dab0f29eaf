"""The run of the tests itself: nothing skipped unseen, and an exit code that can be trusted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_CLIENT = "import temporalio.bridge.temporal_sdk_bridge, atexit\natexit.register(print, 'interpreter shut down')\n"


def run(folder: Path, files: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest on some files of tests."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rA", *options]
    environment = os.environ | {"COVERAGE_FILE": str(folder / "coverage.data")}
    return subprocess.run([*command, folder], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


SKIPS = {
    "called": "import pytest\ndef test_a(): pytest.skip('no tool 1')\n",
    "marked": "import pytest\n@pytest.mark.skip(reason='no tool 2')\ndef test_a(): pass\n",
    "fixture": "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('no tool 3')\ndef test_a(tool): pass\n",
    "file": "import pytest\npytest.skip('no tool 4', allow_module_level=True)\n",
    "expected": "import pytest\n@pytest.mark.xfail\ndef test_a(): assert False\n",
}


@pytest.mark.parametrize("processes", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_every_skip_counts_as_failure_when_asked(tmp_path: Path, processes: tuple[str, ...]) -> None:
    # A file that cannot be collected would otherwise end the run before the tests.
    strict = run(tmp_path, SKIPS, "--no-skip", "--continue-on-collection-errors", *processes)
    assert strict.returncode == 1, strict.stdout
    for number in "1234":
        assert f"no tool {number}" in strict.stdout
    assert strict.stdout.count("skipped although nothing may be (") >= 4
    assert "1 xfailed" in strict.stdout.splitlines()[-1]
    assert "skipped" not in strict.stdout.splitlines()[-1]


def test_skips_pass_otherwise(tmp_path: Path) -> None:
    lenient = run(tmp_path, SKIPS)
    assert lenient.returncode == 0
    assert "4 skipped" in lenient.stdout.splitlines()[-1]


@pytest.mark.parametrize("processes", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_run_that_loaded_the_client_leaves_before_the_interpreter_shuts_down(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    ended = run(tmp_path, {"both": f"{_CLIENT}def test_a(): pass\ndef test_b(): assert False\n"}, *processes)
    assert ended.returncode == 1
    assert "1 failed, 1 passed" in ended.stdout.splitlines()[-1]
    assert "interpreter shut down" not in ended.stdout


def test_coverage_is_written_all_the_same(tmp_path: Path) -> None:
    text = f"{_CLIENT}def test_a():\n    from starter import process\n    process.free_port()\n"
    ended = run(tmp_path, {"it": text}, "-n", "1", "--cov=starter.process", "--cov-report=term")
    assert ended.returncode == 0, ended.stdout
    assert "starter/process.py" in ended.stdout
    assert [path.name for path in tmp_path.glob("coverage.data*")] == ["coverage.data"]
