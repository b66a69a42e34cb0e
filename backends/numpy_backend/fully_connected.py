"""Fully connected layers: one matrix product for each pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, features_last, multiply
from dataflow.backend import Array
from dataflow.ops import FullyConnected


def forward(
    op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = input @ weight + bias, learned or constant."""
    output = writes["output"]
    multiply(_images(op, reads["input"]), _matrix(op, reads["weight"]), output, scratch)
    if op.bias:
        output += reads["bias"]
    elif op.offset:
        output += op.offset


def input_gradient(
    op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = output.grad @ weight.T."""
    target = features_last(writes["input.grad"])
    product = scratch.array("features", target.shape, target.dtype)
    matrix = _matrix(op, reads["weight"])
    multiply(reads["output.grad"], matrix.T, product.reshape(op.batch, -1), scratch)
    target[...] = product


def weight_gradient(
    op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills weight.grad = input.T @ output.grad, and bias.grad = the sum of output.grad over images."""
    gradient = reads["output.grad"]
    target = _features_by_channel(writes["weight.grad"])
    multiply(_images(op, reads["input"]).T, gradient, target, scratch)
    if op.bias:
        np.matmul(np.ones(op.batch, gradient.dtype), gradient, out=writes["bias.grad"])


def _images(op: FullyConnected, images: Array) -> Array:
    """(batch, features) in the order of the weight's rows."""
    return features_last(images).reshape(op.batch, -1)


def _features_by_channel(weight: Array) -> Array:
    """View of the weight (channel, in_channel[, height, width]) as (features..., channel)."""
    last = features_last(weight)
    return last.transpose(*range(1, last.ndim), 0)


def _matrix(op: FullyConnected, weight: Array) -> Array:
    """(features, channels)."""
    return _features_by_channel(weight).reshape(-1, op.channels)
