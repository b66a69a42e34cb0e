"""The backend that computes nothing, so that a run is timed only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dataflow.backend import Array, Site
from dataflow.numbers.number import fixed_point
from dataflow.ops import Op, Pass


class NullBackend:
    """Gives arrays of the right shape that hold no memory, and leaves them as they are."""

    name: str = "null"
    dtypes: tuple[str, ...] = ("float32", "float64")
    computes: bool = False

    def supports(self, dtype: str) -> bool:
        """Whether there are arrays of such a format."""
        return dtype in self.dtypes or fixed_point(dtype) is not None

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """A read-only array of this shape and dtype, all of whose elements are one zero."""
        return np.broadcast_to(np.zeros((), dtype), tuple(shape))

    def release(self, array: Array) -> None:
        """Does nothing: there is nothing to give back."""

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """Does nothing."""

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Does nothing, for every op and pass."""

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """Does nothing."""
