"""Who waited for what: chains of causes through a trace made by hand."""

from __future__ import annotations

from dataflow.waiting import Wait, last_to_end, path_to, waits
from tests.engine.traces import TWO, compute, trace


def told(found: list[Wait]) -> list[tuple[int, int, int | None]]:
    """Start, end and the transfer's index of each wait, in order of time."""
    return sorted((w.start_ps, w.end_ps, w.transfer and w.transfer.index) for w in found)


def test_waits() -> None:
    """p1 waits for p0's computation (0-10), the transfer (10-14), and from 20 on for 20-25 and 25-30."""
    assert told(waits(TWO)["p1"]) == [(0, 10, None), (10, 14, 1), (20, 25, 4), (25, 30, None)]


def test_a_gap_is_explained_by_the_chain_that_ended_it() -> None:
    """p0 is idle from 12 to 25: to 14 for its own transfer, to 20 for p1, to 25 for the way back."""
    assert told(waits(TWO)["p0"]) == [(12, 14, 1), (14, 20, None), (20, 25, 4)]


def test_a_processor_without_tasks_waits_for_nothing() -> None:
    """A processor that the plan does not use is not said to wait."""
    assert list(waits(TWO)) == ["p0", "p1"]


def test_path_to() -> None:
    """From the last span back through causes; what is before the beginning is cut off."""
    last = TWO.spans[5]
    assert [(s.index, a, b) for s, a, b in path_to(last, TWO, 0)] == [
        (5, 25, 30),
        (4, 20, 25),
        (2, 14, 20),
        (1, 10, 14),
        (0, 0, 10),
    ]
    assert [(s.index, a, b) for s, a, b in path_to(last, TWO, 12)][-1] == (1, 12, 14)
    assert list(path_to(None, TWO, 0)) == []


def test_last_to_end() -> None:
    """Of two spans that end together the one that started first."""
    assert last_to_end(TWO).index == 5
    assert last_to_end(trace(compute(0, 9), compute(3, 9, on="p1"))).index == 0
