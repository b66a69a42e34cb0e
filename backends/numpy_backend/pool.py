"""The pool of arrays: released ones are handed out again.

A fresh array costs a page fault for every 4 KiB, which for a large gradient takes
several times as long as computing it; a reused one costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        self._kept: list[Array] = []
        self._lent: dict[int, tuple[ref[Array], Array]] = {}
        self.lent_bytes = 0
        self.kept_bytes = 0
        self.peak_lent_bytes = 0

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape whose memory order is ``memory_order(labels)``."""
        order, back = memory_order(tuple(labels))
        stored = tuple(shape[axis] for axis in order)
        needed = prod(stored) * dtype.itemsize
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
        self._kept.append(buffer)
        self.kept_bytes += buffer.size
        self._trim()

    def _take(self, needed: int) -> Array:
        fitting = [b for b in self._kept if needed <= b.size and 3 * b.size <= 4 * needed]
        if not fitting:
            return _aligned(needed)
        best = min(fitting, key=lambda b: b.size)
        self._kept = [b for b in self._kept if b is not best]
        self.kept_bytes -= best.size
        return best

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
            self.kept_bytes -= self._kept.pop(0).size


def _aligned(size: int) -> Array:
    """Bytes that begin on a cache line."""
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size]
