"""``python -m starter.server``: find or build the `temporal` program and print its path.

For scripts, which want the minutes of a first build to pass before their own work and in plain sight. Exit code 12 when
there is none to be had.
"""

import asyncio
import sys

from domain.errors import EvercertError
from starter.process import leave
from starter.server.binary import find_binary


def main() -> None:
    """Print the path on standard output, progress and errors on standard error."""
    try:
        path = asyncio.run(find_binary(_say))
    except EvercertError as error:
        _say(f"error {error}")
        for line in error.why:
            _say(f"  why   {line}")
        _say(f"  next  {error.next_step}")
        leave(12)
    sys.stdout.write(f"{path}\n")
    leave(0)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
