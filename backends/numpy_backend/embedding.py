"""Embeddings of tokens and of positions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, features_last
from dataflow.backend import Array
from dataflow.ops import Embedding, PositionEmbedding


def forward(
    op: Embedding, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output with each token's row of the weight; with zeros where that row is not held."""
    rows, held = _held(op, reads["input"])
    vectors = reads["weight"][rows]
    vectors[~held] = 0
    features_last(writes["output"])[...] = vectors


def weight_gradient(
    op: Embedding, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills each row of weight.grad with the sum of output.grad over its token's places, in their order."""
    rows, held = _held(op, reads["input"])
    target = writes["weight.grad"]
    target.fill(0)
    np.add.at(target, rows[held], features_last(reads["output.grad"])[held])


def _held(op: Embedding, tokens: Array) -> tuple[Array, Array]:
    """For each token its row in the part of the weight that is held, and whether it has one."""
    rows = tokens - op.first
    held = (rows >= 0) & (rows < op.vocabulary)
    return np.where(held, rows, 0), held


def position_forward(
    _op: PositionEmbedding, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = input + weight."""
    np.add(reads["input"], reads["weight"], out=writes["output"])


def position_input_gradient(
    _op: PositionEmbedding, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad."""
    writes["input.grad"][...] = reads["output.grad"]


def position_weight_gradient(
    _op: PositionEmbedding, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills weight.grad = the sum of output.grad over sequences."""
    np.sum(reads["output.grad"], axis=0, out=writes["weight.grad"])
