"""Sets of time against counting instants one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.intervals import Intervals

ENDS = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair)))
SETS = st.lists(ENDS, max_size=8)


def instants(intervals: list[tuple[int, int]]) -> set[int]:
    """Every whole instant in any of the intervals; the end is not in it."""
    return {time for start, end in intervals for time in range(start, end)}


def test_union() -> None:
    """Overlaps count once: 0-10, 5-12 and 20-21 last 13; one inside another adds nothing."""
    assert Intervals.of([(5, 12), (0, 10), (20, 21)]) == Intervals((0, 20), (12, 21), (0, 12))
    assert Intervals.of([(5, 12), (0, 10), (20, 21)]).length_ps == 13
    assert Intervals.of([(0, 10), (2, 3)]).length_ps == 10
    assert Intervals.of([]).length_ps == 0


@settings(derandomize=True, deadline=None, database=None)
@given(SETS, SETS, st.integers(0, 60), st.integers(0, 20))
def test_lengths_are_counts_of_instants(
    one: list[tuple[int, int]], other: list[tuple[int, int]], start: int, length: int
) -> None:
    """Length, part within a window and overlap are those of sets of instants."""
    intervals = Intervals.of(one)
    assert intervals.length_ps == len(instants(one))
    assert intervals.until(start) == len({time for time in instants(one) if time < start})
    assert intervals.within(start, start + length) == len(instants(one) & set(range(start, start + length)))
    both = len(instants(one) & instants(other))
    assert intervals.overlap_ps(Intervals.of(other)) == Intervals.of(other).overlap_ps(intervals) == both
