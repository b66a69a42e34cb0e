"""The checker of traces: a trace that could not have happened is refused, with every fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import CheckError
from dataflow.trace import MemoryEvent, Trace
from tests.engine.traces import TWO, compute, run, trace, transfer


def faults(impossible: Trace) -> tuple[str, ...]:
    """What a trace is refused for."""
    with pytest.raises(CheckError, match="trace of 'net': ") as raised:
        run(impossible)
    return raised.value.faults


def event(size: int, used: int, memory: str = "p0") -> MemoryEvent:
    """A tensor x that comes or goes."""
    return MemoryEvent(0, memory, "x", "activation", "a", size, used)


def test_a_possible_trace_passes() -> None:
    """Tasks that follow one another on each resource can be; so can tasks of no length at one instant."""
    assert run(TWO).trace is TWO
    run(trace(compute(0, 5), compute(5, 5, 0), compute(5, 5, 0), compute(5, 9, 0)))


def test_overlaps() -> None:
    """Two tasks at once on a processor, and two transfers at once on a channel and on its one copy engine."""
    assert faults(trace(compute(0, 5), compute(4, 9))) == ("'s1' overlaps 's0' on 'p0'",)
    assert faults(trace(transfer(0, 5), transfer(4, 9))) == (
        "'s1' overlaps 's0' on 'p0.copy'",
        "'s1' overlaps 's0' on 'p0->p1'",
    )


def test_a_task_inside_another() -> None:
    """A long task is still there after a shorter one that began later has ended."""
    assert faults(trace(compute(0, 9), compute(2, 3), compute(5, 6))) == (
        "'s1' overlaps 's0' on 'p0'",
        "'s2' overlaps 's0' on 'p0'",
    )


def test_order() -> None:
    """No task ends before it starts, starts before it is ready, or at another time than its cause ends."""
    early = replace(compute(5, 6), ready_ps=7)
    impossible = "ends before it starts or starts before it is ready"
    assert faults(trace(compute(3, 2), early, ends=(9,))) == (
        f"'s0' (step 0) {impossible}",
        f"'s1' (step 0) {impossible}",
    )
    assert faults(trace(compute(0, 2), compute(3, 4, 0))) == (
        "'s1' (step 0) does not start when what caused it ends",
    )


def test_memories() -> None:
    """A memory's use is what was taken and not given back, at least nothing and at most its capacity."""
    assert len(faults(trace(compute(0, 1), events=[event(10, 10), event(5, 16)]))) == 1
    (negative,) = faults(trace(compute(0, 1), events=[event(-10, -10)]))
    assert negative == "memory 'p0' holds -10 B with 'x'"
    (full,) = faults(trace(compute(0, 1), events=[event(1 << 51, 1 << 51)]))
    assert full == f"memory 'p0' holds {1 << 51} B with 'x'"


def test_all_faults_are_listed() -> None:
    """A trace with three faults is refused for all of them at once."""
    spans = (compute(0, 5), compute(4, 9), compute(9, 12, 0))
    assert len(faults(trace(*spans, events=[event(1, 2)]))) == 3
