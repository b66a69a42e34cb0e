"""What the engine asks of a backend: arrays in and out, one kernel for each op and pass.

A backend computes values and knows nothing of processors, plans or time. It is found
by name: those that ship live in ``backends``; another package can add one by an entry
point of the group ``dataflow.backends``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dataflow.ops import Op, Pass

Array = NDArray[Any]


@runtime_checkable
class Backend(Protocol):
    """Computes the values of tasks.

    Arrays are NumPy arrays whose *logical* shape is the operand's (images are batch,
    channel, height, width; weights channel, in_channel, ...). Their memory order is the
    backend's own choice, made in ``empty``; kernels accept any strides.
    """

    name: str
    dtypes: tuple[str, ...]
    computes: bool
    """False for a backend that makes no values, so that a run is timed only."""

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape, in the backend's memory order.

        labels: the name of each axis, such as ("batch", "channel", "height", "width").
        """
        ...

    def release(self, array: Array) -> None:
        """Takes back an array made by ``empty`` that nobody will read again."""
        ...

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array]
    ) -> None:
        """Runs one pass of a local op: reads its operands and fills the written arrays.

        reads, writes: by operand name, as ``direction`` lists them. Raises BackendError
        when there is no kernel for the op's kind and pass.
        """
        ...

    def accumulate(self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]]) -> None:
        """Fills ``total`` with the sum of arrays, each added to its slices of ``total``.

        Elements that no addend reaches become 0. Addends are added in the order given.
        """
        ...
