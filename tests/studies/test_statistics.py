"""Means, intervals, steps to a threshold and differences, against SciPy and by hand."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy import stats

import topologies
from dataflow.studies.outcome import TrainedVariant
from dataflow.studies.statistics import difference_of, is_apart, steps_to, summary_of
from dataflow.studies.study import Variant
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.intervals import Interval
from dataflow.training.trained import Examples

STEPS = 10
"""Of an epoch."""

EXPERIMENT = topologies.load("digits-cnn-gtx580")


def curve(seed: int, train_errors: list[float], test_error: float, untrained: float = 0.9) -> Curve:
    """A curve with these training errors after one epoch, two, ...; ``test_error`` after the last."""
    points = [point(0, None, untrained)]
    points += [point(epoch, error, test_error) for epoch, error in enumerate(train_errors, start=1)]
    return Curve(seed, "float32", "numpy", 0, tuple(points))


def point(epoch: int, train_error: float | None, test_error: float) -> CurvePoint:
    """A point; simulated time is a second a step, wall time two."""
    return CurvePoint(
        epoch=epoch,
        step=STEPS * epoch,
        simulated_s=float(STEPS * epoch),
        wall_s=2.0 * STEPS * epoch,
        train_loss=None if train_error is None else 1.0,
        train_accuracy=None if train_error is None else 1 - train_error,
        test_loss=1.0,
        test_accuracy=1 - test_error,
    )


def variant(name: str, *curves: Curve) -> TrainedVariant:
    """A variant with these curves."""
    return TrainedVariant(Variant(name, EXPERIMENT), curves, STEPS, Examples("digits", 100, 10, 0))


def test_steps_lie_between_the_middles_of_epochs() -> None:
    """0.5 stands at step 5, 0.25 at step 15: 0.375 is at step 10."""
    found = curve(0, [0.5, 0.25], 0.1)
    assert steps_to(found, 0.375, STEPS) == pytest.approx(10)
    assert steps_to(found, 0.25, STEPS) == pytest.approx(15)


def test_the_untrained_network_stands_at_step_zero() -> None:
    """From 0.9 at step 0 to 0.1 at step 5: 0.5 is half-way."""
    assert steps_to(curve(0, [0.1], 0.1, untrained=0.9), 0.5, STEPS) == pytest.approx(2.5)


def test_an_untrained_network_that_is_good_enough_needs_its_first_epoch() -> None:
    """Its luck in the test says nothing of training examples."""
    assert steps_to(curve(0, [0.2], 0.1, untrained=0.1), 0.5, STEPS) == pytest.approx(5)
    assert steps_to(curve(0, [0.2], 0.1, untrained=0.5), 0.5, STEPS) == pytest.approx(5)


def test_a_threshold_may_not_be_reached() -> None:
    """Then there is no number of steps."""
    assert steps_to(curve(0, [0.5, 0.3], 0.1), 0.25, STEPS) is None


def test_a_summary_has_the_intervals_of_scipy() -> None:
    """Student's interval of the mean, of test errors, training errors and steps."""
    tests, trains = [0.02, 0.05, 0.03], [0.1, 0.2, 0.15]
    found = summary_of(
        variant("a", *(curve(seed, [0.5, trains[seed]], tests[seed]) for seed in range(3))), 0.3
    )
    steps = [5 + 10 * 0.2 / (0.5 - each) for each in trains]
    assert found.steps_to is not None
    assert found.steps_to.interval is not None
    for interval, values in (
        (found.test_error, tests),
        (found.train_error, trains),
        (found.steps_to.interval, steps),
    ):
        low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
        assert [interval.low, interval.high] == pytest.approx([low, high])
    assert found.steps_to.steps == tuple(map(pytest.approx, steps))
    assert (found.simulated_s, found.wall_s) == (20.0, 40.0)


def test_no_interval_of_steps_unless_all_seeds_get_there() -> None:
    """The mean of those that do would flatter the variant."""
    found = summary_of(variant("a", curve(0, [0.2], 0.1), curve(1, [0.6], 0.1)), 0.25).steps_to
    assert found is not None
    assert (found.reached, found.interval, found.steps[1]) == (1, None, None)


def test_differences_are_paired_by_seed() -> None:
    """Seeds that differ far more than variants do: the paired interval is SciPy's of the differences."""
    first, other = [0.10, 0.20, 0.30], [0.12, 0.21, 0.33]
    found = difference_of(
        variant("b", *(curve(seed, [0.5], other[seed]) for seed in range(3))),
        variant("a", *(curve(seed, [0.5], first[seed]) for seed in range(3))),
        None,
    )
    less = [0.02, 0.01, 0.03]
    low, high = stats.t.interval(0.95, 2, loc=0.02, scale=stats.sem(less))
    assert [found.test_error.low, found.test_error.high] == pytest.approx([low, high])
    assert found.steps is None


def test_steps_are_compared_by_their_ratio() -> None:
    """Twice and eight times as many: four times in geometric mean, with the interval of the logarithms."""
    found = difference_of(
        # All errors fall from 1 to 0 in five steps: 0.5 after 2.5. The others get there at step 5 and 20.
        variant("b", curve(0, [0.5], 0.1, 1.0), curve(1, [1.0, 1.0, 0.0], 0.1, 1.0)),
        variant("a", curve(0, [0.0], 0.1, 1.0), curve(1, [0.0], 0.1, 1.0)),
        0.5,
    )
    logarithms = [log(5 / 2.5), log(20 / 2.5)]
    low, high = stats.t.interval(0.95, 1, loc=np.mean(logarithms), scale=stats.sem(logarithms))
    assert found.steps is not None
    assert found.steps.count == 2
    assert found.steps.mean == pytest.approx(4)
    assert [found.steps.low, found.steps.high] == pytest.approx([exp(low), exp(high)])


def test_no_ratio_unless_all_seeds_of_both_get_there() -> None:
    """One that does not would have to be left out."""
    slow = variant("b", curve(0, [0.9], 0.1), curve(1, [0.1], 0.1))
    assert difference_of(slow, variant("a", curve(0, [0.1], 0.1), curve(1, [0.1], 0.1)), 0.5).steps is None


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        (Interval(0.02, 0.01, 5), True),
        (Interval(-0.02, 0.01, 5), True),
        (Interval(0.02, 0.03, 5), False),
        (Interval(0.02, None, 1), None),
    ],
)
def test_variants_are_told_apart_by_intervals_without_zero(interval: Interval, told: bool | None) -> None:
    """One seed alone tells nothing apart."""
    assert is_apart(interval) is told
