"""What reports of a test are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dataflow.experiment import Experiment
from dataflow.testing.confusion import ClassErrors, class_errors, confusion_of
from dataflow.testing.predictions import Predictions
from dataflow.training.evaluation import Score


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A trained network, tested.

    backend: what computed it. data: what the examples are, in a few words. part: ``test``,
    ``validation`` or ``train``. weights: the file they came from. trained: how far the
    training of a checkpoint had come, else empty. classes: names of all classes of examples
    and answers, in the order of their labels. likely: what the numbers beside the answers are,
    ``probability`` or ``score``. notes: what the user should know. versions: of what computed it.
    """

    experiment: Experiment
    backend: str
    data: str
    part: str
    weights: str
    trained: str
    classes: tuple[str, ...]
    likely: str
    predictions: Predictions
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def score(self) -> Score:
        """Loss and errors."""
        return self.predictions.score

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """counts[i, j]: examples of class i that were taken for class j."""
        return confusion_of(self.predictions, len(self.classes))

    def shown(self, most: int) -> tuple[int, ...]:
        """The classes a table or picture has room for: those met with, if they are so few, else all."""
        met = tuple(each.label for each in self.by_class if each.count or each.claimed)
        return met if len(met) <= most else tuple(range(len(self.classes)))

    @cached_property
    def by_class(self) -> tuple[ClassErrors, ...]:
        """How the examples of each class fared."""
        return class_errors(self.predictions, self.confusion)
