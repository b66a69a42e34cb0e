"""Each op's forward pass by PyTorch's own functions; autograd does the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Any

import torch
from torch.nn import functional

from dataflow.errors import BackendError
from dataflow.ops import (
    Add,
    Attention,
    AveragePooling,
    BatchNormalization,
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
    Op,
    PositionEmbedding,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)


@dataclass(frozen=True)
class Given:
    """What a layer is computed from: PyTorch tensors, None for what its op does not have.

    mask: of dropout, its gain included. labels: of the batch.
    """

    inputs: tuple[Any, ...]
    weight: Any
    bias: Any
    mask: Any
    labels: Any

    @property
    def x(self) -> Any:
        """The first input, for most the only one."""
        return self.inputs[0]


def apply(op: Op, given: Given) -> Any:
    """A layer's output. Raises BackendError for a kind of op that is not known here."""
    layer = _LAYERS.get(type(op))
    if layer is None:
        raise BackendError(f"reference 'torch' has no layer of kind {op.kind!r}")
    return layer(op, given)


def padded(op: Convolution | MaxPooling | AveragePooling, x: Any, value: float) -> Any:
    """An image with the op's padding of this value around it."""
    (top, bottom), (left, right) = op.padding
    if not (top or bottom or left or right):
        return x
    return functional.pad(x, (left, right, top, bottom), value=value)


def _convolution(op: Convolution, given: Given) -> Any:
    x = padded(op, given.x, 0.0)
    return functional.conv2d(x, given.weight, given.bias, op.stride, groups=len(op.blocks)) + op.offset


def _fully_connected(op: FullyConnected, given: Given) -> Any:
    return functional.linear(given.x.flatten(1), given.weight.flatten(1), given.bias) + op.offset


def _max_pooling(op: MaxPooling, given: Given) -> Any:
    return functional.max_pool2d(padded(op, given.x, -torch.inf), op.kernel, op.stride)


def _average_pooling(op: AveragePooling, given: Given) -> Any:
    return functional.avg_pool2d(padded(op, given.x, 0.0), op.kernel, op.stride)


def _local_response_normalization(op: LocalResponseNormalization, given: Given) -> Any:
    alpha = op.alpha * op.size  # PyTorch divides alpha by the size, the paper does not.
    parts = given.x.chunk(len(op.blocks), dim=1)
    return torch.cat([functional.local_response_norm(p, op.size, alpha, op.beta, op.k) for p in parts], 1)


def _batch_normalization(op: BatchNormalization, given: Given) -> Any:
    groups = given.x.split(op.images)
    return torch.cat(
        [
            functional.batch_norm(group, None, None, given.weight, given.bias, True, eps=op.epsilon)
            for group in groups
        ]
    )


def _softmax_cross_entropy(op: SoftmaxCrossEntropy, given: Given) -> Any:
    unit = log(op.base) if op.base != "e" else 1.0
    # Powers of 2 are powers of e of ln 2 times as much; a logarithm to 2 is the natural one over ln 2.
    return functional.cross_entropy(given.x * unit, given.labels, reduction="none") / unit


def _mean_squared_error(op: MeanSquaredError, given: Given) -> Any:
    wanted = functional.one_hot(given.labels, op.classes).movedim(-1, 1).to(given.x.dtype)
    return functional.mse_loss(given.x, wanted, reduction="none").sum(1) / 2


def _last(x: Any) -> Any:
    """(batch, channel, position) as PyTorch's sequences are: (batch, position, channel); or back."""
    return x.transpose(1, 2)


def _matmul(op: MatMul, given: Given) -> Any:
    first, second = given.inputs
    return op.scale * torch.bmm(_last(second) if op.transpose else second, first)


def _attention(op: Attention, given: Given) -> Any:
    heads = [x.unflatten(1, (op.heads, op.head_channels)).transpose(2, 3) for x in given.inputs]
    query, key, value = heads
    made = functional.scaled_dot_product_attention(query, key, value, is_causal=op.causal)
    return made.transpose(2, 3).flatten(1, 2)


def _layer_normalization(op: LayerNormalization, given: Given) -> Any:
    return _last(functional.layer_norm(_last(given.x), (op.channels,), given.weight, given.bias, op.epsilon))


_LAYERS: dict[type[Op], Callable[[Any, Given], Any]] = {
    Convolution: _convolution,
    FullyConnected: _fully_connected,
    MaxPooling: _max_pooling,
    AveragePooling: _average_pooling,
    GlobalPooling: lambda _op, given: given.x.flatten(2).mean(2),
    LocalResponseNormalization: _local_response_normalization,
    BatchNormalization: _batch_normalization,
    Add: lambda _op, given: torch.stack(given.inputs).sum(0),
    Concat: lambda _op, given: torch.cat(given.inputs, 1),
    Reshape: lambda op, given: given.x.reshape(-1, *op.after),
    Relu: lambda _op, given: torch.relu(given.x),
    Tanh: lambda _op, given: torch.tanh(given.x),
    Sigmoid: lambda _op, given: torch.sigmoid(given.x),
    Dropout: lambda _op, given: given.x * given.mask,
    Scale: lambda op, given: given.x * op.factor,
    Linear: lambda _op, given: _last(functional.linear(_last(given.x), given.weight, given.bias)),
    MatMul: _matmul,
    Attention: _attention,
    Embedding: lambda _op, given: _last(functional.embedding(given.x, given.weight)),
    PositionEmbedding: lambda _op, given: given.x + given.weight,
    LayerNormalization: _layer_normalization,
    Gelu: lambda op, given: functional.gelu(given.x, approximate="tanh" if op.tanh else "none"),
    Softmax: lambda _op, given: functional.softmax(given.x, 1),
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    MeanSquaredError: _mean_squared_error,
}
