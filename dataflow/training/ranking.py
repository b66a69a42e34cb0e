"""Which classes a network takes an example for, best first, and how likely it holds them to be."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.ops import Loss, SoftmaxCrossEntropy

TOP = 5
"""How many answers a network has in the top-5 error."""

Powers = Literal["e", 2] | None
"""What scores are exponents of, None where they are no logarithms of probabilities."""


def best(scores: Array, count: int) -> NDArray[np.intp]:
    """The so many classes of the largest scores, best first: (example, rank) of (example, class).

    Of equal scores the class that comes first ranks first, as ``argmax`` has it; NaN ranks last.
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]


def powers_of(loss: Loss) -> Powers:
    """What the scores that a loss reads are exponents of; None for mean squared error."""
    return loss.base if isinstance(loss, SoftmaxCrossEntropy) else None


def log_probabilities(scores: Array, powers: Powers) -> NDArray[np.float64]:
    """Logarithm of softmax of scores (example, class), in float64: natural logarithms of probabilities.

    powers: 2 for probabilities that are powers of 2.
    """
    exponents = scores.astype(np.float64) * (log(2) if powers == 2 else 1.0)
    exponents -= exponents.max(axis=1, keepdims=True)
    return np.asarray(exponents - np.log(np.exp(exponents).sum(axis=1, keepdims=True)))


def log_mean(logs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The logarithm of the mean of probabilities that are given as logarithms, so that none underflows."""
    stacked = np.stack(logs)
    largest = stacked.max(axis=0)
    return np.asarray(largest + np.log(np.exp(stacked - largest).mean(axis=0)))
