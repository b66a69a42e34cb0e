"""Writing a report's folder: all or nothing, and never anyone else's files."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataflow.errors import ReportError
from reports import check_writable, write
from reports.folder import FILES, Writer, write_files
from tests.reports.worlds import tiny_result


def writers(text: str) -> dict[str, Writer]:
    """Every file of a report with the same text in it."""

    def writer(path: Path) -> None:
        path.write_text(text)

    return dict.fromkeys(FILES, writer)


def contents(folder: Path) -> dict[str, str]:
    """Name to text of each file in a folder."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def stopping(when: str, error: BaseException) -> dict[str, Writer]:
    """Writers of which one is stopped half-way through its file."""

    def stop(path: Path) -> None:
        path.write_text("half")
        raise error

    return {**writers("new"), when: stop}


def test_new_folder_holds_all_files(tmp_path: Path) -> None:
    """A run's folder has every file, and nothing is left beside it."""
    paths = write(tiny_result(), tmp_path / "run")
    assert [path.name for path in paths] == list(FILES)
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(FILES)
    assert names(tmp_path) == ["run"]
    json.loads((tmp_path / "run" / "report.json").read_text(), parse_constant=pytest.fail)
    json.loads((tmp_path / "run" / "trace.json").read_text(), parse_constant=pytest.fail)


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    """Pictures included, a report depends on its result alone."""
    for name in ("a", "b"):
        write(tiny_result(), tmp_path / name)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_earlier_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A folder of our files alone is swapped for the new one."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.md").write_text("old")
    inode = folder.stat().st_ino
    write_files(writers("new"), folder)
    assert contents(folder) == dict.fromkeys(FILES, "new")
    assert folder.stat().st_ino != inode
    assert names(tmp_path) == ["run"]


def test_other_files_stay(tmp_path: Path) -> None:
    """In a folder with the user's files, ours are replaced one by one."""
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.md").write_text("old")
    write_files(writers("new"), tmp_path)
    assert contents(tmp_path) == {"notes.txt": "mine", **dict.fromkeys(FILES, "new")}


def test_folder_one_stands_in_is_not_swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory stays the directory it is."""
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    write_files(writers("new"), Path())
    assert tmp_path.stat().st_ino == inode
    assert contents(tmp_path) == dict.fromkeys(FILES, "new")


def test_one_missing_parent_is_made(tmp_path: Path) -> None:
    """``results/run`` works where there is no ``results`` yet."""
    write_files(writers("new"), tmp_path / "results" / "run")
    assert contents(tmp_path / "results" / "run") == dict.fromkeys(FILES, "new")


def test_symbolic_link_is_followed(tmp_path: Path) -> None:
    """A link to a folder stays a link; the folder it leads to is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_files(writers("new"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == dict.fromkeys(FILES, "new")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_stopped_writer_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    """Ctrl-C or a full disk leaves the old report and no trace of the new one."""
    write_files(writers("old"), tmp_path / "run")
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ReportError
    with pytest.raises(expected):
        write_files(stopping("memory.png", error), tmp_path / "run")
    assert contents(tmp_path / "run") == dict.fromkeys(FILES, "old")
    assert names(tmp_path) == ["run"]


def test_stopped_writer_leaves_no_parent_it_made(tmp_path: Path) -> None:
    """A parent that was made for a report that never came goes again."""
    with pytest.raises(KeyboardInterrupt):
        write_files(stopping("report.md", KeyboardInterrupt()), tmp_path / "results" / "run")
    assert names(tmp_path) == []


def test_stopped_between_the_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C when the old folder is moved away and the new one not yet there: the old one comes back."""
    write_files(writers("old"), tmp_path / "run")
    rename = Path.rename

    def stop(path: Path, target: Path) -> Path:
        if path.suffix == ".tmp":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        write_files(writers("new"), tmp_path / "run")
    assert contents(tmp_path / "run") == dict.fromkeys(FILES, "old")
    assert names(tmp_path) == ["run"]


def test_concurrent_writers_leave_one_whole_report(tmp_path: Path) -> None:
    """Of many writers at once one wins with all its files, whatever the order."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_files(writers(str(number)), tmp_path / "run"), range(64)))
    found = contents(tmp_path / "run")
    assert found.keys() == set(FILES)
    assert len(set(found.values())) == 1
    assert names(tmp_path) == ["run"]


def test_file_in_the_way(tmp_path: Path) -> None:
    """A file of that name is not touched."""
    (tmp_path / "run").write_text("mine")
    with pytest.raises(ReportError, match=r"run': is a file, but a report is a folder.*another name"):
        write(tiny_result(), tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


def test_file_as_parent(tmp_path: Path) -> None:
    """A parent that is a file is named."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ReportError, match=r"its parent .*file' is no folder"):
        check_writable(tmp_path / "file" / "run")


def test_missing_parents(tmp_path: Path) -> None:
    """More than one missing folder is more likely a wrong path."""
    with pytest.raises(ReportError, match=r"its parent .*a/b' does not exist; make .* first"):
        check_writable(tmp_path / "a" / "b" / "run")
    assert names(tmp_path) == []


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be written to is refused before anything is made."""
    monkeypatch.setattr("reports.folder.os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(ReportError, match=r"may not be written to; change its permissions"):
        write_files(writers("new"), tmp_path / "run")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_on_disk(tmp_path: Path) -> None:
    """The same with real permissions."""
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(ReportError, match="may not be written to"):
        write_files(writers("new"), tmp_path / "run")
