"""Every pass of every op that the integer backend has, in Python's integers: loops, shifts, comparisons.

Written from the definitions, not from the backend. A tensor is an array of Python integers, each so many
steps of its format; sums are made exactly and return to a format once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import e, floor, log, log2
from typing import Any

import numpy as np

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
    gradient_of,
)
from tests.backends.fixed_layers import (
    average_pooling,
    average_pooling_gradient,
    max_pooling,
    max_pooling_gradient,
    products,
    products_input_gradient,
    products_weight_gradient,
)
from tests.backends.fixed_machine import Integers, Machine, constant, shape_of, zeros


def compute(op: Op, direction: Pass, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    """What one pass writes."""
    return _PASSES[type(op), direction.name](op, reads, machine)


# -- element by element -------------------------------------------------------------------


def _relu(_op: Relu, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    largest = np.frompyfunc(lambda value: max(value, 0), 1, 1)(reads["input"])
    return {"output": machine.round("output", largest, machine.fraction("input"))}


def _relu_gradient(_op: Relu, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    passed = np.frompyfunc(lambda given, y: given if y > 0 else 0, 2, 1)
    given = passed(reads["output.grad"], reads["output"])
    return {"input.grad": machine.round("input.grad", given, machine.fraction("output.grad"))}


def _dropped(source: str, operand: str) -> Callable[..., dict[str, Integers]]:
    def masked(op: Dropout, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
        factor, fraction = constant(op.gain)
        kept = reads[source] * reads["mask"] * factor
        return {operand: machine.round(operand, kept, machine.fraction(source) + fraction)}

    return masked


def _scaled(source: str, operand: str) -> Callable[..., dict[str, Integers]]:
    def multiplied(op: Scale, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
        factor, fraction = constant(op.factor)
        return {operand: machine.round(operand, reads[source] * factor, machine.fraction(source) + fraction)}

    return multiplied


def _add(op: Add, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    common = max(machine.fraction(name) for name in op.names)
    total = zeros(op.shape)
    for name in op.names:
        total = total + reads[name] * 2 ** (common - machine.fraction(name))
    return {"output": machine.round("output", total, common)}


def _add_gradient(op: Add, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    given, fraction = reads["output.grad"], machine.fraction("output.grad")
    return {gradient_of(n): machine.round(gradient_of(n), given, fraction) for n in op.names}


def _concat(op: Concat, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    common = max(machine.fraction(name) for name, _, _ in op.places)
    total = zeros(shape_of(op, "output"))
    for name, start, stop in op.places:
        total[:, start:stop] = reads[name] * 2 ** (common - machine.fraction(name))
    return {"output": machine.round("output", total, common)}


def _concat_gradient(op: Concat, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    given, fraction = reads["output.grad"], machine.fraction("output.grad")
    return {
        gradient_of(name): machine.round(gradient_of(name), given[:, start:stop], fraction)
        for name, start, stop in op.places
    }


def _reshape(op: Reshape, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    values = reads["input"].reshape(op.batch, *op.after)
    return {"output": machine.round("output", values, machine.fraction("input"))}


def _reshape_gradient(op: Reshape, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    values = reads["output.grad"].reshape(op.batch, *op.before)
    return {"input.grad": machine.round("input.grad", values, machine.fraction("output.grad"))}


# -- losses -------------------------------------------------------------------------------

_ONE = 1 << 16
_LOG2_E, _LN_2 = floor(log2(e) * _ONE + 0.5), floor(log(2) * _ONE + 0.5)


def power_of_two(exponent: int, by: str) -> int:
    """2**(exponent / 2**16) * 2**20, for an exponent of 0 or less: by shifts, or a table and lines."""
    whole, part = exponent >> 16, exponent & 0xFFFF
    broken = part << 4
    if by == "table":
        low, high = (floor((2 ** ((part >> 8) / 256 + more) - 1) * _ONE + 0.5) for more in (0, 1 / 256))
        broken = (low << 4) + ((high - low) * (part & 0xFF) >> 4)
    return ((_ONE << 4) + broken) >> -whole


def logarithm(value: int) -> int:
    """log2(value / 2**16) * 2**16: a table of 256 entries with lines between them."""
    place = value.bit_length() - 1
    part = (value << 16 >> place) & 0xFFFF
    low, high = (floor(log2(1 + (part >> 8) / 256 + more) * _ONE + 0.5) for more in (0, 1 / 256))
    return ((place - 16) << 16) + low + ((high - low) * (part & 0xFF) >> 8)


def reciprocal(value: int) -> tuple[int, int]:
    """(factor, place) of 1/value = factor / 2**(30 + place): a table, a line, one step of Newton's method."""
    place = value.bit_length() - 1
    normal = value << 30 >> place
    entry, rest = (normal >> 22) & 0xFF, (normal >> 14) & 0xFF
    low, high = (floor(_ONE / (1 + (entry + more) / 256) + 0.5) for more in (0, 1))
    near = low + ((high - low) * rest >> 8)
    return near * ((2**47 - normal * near) >> 16) >> 16, place


