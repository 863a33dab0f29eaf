"""Records histories: ``python -m tests.replay.record [NAME…]`` writes ``histories/``, all of it or the named ones.

Run it again when the order of commands was changed on purpose *before a release*. A history whose shape is that of an
earlier version is of runs that may still be open, so it is never recorded again: the change needs ``workflow.patched``,
and a further entry in ``histories.toml`` under a name of its own.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from starter.process import leave
from tests.integration.support import open_house
from tests.replay import housed, scripted
from tests.replay.recording import HISTORIES, text_of, write
from tests.replay.registry import REGISTRY, Entry, present_version
from tests.replay.stage import Run, open_stage


def chosen(names: Sequence[str]) -> list[Entry]:
    """Return the entries to record: those named, or all of the present version.

    Raises:
        SystemExit: a name is unknown, or its history is that of an earlier version.
    """
    now = present_version()
    entries = {entry.name: entry for entry in REGISTRY.history}
    for name in names:
        if name not in entries:
            raise SystemExit(f"{name}: no such history; add it to histories.toml first")
        if entries[name].shape != now:
            raise SystemExit(
                f"{name}: has the shape of {entries[name].shape}, whose runs may still be open; this is {now}. "
                "Gate the change by workflow.patched and add an entry under another name."
            )
    return [entry for name, entry in entries.items() if entry.shape == now and (not names or name in names)]


async def record(names: Sequence[str] = (), folder: Path = HISTORIES) -> None:
    """Take the paths and write their histories; what is not chosen stays as it is."""
    wanted = {entry.name: entry for entry in chosen(names)}
    folder.mkdir(exist_ok=True)
    for way in (recorded_on_stage, recorded_in_house):
        async for name, text in way([entry for entry in wanted.values() if way.__name__.endswith(entry.by)]):
            if name in wanted:
                file = write(folder, name, text)
                print(f"{file.name}: {text.count('eventType')} events", file=sys.stderr)


async def recorded_on_stage(entries: Sequence[Entry]) -> AsyncIterator[tuple[str, str]]:
    """Take scripted paths; yield name and text of each history."""
    if not entries:
        return
    async with open_stage() as stage:
        for path in dict.fromkeys(entry.path for entry in entries):
            yield path, await _text(await scripted.PATHS[path](stage))


async def recorded_in_house(entries: Sequence[Entry]) -> AsyncIterator[tuple[str, str]]:
    """Take real paths; yield name and text of each history, also of those that come along with one."""
    if not entries:
        return
    with tempfile.TemporaryDirectory(prefix="evercert-record-") as home:
        async with open_house(Path(home)) as house:
            for path in dict.fromkeys(entry.path for entry in entries):
                kept = await housed.PATHS[path](house)
                await house.heal()
                for name, run in (kept if isinstance(kept, dict) else {path: house.handle(kept)}).items():
                    yield name, await _text(run)


async def _text(run: Run) -> str:
    return text_of(run.id, json.loads((await run.fetch_history()).to_json())["events"])


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
    leave(0)
