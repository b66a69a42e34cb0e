"""Softmax and cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch
from dataflow.backend import Array
from dataflow.ops import SoftmaxCrossEntropy


def forward(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills probability = softmax(input), output = ln(sum of exp(input)) - input[label].

    The largest logit of each image is subtracted first, so that nothing overflows and the
    loss of an impossible label is large, not infinite.
    """
    probability = writes["probability"]
    shifted = reads["input"] - reads["input"].max(axis=1, keepdims=True)
    np.exp(shifted, out=probability)
    total = probability.sum(axis=1, keepdims=True)
    np.divide(probability, total, out=probability)
    of_label = shifted[np.arange(op.batch), reads["label"]]
    np.subtract(np.log(total[:, 0]), of_label, out=writes["output"])


def input_gradient(
    op: SoftmaxCrossEntropy, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = (probability - 1 at the label) / images."""
    target = writes["input.grad"]
    target[...] = reads["probability"]
    target[np.arange(op.batch), reads["label"]] -= 1
    target /= op.images
