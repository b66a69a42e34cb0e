"""Means and 95 % intervals over the seeds of a study, of each variant and of differences between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from dataflow.studies.outcome import TrainedVariant
from dataflow.training.curve import Curve
from dataflow.training.intervals import Interval, difference_interval, mean_interval


@dataclass(frozen=True)
class Ratio:
    """How many times as many: a geometric mean. low, high: its interval, None of one seed alone."""

    mean: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True)
class StepsTo:
    """Steps until the training error of the study was reached.

    steps: of each seed, None where it was not. interval: over all seeds, None unless all of them got there.
    """

    steps: tuple[float | None, ...]
    interval: Interval | None

    @property
    def reached(self) -> int:
        """How many seeds got there."""
        return sum(steps is not None for steps in self.steps)


@dataclass(frozen=True)
class Summary:
    """A variant over its seeds, in the end. simulated_s, wall_s: of one training, means over seeds."""

    test_error: Interval
    train_error: Interval
    steps_to: StepsTo | None
    simulated_s: float
    wall_s: float


@dataclass(frozen=True)
class Difference:
    """A variant less the first one, seed by seed; steps as a ratio, None unless all seeds of both got
    there.
    """

    test_error: Interval
    steps: Ratio | None


def summary_of(trained: TrainedVariant, train_error: float | None) -> Summary:
    """A variant over its seeds. train_error: what steps are counted to, None for no count."""
    last = [curve.last for curve in trained.curves]
    return Summary(
        test_error=mean_interval(test_errors(trained.curves)),
        train_error=mean_interval([1 - (point.train_accuracy or 0.0) for point in last]),
        steps_to=None if train_error is None else _steps_to(trained, train_error),
        simulated_s=fmean(point.simulated_s for point in last),
        wall_s=fmean(point.wall_s for point in last),
    )


def difference_of(trained: TrainedVariant, first: TrainedVariant, train_error: float | None) -> Difference:
    """How a variant differs from the first one, which was trained from the same seeds."""
    errors = difference_interval(test_errors(trained.curves), test_errors(first.curves))
    ratio = None
    if train_error is not None:
        own, other = _steps_to(trained, train_error).steps, _steps_to(first, train_error).steps
        pairs = [(a, b) for a, b in zip(own, other, strict=True) if a is not None and b is not None]
        if len(pairs) == len(own):
            ratio = _ratio([log(a / b) for a, b in pairs])
    return Difference(errors, ratio)


def is_apart(interval: Interval) -> bool | None:
    """Whether the interval of a difference leaves out zero; None where one seed alone gives none."""
    if interval.low is None or interval.high is None:
        return None
    return not interval.low <= 0 <= interval.high


def test_errors(curves: Sequence[Curve]) -> list[float]:
    """The share of the test examples that each training in the end misjudges."""
    return [1 - curve.last.test_accuracy for curve in curves]


def steps_to(curve: Curve, train_error: float, steps_per_epoch: int) -> float | None:
    """After how many steps a training error was reached, None if it was not.

    The error of an epoch is the mean over its steps, each before it was learned from, and stands in its
    middle; before the first step it is that of the untrained network in the test. In between it goes in
    a straight line.
    """
    untrained, *epochs = curve.points
    at, error = 0.0, 1 - untrained.test_accuracy
    for point in epochs:
        before = at, error
        at, error = point.step - steps_per_epoch / 2, 1 - (point.train_accuracy or 0.0)
        if error <= train_error:
            share = (before[1] - train_error) / (before[1] - error) if before[1] > train_error else 1.0
            return before[0] + share * (at - before[0])
    return None


def _steps_to(trained: TrainedVariant, train_error: float) -> StepsTo:
    found = tuple(steps_to(curve, train_error, trained.steps_per_epoch) for curve in trained.curves)
    known = [steps for steps in found if steps is not None]
    return StepsTo(found, mean_interval(known) if len(known) == len(found) else None)


def _ratio(logarithms: Sequence[float]) -> Ratio:
    """The ratio whose logarithm is the mean, with the interval of that."""
    interval = mean_interval(logarithms)
    low = None if interval.low is None else exp(interval.low)
    high = None if interval.high is None else exp(interval.high)
    return Ratio(exp(interval.mean), low, high, interval.count)
