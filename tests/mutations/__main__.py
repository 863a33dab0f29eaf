"""``python -m tests.mutations [NAME...]``: deliberate mistakes in a copy of the code, each of which a test must notice.

Without names all are made. Ends with 1 when one survives, no longer fits the source, or the tests fail without any.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.copies import Leak, plain_copy
from tests.mutations.mutation import Disarmed, Mutation
from tests.mutations.trying import Outcome, run_tests, table, try_mutation


def main(words: Sequence[str] | None = None) -> int:
    """Try the mutations that were asked for; returns the exit code."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help="which; all when none is named")
    asked.add_argument("--list", action="store_true", help="name them and do nothing")
    given = asked.parse_args(words)
    if unknown := [name for name in given.names if name not in MUTATIONS]:
        asked.error(f"no such mutation: {', '.join(unknown)}; there are {', '.join(MUTATIONS)}")
    chosen = [MUTATIONS[name] for name in given.names or MUTATIONS]
    if given.list:
        print("\n".join(f"{it.name}: {it.says}" for it in chosen))
        return 0
    with tempfile.TemporaryDirectory(prefix="evercert-mutations-") as folder:
        try:
            return _try_all(plain_copy(Path(folder) / "copy"), chosen)
        except Leak as error:
            print(error, file=sys.stderr)
            return 1


def _try_all(root: Path, chosen: Sequence[Mutation]) -> int:
    control = run_tests(root, dict.fromkeys(test for it in chosen for test in it.tests))
    if not control.is_clean:
        print("Without any mutation the tests must pass, and do not:", *control.broken, *control.catches, sep="\n  ")
        return 1
    print(f"control   {control.passed} tests pass without any mutation", flush=True)
    found: list[tuple[Mutation, Outcome]] = []
    for mutation in chosen:
        try:
            outcome = try_mutation(root, mutation)
        except Disarmed as error:
            outcome = Outcome(0, (), (str(error),))
        found.append((mutation, outcome))
        print("\n".join(table(found[-1:])), flush=True)
    survivors = [mutation.name for mutation, outcome in found if not outcome.catches]
    print(f"{len(found) - len(survivors)} of {len(found)} caught" + "".join(f"; not caught: {it}" for it in survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
