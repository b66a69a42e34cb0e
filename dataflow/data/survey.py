"""One look at every file of a folder of images: what the pixels are like, and which files are broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataflow.data.cropping import PixelStatistics
from dataflow.data.reading import read_picture
from dataflow.data.statistics import Moments
from dataflow.data.workers import Workers
from dataflow.errors import DataError

_TOGETHER = 256
"""Files that are looked at by one process at a time."""

Files = tuple[tuple[str, bool], ...]
"""Paths from the root, each with whether it is trained on."""


@dataclass(frozen=True)
class Preparation:
    """How the files below a folder become pictures of ``side`` x ``side`` pixels."""

    root: str
    side: int
    channels: int

    def read(self, file: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """The picture in a file. Raises DataError, which names it."""
        return read_picture(str(Path(self.root, file)), self.side, self.channels)


@dataclass(frozen=True)
class Survey:
    """statistics: of the pictures that are trained on. broken: by file, what is wrong with it."""

    statistics: PixelStatistics
    broken: dict[str, str]


@dataclass(frozen=True)
class _Look:
    """The task of a worker: to look at some files."""

    preparation: Preparation

    def __call__(self, files: Files) -> tuple[Moments, dict[str, str]]:
        side, channels = self.preparation.side, self.preparation.channels
        moments, broken = Moments.none((side, side, channels)), {}
        for file, trained in files:
            try:
                picture = self.preparation.read(file)
            except DataError as error:
                broken[file] = str(error)
                continue
            if trained:
                moments = moments.add(picture)
        return moments, broken


def survey(
    preparation: Preparation,
    files: Sequence[tuple[str, bool]],
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Reads all files once, in that many processes; the same whatever their number.

    progress: is told how many of how many files have been read. Raises DataError when not one of those
    that are trained on can be read.
    """
    looking = Workers(_Look(preparation), workers)
    try:
        begun = [
            looking.begin(tuple(files[start : start + _TOGETHER]))
            for start in range(0, len(files), _TOGETHER)
        ]
        moments = Moments.none((preparation.side, preparation.side, preparation.channels))
        broken: dict[str, str] = {}
        if progress is not None:
            progress(0, len(files))
        for place, look in enumerate(begun, 1):
            found, faults = look()
            if progress is not None:
                progress(min(place * _TOGETHER, len(files)), len(files))
            moments += found
            broken |= faults
    finally:
        looking.close()
    if moments.count == 0:
        raise DataError(
            f"--images {preparation.root}: not one of the training images can be read; the first fault: "
            f"{next(iter(broken.values()), 'there are none')}"
        )
    return Survey(moments.statistics(), broken)
