"""Writing a report's files: all of them or none, and never anyone else's."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copymode

from dataflow.aside import fresh_beside, may_be_written
from dataflow.errors import ReportError
from dataflow.result import Result

FILES = (
    "report.md",
    "report.json",
    "trace.json",
    "timeline.png",
    "memory.png",
    "communication.png",
    "communication.csv",
)
"""What every report's folder holds."""

SOME = ("cores.png", "memory_map.png", "pipeline.png", "cores.csv")
"""What a report's folder holds where there is something to draw."""

Writer = Callable[[Path], None]
"""Writes one file to a path."""


def write(result: Result, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES, and of SOME what there is, into a folder: the report, the trace, pictures.

    The folder (and its parent, such as ``results``) is made; if it holds a report and nothing
    else it is replaced as a whole; in a folder that holds other files too, each of these is
    replaced. Whatever stops it, no file is left half-written. Returns the files' paths. Raises
    ReportError when the folder cannot be written.
    """
    return write_files(_writers(result), Path(folder), SOME)


def check_writable(folder: str | Path) -> None:
    """Raises ReportError when a report could not be written there: better before hours are spent."""
    target = Path(folder).resolve()
    if not target.name:
        raise _error(folder, "is the root of the file system", "choose a folder in it")
    parent = target.parent
    if not parent.exists():
        if not parent.parent.exists():
            raise _error(folder, f"its parent {str(parent)!r} does not exist", f"make {str(parent)!r} first")
        parent = parent.parent
    if not parent.is_dir():
        raise _error(folder, f"its parent {str(parent)!r} is no folder", "choose another name")
    _check_access(parent, folder)
    with _alone_in(parent):
        if target.is_dir():
            _check_access(target, folder)
        elif target.exists():
            raise _error(folder, "is a file, but a report is a folder of files", "choose another name")


def _check_access(place: Path, folder: str | Path) -> None:
    if not may_be_written(place):
        rule = f"{str(place)!r} may not be written to"
        raise _error(folder, rule, "change its permissions or choose another")


def write_files(writers: Mapping[str, Writer], folder: Path, others: Iterable[str] = ()) -> tuple[Path, ...]:
    """Writes files into a folder, all or none; see ``write``. writers: by the names of the files.

    others: files that an earlier report may have left there, which go unless they are written anew.
    """
    ours = dict.fromkeys((*writers, *others))
    check_writable(folder)
    target = folder.resolve()
    fresh = fresh_beside(target)
    made = not target.parent.exists()
    try:
        target.parent.mkdir(exist_ok=True)
        fresh.mkdir()
        for name, writer in writers.items():
            writer(fresh / name)
        with _alone_in(target.parent):
            if _is_whole(target, ours):
                _replace_folder(fresh, target, ours)
            else:
                for name in writers:
                    (fresh / name).replace(target / name)
                for name in ours.keys() - writers.keys():
                    (target / name).unlink(missing_ok=True)
    except OSError as error:
        rule = f"cannot be written: {error.strerror or error}"
        raise _error(folder, rule, "choose another folder") from error
    finally:
        _discard(fresh, writers)
        if made:
            with suppress(OSError):  # it stays unless nothing came of it
                target.parent.rmdir()
    return tuple(folder / name for name in writers)


@contextmanager
def _alone_in(parent: Path) -> Iterator[None]:
    """Keeps other writers out while a folder is swapped: for a moment it is not there."""
    if sys.platform == "win32":  # no such locks; two runs at once into one folder may fail there
        yield
        return
    import fcntl

    handle = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that knows no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _writers(result: Result) -> dict[str, Writer]:
    """For each file who writes it; imported here, for matplotlib takes its time."""
    from reports.communication_csv import communication_csv
    from reports.communication_picture import communication_png
    from reports.cores_csv import cores_csv
    from reports.cores_picture import cores_png
    from reports.document import report_of
    from reports.markdown import markdown_of
    from reports.memory_chart import memory_png
    from reports.memory_map_picture import memory_map_png
    from reports.perfetto import perfetto_trace
    from reports.pictures import some_of
    from reports.pipeline_picture import pipeline_png
    from reports.timeline import timeline_png

    report = report_of(result)
    document = report.model_dump(mode="json")
    some: dict[str, Writer] = {
        "cores.png": lambda path: cores_png(report, path),
        "memory_map.png": lambda path: memory_map_png(report, path),
        "pipeline.png": lambda path: pipeline_png(report, path),
        "cores.csv": lambda path: write_text(path, cores_csv(report)),
    }
    return {
        "report.md": lambda path: write_text(path, markdown_of(report)),
        "report.json": lambda path: write_text(path, json_text(document, indent=2)),
        "trace.json": lambda path: write_text(path, json_text(perfetto_trace(result), indent=None)),
        "timeline.png": lambda path: timeline_png(result, path),
        "memory.png": lambda path: memory_png(result, path),
        "communication.png": lambda path: communication_png(report, path),
        "communication.csv": lambda path: write_text(path, communication_csv(report)),
        **{name: writer for name, writer in some.items() if name in some_of(report)},
    }


def json_text(document: object, indent: int | None) -> str:
    """Strict JSON with a newline at its end."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(document, indent=indent, separators=separators, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes text the same on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def _error(folder: str | Path, rule: str, hint: str) -> ReportError:
    return ReportError(f"report folder {str(folder)!r}: {rule}; {hint}")


def _is_whole(target: Path, files: Iterable[str]) -> bool:
    """Whether the folder may be replaced: it is new or holds our files only, and nobody stands in it."""
    if not target.is_dir():
        return True
    return {entry.name for entry in target.iterdir()} <= set(files) and not Path.cwd().is_relative_to(target)


def _replace_folder(fresh: Path, target: Path, files: Iterable[str]) -> None:
    """Puts one folder in the place of another."""
    old = fresh_beside(target, ".old")
    try:
        if target.is_dir():
            copymode(target, fresh)
            target.rename(old)
        fresh.rename(target)
    finally:
        if old.is_dir() and not target.exists():  # stopped between the two renames
            old.rename(target)
        _discard(old, files)


def _discard(folder: Path, files: Iterable[str]) -> None:
    """Removes our files, and the folder if that empties it: what others put there stays."""
    for name in files:
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