def _cut(difference: int, fraction: int) -> int:
    """A difference / 2**fraction, times 2**16."""
    shifted = difference << (16 - fraction) if fraction <= 16 else difference >> (fraction - 16)
    return max(shifted, -64 * _ONE)


def _each(labels: Integers) -> Iterator[tuple[tuple[int, ...], int]]:
    for index in np.ndindex(labels.shape):
        yield index, int(labels[index])


def _of(scores: Integers, index: tuple[int, ...]) -> list[int]:
    """The scores of one image, or of one position of a sequence."""
    return [int(value) for value in scores[(index[0], slice(None), *index[1:])]]


def _cross_entropy(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Integers], machine: Machine
) -> dict[str, Integers]:
    # Bytes of 8, 16 or 32 bits hold a probability; a quotient has as many bits, 16 at least.
    guarded = 16 if machine.formats["probability"].bits <= 16 else 32
    probability, loss = zeros(reads["input"].shape), zeros(reads["label"].shape)
    for index, label in _each(reads["label"]):
        scores = _of(reads["input"], index)
        differences = [_cut(score - max(scores), machine.fraction("input")) for score in scores]
        exponents = [each if op.base == 2 else (each * _LOG2_E) >> 16 for each in differences]
        powers = [power_of_two(each, op.exponential) for each in exponents]
        if op.division == "divide":
            quotients = [(power << guarded) // sum(powers) for power in powers]
        else:
            factor, place = reciprocal(sum(powers))
            quotients = [power * factor >> (30 + place - guarded) for power in powers]
        probability[(index[0], slice(None), *index[1:])] = quotients
        of_sum = logarithm(sum(powers)) - 4 * _ONE
        loss[index] = of_sum * (_ONE if op.base == 2 else _LN_2) - (differences[label] << 16)
    return {
        "probability": machine.round("probability", probability, guarded),
        "output": machine.round("output", loss, 32),
    }


def _loss_gradient(source: str) -> Callable[..., dict[str, Integers]]:
    def less_one(op: Any, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
        off = reads[source].copy()
        for index, label in _each(reads["label"]):
            off[(index[0], label, *index[1:])] -= 1 << machine.fraction(source)
        factor, fraction = constant(op.gain)
        return {"input.grad": machine.round("input.grad", off * factor, machine.fraction(source) + fraction)}

    return less_one


def _squared(_op: MeanSquaredError, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    loss, most = zeros(reads["label"].shape), (1 << 29) - 1
    down = max(machine.fraction("input") - 16, 0)
    fraction = machine.fraction("input") - down
    for index, label in _each(reads["label"]):
        scores = _of(reads["input"], index)
        scores[label] -= 1 << machine.fraction("input")
        loss[index] = sum(max(-most, min(most, score >> down)) ** 2 for score in scores)
    return {"output": machine.round("output", loss, 2 * fraction + 1)}


def _argmax(_op: ArgMax, reads: Mapping[str, Integers], _machine: Machine) -> dict[str, Integers]:
    scores = np.moveaxis(reads["input"], 1, -1)
    found = zeros(scores.shape[:-1])
    for index in np.ndindex(found.shape):
        found[index] = list(scores[index]).index(max(scores[index]))
    return {"output": found}


# -- updates ------------------------------------------------------------------------------


def _update(op: MomentumSgd, reads: Mapping[str, Integers], machine: Machine) -> dict[str, Integers]:
    wide = 62 - machine.formats["parameter"].integer_bits
    rate = op.learning_rate
    change = {"gradient": -rate / op.scale, "parameter": -op.weight_decay * rate}
    velocity = {"gradient": 1 / op.scale if op.rate_outside else -rate / op.scale}
    if op.momentum:
        change["velocity"] = -op.momentum * rate if op.rate_outside else op.momentum
        velocity["velocity"] = op.momentum
    if not op.decay_outside:
        velocity["parameter"] = op.weight_decay if op.rate_outside else -op.weight_decay * rate
    parameter = _at(reads["parameter"], machine.fraction("parameter"), wide)
    added = _weighted(op, change, reads, machine, wide)
    written = {"new_parameter": machine.round("new_parameter", parameter + added, wide)}
    if op.momentum:
        summed = _weighted(op, velocity, reads, machine, wide)
        written["new_velocity"] = machine.round("new_velocity", summed, wide)
    return written


def _weighted(
    op: MomentumSgd, by: Mapping[str, float], reads: Mapping[str, Integers], machine: Machine, wide: int
) -> Integers:
    """The operands times numbers, added up."""
    total = zeros(op.shape)
    for name, number in by.items():
        factor, fraction = constant(abs(number))
        sign = -1 if number < 0 else 1
        total = total + _at(reads[name] * sign * factor, machine.fraction(name) + fraction, wide)
    return total


def _at(values: Integers, fraction: int, wanted: int) -> Integers:
    """Multiples of 2**-fraction as multiples of 2**-wanted, rounded down."""
    up = wanted - fraction
    return values << up if up >= 0 else values >> -up


_PASSES: dict[tuple[type[Op], str], Callable[..., dict[str, Integers]]] = {
    (Convolution, "forward"): products,
    (Convolution, "input_gradient"): products_input_gradient,
    (Convolution, "weight_gradient"): products_weight_gradient,
    (FullyConnected, "forward"): products,
    (FullyConnected, "input_gradient"): products_input_gradient,
    (FullyConnected, "weight_gradient"): products_weight_gradient,
    (MaxPooling, "forward"): max_pooling,
    (MaxPooling, "input_gradient"): max_pooling_gradient,
    (AveragePooling, "forward"): average_pooling,
    (AveragePooling, "input_gradient"): average_pooling_gradient,
    (Relu, "forward"): _relu,
    (Relu, "input_gradient"): _relu_gradient,
    (Dropout, "forward"): _dropped("input", "output"),
    (Dropout, "input_gradient"): _dropped("output.grad", "input.grad"),
    (Scale, "forward"): _scaled("input", "output"),
    (Scale, "input_gradient"): _scaled("output.grad", "input.grad"),
    (Add, "forward"): _add,
    (Add, "input_gradient"): _add_gradient,
    (Concat, "forward"): _concat,
    (Concat, "input_gradient"): _concat_gradient,
    (Reshape, "forward"): _reshape,
    (Reshape, "input_gradient"): _reshape_gradient,
    (SoftmaxCrossEntropy, "forward"): _cross_entropy,
    (SoftmaxCrossEntropy, "input_gradient"): _loss_gradient("probability"),
    (MeanSquaredError, "forward"): _squared,
    (MeanSquaredError, "input_gradient"): _loss_gradient("input"),
    (ArgMax, "forward"): _argmax,
    (MomentumSgd, "update"): _update,
}
"""The model of each pass."""

MODELLED = tuple(dict.fromkeys(kind for kind, _ in _PASSES))
"""The ops that are modelled."""
