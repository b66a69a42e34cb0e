"""A tensor as it lies in memories: whole, in pieces, or both, and gone through strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from dataflow.backend import Array

STRIP_BYTES = 1 << 23
"""As much is put together at a time, or one row of the slowest axis if that is more."""

Slices = tuple[slice, ...]
_Parts = list[tuple[Slices, Array]]


@dataclass(frozen=True)
class Held:
    """The arrays that hold a tensor.

    shape: of the whole tensor. pieces: each with its place in it. They cover it, and where they overlap,
    as replicas do, they are equal.
    """

    shape: tuple[int, ...]
    pieces: tuple[tuple[Slices, Array], ...]

    @classmethod
    def of(cls, array: Array) -> Held:
        """A tensor that is one array."""
        return cls(array.shape, ((_everything(array.shape), array),))

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of all pieces."""
        return self.pieces[0][1].dtype

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes from slowest to fastest in memory, and then those of one element, which are anywhere."""
        strides = self.pieces[0][1].strides
        return tuple(
            sorted(range(len(self.shape)), key=lambda axis: (self.shape[axis] == 1, -strides[axis], axis))
        )

    def whole(self) -> Array:
        """All of it: the array that is the whole tensor, or a new one of the same order in memory."""
        for array in self._wholes():
            return array
        stored = np.empty([self.shape[axis] for axis in self.axes], self.dtype)
        whole = stored.transpose(np.argsort(self.axes))
        for place, array in self.pieces:
            whole[place] = array
        return whole

    def put(self, values: Array) -> None:
        """Fills all pieces from an array of the whole tensor."""
        for place, array in self.pieces:
            array[...] = values[place]

    def strips(self) -> Iterator[Array]:
        """Contiguous arrays that are the tensor in the order of ``axes``; each is good until the next."""
        whole = next(self._wholes(), None)
        pieces = self.pieces if whole is None else Held.of(whole).pieces
        buffer = _Buffer(self.dtype)
        for shape, parts in _strips_of(self.shape, self.axes, pieces, self.dtype.itemsize):
            direct = _only(shape, parts)
            if direct is not None:
                yield direct
                continue
            strip = buffer.of(shape)
            for place, array in parts:
                strip[place] = array
            yield strip

    def read(self, axes: tuple[int, ...], fill: Callable[[Array], None]) -> None:
        """Fills all pieces with what comes strip by strip. axes: their order, from slowest to fastest.

        fill: is given one contiguous array after the other.
        """
        buffer = _Buffer(self.dtype)
        for shape, parts in _strips_of(self.shape, axes, self.pieces, self.dtype.itemsize):
            direct = _only(shape, parts[:1])
            strip = buffer.of(shape) if direct is None else direct
            fill(strip)
            for place, array in parts if direct is None else parts[1:]:
                array[...] = strip[place]

    def _wholes(self) -> Iterator[Array]:
        return (array for _, array in self.pieces if array.shape == self.shape)


class _Buffer:
    """Room for one strip after the other, made when first needed."""

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        self._dtype = dtype
        self._room = np.empty(0, dtype)

    def of(self, shape: tuple[int, ...]) -> Array:
        """A contiguous array of any values."""
        if self._room.size < prod(shape):
            self._room = np.empty(prod(shape), self._dtype)
        return self._room[: prod(shape)].reshape(shape)


def _strips_of(
    shape: tuple[int, ...], axes: tuple[int, ...], pieces: tuple[tuple[Slices, Array], ...], itemsize: int
) -> Iterator[tuple[tuple[int, ...], _Parts]]:
    """The shape of each strip with the views of pieces that are in it and their places in it."""
    stored = tuple(shape[axis] for axis in axes)
    turned = [(tuple(place[axis] for axis in axes), array.transpose(axes)) for place, array in pieces]
    if not stored:
        yield stored, turned
        return
    rows = max(1, STRIP_BYTES // max(1, prod(stored[1:]) * itemsize))
    for start in range(0, stored[0], rows):
        stop = min(start + rows, stored[0])
        parts: _Parts = []
        for (slowest, *rest), array in turned:
            first, last = max(slowest.start, start), min(slowest.stop, stop)
            if first < last:
                inside = array[first - slowest.start : last - slowest.start]
                parts.append(((slice(first - start, last - start), *rest), inside))
        yield (stop - start, *stored[1:]), parts


def _only(shape: tuple[int, ...], parts: _Parts) -> Array | None:
    """The one part that is a whole strip, if it can be written or read as it lies."""
    if len(parts) == 1 and parts[0][1].shape == shape and parts[0][1].flags.c_contiguous:
        return parts[0][1]
    return None


def _everything(shape: tuple[int, ...]) -> Slices:
    return tuple(slice(0, extent) for extent in shape)
