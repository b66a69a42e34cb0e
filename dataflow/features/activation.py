"""The activations of one layer for one image, and what the network takes the image for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataflow.backend import Array
from dataflow.features.found import Shown
from dataflow.features.shares import Share
from dataflow.training.ranking import Powers, best, log_probabilities


@dataclass(frozen=True)
class ClassScore:
    """A class and the score the network gives it.

    probability: that this makes (softmax), None of a network that was trained for other scores.
    """

    name: str
    score: float
    probability: float | None


@dataclass(frozen=True)
class LayerActivations:
    """values: of one image, (channel, height, width) or (channel,). shares: who computes which channels.

    kind: of the op. shown: the image. scores: of all classes, best first; is_scores: whether the layer's
    output are these. source: where the weights are from.
    """

    experiment: str
    layer: str
    kind: str
    values: Array
    shares: tuple[Share, ...]
    shown: Shown
    scores: tuple[ClassScore, ...]
    is_scores: bool
    source: str
    notes: tuple[str, ...] = ()

    @property
    def zeros(self) -> float:
        """The share of the values that are zero."""
        return float(np.mean(self.values == 0))


def ranked(scores: Array, powers: Powers, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """All classes, that of the largest score first, of equal ones the first.

    scores: (class,). powers: what they are exponents of, None where they are no logarithms of probabilities.
    """
    (order,) = best(scores[np.newaxis], len(scores))
    shares: list[float] | list[None] = [None] * len(scores)
    if powers is not None:
        shares = np.exp(log_probabilities(scores[np.newaxis], powers))[0].tolist()
    return tuple(ClassScore(names[index], float(scores[index]), shares[index]) for index in order)
