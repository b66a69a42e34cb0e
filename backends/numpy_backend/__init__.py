"""The reference backend: float32 and float64 in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backends.numpy_backend import (
    attention,
    batch_normalization,
    convolution,
    elementwise,
    embedding,
    fully_connected,
    gelu,
    joining,
    layer_normalization,
    linear,
    loss,
    normalization,
    pooling,
    update,
)
from backends.numpy_backend.layout import Scratch
from backends.numpy_backend.pool import Pool
from dataflow.backend import Array, Site
from dataflow.errors import BackendError
from dataflow.ops import (
    Add,
    ArgMax,
    Attention,
    AveragePooling,
    BatchNormalization,
    BatchNormalizationInference,
    Concat,
    Convolution,
    Dropout,
    Embedding,
    FullyConnected,
    Gelu,
    GlobalPooling,
    LayerNormalization,
    Linear,
    LocalResponseNormalization,
    MatMul,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Pass,
    PositionEmbedding,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)

Kernel = Callable[[Any, Mapping[str, Array], Mapping[str, Array], Scratch], None]
"""(op, reads, writes, scratch): fills all of each written array."""

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
    (GlobalPooling.kind, "forward"): pooling.global_forward,
    (GlobalPooling.kind, "input_gradient"): pooling.global_input_gradient,
    (BatchNormalization.kind, "moments"): batch_normalization.moments,
    (BatchNormalization.kind, "forward"): batch_normalization.forward,
    (BatchNormalization.kind, "weight_gradient"): batch_normalization.weight_gradient,
    (BatchNormalization.kind, "input_gradient"): batch_normalization.input_gradient,
    (BatchNormalizationInference.kind, "forward"): batch_normalization.inference_forward,
    (Add.kind, "forward"): joining.add_forward,
    (Add.kind, "input_gradient"): joining.add_input_gradient,
    (Concat.kind, "forward"): joining.concat_forward,
    (Concat.kind, "input_gradient"): joining.concat_input_gradient,
    (Reshape.kind, "forward"): joining.reshape_forward,
    (Reshape.kind, "input_gradient"): joining.reshape_input_gradient,
    (LocalResponseNormalization.kind, "forward"): normalization.forward,
    (LocalResponseNormalization.kind, "input_gradient"): normalization.input_gradient,
    (Relu.kind, "forward"): elementwise.relu_forward,
    (Relu.kind, "input_gradient"): elementwise.relu_input_gradient,
    (Tanh.kind, "forward"): elementwise.tanh_forward,
    (Tanh.kind, "input_gradient"): elementwise.tanh_input_gradient,
    (Sigmoid.kind, "forward"): elementwise.sigmoid_forward,
    (Sigmoid.kind, "input_gradient"): elementwise.sigmoid_input_gradient,
    (Dropout.kind, "forward"): elementwise.dropout_forward,
    (Dropout.kind, "input_gradient"): elementwise.dropout_input_gradient,
    (Scale.kind, "forward"): elementwise.scale_forward,
    (Scale.kind, "input_gradient"): elementwise.scale_input_gradient,
    (Linear.kind, "forward"): linear.forward,
    (Linear.kind, "input_gradient"): linear.input_gradient,
    (Linear.kind, "weight_gradient"): linear.weight_gradient,
    (MatMul.kind, "forward"): linear.product,
    (MatMul.kind, "input0_gradient"): linear.first_gradient,
    (MatMul.kind, "input1_gradient"): linear.second_gradient,
    (Attention.kind, "forward"): attention.forward,
    (Attention.kind, "input_gradient"): attention.input_gradient,
    (Embedding.kind, "forward"): embedding.forward,
    (Embedding.kind, "weight_gradient"): embedding.weight_gradient,
    (PositionEmbedding.kind, "forward"): embedding.position_forward,
    (PositionEmbedding.kind, "input_gradient"): embedding.position_input_gradient,
    (PositionEmbedding.kind, "weight_gradient"): embedding.position_weight_gradient,
    (LayerNormalization.kind, "forward"): layer_normalization.forward,
    (LayerNormalization.kind, "input_gradient"): layer_normalization.input_gradient,
    (LayerNormalization.kind, "weight_gradient"): layer_normalization.weight_gradient,
    (Gelu.kind, "forward"): gelu.forward,
    (Gelu.kind, "input_gradient"): gelu.input_gradient,
    (Softmax.kind, "forward"): layer_normalization.softmax_forward,
    (Softmax.kind, "input_gradient"): layer_normalization.softmax_input_gradient,
    (SoftmaxCrossEntropy.kind, "forward"): loss.softmax_forward,
    (SoftmaxCrossEntropy.kind, "input_gradient"): loss.softmax_input_gradient,
    (MeanSquaredError.kind, "forward"): loss.squared_forward,
    (MeanSquaredError.kind, "input_gradient"): loss.squared_input_gradient,
    (ArgMax.kind, "forward"): loss.argmax_forward,
    (MomentumSgd.kind, "update"): update.momentum_sgd,
}
"""The kernel of each (op kind, pass name)."""


class NumpyBackend:
    """Computes every op in NumPy, with channels last in memory and buffers reused.

    Not for use by two threads at once: kernels share their working arrays.
    """

    name: str = "numpy"
    dtypes: tuple[str, ...] = ("float32", "float64")
    computes: bool = True

    def __init__(self) -> None:
        self.pool = Pool()
        self._scratch = Scratch()

    def supports(self, dtype: str) -> bool:
        """Whether it computes in a format."""
        return dtype in self.dtypes

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of this logical shape; in memory in_channel and channel come last."""
        return self.pool.empty(labels, shape, dtype)

    def release(self, array: Array) -> None:
        """Takes back an array made by ``empty`` that nobody will read again; ignores any other."""
        self.pool.release(array)

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """Puts given numbers into an array, as near as its dtype has them."""
        array[...] = values

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Runs one pass of a local op. Raises BackendError when there is no kernel for it."""
        kernel = KERNELS.get((op.kind, direction.name))
        if kernel is None:
            passes = sorted(name for kind, name in KERNELS if kind == op.kind)
            raise BackendError(
                f"backend {self.name!r}: no kernel for {op.kind!r} {direction.name!r}; "
                + (f"of this op it has {', '.join(passes)}" if passes else "it does not know this op")
            )
        kernel(op, reads, writes, self._scratch)

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """Fills ``total`` with the sum of arrays, each added to its slices, in the order given."""
        rest = addends
        if addends and addends[0][1].shape == total.shape:
            total[...] = addends[0][1]
            rest = addends[1:]
        else:
            total.fill(0)
        for slices, addend in rest:
            total[slices] += addend
