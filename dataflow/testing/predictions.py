"""What a network says of each example of a part of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.errors import NumericError
from dataflow.training.data_set import Part
from dataflow.training.evaluation import Evaluator, Score
from dataflow.training.ranking import TOP, best
from dataflow.training.state import State


@dataclass(frozen=True, eq=False)
class Predictions:
    """Of so many examples, in the order of their part.

    names: of a file, or the number of the example. labels: (example,) of int32, their classes. best:
    (example, rank), the classes they are taken for, the likeliest first: five, or all when there are fewer.
    likely: (example, rank) of float64, the probabilities of these classes; where softmax makes none, their
    scores. losses: (example,) of float64. classes: how many the network tells apart. crops: of each picture,
    1 where pictures are read whole.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int32]
    best: NDArray[np.intp]
    likely: NDArray[np.float64]
    losses: NDArray[np.float64]
    classes: int
    crops: int = 1

    @property
    def count(self) -> int:
        """How many examples."""
        return len(self.labels)

    @property
    def taken_for(self) -> NDArray[np.intp]:
        """The likeliest class of each example."""
        return self.best[:, 0]

    @property
    def ranks(self) -> NDArray[np.intp]:
        """The place of each example's own class among ``best``, from 0; their number when it is none."""
        found = self.best == self.labels[:, np.newaxis]
        return np.asarray(np.where(found.any(axis=1), found.argmax(axis=1), self.best.shape[1]))

    @property
    def score(self) -> Score:
        """Loss and errors over all of them."""
        ranks = self.ranks
        return Score(
            count=self.count,
            loss=float(np.mean(self.losses)),
            wrong=int(np.sum(ranks > 0)),
            wrong_top5=int(np.sum(ranks >= TOP)) if self.classes > TOP else None,
        )


def predictions_of(
    evaluator: Evaluator,
    part: Part,
    state: State,
    crops: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> Predictions:
    """What a network says of each example of a part.

    state: parameters by name. crops: as of ``Evaluator.outcomes``. tell: is told how many examples of how
    many are done. Raises NumericError, naming the first example, when scores are not finite.
    """
    ranked, likely, losses = [], [], []
    shown = 1
    for outcome in evaluator.outcomes(part, state, crops):
        finite = np.isfinite(outcome.scores).all(axis=1) & np.isfinite(outcome.losses)
        if not finite.all():
            bad = part.name(outcome.first + int(np.argmin(finite)))
            raise NumericError(
                f"test of network {evaluator.network.name!r}: its scores of {bad!r} are not finite; "
                "the weights have diverged, or are of another network or scaling of pixels"
            )
        shown = outcome.crops
        top = best(outcome.scores, TOP)
        ranked.append(top)
        likely.append(np.take_along_axis(outcome.likely, top, axis=1).astype(np.float64))
        losses.append(outcome.losses.astype(np.float64))
        if tell is not None:
            tell(outcome.first + len(outcome.labels), part.count)
    return Predictions(
        names=tuple(part.name(index) for index in range(part.count)),
        labels=part.labels.astype(np.int32),
        best=np.concatenate(ranked),
        likely=np.concatenate(likely),
        losses=np.concatenate(losses),
        classes=evaluator.network.classes,
        crops=shown,
    )
