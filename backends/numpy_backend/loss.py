"""Losses, and the prediction that stands in their place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, vectors_of
from dataflow.backend import Array
from dataflow.ops import ArgMax, MeanSquaredError, SoftmaxCrossEntropy


def softmax_forward(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills probability = softmax(input), output = log(sum of base^input) - input[label].

    The largest logit of each label is subtracted first, so that nothing overflows and the
    loss of an impossible label is large, not infinite.
    """
    power, logarithm = (np.exp2, np.log2) if op.base == 2 else (np.exp, np.log)
    arrays = [reads["input"], reads["label"][:, None], writes["probability"], writes["output"][:, None]]
    for scores, label, probability, loss in vectors_of(arrays):
        np.subtract(scores, scores.max(axis=1, keepdims=True), out=probability)
        of_label = np.take_along_axis(probability, label, axis=1)
        power(probability, out=probability)
        total = probability.sum(axis=1, keepdims=True)
        np.divide(probability, total, out=probability)
        np.subtract(logarithm(total), of_label, out=loss)


def softmax_input_gradient(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = (probability - 1 at the label) * scale / images."""
    _less_one_at_label(reads["probability"], reads["label"], writes["input.grad"], op.gain)


def squared_forward(
    _op: MeanSquaredError, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = half the sum over the classes of (input - 1 at the label)^2."""
    arrays = [reads["input"], reads["label"][:, None], writes["output"][:, None]]
    for scores, label, loss in vectors_of(arrays):
        off = scores.copy()
        off[np.arange(len(off)), label[:, 0]] -= 1
        loss[:, 0] = np.einsum("nk,nk->n", off, off) / 2


def squared_input_gradient(
    op: MeanSquaredError, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = (input - 1 at the label) * scale / images."""
    _less_one_at_label(reads["input"], reads["label"], writes["input.grad"], op.gain)


def argmax_forward(
    _op: ArgMax, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = the class of the largest score."""
    writes["output"][...] = reads["input"].argmax(axis=1)


def _less_one_at_label(values: Array, labels: Array, gradient: Array, gain: float) -> None:
    for given, label, target in vectors_of([values, labels[:, None], gradient]):
        target[...] = given
        target[np.arange(len(target)), label[:, 0]] -= 1
        np.multiply(target, gain, out=target)
