"""A SQLite inventory whose file is replaced, or copied over, while it is in use or after its worker was killed."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from activities.adapters.inventory import SqlInventory, open_inventory, require_own_log
from activities.adapters.inventory.database_file import file_sequence
from domain.errors import EvercertError, Misconfigured, Unavailable
from tests.adapters.inventory_support import event, fresh_database

SIDES = ("-wal", "-shm")


async def grow(inventory: SqlInventory, rows: range) -> None:
    for number in rows:
        await inventory.append_audit(event("a", occasion=str(number)))


def checkpoint(path: Path) -> None:
    """Write the log into the file, as SQLite does by itself now and then."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def remove_sides(path: Path) -> None:
    for side in SIDES:
        Path(f"{path}{side}").unlink(missing_ok=True)


@pytest.fixture
async def url(tmp_path: Path) -> str:
    return await fresh_database(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy" / "inventory.db"


async def grown(inventory: SqlInventory, path: Path, copy: Path) -> None:
    """Let an inventory be copied at row 5 and go on to row 205, of which 200 stand in the file and 5 in its log."""
    await grow(inventory, range(5))
    checkpoint(path)
    copy.parent.mkdir()
    shutil.copyfile(path, copy)
    await grow(inventory, range(5, 200))
    checkpoint(path)
    await grow(inventory, range(200, 205))


async def newest(inventory: SqlInventory) -> int:
    return (await inventory.installation()).audit_sequence


async def test_a_replaced_file_is_opened_anew_and_the_old_one_never_written(url: str, path: Path, copy: Path) -> None:
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        kept_open = path.open("rb")
        remove_sides(path)
        copy.replace(path)
        assert await newest(inventory) == 5
        await grow(inventory, range(500, 503))
        assert await newest(inventory) == 8
        old = kept_open.read()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT max(sequence) FROM audit_event").fetchone() == (8,)
    kept_open.seek(0)
    assert kept_open.read() == old
    kept_open.close()


async def test_without_the_comparison_the_nameless_file_is_written(
    url: str, path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.adapters.inventory.engine.watch_file", lambda *_: None)
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        remove_sides(path)
        copy.replace(path)
        await grow(inventory, range(500, 503))
        assert await newest(inventory) == 208
    assert await file_sequence(path) == 5


async def test_a_file_replaced_beside_the_old_log_is_not_opened(url: str, path: Path, copy: Path) -> None:
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        before = copy.read_bytes()
        copy.replace(path)
        for _ in range(2):
            with pytest.raises(Unavailable, match="inventory-torn") as caught:
                await grow(inventory, range(500, 503))
        assert "-wal" in caught.value.next_step
        assert path.read_bytes() == before
    assert path.read_bytes() == before, "nor does closing write the old log into it"


async def test_a_file_that_was_moved_away_and_back_is_used_again(url: str, path: Path, tmp_path: Path) -> None:
    """As when its disk was gone for a while: the log that comes back with it is its own."""
    async with await open_inventory(url) as inventory:
        await grow(inventory, range(3))
        away = tmp_path / "away"
        away.mkdir()
        parts = [part for side in ("", "-wal", "-shm") if (part := Path(f"{path}{side}")).exists()]
        assert len(parts) == 3
        for part in parts:
            part.rename(away / part.name)
        for _ in range(2):
            with pytest.raises(Unavailable, match="inventory-unavailable"):
                await newest(inventory)
        for part in parts:
            (away / part.name).rename(part)
        before = await newest(inventory)
        await grow(inventory, range(500, 503))
        assert await newest(inventory) == before + 3


@pytest.mark.parametrize("part", ["", "-wal", "-shm", "folder"])
async def test_a_file_that_may_only_be_read_is_not_opened_and_is_when_it_may_be_written(
    url: str, path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would open it without a word, and the process could not write for as long as it keeps a connection."""
    refused = path.parent if part == "folder" else Path(f"{path}{part}")
    async with await open_inventory(url) as other:  # whose files stay beside it
        await grow(other, range(1))
        with monkeypatch.context() as readonly:
            # Asked of the system; root may write everything.
            readonly.setattr("os.access", lambda it, _mode: it != refused)
            with pytest.raises(Unavailable, match="read-only for this user"):
                await open_inventory(url)
        async with await open_inventory(url) as inventory:
            await grow(inventory, range(1, 2))


async def test_a_copy_laid_over_a_file_in_use_shows_in_the_file_alone(url: str, path: Path, copy: Path) -> None:
    """The same inode: no look at the name tells it, and the log still makes it look current, or damaged."""
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        assert await file_sequence(path) == 200
        shutil.copyfile(copy, path)
        assert await file_sequence(path, 200) == 5
        with suppress(EvercertError):
            await newest(inventory)


async def test_a_copy_beside_a_killed_worker_s_log_is_refused_and_left_as_it_is(
    url: str, path: Path, copy: Path
) -> None:
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        log = Path(f"{path}-wal").read_bytes()
    remove_sides(path)
    shutil.copyfile(copy, path)
    Path(f"{path}-wal").write_bytes(log)  # what kill -9 leaves
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(Misconfigured, match="inventory-torn"):
            await require_own_log(url, 200)
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == (before, log)
    remove_sides(path)  # the next step that it names
    await require_own_log(url, 200)
    async with await open_inventory(url) as inventory:
        assert await newest(inventory) == 5


async def test_a_copy_with_its_own_log_is_opened_with_it(url: str, path: Path, copy: Path) -> None:
    async with await open_inventory(url) as inventory:
        await grow(inventory, range(5))
        checkpoint(path)
        await grow(inventory, range(5, 9))
        copy.parent.mkdir()
        for side in ("", "-wal"):
            shutil.copyfile(f"{path}{side}", f"{copy}{side}")
        await grow(inventory, range(9, 200))
        checkpoint(path)
    remove_sides(path)
    for side in ("", "-wal"):
        shutil.copyfile(f"{copy}{side}", f"{path}{side}")
    await require_own_log(url, 200)
    async with await open_inventory(url) as inventory:
        assert await newest(inventory) == 9


async def test_a_log_that_a_worker_left_behind_is_its_own(url: str, path: Path, copy: Path) -> None:
    """The common case after a kill: nothing was put back."""
    async with await open_inventory(url) as inventory:
        await grown(inventory, path, copy)
        await require_own_log(url, 200)
        assert await newest(inventory) == 205


async def test_an_unreadable_file_is_no_verdict(tmp_path: Path) -> None:
    assert await file_sequence(tmp_path / "absent.db", 5) is None
    (tmp_path / "other.db").write_bytes(b"no database" * 100)
    assert await file_sequence(tmp_path / "other.db", 5) is None
    assert not (tmp_path / "absent.db").exists()
