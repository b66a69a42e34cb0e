"""The backend that computes nothing, so that a run is timed only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dataflow.backend import Array
from dataflow.ops import Op, Pass


class NullBackend:
    """Gives arrays of the right shape that hold no memory, and leaves them as they are."""

    name: str = "null"
    dtypes: tuple[str, ...] = ("float32", "float64")
    computes: bool = False

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """A read-only array of this shape and dtype, all of whose elements are one zero."""
        return np.broadcast_to(np.zeros((), dtype), tuple(shape))

    def release(self, array: Array) -> None:
        """Does nothing: there is nothing to give back."""

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array]
    ) -> None:
        """Does nothing, for every op and pass."""

    def accumulate(self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]]) -> None:
        """Does nothing."""
