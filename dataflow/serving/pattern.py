"""When requests arrive, apart from how fast: patterns with a mean gap of one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import log1p
from typing import Literal

from dataflow.errors import OptionError
from dataflow.picoseconds import PS_PER_S
from dataflow.values.randomness import generator

Kind = Literal["poisson", "fixed", "recorded"]


@dataclass(frozen=True)
class ArrivalPattern:
    """Times of requests in units of the mean gap between two, in order, the first at 0.

    kind: ``poisson``, ``fixed`` or ``recorded``. recorded_ps: the times a file gave, empty for the
    others. Loads differ in the length of the gap alone, so that at a higher load the same requests come
    closer together and none waits less.
    """

    kind: Kind
    times: tuple[float, ...]
    recorded_ps: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.times)

    def times_ps(self, rate_per_s: float) -> tuple[int, ...]:
        """The times at which requests arrive at a rate, in picoseconds."""
        if rate_per_s == self.recorded_per_s:
            return tuple(time - self.recorded_ps[0] for time in self.recorded_ps)
        gap_ps = PS_PER_S / rate_per_s
        return tuple(round(time * gap_ps) for time in self.times)

    @property
    def recorded_per_s(self) -> float | None:
        """The rate at which the requests of a file came; None for others."""
        if not self.recorded_ps:
            return None
        return (len(self) - 1) * PS_PER_S / (self.recorded_ps[-1] - self.recorded_ps[0])


def poisson_arrivals(count: int, seed: int) -> ArrivalPattern:
    """So many requests of a Poisson process, drawn by a seed: exponential gaps.

    Their mean is made 1 exactly, so that a load is what it says: a Poisson process given how many
    requests come between the first and the last.
    """
    uniform = generator(seed, "requests").random(_counted(count) - 1)
    # The inverse of the exponential's distribution function.
    gaps = [-log1p(-float(share)) for share in uniform]
    mean = sum(gaps) / len(gaps)
    return ArrivalPattern("poisson", (0.0, *accumulate(gap / mean for gap in gaps)))


def fixed_arrivals(count: int) -> ArrivalPattern:
    """So many requests at equal distances."""
    return ArrivalPattern("fixed", tuple(float(index) for index in range(_counted(count))))


def recorded_arrivals(times_ps: tuple[int, ...]) -> ArrivalPattern:
    """Requests that came at given times, in order.

    Raises OptionError for times out of order, fewer than two, and when all are the same.
    """
    _counted(len(times_ps))
    if any(later < earlier for earlier, later in pairwise(times_ps)):
        raise OptionError("arrivals: the times are not in order; sort them")
    first, length_ps = times_ps[0], times_ps[-1] - times_ps[0]
    if not length_ps:
        raise OptionError(
            f"arrivals: all {len(times_ps)} requests come at one time, which gives no rate to vary; "
            "give times that differ"
        )
    mean_ps = Fraction(length_ps, len(times_ps) - 1)
    return ArrivalPattern("recorded", tuple(float((time - first) / mean_ps) for time in times_ps), times_ps)


def _counted(count: int) -> int:
    if count < 2:
        raise OptionError(f"arrivals: {count} requests; there must be at least 2 for a rate")
    return count
