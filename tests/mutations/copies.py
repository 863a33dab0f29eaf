"""Copies of the checkout's packages, to make mistakes in. The checkout itself is never changed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutation import Mutation, forget_bytecode

CHECKOUT = Path(__file__).parents[2]
PARTS = ("domain", "activities", "workflows", "starter", "deploy", "tests", "worker.py", "pyproject.toml", "README.md")
"""What tests and programs need of a checkout."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")
_WHERE = """
import sys
from pathlib import Path
import activities, deploy, domain, starter, worker, workflows
import tests.mutations.catalogue as catalogue
root = Path(sys.argv[1]).resolve()
strangers = [it.__file__ for it in (activities, deploy, domain, starter, worker, workflows, catalogue)
             if root not in Path(it.__file__).resolve().parents]
if strangers:
    sys.exit(f"imported from elsewhere: {strangers}")
"""


class Leak(Exception):
    """A copy would run another checkout's code, so that nothing it shows means anything."""


def plain_copy(folder: Path) -> Path:
    """Copy the checkout's packages into a folder and return it; what is installed beside them must not leak in.

    Raises:
        Leak: Python finds a package of ours elsewhere.
    """
    folder.mkdir(parents=True)
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=_LEFT_OUT)
        else:
            shutil.copy2(source, folder / part)
    asked = [sys.executable, "-c", _WHERE, str(folder)]
    told = subprocess.run(asked, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    if told.returncode:
        raise Leak(told.stderr.strip() or f"the copy cannot be imported: exit code {told.returncode}")
    return folder


def mutated_copy(name: str, folder: Path) -> Path:
    """Copy the checkout's packages into ``folder/<name>``, make one mistake there, and return that root.

    Programs run from it with :func:`environment` of that root, and with the root as their working directory.

    Raises:
        KeyError: no mutation of that name.
        Disarmed: it no longer fits the source.
        Leak: Python would import another checkout's code.
    """
    mutation = MUTATIONS[name]
    root = plain_copy(folder / name)
    mutation.apply(root)
    return root


def environment(root: Path) -> dict[str, str]:
    """Return variables with which Python imports from a copy before it imports from anywhere else."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(root)}


@contextmanager
def mistaken(root: Path, mutation: Mutation) -> Iterator[None]:
    """Make a mistake in a copy for a while; afterwards the copy is as it was. Raises ``Disarmed``."""
    before = {root / it.file: (root / it.file).read_bytes() for it in mutation.changes}
    try:
        mutation.apply(root)
        yield
    finally:
        for path, source in before.items():
            path.write_bytes(source)
            forget_bytecode(path)
