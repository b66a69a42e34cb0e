"""What the engine asks of a backend: arrays in and out, one kernel for each op and pass.

A backend computes values and knows nothing of processors, plans or time. It is found
by name: those that ship live in ``backends``; another package can add one by an entry
point of the group ``dataflow.backends``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dataflow.numbers.arithmetic import Arithmetic, Counts
from dataflow.ops import Op, Pass
from dataflow.region import Region

Array = NDArray[Any]


class Site(NamedTuple):
    """Which piece of a run a kernel computes: what it may count, name in errors or draw numbers for.

    step, task: of the run. seed, dtype, arithmetic: of its training. By operand: tensors, the tensor's
    name without its version; dtypes, the name of its format; regions, which part of the tensor the
    array is; shapes, how large the whole tensor is. A site of its own, ``Site()``, is nowhere.
    """

    step: int = 0
    task: str = ""
    seed: int = 0
    dtype: str = "float32"
    arithmetic: Arithmetic = Arithmetic()
    tensors: Mapping[str, str] = MappingProxyType({})
    dtypes: Mapping[str, str] = MappingProxyType({})
    regions: Mapping[str, Region] = MappingProxyType({})
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({})


@runtime_checkable
class CountsRounding(Protocol):
    """A backend that counts what rounding does to values."""

    @property
    def counts(self) -> Mapping[str, Counts]:
        """By tensor, without its version, since the backend was made."""
        ...


@runtime_checkable
class Backend(Protocol):
    """Computes the values of tasks.

    Arrays are NumPy arrays whose *logical* shape is the operand's (images are batch,
    channel, height, width; weights channel, in_channel, ...). Their memory order is the
    backend's own choice, made in ``empty``; kernels accept any strides. Fixed-point values are the real
    numbers they stand for, in float64 (``dataflow.numbers.number``).
    """

    name: str
    dtypes: tuple[str, ...]
    """What it computes in, as told to users; ``supports`` decides."""
    computes: bool
    """False for a backend that makes no values, so that a run is timed only."""

    def supports(self, dtype: str) -> bool:
        """Whether it computes in a format."""
        ...

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape, in the backend's memory order.

        labels: the name of each axis, such as ("batch", "channel", "height", "width").
        """
        ...

    def release(self, array: Array) -> None:
        """Takes back an array made by ``empty`` that nobody will read again."""
        ...

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """Puts given real numbers, such as initial weights or images, into an array.

        dtype: the format of the tensor, whose name without its version is ``tensor``.
        """
        ...

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Runs one pass of a local op: reads its operands and fills the written arrays.

        reads, writes: by operand name, as ``direction`` lists them. Raises BackendError
        when there is no kernel for the op's kind and pass.
        """
        ...

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """Fills ``total`` with the sum of arrays, each added to its slices of ``total``.

        Elements that no addend reaches become 0. Addends are added in the order given. The site
        has one operand, ``total``.
        """
        ...
