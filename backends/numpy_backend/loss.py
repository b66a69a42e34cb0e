"""Softmax and cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, vectors_of
from dataflow.backend import Array
from dataflow.ops import SoftmaxCrossEntropy


def forward(
    _op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills probability = softmax(input), output = ln(sum of exp(input)) - input[label].

    The largest logit of each label is subtracted first, so that nothing overflows and the
    loss of an impossible label is large, not infinite.
    """
    arrays = [reads["input"], reads["label"][:, None], writes["probability"], writes["output"][:, None]]
    for scores, label, probability, loss in vectors_of(arrays):
        np.subtract(scores, scores.max(axis=1, keepdims=True), out=probability)
        of_label = np.take_along_axis(probability, label, axis=1)
        np.exp(probability, out=probability)
        total = probability.sum(axis=1, keepdims=True)
        np.divide(probability, total, out=probability)
        np.subtract(np.log(total), of_label, out=loss)


def input_gradient(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = (probability - 1 at the label) / images."""
    arrays = [reads["probability"], reads["label"][:, None], writes["input.grad"]]
    for probability, label, target in vectors_of(arrays):
        target[...] = probability
        target[np.arange(len(target)), label[:, 0]] -= 1
        np.divide(target, op.images, out=target)
