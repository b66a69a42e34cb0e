"""Scaled dot-product attention, some rows of one head's score matrix at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from backends.numpy_backend.layout import Scratch, multiply
from dataflow.backend import Array
from dataflow.ops import Attention

QUERIES = 256
"""Rows of the score matrix that are worked on together; of 1,024 keys they fit in a core's cache."""


def forward(op: Attention, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch) -> None:
    """Fills output = softmax(scale * query @ key.T) @ value and logsumexp, head by head."""
    for n, head in np.ndindex(op.batch, op.heads):
        query, key, value = (_head(op, reads[name], n, head) for name in ("query", "key", "value"))
        output = _head(op, writes["output"], n, head)
        for rows, keys in _tiles(op):
            scores = _scores(op, query[rows], key[keys], scratch)
            top = scores.max(axis=1, keepdims=True)
            scores -= top
            np.exp(scores, out=scores)
            total = scores.sum(axis=1, keepdims=True)
            scores /= total
            writes["logsumexp"][n, head, rows] = (top + np.log(total))[:, 0]
            multiply(scores, value[keys], output[rows], scratch)


def input_gradient(
    op: Attention, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills the gradients of query, key and value, of which any may be missing.

    P are the probabilities, made again from logsumexp, and D = output.grad @ value.T their
    gradient; that of the scores is S = P * (D - the sum over keys of P * D).
    """
    for n, head in np.ndindex(op.batch, op.heads):
        query, key, value, gradient = (
            _head(op, reads[name], n, head) for name in ("query", "key", "value", "output.grad")
        )
        targets = {name: _head(op, array, n, head) for name, array in writes.items()}
        for target in targets.values():
            target.fill(0)
        for rows, keys in _tiles(op):
            probability = _scores(op, query[rows], key[keys], scratch)
            probability -= reads["logsumexp"][n, head, rows, None]
            np.exp(probability, out=probability)
            if "value.grad" in targets:
                targets["value.grad"][keys] += probability.T @ gradient[rows]
            score = scratch.array("score gradient", probability.shape, probability.dtype)
            np.matmul(gradient[rows], value[keys].T, out=score)
            score -= np.einsum("ts,ts->t", probability, score)[:, None]
            score *= probability
            score *= op.scale
            if "query.grad" in targets:
                multiply(score, key[keys], targets["query.grad"][rows], scratch)
            if "key.grad" in targets:
                targets["key.grad"][keys] += score.T @ query[rows]


def _head(op: Attention, array: Array, n: int, head: int) -> Array:
    """View (position, channel of the head) of one head of one sequence."""
    first = head * op.head_channels
    return array[n, first : first + op.head_channels].T


def _tiles(op: Attention) -> Iterator[tuple[slice, slice]]:
    """Some queries at a time, and the keys that any of them sees."""
    for start in range(0, op.positions, QUERIES):
        stop = min(op.positions, start + QUERIES)
        yield slice(start, stop), slice(0, op.first_position + stop if op.causal else op.keys)


def _scores(op: Attention, query: Array, key: Array, scratch: Scratch) -> Array:
    """Products scale * query @ key.T, minus infinity for keys that are not to be seen."""
    scaled = scratch.array("scaled", query.shape, query.dtype)
    np.multiply(query, op.scale, out=scaled)
    scores = scratch.array("scores", (len(query), len(key)), query.dtype)
    np.matmul(scaled, key.T, out=scores)
    if op.causal:
        # The last key is the one that the last query sees: only a square at the end has hidden ones.
        np.copyto(scores[:, len(key) - len(query) :], -np.inf, where=_hidden(len(query)))
    return scores


@cache
def _hidden(queries: int) -> Array:
    """Of as many queries and keys, which keys come after the query."""
    return np.triu(np.ones((queries, queries), dtype=np.bool_), 1)
