"""What a few trainings from different seeds say of all: a mean and how far it may be off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean of so many values. half_width: of its confidence interval; None for one value."""

    mean: float
    half_width: float | None
    count: int

    @property
    def low(self) -> float | None:
        """Where the interval begins."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """Where the interval ends."""
        return None if self.half_width is None else self.mean + self.half_width


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of one or more values and Student's interval: t s / sqrt(n), t of n - 1 degrees of freedom.

    It holds the mean of all with this confidence where values are independent and about normal.
    """
    count = len(values)
    if count == 1:
        return Interval(values[0], None, 1)
    deviation = stdev(values)
    # Where all are alike there is nothing to look up.
    factor = _student(confidence, count - 1) if deviation else 0.0
    return Interval(fmean(values), factor * deviation / sqrt(count), count)


def difference_interval(ones: Sequence[float], others: Sequence[float]) -> Interval:
    """The mean difference of pairs, such as two trainings from each seed; see ``mean_interval``."""
    return mean_interval([one - other for one, other in zip(ones, others, strict=True)])


def _student(confidence: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, freedom))
