"""The pool of arrays: released ones are handed out again.

A fresh array costs a page fault for every 4 KiB, which for a large gradient takes
several times as long as computing it; a reused one costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any
from weakref import ref

import numpy as np

from backends.numpy_backend.layout import memory_order
from dataflow.backend import Array

_SMALLEST = 1 << 16
"""Smaller arrays are left to the allocator, which keeps such sizes itself."""

_ALIGNMENT = 64
"""A cache line, and the widest vector register."""


class Pool:
    """Lends arrays and keeps the returned buffers for arrays of about the same size.

    A buffer is reused for an array of at least three quarters of its size. What is lent
    and kept together stays within five quarters of the most that was ever lent at once;
    beyond that the buffers returned longest ago are dropped.
    """

    def __init__(self) -> None:
        self._kept: dict[int, deque[tuple[int, Array]]] = {}  # by size, each with its turn, the oldest first
        self._turn = 0
        self._lent: dict[int, tuple[ref[Array], Array]] = {}
        self.lent_bytes = 0
        self.kept_bytes = 0
        self.peak_lent_bytes = 0

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape whose memory order is ``memory_order(labels)``."""
        stored, back, elements = _layout(tuple(labels), tuple(shape))
        needed = elements * dtype.itemsize
        if needed < _SMALLEST:
            return np.empty(stored, dtype).transpose(back)
        buffer = self._take(needed)
        array = buffer[:needed].view(dtype).reshape(stored).transpose(back)
        self._lend(array, buffer)
        self._trim()
        return array

    def release(self, array: Array) -> None:
        """Takes back an array that ``empty`` lent; any other array, or a second time, is ignored."""
        reference, buffer = self._lent.get(id(array), (None, None))
        if reference is None or buffer is None or reference() is not array:
            return
        self._forget(id(array), reference)
        self._turn += 1
        self._kept.setdefault(buffer.size, deque()).append((self._turn, buffer))
        self.kept_bytes += buffer.size
        self._trim()

    def _take(self, needed: int) -> Array:
        size = needed
        if needed not in self._kept:
            fitting = [size for size in self._kept if needed <= size and 3 * size <= 4 * needed]
            if not fitting:
                return _aligned(needed)
            size = min(fitting)
        _, buffer = self._kept[size].pop()  # the newest, of which most may still be in a cache
        self._no_longer_kept(size)
        return buffer

    def _no_longer_kept(self, size: int) -> None:
        self.kept_bytes -= size
        if not self._kept[size]:
            del self._kept[size]

    def _lend(self, array: Array, buffer: Array) -> None:
        key = id(array)
        # An array that is dropped and not released takes its buffer with it: others may view it.
        self._lent[key] = (ref(array, lambda gone: self._forget(key, gone)), buffer)
        self.lent_bytes += buffer.size
        self.peak_lent_bytes = max(self.peak_lent_bytes, self.lent_bytes)

    def _forget(self, key: int, reference: ref[Array]) -> None:
        entry = self._lent.get(key)
        # Once it is released, an array's end is of no concern; its key may be another's by then.
        if entry is not None and entry[0] is reference:
            del self._lent[key]
            self.lent_bytes -= entry[1].size

    def _trim(self) -> None:
        limit = self.peak_lent_bytes * 5 // 4
        while self._kept and self.lent_bytes + self.kept_bytes > limit:
            oldest = min(self._kept, key=lambda size: self._kept[size][0][0])
            self._kept[oldest].popleft()
            self._no_longer_kept(oldest)


@lru_cache(maxsize=4096)
def _layout(labels: tuple[str, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """The shape in memory, the axes that transpose that back, and the number of elements."""
    order, back = memory_order(labels)
    return tuple(shape[axis] for axis in order), back, prod(shape)


def _aligned(size: int) -> Array:
    """Bytes that begin on a cache line."""
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size]
