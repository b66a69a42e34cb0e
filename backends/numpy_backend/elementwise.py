"""ReLU, tanh, sigmoid, dropout and scaling, a cacheful at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, blocks_of
from dataflow.backend import Array
from dataflow.ops import Dropout, Relu, Scale, Sigmoid, Tanh


def relu_forward(
    _op: Relu, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = max(input, 0)."""
    np.maximum(reads["input"], 0, out=writes["output"])


def relu_input_gradient(
    _op: Relu, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad where output > 0, else 0."""
    for output, gradient, target in _gradient_blocks(reads, writes):
        np.multiply(gradient, output > 0, out=target)


def tanh_forward(
    _op: Tanh, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = tanh(input)."""
    np.tanh(reads["input"], out=writes["output"])


def tanh_input_gradient(
    _op: Tanh, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad * (1 - output ** 2)."""
    for output, gradient, target in _gradient_blocks(reads, writes):
        np.square(output, out=target)
        np.subtract(1, target, out=target)
        np.multiply(target, gradient, out=target)


def sigmoid_forward(
    _op: Sigmoid, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = 1 / (1 + exp(-input)), as (1 + tanh(input / 2)) / 2, which cannot overflow."""
    for image, output in blocks_of([reads["input"], writes["output"]]):
        np.multiply(image, 0.5, out=output)
        np.tanh(output, out=output)
        np.add(output, 1, out=output)
        np.multiply(output, 0.5, out=output)


def sigmoid_input_gradient(
    _op: Sigmoid, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad * output * (1 - output)."""
    for output, gradient, target in _gradient_blocks(reads, writes):
        np.subtract(1, output, out=target)
        np.multiply(target, output, out=target)
        np.multiply(target, gradient, out=target)


def dropout_forward(
    op: Dropout, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = input * mask * gain."""
    _masked(op, reads["input"], reads["mask"], writes["output"])


def dropout_input_gradient(
    op: Dropout, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad * mask * gain."""
    _masked(op, reads["output.grad"], reads["mask"], writes["input.grad"])


def scale_forward(
    op: Scale, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = factor * input."""
    np.multiply(reads["input"], op.factor, out=writes["output"])


def scale_input_gradient(
    op: Scale, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = factor * output.grad."""
    np.multiply(reads["output.grad"], op.factor, out=writes["input.grad"])


def _masked(op: Dropout, source: Array, mask: Array, target: Array) -> None:
    np.multiply(source, mask, out=target)
    if op.gain != 1:
        target *= op.gain


def _gradient_blocks(reads: Mapping[str, Array], writes: Mapping[str, Array]) -> Iterator[tuple[Array, ...]]:
    """(output, output.grad, input.grad), a cacheful at a time."""
    return blocks_of([reads["output"], reads["output.grad"], writes["input.grad"]])
