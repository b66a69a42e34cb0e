"""What a survey of a folder of images found, kept for the next time."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from dataflow.aside import written_aside
from dataflow.data.cropping import PixelStatistics
from dataflow.data.survey import Preparation, Survey
from dataflow.errors import DataError

_FORMAT = 1
"""Of what is kept; changes whenever pictures are prepared in another way."""


def surveyed(
    root: str, stamp: str, cache: str | None, look: Callable[[], Survey]
) -> tuple[Survey, tuple[str, ...]]:
    """What was found before of the same files, else what ``look`` finds now, kept; and notes for the user.

    root: of the images. stamp: of the files, as ``stamp_of``. Kept in the folder ``cache``, or in that of
    the images, under a name that depends on the stamp. Raises DataError when ``cache`` cannot be written to;
    that the images' own folder cannot be is only noted.
    """
    file = _place(root, stamp, cache)
    kept = _kept(file)
    if kept is not None:
        return kept, ()
    if cache is not None:
        _check_writable(file.parent)
    found = look()
    try:
        _keep(found, file)
    except OSError as fault:
        reason = fault.strerror or "it cannot be written to"
        if cache is not None:
            raise DataError(f"--cache {cache}: {reason}; name another folder") from None
        note = (
            f"mean and components of the images are not kept in {root} ({reason}), "
            "so that they will be computed again; --cache names a folder for them"
        )
        return found, (note,)
    return found, ()


def stamp_of(preparation: Preparation, files: Sequence[tuple[str, bool]]) -> str:
    """What tells files from others: names, sizes and times, whether they are trained on, how they are read.

    Raises DataError when one is not there any more.
    """
    digest = sha256(f"{_FORMAT} {preparation.side} {preparation.channels}\n".encode())
    for name, trained in files:
        try:
            about = os.stat(os.path.join(preparation.root, name))  # noqa: PTH116, PTH118 - of millions of files
        except OSError as fault:
            raise DataError(f"--images {preparation.root}: {name} is gone: {fault.strerror}") from None
        digest.update(
            f"{name}\0{about.st_size}\0{about.st_mtime_ns}\0{int(trained)}\n".encode(
                "utf-8", "surrogateescape"
            )
        )
    return digest.hexdigest()[:20]


def _place(root: str, stamp: str, cache: str | None) -> Path:
    if cache is None:
        return Path(root, f".dataflow-{stamp}.npz")
    return Path(cache, f"images-{stamp}.npz")


def _kept(file: Path) -> Survey | None:
    """What a file keeps; None when there is none or it cannot be read."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            broken = json.loads(str(archive["broken"]))
            return Survey(PixelStatistics(archive["mean"], archive["components"]), broken)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _check_writable(folder: Path) -> None:
    """Before hours are spent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise DataError(f"--cache {folder}: {fault.strerror}; name a folder that can be written to") from None


def _keep(found: Survey, file: Path) -> None:
    with written_aside(file) as stream:
        np.savez(
            stream,
            mean=found.statistics.mean,
            components=found.statistics.components,
            broken=np.array(json.dumps(found.broken)),
        )
