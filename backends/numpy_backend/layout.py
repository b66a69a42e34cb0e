"""Memory order of arrays, and the views of them that kernels work on.

Channels come last in memory, so that a window of an image is made of long runs and
every convolution is a matrix product whose columns are channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import prod

import numpy as np

from dataflow.backend import Array

_LAST = ("in_channel", "channel")

BLOCK_ELEMENTS = 1 << 16
"""Elements a blocked loop handles at a time: a few arrays of this size fit in a core's cache."""

TOGETHER_BYTES = 1 << 17
"""Of small images as many as this are handled at a time, so that fewer and longer loops are begun."""


@cache
def memory_order(labels: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes from slowest to fastest in memory, and the axes that transpose that back.

    As labelled, but in_channel and then channel come last.
    """
    order = sorted(range(len(labels)), key=lambda i: (_rank(labels[i]), i))
    return tuple(order), tuple(order.index(axis) for axis in range(len(labels)))


def _rank(label: str) -> int:
    return _LAST.index(label) + 1 if label in _LAST else 0


def channels_last(images: Array) -> Array:
    """View of (batch, channel, height, width) as (batch, height, width, channel)."""
    return images.transpose(0, 2, 3, 1)


def features_last(array: Array) -> Array:
    """View of (batch, channel[, height, width]) as (batch, [height, width,] channel).

    Also of a fully connected weight, of which the first axis is the output channel.
    """
    return array.transpose(0, *range(2, array.ndim), 1)


def is_matrix(array: Array) -> bool:
    """Whether all axes but the last can be merged without a copy and the last is contiguous."""
    if array.shape[-1] > 1 and array.strides[-1] != array.itemsize:
        return False
    expected: int | None = None
    for extent, stride in zip(array.shape[-2::-1], array.strides[-2::-1], strict=True):
        if extent == 1:
            continue
        if expected is not None and stride != expected:
            return False
        expected = stride * extent
    return True


def blocks_of(arrays: Sequence[Array]) -> Iterator[tuple[Array, ...]]:
    """Views that walk arrays of one shape together, about ``BLOCK_ELEMENTS`` at a time.

    When all share a memory order without gaps the views are flat; otherwise they are
    slices of the first axis.
    """
    order = sorted(range(arrays[0].ndim), key=lambda axis: -arrays[0].strides[axis])
    sorted_views = [array.transpose(order) for array in arrays]
    if all(view.flags.c_contiguous for view in sorted_views):
        flat = [view.reshape(-1) for view in sorted_views]
        for start in range(0, flat[0].size, BLOCK_ELEMENTS):
            yield tuple(view[start : start + BLOCK_ELEMENTS] for view in flat)
        return
    rows = max(1, BLOCK_ELEMENTS // prod(arrays[0].shape[1:]))
    for start in range(0, arrays[0].shape[0], rows):
        yield tuple(array[start : start + rows] for array in arrays)


def vectors_of(arrays: Sequence[Array]) -> Iterator[tuple[Array, ...]]:
    """Views (rows, channels) that walk arrays (batch, channel[, ...]) together, a cacheful at a time.

    All axes but the channels are merged into rows where memory allows it; the arrays agree
    in them, and may differ in how many channels they have.
    """
    views = [features_last(array) for array in arrays]
    if all(is_matrix(view) for view in views):
        matrices = [[view.reshape(-1, view.shape[-1]) for view in views]]
    else:
        matrices = [[view[index] for view in views] for index in np.ndindex(views[0].shape[:-2])]
    rows = max(1, BLOCK_ELEMENTS // max(view.shape[-1] for view in views))
    for together in matrices:
        for start in range(0, len(together[0]), rows):
            yield tuple(matrix[start : start + rows] for matrix in together)


class Scratch:
    """Working arrays that kernels reuse from call to call, each under a name of its own."""

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    def array(self, name: str, shape: Sequence[int], dtype: np.dtype[np.generic]) -> Array:
        """A contiguous array of this shape whose values are anything, until ``name`` is asked again."""
        needed = prod(shape) * dtype.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < needed:
            buffer = self._buffers[name] = np.empty(needed, np.uint8)
        return buffer[:needed].view(dtype).reshape(tuple(shape))

    def zeros(self, name: str, shape: Sequence[int], dtype: np.dtype[np.generic]) -> Array:
        """As ``array``, filled with zeros."""
        made = self.array(name, shape, dtype)
        made.fill(0)
        return made


def few_images(count: int, image_bytes: int) -> Iterator[slice]:
    """Ranges of as many images as a core's cache holds with what is made of them, of one at least."""
    step = max(1, TOGETHER_BYTES // image_bytes)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def multiply(a: Array, b: Array, target: Array, scratch: Scratch) -> None:
    """Fills target = a @ b, where a and b are matrices and target is any view of as many elements.

    target: its last axis is the columns of the product and its other axes, merged, are the rows.
    """
    if is_matrix(target):
        np.matmul(a, b, out=target.reshape(-1, target.shape[-1]))
        return
    product = scratch.array("product", (a.shape[0], b.shape[1]), a.dtype)
    np.matmul(a, b, out=product)
    target[...] = product.reshape(target.shape)
