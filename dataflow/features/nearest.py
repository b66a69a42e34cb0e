"""The images whose features are nearest to those of others, by Euclidean distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.errors import OptionError

_AT_A_TIME = 1 << 26
"""Bytes of features, as float64, that are looked at together."""


@dataclass(frozen=True)
class Near:
    """index: of the image. distance: Euclidean, from the features of the query to its own."""

    index: int
    distance: float


@dataclass(frozen=True)
class Neighbours:
    """The images nearest to a query, nearest first, the query itself left out."""

    query: int
    nearest: tuple[Near, ...]


def nearest(features: Array, queries: Sequence[int], count: int) -> tuple[Neighbours, ...]:
    """For each query (an index of an image) so many other images, nearest first; of equals the earlier.

    features: (image, feature), which may be mapped from a file: a part of them is looked at a
    time. Distances are sums of squared differences in float64, so that equal features are at distance 0 and
    what is found does not depend on the parts. Raises as ``check_neighbours`` does.
    """
    from scipy.spatial.distance import cdist

    images, width = features.shape
    check_neighbours(count, images)
    asked = np.asarray(features[list(queries)], dtype=np.float64)
    index: NDArray[np.int64] = np.empty((len(asked), 0), dtype=np.int64)
    distance: NDArray[np.float64] = np.empty((len(asked), 0))
    rows = max(1, _AT_A_TIME // (8 * width))
    for start in range(0, images, rows):
        part = np.asarray(features[start : start + rows], dtype=np.float64)
        found = cdist(asked, part)
        for row, query in enumerate(queries):
            if start <= query < start + len(part):
                found[row, query - start] = np.inf
        numbers = np.broadcast_to(np.arange(start, start + len(part)), found.shape)
        index, distance = np.hstack((index, numbers)), np.hstack((distance, found))
        order = np.lexsort((index, distance), axis=1)[:, :count]
        index = np.take_along_axis(index, order, axis=1)
        distance = np.take_along_axis(distance, order, axis=1)
    return tuple(
        Neighbours(query, tuple(Near(int(i), float(d)) for i, d in zip(*row, strict=True)))
        for query, row in zip(queries, zip(index, distance, strict=True), strict=True)
    )


def check_neighbours(count: int, images: int) -> None:
    """Raises OptionError when an image has fewer others beside it."""
    if count > images - 1:
        others = "no other" if images == 1 else f"{images - 1:,} others"
        raise OptionError(f"--neighbours {count}: each of the images has {others} beside it; ask for fewer")


def spread(count: int, images: int) -> tuple[int, ...]:
    """So many indices, evenly spread over the images. Raises OptionError when there are fewer images."""
    if count > images:
        raise OptionError(f"--queries {count}: there are {images:,} images; ask for fewer")
    return tuple(number * images // count for number in range(count))
