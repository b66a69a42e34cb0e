"""Learning curves: how loss and accuracy go on with epochs, simulated time and real time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class CurvePoint:
    """The network after so many epochs and steps.

    simulated_s: on the simulated machine, from the beginning of the first step, without tests. wall_s: what
    computing it took here. train: means over the steps of the epoch, before each was learned
    from; None before the first. test: over the whole test part, afterwards. learning_rate: of
    the epoch's steps; None before the first. validation_error: over the whole validation part,
    afterwards; None where there is none. test_top5_error: the share of the test part whose class
    was not among the five likeliest; None where there are not six classes.
    """

    epoch: int
    step: int
    simulated_s: float
    wall_s: float
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float
    test_accuracy: float
    learning_rate: float | None = None
    validation_error: float | None = None
    test_top5_error: float | None = None

    @property
    def train_error(self) -> float | None:
        """The share of wrong answers in training."""
        return None if self.train_accuracy is None else 1 - self.train_accuracy

    @property
    def test_error(self) -> float:
        """The share of wrong answers in the test: the top-1 error."""
        return 1 - self.test_accuracy


@dataclass(frozen=True)
class Curve:
    """One training from one seed.

    dtype: the format it was computed in. images: trained on in all. missing: of a race, the share of
    what forward tasks read that had not been stored at their signal; None where nothing races.
    """

    seed: int
    dtype: str
    backend: str
    images: int
    points: tuple[CurvePoint, ...]
    missing: float | None = None

    @property
    def last(self) -> CurvePoint:
        """The network in the end."""
        return self.points[-1]

    @property
    def drops(self) -> tuple[int, ...]:
        """The epochs at whose end the learning rate was changed."""
        rates = [(point.epoch, point.learning_rate) for point in self.points if point.learning_rate]
        return tuple(epoch for (epoch, rate), (_, then) in pairwise(rates) if rate != then)

    @property
    def best(self) -> CurvePoint:
        """The first point with the least validation error; the least test error where none is known.

        Which point is good may be decided by validation examples, not by the test itself.
        """
        errors = [point.validation_error for point in self.points if point.validation_error is not None]
        if errors:
            return next(point for point in self.points if point.validation_error == min(errors))
        return max(self.points, key=lambda point: (point.test_accuracy, -point.epoch))
