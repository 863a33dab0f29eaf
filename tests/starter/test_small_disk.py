"""A disk of its own for one program: it alone sees it, it can be filled, and a machine that has none says so."""

import subprocess
from pathlib import Path

import pytest

from starter.prove.small_disk import SmallDisk, small_disk_unavailable

_WRITES = (
    'echo ready; while read -r name; do head -c 100000 /dev/zero > "$1/$name" && echo written || echo refused; done'
)


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    folder = tmp_path / "contents"
    folder.mkdir()
    (folder / "note").write_text("kept")
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> SmallDisk:
    folder = tmp_path / "disk"
    folder.mkdir()
    return SmallDisk(folder, 1)


def test_a_program_gets_one_exactly_where_nothing_is_said_against_it(disk: SmallDisk, contents: Path) -> None:
    argv = disk.running(["cat", disk.folder / "contents" / "note"], contents)
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ran.stdout == "kept") == (small_disk_unavailable() == ""), ran.stderr
    assert list(disk.folder.iterdir()) == []


@pytest.mark.long
def test_it_is_full_for_the_program_that_has_it_while_the_block_lasts(disk: SmallDisk, contents: Path) -> None:
    argv = disk.running(["sh", "-c", _WRITES, "sh", disk.folder], contents)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        told, said = program.stdin, program.stdout
        assert told is not None and said is not None

        def asked_to_write(name: str) -> str:
            told.write(f"{name}\n")
            told.flush()
            return said.readline().strip()

        assert said.readline().strip() == "ready"
        assert asked_to_write("before") == "written"
        with disk.filled(program.pid):
            assert asked_to_write("meanwhile") == "refused"
        assert asked_to_write("after") == "written"
        told.close()
    assert list(disk.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ("unshare", "no unshare"),
        ("right", "gives no program a disk of its own: not permitted"),
        ("linux", "only Linux"),
    ],
)
def test_what_is_missing_is_told_in_words(monkeypatch: pytest.MonkeyPatch, lacks: str, told: str) -> None:
    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if lacks == "unshare":
            raise FileNotFoundError(argv[0])
        return subprocess.CompletedProcess(argv, 1, "", "unshare: a line\nnot permitted\n")

    small_disk_unavailable.cache_clear()
    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("sys.platform", "darwin" if lacks == "linux" else "linux")
    try:
        assert told in small_disk_unavailable()
    finally:
        small_disk_unavailable.cache_clear()
