"""Commands that run until they are told to stop."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    """Have Ctrl-C and SIGTERM set the event for the time of a block, instead of breaking off what is being done."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
