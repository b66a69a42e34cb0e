"""The forward pass of the ops of sequences, written down as its definition reads: loops over scalars."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import erf, exp, log, pi, sqrt, tanh
from typing import Any

import numpy as np

from dataflow.ops import (
    Attention,
    Embedding,
    Gelu,
    LayerNormalization,
    Linear,
    MatMul,
    Op,
    PositionEmbedding,
    Softmax,
)
from tests.backends.running import Values


def _indices(*extents: int) -> product[tuple[int, ...]]:
    return product(*(range(extent) for extent in extents))


def _linear(op: Linear, values: Values) -> Values:
    y = np.zeros((op.batch, op.channels, op.positions))
    for n, o, t in _indices(*y.shape):
        total = values["bias"][o] if op.bias else 0.0
        for i in range(op.in_channels):
            total += values["weight"][o, i] * values["input"][n, i, t]
        y[n, o, t] = total
    return {"output": y}


def _matmul(op: MatMul, values: Values) -> Values:
    a, b = values["input0"], values["input1"]
    y = np.zeros((op.batch, op.channels, op.positions))
    for n, o, t in _indices(*y.shape):
        terms = [(b[n, i, o] if op.transpose else b[n, o, i]) * a[n, i, t] for i in range(op.in_channels)]
        y[n, o, t] = op.scale * sum(terms)
    return {"output": y}


def _attention(op: Attention, values: Values) -> Values:
    query, key, value = (values[name] for name in ("query", "key", "value"))
    y, denominator = np.zeros(query.shape), np.zeros((op.batch, op.heads, op.positions))
    for n, h, t in _indices(*denominator.shape):
        channels = range(h * op.head_channels, (h + 1) * op.head_channels)
        powers = {
            s: exp(sum(query[n, c, t] * key[n, c, s] for c in channels) / sqrt(op.head_channels))
            for s in range(op.keys)
            if not op.causal or s <= op.first_position + t
        }
        denominator[n, h, t] = log(sum(powers.values()))
        for c in channels:
            y[n, c, t] = sum(power * value[n, c, s] for s, power in powers.items()) / sum(powers.values())
    return {"output": y, "logsumexp": denominator}


def _embedding(op: Embedding, values: Values) -> Values:
    y = np.zeros((op.batch, op.channels, op.positions))
    for n, c, t in _indices(*y.shape):
        row = values["input"][n, t] - op.first
        y[n, c, t] = values["weight"][row, c] if 0 <= row < op.vocabulary else 0.0
    return {"output": y}


def _position_embedding(op: PositionEmbedding, values: Values) -> Values:
    y = np.zeros((op.batch, op.channels, op.positions))
    for n, c, t in _indices(*y.shape):
        y[n, c, t] = values["input"][n, c, t] + values["weight"][c, t]
    return {"output": y}


def _layer_normalization(op: LayerNormalization, values: Values) -> Values:
    x = values["input"]
    y, means, inverses = np.zeros(x.shape), np.zeros(x[:, 0].shape), np.zeros(x[:, 0].shape)
    for n, t in _indices(op.batch, op.positions):
        means[n, t] = mean = sum(x[n, :, t]) / op.channels
        variance = sum((v - mean) ** 2 for v in x[n, :, t]) / op.channels
        inverses[n, t] = 1 / sqrt(variance + op.epsilon)
        for c in range(op.channels):
            y[n, c, t] = values["weight"][c] * (x[n, c, t] - mean) * inverses[n, t] + values["bias"][c]
    return {"output": y, "mean": means, "inverse_deviation": inverses}


def _gelu(op: Gelu, values: Values) -> Values:
    def of(x: float) -> float:
        if op.tanh:
            return 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + erf(x / sqrt(2)))

    return {"output": np.vectorize(of, otypes=[float])(values["input"])}


def _softmax(op: Softmax, values: Values) -> Values:
    x = values["input"]
    y = np.zeros(x.shape)
    for index in _indices(*x.shape):
        n, _, *place = index
        y[index] = exp(x[index]) / sum(exp(x[(n, c, *place)]) for c in range(x.shape[1]))
    return {"output": y}


SEQUENCE_FORWARD: dict[type[Op], Callable[[Any, Values], Values]] = {
    Linear: _linear,
    MatMul: _matmul,
    Attention: _attention,
    Embedding: _embedding,
    PositionEmbedding: _position_embedding,
    LayerNormalization: _layer_normalization,
    Gelu: _gelu,
    Softmax: _softmax,
}
