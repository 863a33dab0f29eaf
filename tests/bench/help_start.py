"""How long ``evercert --help`` takes, as a ratio to a Typer program with one command, both started in turn.

Run it as ``python tests/bench/help_start.py [ROUNDS]``; it ends with 1 when the ratio is above 1.5. Not a test: a busy
machine must not turn a build red.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.5
FLOOR = """\
import typer

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    print(name)


app()
"""


def seconds(argv: list[str]) -> float:
    """Return how long one start takes, until the process has ended."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(rounds: int) -> int:
    """Measure in turn, so that load meets both alike; print medians and ratio."""
    with tempfile.TemporaryDirectory() as folder:
        floor = Path(folder) / "floor.py"
        floor.write_text(FLOOR, encoding="utf-8")
        programs = {
            "one-command Typer program": [sys.executable, str(floor), "--help"],
            "evercert": [sys.executable, "-m", "starter.cli", "--help"],
        }
        for argv in programs.values():
            seconds(argv)  # the first start also compiles
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, argv in programs.items():
                taken[name].append(seconds(argv))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, median in medians.items():
        print(f"{name:<28}{median * 1000:6.0f} ms")
    ratio = medians["evercert"] / medians["one-command Typer program"]
    print(f"{'ratio':<28}{ratio:6.2f}    (limit {LIMIT})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
