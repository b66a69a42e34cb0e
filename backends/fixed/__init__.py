"""The integer backend: fixed point as cores without floating point compute it, bit for bit.

Values are held as the real numbers they stand for, in float64 arrays, which is exact; wherever an
operation could need more bits than those, it is done in int64. ``rounding`` says how sums return to
a format, ``functions`` how powers, logarithms and quotients are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backends.fixed import convolution, elementwise, fully_connected, loss, pooling, update
from backends.fixed.rounding import Rounder
from dataflow.backend import Array, Site
from dataflow.errors import BackendError
from dataflow.numbers.arithmetic import Counts
from dataflow.numbers.integers import INSTEAD_OF
from dataflow.numbers.number import MOST_BITS, fixed_point
from dataflow.ops import (
    Add,
    ArgMax,
    AveragePooling,
    Concat,
    Convolution,
    Dropout,
    FullyConnected,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Pass,
    Relu,
    Reshape,
    Scale,
    SoftmaxCrossEntropy,
)

Kernel = Callable[[Any, Mapping[str, Array], Mapping[str, Array], Site, Rounder], None]
"""(op, reads, writes, site, rounder): fills all of each written array."""

KERNELS: dict[tuple[str, str], Kernel] = {
    (Convolution.kind, "forward"): convolution.forward,
    (Convolution.kind, "input_gradient"): convolution.input_gradient,
    (Convolution.kind, "weight_gradient"): convolution.weight_gradient,
    (FullyConnected.kind, "forward"): fully_connected.forward,
    (FullyConnected.kind, "input_gradient"): fully_connected.input_gradient,
    (FullyConnected.kind, "weight_gradient"): fully_connected.weight_gradient,
    (MaxPooling.kind, "forward"): pooling.max_forward,
    (MaxPooling.kind, "input_gradient"): pooling.max_input_gradient,
    (AveragePooling.kind, "forward"): pooling.average_forward,
    (AveragePooling.kind, "input_gradient"): pooling.average_input_gradient,
    (Add.kind, "forward"): elementwise.add_forward,
    (Add.kind, "input_gradient"): elementwise.add_input_gradient,
    (Concat.kind, "forward"): elementwise.concat_forward,
    (Concat.kind, "input_gradient"): elementwise.concat_input_gradient,
    (Reshape.kind, "forward"): elementwise.reshape_forward,
    (Reshape.kind, "input_gradient"): elementwise.reshape_input_gradient,
    (Relu.kind, "forward"): elementwise.relu_forward,
    (Relu.kind, "input_gradient"): elementwise.relu_input_gradient,
    (Dropout.kind, "forward"): elementwise.dropout_forward,
    (Dropout.kind, "input_gradient"): elementwise.dropout_input_gradient,
    (Scale.kind, "forward"): elementwise.scale_forward,
    (Scale.kind, "input_gradient"): elementwise.scale_input_gradient,
    (SoftmaxCrossEntropy.kind, "forward"): loss.softmax_forward,
    (SoftmaxCrossEntropy.kind, "input_gradient"): loss.softmax_input_gradient,
    (MeanSquaredError.kind, "forward"): loss.squared_forward,
    (MeanSquaredError.kind, "input_gradient"): loss.squared_input_gradient,
    (ArgMax.kind, "forward"): loss.argmax_forward,
    (MomentumSgd.kind, "update"): update.momentum_sgd,
}
"""The kernel of each (op kind, pass name)."""


class FixedBackend:
    """Computes in fixed point, with int64 and float64 as exact integers."""

    name: str = "fixed"
    dtypes: tuple[str, ...] = ("fixed-point formats such as q8.8",)
    computes: bool = True

    def __init__(self) -> None:
        self._rounder = Rounder()

    @property
    def counts(self) -> Mapping[str, Counts]:
        """How often values left their formats since this backend was made, by tensor without its version."""
        return self._rounder.statistics.tensors

    def supports(self, dtype: str) -> bool:
        """Whether it is a fixed-point format, of which the wide accumulators are none."""
        found = fixed_point(dtype)
        return found is not None and found.bits <= MOST_BITS

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this shape, in row-major order."""
        return np.empty(shape, dtype)

    def release(self, array: Array) -> None:
        """Does nothing: arrays are small, and the allocator keeps them."""

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """Puts given real numbers into an array, rounded to nearest and saturated."""
        if fixed_point(dtype) is None:
            array[...] = values
        else:
            self._rounder.fill(array, values, dtype, tensor)

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Runs one pass of a local op. Raises BackendError when there is no integer kernel for it."""
        kernel = KERNELS.get((op.kind, direction.name))
        if kernel is None:
            raise BackendError(
                f"backend {self.name!r}: task {site.task!r} needs {op.kind!r} {direction.name!r}, which has "
                f"no integer kernel: {INSTEAD_OF.get(op.kind, f'there are {_known()}')}"
            )
        kernel(op, reads, writes, site, self._rounder)

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """Fills ``total`` with the sum of arrays, exact until it is rounded to the format of the total."""
        summed = np.zeros(total.shape)
        for slices, addend in addends:
            summed[slices] += addend
        self._rounder.put(site, "total", total, summed)


def _known() -> str:
    return ", ".join(dict.fromkeys(kind for kind, _ in KERNELS))
