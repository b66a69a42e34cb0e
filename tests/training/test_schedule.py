"""Learning rates from validation errors, by hand; and intervals of means against scipy's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dataflow.recipe import Schedule
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.intervals import difference_interval, mean_interval
from dataflow.training.schedule import divisions, learning_rate
from tests.strategies import LAW

ERRORS = st.lists(st.sampled_from((0.1, 0.2, 0.3, 0.4)), max_size=30)


@pytest.mark.parametrize(
    ("schedule", "errors", "expected"),
    [
        # The least error is of epoch 2; epochs 3, 4 and 5 are no better.
        (Schedule(), [0.5, 0.4, 0.4, 0.45, 0.41], (5,)),
        (Schedule(), [0.5, 0.4, 0.4, 0.45], ()),
        (Schedule(patience=1), [0.5, 0.4, 0.4, 0.3, 0.35], (3, 5)),
        # 0.38 is less, but not by 0.05; 0.3 is.
        (Schedule(patience=2, improvement=0.05), [0.4, 0.38, 0.36, 0.3, 0.31], (3,)),
        # Many small improvements that are none: compared with the least that counted.
        (Schedule(patience=3, improvement=0.05), [0.4, 0.39, 0.37, 0.34], ()),
        (Schedule(patience=1), [0.5] * 9, (2, 3, 4)),
        (Schedule(patience=1, at_most=1), [0.5] * 9, (2,)),
        # After a division the least error stays what it was.
        (Schedule(patience=2), [0.3, 0.4, 0.4, 0.35, 0.34], (3, 5)),
        (Schedule(), [], ()),
    ],
)
def test_when_the_rate_is_divided(schedule: Schedule, errors: list[float], expected: tuple[int, ...]) -> None:
    """At the end of which epochs, counted from 1."""
    assert divisions(schedule, errors) == expected
    assert learning_rate(0.08, schedule, errors) == 0.08 / 10 ** len(expected)
    assert learning_rate(0.08, None, errors) == 0.08


def test_what_it_is_divided_by() -> None:
    """Any factor; the rate is the first one over its power, not a quotient of quotients."""
    assert learning_rate(0.3, Schedule(patience=1, divide_by=3), [0.5] * 9) == 0.3 / 27


@LAW
@given(errors=ERRORS, patience=st.integers(1, 4), at_most=st.integers(1, 4))
def test_rates_only_fall_and_never_more_often_than_said(
    errors: list[float], patience: int, at_most: int
) -> None:
    """And what an epoch's rate is does not change with what comes after it."""
    schedule = Schedule(patience=patience, at_most=at_most)
    found = divisions(schedule, errors)
    assert len(found) <= at_most
    rates = [learning_rate(1.0, schedule, errors[:epoch]) for epoch in range(len(errors) + 1)]
    assert rates == sorted(rates, reverse=True)
    assert tuple(epoch for epoch in range(1, len(rates)) if rates[epoch] < rates[epoch - 1]) == found
    assert all(later - earlier >= patience for earlier, later in pairwise(found))


def point(epoch: int, rate: float | None) -> CurvePoint:
    """A point of a curve."""
    return CurvePoint(epoch, epoch, 0.0, 0.0, 1.0, 0.75, 1.0, 0.5, rate)


def test_where_a_curve_drops() -> None:
    """At the end of the epoch before the first with another rate; error is what accuracy is not."""
    rates = (None, 0.1, 0.1, 0.01, 0.001)
    curve = Curve(0, "float32", "numpy", 1, tuple(point(epoch, rate) for epoch, rate in enumerate(rates)))
    assert curve.drops == (2, 3)
    assert (curve.last.train_error, curve.last.test_error) == (0.25, 0.5)


def test_intervals_are_those_of_scipy() -> None:
    """Student's, of the values' own deviation."""
    values = [0.91, 0.94, 0.93, 0.95, 0.90]
    low, high = stats.t.interval(0.95, 4, loc=stats.tmean(values), scale=stats.sem(values))
    found = mean_interval(values)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert (found.mean, found.count) == (pytest.approx(0.926), 5)
    assert mean_interval(values, 0.99).half_width > found.half_width


def test_intervals_of_few_and_of_equal_values() -> None:
    """One value has no interval, equal ones have one of no width, pairs that of their differences."""
    assert mean_interval([0.5]) == mean_interval((0.5,))
    assert (mean_interval([0.5]).half_width, mean_interval([0.5]).low, mean_interval([0.5]).high) == (
        None,
    ) * 3
    assert mean_interval([0.5, 0.5]).half_width == 0
    assert difference_interval([3.0, 5.0], [1.0, 2.0]) == mean_interval([2.0, 3.0])


def test_the_best_point_is_not_chosen_by_the_test() -> None:
    """It is the first with the least validation error; of the test only where nothing was held out."""
    tested = [replace(point(epoch, 0.1), test_accuracy=0.5 + epoch / 10) for epoch in range(4)]
    assert Curve(0, "float32", "numpy", 9, tuple(tested)).best.epoch == 3
    errors = (0.4, 0.2, 0.2, 0.3)
    held = [replace(each, validation_error=error) for each, error in zip(tested, errors, strict=True)]
    assert Curve(0, "float32", "numpy", 9, tuple(held)).best.epoch == 1
