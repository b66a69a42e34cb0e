"""Image files of any folder, or one alone: which there are, of which class, and by which names they go."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataflow.errors import DataError

UNKNOWN = -1
"""The label of an image whose class nobody knows."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""What the names of image files end in, in small letters or capitals."""


@dataclass(frozen=True)
class Files:
    """Image files in the order of their paths in a folder. left: how many others are there."""

    folder: Path
    paths: tuple[str, ...]
    left: int = 0

    def without(self, broken: Container[str]) -> Files:
        """The others."""
        return replace(self, paths=tuple(path for path in self.paths if path not in broken))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the folders in it that have images."""
        return tuple(sorted({_folder(path) for path in self.paths} - {""}))

    @property
    def labels(self) -> NDArray[np.int32]:
        """Of each image the place of its own folder among ``classes``; below 0 of those in none."""
        places = {"": UNKNOWN, **{name: place for place, name in enumerate(self.classes)}}
        return np.array([places[_folder(path)] for path in self.paths], dtype=np.int32)


def _folder(path: str) -> str:
    """The name of the folder that a file is in, empty where it is the whole one."""
    return path.rpartition("/")[0].rpartition("/")[2]


def image_files(place: Path) -> Files:
    """The image files in a folder and its sub-folders, hidden ones left out; or the one file.

    Raises DataError when there are none.
    """
    if place.is_file():
        return Files(place.parent, (place.name,))
    if not place.is_dir():
        raise DataError(f"images {str(place)!r}: there is no such folder or file")
    inside = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
    shown = [path for path in inside if not any(part.startswith(".") for part in path.parts)]
    found = sorted(path.as_posix() for path in shown if path.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(
            f"images {str(place)!r}: has no images; their names end in {', '.join(SUFFIXES[:3])}, ..."
        )
    return Files(place, tuple(found), len(shown) - len(found))


def query_indices(names: Sequence[str], asked: Sequence[str]) -> tuple[int, ...]:
    """The indices of images by their names, or by the ends of these where one image alone has that.

    Raises DataError for a name that no image has, or several have.
    """
    place = {name: index for index, name in enumerate(names)}
    found: list[int] = []
    for name in asked:
        ends = [name] if name in place else [other for other in names if other.endswith(f"/{name}")]
        if len(ends) != 1:
            rule = (
                f"is the end of {len(ends)} names, such as {ends[0]!r}" if ends else "is none of the images"
            )
            first = ", ".join(repr(each) for each in names[:2])
            raise DataError(f"--queries {name}: {rule}; these are called {first}, and so on")
        found.append(place[ends[0]])
    return tuple(found)
