"""What was found of many images: features in a file, and the nearest images of some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.features.extraction import FeatureFile
from dataflow.features.nearest import Neighbours
from dataflow.training.data_set import Part


@dataclass(frozen=True)
class Shown:
    """One image as a picture shows it. distance: from the query, None of the query itself.

    picture: uint8 (height, width, 1 or 3). label: its class, empty where nobody knows it.
    """

    name: str
    label: str
    picture: NDArray[np.uint8]
    distance: float | None = None


@dataclass(frozen=True)
class QueryRow:
    """An image and those nearest to it, nearest first."""

    query: Shown
    nearest: tuple[Shown, ...]


@dataclass(frozen=True)
class Features:
    """layer: whose output they are, of this shape for one image. source: where the weights are from.

    images: what the images are, in a few words. names, labels: of each of them; a label is its class, empty
    where nobody knows it. neighbours: of each query, as indices, and as rows of a picture. notes: what the
    user should know.
    """

    experiment: str
    layer: str
    shape: tuple[int, ...]
    source: str
    images: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    file: FeatureFile
    neighbours: tuple[Neighbours, ...]
    rows: tuple[QueryRow, ...]
    notes: tuple[str, ...] = ()


def class_of(label: int, classes: tuple[str, ...]) -> str:
    """The name of a class, its number where it has no name, nothing where it is below 0, not known."""
    if label < 0:
        return ""
    return classes[label] if label < len(classes) else str(label)


def shown(pictures: Part, index: int, classes: tuple[str, ...], distance: float | None = None) -> Shown:
    """An image as it is shown; of other numbers of channels than 1 or 3 the first alone."""
    picture = pictures.picture(index)
    viewed = picture if picture.shape[2] in (1, 3) else picture[:, :, :1]
    return Shown(pictures.name(index), class_of(int(pictures.labels[index]), classes), viewed, distance)


def rows_of(
    neighbours: tuple[Neighbours, ...], pictures: Part, classes: tuple[str, ...]
) -> tuple[QueryRow, ...]:
    """The queries and their nearest images, as they are shown."""
    return tuple(
        QueryRow(
            shown(pictures, each.query, classes),
            tuple(shown(pictures, near.index, classes, near.distance) for near in each.nearest),
        )
        for each in neighbours
    )
