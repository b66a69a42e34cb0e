"""Layer normalisation and softmax: both over the channels of one position, a cacheful at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, vectors_of
from dataflow.backend import Array
from dataflow.ops import LayerNormalization, Softmax


def forward(
    op: LayerNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output, mean and inverse_deviation; the variance is the mean square of what is centred."""
    statistics = [writes[name][:, None] for name in ("mean", "inverse_deviation")]
    for x, y, mean, inverse in vectors_of([reads["input"], writes["output"], *statistics]):
        mean[...] = x.mean(axis=1, keepdims=True)
        normal = scratch.array("normal", x.shape, x.dtype)
        np.subtract(x, mean, out=normal)
        variance = np.einsum("tc,tc->t", normal, normal)[:, None] / op.channels
        inverse[...] = 1 / np.sqrt(variance + op.epsilon)
        normal *= inverse
        normal *= reads["weight"]
        np.add(normal, reads["bias"], out=y)


def input_gradient(
    _op: LayerNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = (d - mean(d) - z mean(d z)) * inverse_deviation.

    d is output.grad * weight, z the normalised input; means are over the channels.
    """
    for gradient, z, inverse, target in _normalized(reads, scratch, writes["input.grad"]):
        direct = scratch.array("direct", z.shape, z.dtype)
        np.multiply(gradient, reads["weight"], out=direct)
        along = np.einsum("tc,tc->t", direct, z)[:, None] / z.shape[1]
        direct -= direct.mean(axis=1, keepdims=True)
        direct -= np.multiply(z, along, out=z)
        np.multiply(direct, inverse, out=target)


def weight_gradient(
    _op: LayerNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills weight.grad = the sum of output.grad * normalised input over positions, bias.grad without it."""
    weight, bias = writes["weight.grad"], writes["bias.grad"]
    weight.fill(0)
    bias.fill(0)
    for gradient, z, *_ in _normalized(reads, scratch, reads["input"]):
        weight += np.multiply(z, gradient, out=z).sum(axis=0)
        bias += gradient.sum(axis=0)


def _normalized(reads: Mapping[str, Array], scratch: Scratch, other: Array) -> Iterator[tuple[Array, ...]]:
    """(output.grad, normalised input, inverse_deviation, other), a cacheful of positions at a time."""
    statistics = [reads[name][:, None] for name in ("mean", "inverse_deviation")]
    arrays = [reads["output.grad"], reads["input"], *statistics, other]
    for gradient, x, mean, inverse, part in vectors_of(arrays):
        z = scratch.array("normal", x.shape, x.dtype)
        np.subtract(x, mean, out=z)
        z *= inverse
        yield gradient, z, inverse, part


def softmax_forward(
    _op: Softmax, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = softmax(input); the largest is subtracted first, so that nothing overflows."""
    for x, y in vectors_of([reads["input"], writes["output"]]):
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        np.exp(y, out=y)
        np.divide(y, y.sum(axis=1, keepdims=True), out=y)


def softmax_input_gradient(
    _op: Softmax, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output * (output.grad - sum over channels of output.grad * output)."""
    arrays = [reads["output.grad"], reads["output"], writes["input.grad"]]
    for gradient, y, target in vectors_of(arrays):
        along = np.einsum("tc,tc->t", gradient, y)[:, None]
        np.subtract(gradient, along, out=target)
        np.multiply(target, y, out=target)
