"""Writing what ``dataflow features`` found, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dataflow.aside import fresh_beside, may_be_written, remove_unfinished
from dataflow.errors import OptionError, ReportError
from dataflow.features.found import Features
from reports.features_parquet import check_parquet, write_parquet
from reports.features_table import features_json, index_csv, neighbours_csv
from reports.folder import Writer, check_writable, json_text, write_files, write_text

NPY, PARQUET = ".npy", ".parquet"
FEATURES = f"features{NPY}"
NEIGHBOURS = ("neighbours.csv", "neighbours.png")
"""What the folder holds where images were asked for."""


def check_features_file(to: str | None) -> Path | None:
    """The file for features; None for one in the report's folder.

    Raises OptionError when its name says neither .npy nor .parquet, or Parquet cannot be written here,
    ReportError when it cannot be written there.
    """
    if to is None:
        return None
    file = Path(to)
    if file.suffix not in (NPY, PARQUET):
        raise OptionError(f"--to {to}: features are {NPY} or {PARQUET}; name the file accordingly")
    if file.suffix == PARQUET:
        check_parquet()
    if file.is_dir():
        raise ReportError(f"--to {to}: is a folder; name a file in it")
    if not file.parent.is_dir():
        raise ReportError(f"--to {to}: its folder {str(file.parent)!r} does not exist; make it first")
    if not may_be_written(file.parent):
        raise ReportError(f"--to {to}: {str(file.parent)!r} may not be written to; choose another folder")
    return file


@contextmanager
def features_aside(folder: str | Path, to: Path | None) -> Iterator[Path]:
    """A .npy file that features can be written to while they are computed, gone when that is over.

    It lies where they will be, so that it becomes their file by a rename; what such calls left that were
    killed goes. Raises ReportError when the folder cannot be written.
    """
    check_writable(folder)
    file = Path(folder).resolve() if to is None else to.resolve()
    parent, fresh = file.parent, fresh_beside(file)
    made = not parent.exists()
    try:
        _make(parent)
        remove_unfinished(file)
        yield fresh
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        if made:
            with suppress(OSError):  # it stays unless nothing came of it
                parent.rmdir()


def write_features(features: Features, folder: str | Path, to: Path | None) -> tuple[Path, ...]:
    """Writes features, their index, and of queries the nearest images; returns the files' paths.

    Features that were computed aside become the file that is named. Raises ReportError when a file
    cannot be written.
    """
    from reports.features_picture import draw_neighbours

    writers: dict[str, Writer] = {
        "index.csv": lambda path: write_text(path, index_csv(features)),
        "features.json": lambda path: write_text(path, json_text(features_json(features), indent=2)),
    }
    if features.rows:
        writers["neighbours.csv"] = lambda path: write_text(path, neighbours_csv(features))
        writers["neighbours.png"] = lambda path: draw_neighbours(features, path)
    if to is None:
        writers[FEATURES] = lambda path: _put(features.file.path, path)  # last: it is moved
        return write_files(writers, Path(folder), NEIGHBOURS)
    with _others_beside(features, to) as ready:
        written = write_files(writers, Path(folder), (FEATURES, *NEIGHBOURS))
        for fresh, file in ready.items():
            _put(fresh, file)
    return (*ready.values(), *written)


@contextmanager
def _others_beside(features: Features, to: Path) -> Iterator[dict[Path, Path]]:
    """What is to become the files that the user named, written aside: Parquet, or .npy and its index."""
    aside = features.file.path
    fresh = fresh_beside(to)
    try:
        if to.suffix == PARQUET:
            write_parquet(features, fresh)
            yield {fresh: to}
        else:
            write_text(fresh, index_csv(features))
            yield {aside: to, fresh: to.with_name(f"{to.stem}.csv")}
    except OSError as error:
        raise ReportError(
            f"--to {to}: cannot be written: {error.strerror or error}; make room or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _make(parent: Path) -> None:
    try:
        parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"folder {str(parent)!r}: cannot be made: {error.strerror or error}; choose another (--out)"
        ) from error


def _put(aside: Path, path: Path) -> None:
    aside.replace(path)
