"""The two streams: data on stdout, everything else on stderr."""

import sys


def give(text: str, end: str = "\n") -> None:
    """Write data."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def tell(text: str, end: str = "\n") -> None:
    """Write a note, a question or an error."""
    sys.stderr.write(text + end)
    sys.stderr.flush()
