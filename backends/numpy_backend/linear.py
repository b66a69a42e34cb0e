"""Linear layers of sequences and products of two activations: one matrix product for each pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, features_last, is_matrix, multiply
from dataflow.backend import Array
from dataflow.ops import Linear, MatMul


def forward(op: Linear, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch) -> None:
    """Fills output = input @ weight.T + bias, over all positions of all sequences at once."""
    output = features_last(writes["output"])
    multiply(_rows(reads["input"]), reads["weight"].T, output, scratch)
    if op.bias:
        output += reads["bias"]


def input_gradient(
    _op: Linear, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = output.grad @ weight."""
    multiply(_rows(reads["output.grad"]), reads["weight"], features_last(writes["input.grad"]), scratch)


def weight_gradient(
    op: Linear, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills weight.grad = output.grad.T @ input, and bias.grad = the sum of output.grad over positions."""
    gradient, rows = _rows(reads["output.grad"]), _rows(reads["input"])
    target = writes["weight.grad"]
    # A weight shared with an embedding lies in memory the other way round.
    if is_matrix(target):
        multiply(gradient.T, rows, target, scratch)
    else:
        multiply(rows.T, gradient, target.T, scratch)
    if op.bias:
        np.matmul(np.ones(len(gradient), gradient.dtype), gradient, out=writes["bias.grad"])


def product(op: MatMul, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch) -> None:
    """Fills output[t] = scale * input0[t] @ input1.T (or input1) for each example."""
    first, second = features_last(reads["input0"]), features_last(reads["input1"])
    output = features_last(writes["output"])
    for a, b, target in zip(first, second, output, strict=True):
        multiply(a, b.T if op.transpose else b, target, scratch)
    _scaled(op, output)


def first_gradient(
    op: MatMul, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input0.grad = scale * output.grad @ input1."""
    gradient, second = features_last(reads["output.grad"]), features_last(reads["input1"])
    targets = features_last(writes["input0.grad"])
    for g, b, target in zip(gradient, second, targets, strict=True):
        multiply(g, b if op.transpose else b.T, target, scratch)
    _scaled(op, targets)


def second_gradient(
    op: MatMul, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input1.grad = scale * output.grad.T @ input0, or its transpose."""
    gradient, first = features_last(reads["output.grad"]), features_last(reads["input0"])
    targets = features_last(writes["input1.grad"])
    for g, a, target in zip(gradient, first, targets, strict=True):
        left, right = (g, a) if op.transpose else (a, g)
        multiply(left.T, right, target, scratch)
    _scaled(op, targets)


def _scaled(op: MatMul, array: Array) -> None:
    if op.scale != 1:
        array *= op.scale


def _rows(sequences: Array) -> Array:
    """(batch, channel, position) as (batch * position, channel)."""
    return features_last(sequences).reshape(-1, sequences.shape[1])
