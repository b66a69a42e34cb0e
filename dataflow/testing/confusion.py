"""Which classes a network takes for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.testing.predictions import Predictions
from dataflow.training.ranking import TOP


@dataclass(frozen=True)
class Pair:
    """Examples of one class that were taken for another. share: of the examples of their class."""

    label: int
    taken_for: int
    count: int
    share: float


@dataclass(frozen=True)
class ClassErrors:
    """How the examples of a class fared.

    wrong: taken for another class. wrong_top5: of which none of five answers was right; None where there
    are no more than five classes. mistake: the class they were most often taken for, None when all were
    right; of equals the first. claimed: examples, of whatever class, that were taken for this one.
    """

    label: int
    count: int
    wrong: int
    wrong_top5: int | None
    mistake: Pair | None
    claimed: int

    @property
    def error(self) -> float | None:
        """The share that was wrong; None of a class without examples."""
        return self.wrong / self.count if self.count else None


def confusion_of(predictions: Predictions, classes: int) -> NDArray[np.int64]:
    """counts[i, j]: examples of class i that were taken for class j. classes: how many rows and columns."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predictions.labels, predictions.taken_for), 1)
    return counts


def most_confused(counts: NDArray[np.int64], most: int) -> tuple[Pair, ...]:
    """At most so many pairs of a class and another it was taken for, the most frequent first.

    Of equals that of the larger share comes first, then by the classes' order.
    """
    sizes = counts.sum(axis=1)
    pairs = [
        Pair(int(label), int(other), int(counts[label, other]), float(counts[label, other] / sizes[label]))
        for label, other in np.argwhere(counts)
        if label != other
    ]
    return tuple(sorted(pairs, key=lambda p: (-p.count, -p.share, p.label, p.taken_for))[:most])


def class_errors(predictions: Predictions, counts: NDArray[np.int64]) -> tuple[ClassErrors, ...]:
    """How the examples of each class fared, in the order of the classes."""
    ranks = predictions.ranks
    found = []
    for label, row in enumerate(counts):
        own = ranks[predictions.labels == label]
        others = row.copy()
        others[label] = 0
        other = int(others.argmax())
        times = int(others[other])
        found.append(
            ClassErrors(
                label=label,
                count=len(own),
                wrong=int(np.sum(own > 0)),
                wrong_top5=int(np.sum(own >= TOP)) if predictions.classes > TOP else None,
                mistake=Pair(label, other, times, times / len(own)) if times else None,
                claimed=int(counts[:, label].sum()),
            )
        )
    return tuple(found)
