"""The forward pass of every op, written down as its definition reads: loops over scalars."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import e, exp, log, sqrt, tanh
from typing import Any

import numpy as np

from dataflow.backend import Array
from dataflow.ops import (
    Add,
    ArgMax,
    AveragePooling,
    BatchNormalization,
    BatchNormalizationInference,
    Concat,
    Convolution,
    Dropout,
    FullyConnected,
    GlobalPooling,
    LocalResponseNormalization,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from dataflow.ops.pooling import Pooling
from tests.backends.running import Values
from tests.backends.sequence_naive import SEQUENCE_FORWARD


def forward(op: Op, values: Values) -> Values:
    """What the forward passes of the op write."""
    return _FORWARD[type(op)](op, values)


def _indices(*extents: int) -> product[tuple[int, ...]]:
    return product(*(range(extent) for extent in extents))


def _convolution(op: Convolution, values: Values) -> Values:
    x, weight = values["input"], values["weight"]
    y = np.zeros(op.operand("output").shape)
    (top, _), (left, _) = op.padding
    for block in op.blocks:
        for n, o, i, j in _indices(op.batch, op.channels, op.height, op.width):
            if not block.outputs[0] <= o < block.outputs[1]:
                continue
            total = values["bias"][o] if op.bias else op.offset
            for c, u, v in _indices(op.group_channels, *op.kernel):
                row, column = i * op.stride[0] + u - top, j * op.stride[1] + v - left
                if 0 <= row < op.in_height and 0 <= column < op.in_width:
                    total += weight[o, c, u, v] * x[n, block.inputs[0] + c, row, column]
            y[n, o, i, j] = total
    return {"output": y}


def _fully_connected(op: FullyConnected, values: Values) -> Values:
    y = np.zeros((op.batch, op.channels))
    for n, o in _indices(op.batch, op.channels):
        total = values["bias"][o] if op.bias else op.offset
        for feature in _indices(*op.features):
            total += values["weight"][(o, *feature)] * values["input"][(n, *feature)]
        y[n, o] = total
    return {"output": y}


def _windows(op: Pooling, x: Array, combine: Callable[[list[float]], float]) -> Values:
    y = np.zeros(op.operand("output").shape)
    (top, _), (left, _) = op.padding
    for n, c, i, j in _indices(*y.shape):
        rows = [i * op.stride[0] + u - top for u in range(op.kernel[0])]
        columns = [j * op.stride[1] + v - left for v in range(op.kernel[1])]
        y[n, c, i, j] = combine(
            [
                x[n, c, row, column]
                for row in rows
                for column in columns
                if 0 <= row < op.in_height and 0 <= column < op.in_width
            ]
        )
    return {"output": y}


def _max_pooling(op: MaxPooling, values: Values) -> Values:
    return _windows(op, values["input"], max)


def _average_pooling(op: AveragePooling, values: Values) -> Values:
    return _windows(op, values["input"], lambda held: sum(held) / (op.kernel[0] * op.kernel[1]))


def _normalization(op: LocalResponseNormalization, values: Values) -> Values:
    x = values["input"]
    y, scale = np.zeros(op.operand("output").shape), np.zeros(op.operand("output").shape)
    for block in op.blocks:
        for n, o, i, j in _indices(*y.shape):
            if not block.outputs[0] <= o < block.outputs[1]:
                continue
            centre = o + op.shift
            near = [c for c in range(*block.inputs) if abs(c - centre) <= op.size // 2]
            scale[n, o, i, j] = op.k + op.alpha * sum(x[n, c, i, j] ** 2 for c in near)
            y[n, o, i, j] = x[n, centre, i, j] / scale[n, o, i, j] ** op.beta
    return {"output": y, "scale": scale}


def _global_pooling(op: GlobalPooling, values: Values) -> Values:
    y = np.zeros(op.shape[:2])
    for n, c, *position in _indices(*op.shape):
        y[n, c] += values["input"][(n, c, *position)] / op.count
    return {"output": y}


def _batch_normalization(op: BatchNormalization, values: Values) -> Values:
    """Where part of a group is held, its sums are those of that part, and so is the output."""
    x, y = values["input"], np.zeros(op.shape)
    sums = np.zeros((op.groups, 2, op.shape[1]))
    for n, c, *position in _indices(*op.shape):
        element = x[(n, c, *position)]
        sums[(op.first + n) // op.images, 0, c] += element
        sums[(op.first + n) // op.images, 1, c] += element**2
    for n, c, *position in _indices(*op.shape):
        total, squares = sums[(op.first + n) // op.images, :, c]
        variance = squares / op.count - (total / op.count) ** 2
        normalised = (x[(n, c, *position)] - total / op.count) / sqrt(variance + op.epsilon)
        y[(n, c, *position)] = normalised * values["weight"][c] + values["bias"][c]
    return {"sums": sums, "output": y}


def _batch_normalization_inference(op: BatchNormalizationInference, values: Values) -> Values:
    y = np.zeros(op.shape)
    for n, c, *position in _indices(*op.shape):
        centred = values["input"][(n, c, *position)] - values["running_mean"][c]
        normalised = centred / sqrt(values["running_variance"][c] + op.epsilon)
        y[(n, c, *position)] = normalised * values["weight"][c] + values["bias"][c]
    return {"output": y}


def _add(op: Add, values: Values) -> Values:
    y = np.zeros(op.shape)
    for index in _indices(*op.shape):
        y[index] = sum(values[name][index] for name in op.names)
    return {"output": y}


def _concat(op: Concat, values: Values) -> Values:
    rows = [[channel for name, _ in op.channels for channel in values[name][n]] for n in range(op.batch)]
    return {"output": np.array(rows)}


def _reshape(op: Reshape, values: Values) -> Values:
    y = np.zeros((op.batch, *op.after))
    for n in range(op.batch):
        for before, after in zip(_indices(*op.before), _indices(*op.after), strict=True):
            y[(n, *after)] = values["input"][(n, *before)]
    return {"output": y}


def _of_each(function: Callable[[float], float]) -> Callable[[Op, Values], Values]:
    def forward_of(_: Op, values: Values) -> Values:
        return {"output": np.vectorize(function, otypes=[float])(values["input"])}

    return forward_of


def _dropout(op: Dropout, values: Values) -> Values:
    kept = 1 / (1 - op.rate) if op.inverted else 1.0
    y = np.zeros(op.shape)
    for index in _indices(*op.shape):
        y[index] = values["input"][index] * kept if values["mask"][index] else 0.0
    return {"output": y}


def _softmax_cross_entropy(op: SoftmaxCrossEntropy, values: Values) -> Values:
    label, base = values["label"], e if op.base == "e" else op.base
    loss, probability = np.zeros(label.shape), np.zeros(values["input"].shape)
    for n, *place in _indices(*label.shape):
        powers = [base ** values["input"][(n, k, *place)] for k in range(op.classes)]
        for k in range(op.classes):
            probability[(n, k, *place)] = powers[k] / sum(powers)
        loss[(n, *place)] = -log(probability[(n, label[(n, *place)], *place)], base)
    return {"output": loss, "probability": probability}


def _mean_squared_error(op: MeanSquaredError, values: Values) -> Values:
    label = values["label"]
    loss = np.zeros(label.shape)
    for n, *place in _indices(*label.shape):
        for k in range(op.classes):
            wanted = 1.0 if k == label[(n, *place)] else 0.0
            loss[(n, *place)] += (values["input"][(n, k, *place)] - wanted) ** 2 / 2
    return {"output": loss}


def _argmax(op: ArgMax, values: Values) -> Values:
    found = np.zeros(op.operand("output").shape, np.int32)
    for n, *place in _indices(*found.shape):
        scores = [values["input"][(n, k, *place)] for k in range(op.classes)]
        found[(n, *place)] = scores.index(max(scores))
    return {"output": found}


def _momentum_sgd(op: MomentumSgd, values: Values) -> Values:
    parameter, velocity = np.zeros(op.shape), np.zeros(op.shape)
    for index in _indices(*op.shape):
        w, g = values["parameter"][index], values["gradient"][index] / op.scale
        v = values["velocity"][index] if op.keeps_velocity else 0.0
        inside, outside = (0.0, op.weight_decay * w) if op.decay_outside else (op.weight_decay * w, 0.0)
        if op.rate_outside:
            velocity[index] = op.momentum * v + g + inside
            parameter[index] = w - op.learning_rate * velocity[index] - op.learning_rate * outside
        else:
            velocity[index] = op.momentum * v - op.learning_rate * inside - op.learning_rate * g
            parameter[index] = w + velocity[index] - op.learning_rate * outside
    written = {"new_parameter": parameter, "new_velocity": velocity}
    return written if op.keeps_velocity else {"new_parameter": parameter}


_FORWARD: dict[type[Op], Callable[[Any, Values], Values]] = {
    Convolution: _convolution,
    FullyConnected: _fully_connected,
    MaxPooling: _max_pooling,
    AveragePooling: _average_pooling,
    GlobalPooling: _global_pooling,
    LocalResponseNormalization: _normalization,
    BatchNormalization: _batch_normalization,
    BatchNormalizationInference: _batch_normalization_inference,
    Add: _add,
    Concat: _concat,
    Reshape: _reshape,
    Relu: _of_each(lambda x: max(x, 0.0)),
    Tanh: _of_each(tanh),
    Sigmoid: _of_each(lambda x: 1 / (1 + exp(-x))),
    Dropout: _dropout,
    Scale: lambda op, values: {"output": _of_each(lambda x: x * op.factor)(op, values)["output"]},
    **SEQUENCE_FORWARD,
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    MeanSquaredError: _mean_squared_error,
    ArgMax: _argmax,
    MomentumSgd: _momentum_sgd,
}
