"""Layers that multiply, and pooling, in Python's integers: sums over the terms of their definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import floor, prod
from typing import Any

import numpy as np

from dataflow.ops import AveragePooling, Convolution, FullyConnected, MaxPooling
from dataflow.ops.pooling import Pooling
from tests.backends.fixed_machine import Integers, Machine, constant, shape_of, zeros

# -- sums of products ---------------------------------------------------------------------

Term = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Indices of the output, of the weight and of the input of one product."""


def _convolution_terms(op: Convolution) -> Iterator[Term]:
    (top, _), (left, _) = op.padding
    for block in op.blocks:
        outputs = range(*block.outputs)
        extents = (range(op.batch), outputs, range(op.height), range(op.width), range(op.group_channels))
        for (n, o, i, j, c), (u, v) in product(product(*extents), product(*map(range, op.kernel))):
            row, column = i * op.stride[0] + u - top, j * op.stride[1] + v - left
            if 0 <= row < op.in_height and 0 <= column < op.in_width:
                yield (n, o, i, j), (o, c, u, v), (n, block.inputs[0] + c, row, column)


def _fully_connected_terms(op: FullyConnected) -> Iterator[Term]:
    for n, o in product(range(op.batch), range(op.channels)):
        for feature in np.ndindex(op.features):
            yield (n, o), (o, *feature), (n, *feature)


def _terms(op: Convolution | FullyConnected) -> Iterator[Term]:
    return _convolution_terms(op) if isinstance(op, Convolution) else _fully_connected_terms(op)


def products(op: Any, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    """Fills output = bias + the sum of weight times input."""
    total = zeros(shape_of(op, "output"))
    fraction = machine.fraction("input") + machine.fraction("weight")
    for output, weight, image in _terms(op):
        total[output] += reads["weight"][weight] * reads["input"][image]
    if op.bias:
        bias, own = reads["bias"], machine.fraction("bias")
    else:
        own = machine.own.fraction_bits
        most = (1 << (machine.own.bits - 1)) - 1
        bias = np.array([min(most, floor(Fraction(op.offset) * 2**own + Fraction(1, 2)))] * op.channels)
    common = max(fraction, own)
    for index in np.ndindex(total.shape):
        total[index] = (total[index] << (common - fraction)) + (int(bias[index[1]]) << (common - own))
    return {"output": machine.round("output", total, common)}


def products_input_gradient(op: Any, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    """Fills input.grad = the sum of output.grad times weight."""
    total = zeros(shape_of(op, "input"))
    for output, weight, image in _terms(op):
        total[image] += reads["output.grad"][output] * reads["weight"][weight]
    fraction = machine.fraction("output.grad") + machine.fraction("weight")
    return {"input.grad": machine.round("input.grad", total, fraction)}


def products_weight_gradient(op: Any, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    """Fills weight.grad = the sum of output.grad times input; bias.grad = the sum of output.grad."""
    total = zeros(shape_of(op, "weight"))
    for output, weight, image in _terms(op):
        total[weight] += reads["output.grad"][output] * reads["input"][image]
    fraction = machine.fraction("output.grad") + machine.fraction("input")
    written = {"weight.grad": machine.round("weight.grad", total, fraction)}
    if op.bias:
        summed = zeros(shape_of(op, "bias"))
        for index in np.ndindex(reads["output.grad"].shape):
            summed[index[1]] += reads["output.grad"][index]
        written["bias.grad"] = machine.round("bias.grad", summed, machine.fraction("output.grad"))
    return written


# -- windows ------------------------------------------------------------------------------


def _window(op: Pooling, output: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The elements of the input that an output looks at, in row-major order."""
    (top, _), (left, _) = op.padding
    n, c, i, j = output
    found: list[tuple[int, ...]] = []
    for u, v in product(*map(range, op.kernel)):
        row, column = i * op.stride[0] + u - top, j * op.stride[1] + v - left
        if 0 <= row < op.in_height and 0 <= column < op.in_width:
            found.append((n, c, row, column))
    return found


def max_pooling(op: MaxPooling, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    """Fills output = the largest of each window."""
    total = zeros(shape_of(op, "output"))
    for index in np.ndindex(total.shape):
        total[index] = max(reads["input"][each] for each in _window(op, index))
    return {"output": machine.round("output", total, machine.fraction("input"))}


def max_pooling_gradient(
    op: MaxPooling, reads: Mapping[str, Integers], machine: Machine
) -> dict[str, Integers]:
    """Fills input.grad: the first largest of a window takes all of its gradient."""
    total = zeros(shape_of(op, "input"))
    for index in np.ndindex(shape_of(op, "output")):
        first = max(_window(op, index), key=lambda each: reads["input"][each])
        total[first] += reads["output.grad"][index]
    return {"input.grad": machine.round("input.grad", total, machine.fraction("output.grad"))}


def _quotient(value: int, fraction: int, by: int) -> tuple[int, int]:
    """A product with the reciprocal, a constant, and its fraction."""
    factor, more = constant(1 / by)
    return value * factor, fraction + more


def average_pooling(
    op: AveragePooling, reads: Mapping[str, Integers], machine: Machine
) -> dict[str, Integers]:
    """Fills output = the sum of each window over the kernel's elements, zeros of the padding counted."""
    total, fraction = zeros(shape_of(op, "output")), 0
    for index in np.ndindex(total.shape):
        summed = sum(reads["input"][each] for each in _window(op, index))
        total[index], fraction = _quotient(summed, machine.fraction("input"), prod(op.kernel))
    return {"output": machine.round("output", total, fraction)}


def average_pooling_gradient(
    op: AveragePooling, reads: Mapping[str, Integers], machine: Machine
) -> dict[str, Integers]:
    """Fills input.grad: each element of a window takes an equal share, rounded before shares are added."""
    shares, fraction = zeros(shape_of(op, "output")), 0
    for index in np.ndindex(shares.shape):
        share = reads["output.grad"][index]
        shares[index], fraction = _quotient(share, machine.fraction("output.grad"), prod(op.kernel))
    rounded = machine.round("output.grad", shares, fraction)
    total = zeros(shape_of(op, "input"))
    for index in np.ndindex(rounded.shape):
        for each in _window(op, index):
            total[each] += rounded[index]
    return {"input.grad": machine.round("input.grad", total, machine.fraction("output.grad"))}
