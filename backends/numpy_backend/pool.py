"""The pool of arrays: released ones are handed out again.

A fresh array costs a page fault for every 4 KiB, which for a large gradient takes
several times as long as computing it; a reused one costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from backends.numpy_backend.layout import memory_order
from dataflow.backend import Array

_SMALLEST = 1 << 16
"""Smaller arrays are left to the allocator, which keeps such sizes itself."""

_ALIGNMENT = 64
"""A cache line, and the widest vector register."""


class _Layout(NamedTuple):
    """How an array lies in memory: its shape there, the axes that transpose that back, and its bytes."""

    stored: tuple[int, ...]
    back: tuple[int, ...]
    needed: int


class _Loan(NamedTuple):
    """An array that is lent, or was: an array is made once for as long as others like it are asked for."""

    array: ref[Array]
    buffer: Array
    layout: _Layout
    dtype: np.dtype[Any]


class Pool:
    """Lends arrays and keeps the returned buffers for arrays of about the same size.

    A buffer is reused for an array of at least three quarters of its size. What is lent
    and kept together stays within five quarters of the most that was ever lent at once;
    beyond that the buffers returned longest ago are dropped.
    """

    def __init__(self) -> None:
        # By size, each with its turn and the array that was returned, the oldest first.
        self._kept: dict[int, deque[tuple[int, Array, _Loan]]] = {}
        self._sizes: list[int] = []  # those of what is kept, in order
        self._turn = 0
        self._lent: dict[int, _Loan] = {}
        self.lent_bytes = 0
        self.kept_bytes = 0
        self.peak_lent_bytes = 0

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape whose memory order is ``memory_order(labels)``."""
        layout = _layout(tuple(labels), tuple(shape), dtype.itemsize)
        if layout.needed < _SMALLEST:
            return np.empty(layout.stored, dtype).transpose(layout.back)
        size = self._fitting(layout.needed)
        if size is None:
            buffer = _aligned(layout.needed)
            array = self._lend(buffer, layout, dtype)
        else:
            # The newest, of which most may still be in a cache.
            _, array, loan = self._kept[size].pop()
            buffer = loan.buffer
            self._no_longer_kept(size)
            if loan.layout is layout and loan.dtype is dtype:
                self._lent[id(array)] = loan
            else:
                array = self._lend(buffer, layout, dtype)
        self.lent_bytes += buffer.size
        if self.lent_bytes > self.peak_lent_bytes:
            self.peak_lent_bytes = self.lent_bytes
        self._trim()
        return array

    def release(self, array: Array) -> None:
        """Takes back an array that ``empty`` lent; any other array, or a second time, is ignored."""
        loan = self._lent.get(id(array))
        if loan is None or loan.array() is not array:
            return
        del self._lent[id(array)]
        size = loan.buffer.size
        self._turn += 1
        kept = self._kept.get(size)
        if kept is None:
            kept = self._kept[size] = deque()
            insort(self._sizes, size)
        kept.append((self._turn, array, loan))
        self.lent_bytes -= size
        self.kept_bytes += size
        self._trim()

    def _fitting(self, needed: int) -> int | None:
        """The smallest size of what is kept that is not much more than needed."""
        if needed in self._kept:
            return needed
        place = bisect_left(self._sizes, needed)
        if place == len(self._sizes) or 3 * self._sizes[place] > 4 * needed:
            return None
        return self._sizes[place]

    def _no_longer_kept(self, size: int) -> None:
        self.kept_bytes -= size
        if not self._kept[size]:
            del self._kept[size]
            del self._sizes[bisect_left(self._sizes, size)]

    def _lend(self, buffer: Array, layout: _Layout, dtype: np.dtype[Any]) -> Array:
        array = buffer[: layout.needed].view(dtype).reshape(layout.stored).transpose(layout.back)
        key = id(array)
        # An array that is dropped and not released takes its buffer with it: others may view it.
        reference = ref(array, lambda gone: self._forget(key, gone))
        self._lent[key] = _Loan(reference, buffer, layout, dtype)
        return array

    def _forget(self, key: int, reference: ref[Array]) -> None:
        loan = self._lent.get(key)
        # Once it is released, an array's end is of no concern; its key may be another's by then.
        if loan is not None and loan.array is reference:
            del self._lent[key]
            self.lent_bytes -= loan.buffer.size

    def _trim(self) -> None:
        limit = self.peak_lent_bytes * 5 // 4
        while self._kept and self.lent_bytes + self.kept_bytes > limit:
            oldest = min(self._kept, key=lambda size: self._kept[size][0][0])
            self._kept[oldest].popleft()
            self._no_longer_kept(oldest)


@lru_cache(maxsize=4096)
def _layout(labels: tuple[str, ...], shape: tuple[int, ...], itemsize: int) -> _Layout:
    order, back = memory_order(labels)
    return _Layout(tuple(shape[axis] for axis in order), back, prod(shape) * itemsize)


def _aligned(size: int) -> Array:
    """Bytes that begin on a cache line."""
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size]
