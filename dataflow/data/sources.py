"""Pictures by number: in files, or made by a function; and the examples cut out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.data.cropping import Crop, Cropper
from dataflow.data.reading import Picture
from dataflow.data.survey import Preparation
from dataflow.data.workers import Workers

Indices = NDArray[np.int64]
Examples = NDArray[np.float32]
"""(example, channel, height, width)."""

_TOGETHER = 16
"""Most files that one process reads at a time, so that all of them are done at about the same time."""

_KEPT_BYTES = 2**27
"""Pictures made by a function are kept in memory where they take no more."""


class PictureSource(Protocol):
    """Pictures of one size."""

    cropper: Cropper

    def begin(self, indices: Indices, crops: Sequence[Crop]) -> Callable[[], Examples]:
        """Has a crop cut out of each of these pictures; what is returned waits for them."""
        ...

    def whole(self, indices: Indices) -> Sequence[NDArray[np.generic]]:
        """These pictures uncut, each (height, width, channel)."""
        ...

    def name(self, index: int) -> str:
        """What to call a picture: its file's path, or what it shows and its number."""
        ...

    def close(self) -> None:
        """Ends whatever reads ahead; safe to call twice."""
        ...


def cut_all(pictures: Sequence[NDArray[np.generic]], crops: Sequence[Crop], cropper: Cropper) -> Examples:
    """The crop of each picture, one beside the other."""
    channels = len(cropper.statistics.mean)
    examples = np.empty((len(pictures), channels, cropper.height, cropper.width), dtype=np.float32)
    for picture, crop, example in zip(pictures, crops, examples, strict=True):
        cropper.cut(picture, crop, example)
    return examples


_Asked = tuple[Sequence[str], Sequence[Crop] | None]
"""Files, and a crop of each; without crops they are wanted whole."""


@dataclass(frozen=True)
class _Cut:
    """The task of a worker: to read files and cut a crop out of each, or to give them whole."""

    preparation: Preparation
    cropper: Cropper

    def __call__(self, asked: _Asked) -> Any:
        files, crops = asked
        pictures = [self.preparation.read(file) for file in files]
        return pictures if crops is None else cut_all(pictures, crops, self.cropper)


class FilePictures:
    """Pictures in files, read when asked for, by processes that are started then."""

    def __init__(
        self, preparation: Preparation, files: Sequence[str], cropper: Cropper, workers: int
    ) -> None:
        self.files = files
        self.cropper = cropper
        self._workers: Workers[_Asked, Any] = Workers(_Cut(preparation, cropper), workers)

    def begin(self, indices: Indices, crops: Sequence[Crop]) -> Callable[[], Examples]:
        """As ``PictureSource`` says; waiting raises DataError when a file cannot be read any more."""
        return partial(_together, self._begun(indices, crops))

    def whole(self, indices: Indices) -> Sequence[Picture]:
        """As ``PictureSource`` says. Raises DataError when a file cannot be read any more."""
        return [picture for begun in self._begun(indices, None) for picture in begun()]

    def _begun(self, indices: Indices, crops: Sequence[Crop] | None) -> list[Callable[[], Any]]:
        count = len(indices)
        size = count if self._workers.count == 0 else min(_TOGETHER, -(-count // self._workers.count))
        return [
            self._workers.begin(
                (
                    [self.files[index] for index in indices[start : start + size]],
                    None if crops is None else crops[start : start + size],
                )
            )
            for start in range(0, count, size)
        ]

    def name(self, index: int) -> str:
        """The path of its file in the folder; what cannot be printed is escaped."""
        return printable(self.files[index])

    def close(self) -> None:
        """Ends the processes."""
        self._workers.close()


def printable(name: str) -> str:
    """A file's name, with an escape for each byte that is no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _together(begun: Sequence[Callable[[], Examples]]) -> Examples:
    parts = [wait() for wait in begun]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


Make = Callable[[int], NDArray[np.generic]]
"""Gives the picture of a number, (height, width, channel)."""


def kept(make: Make, count: int) -> Make:
    """The same function, which makes each of its pictures only once if there is room for so many."""
    return make if make(0).nbytes * count > _KEPT_BYTES else cache(make)


class MadePictures:
    """Pictures made by a function of their number, whenever they are asked for. what: one of them shows."""

    def __init__(self, make: Make, cropper: Cropper, what: str) -> None:
        self.cropper = cropper
        self.what = what
        self._make = make

    def begin(self, indices: Indices, crops: Sequence[Crop]) -> Callable[[], Examples]:
        """As ``PictureSource`` says; they are made and cut when waited for."""
        return lambda: cut_all(self.whole(indices), crops, self.cropper)

    def whole(self, indices: Indices) -> Sequence[NDArray[np.generic]]:
        return [self._make(int(index)) for index in indices]

    def name(self, index: int) -> str:
        return f"{self.what} {index}"

    def close(self) -> None:
        """Nothing reads ahead."""
