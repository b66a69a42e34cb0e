"""Sets of simulated time: which instants something lasted, however many things overlapped."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Intervals:
    """Disjoint intervals in order of time. before_ps: for each how long those before it last together."""

    starts_ps: tuple[int, ...]
    ends_ps: tuple[int, ...]
    before_ps: tuple[int, ...]

    @classmethod
    def of(cls, intervals: Iterable[tuple[int, int]]) -> Intervals:
        """All instants that are in at least one of these (start, end), in any order."""
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted(intervals):
            if not starts or start > ends[-1]:
                starts.append(start)
                ends.append(end)
            elif end > ends[-1]:
                ends[-1] = end
        lengths = (end - start for start, end in zip(starts, ends, strict=True))
        before = tuple(accumulate(lengths, initial=0))
        return cls(tuple(starts), tuple(ends), before[:-1])

    @property
    def length_ps(self) -> int:
        """How long they last together."""
        return self.before_ps[-1] + self.ends_ps[-1] - self.starts_ps[-1] if self.starts_ps else 0

    def until(self, time_ps: int) -> int:
        """How long they last before an instant."""
        last = bisect_right(self.starts_ps, time_ps) - 1
        if last < 0:
            return 0
        return self.before_ps[last] + min(time_ps, self.ends_ps[last]) - self.starts_ps[last]

    def within(self, start_ps: int, end_ps: int) -> int:
        """How long they last from one instant to another."""
        return self.until(end_ps) - self.until(start_ps)

    def overlap_ps(self, other: Intervals) -> int:
        """How long both last at once."""
        few, many = sorted((self, other), key=lambda intervals: len(intervals.starts_ps))
        return sum(many.within(start, end) for start, end in zip(few.starts_ps, few.ends_ps, strict=True))
