"""Traces made by hand, span by span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.simulation import Run
from dataflow.trace import MemoryEvent, Span, Trace
from tests.engine.worlds import experiment, fc, machine, network, placed

S = 1e-12
"""One picosecond, in seconds."""


def compute(
    start: int,
    end: int,
    cause: int | None = None,
    *,
    on: str = "p0",
    layer: str = "a",
    phase: Phase = Phase.FORWARD,
    step: int = 0,
) -> Span:
    """A computation; its name and place in the trace are given to it by ``trace``."""
    return Span(
        index=-1,
        name="",
        task=0,
        step=step,
        kind=TaskKind.COMPUTE,
        layer=layer,
        phase=phase,
        operation="fully_connected forward",
        resources=(on,),
        processor=on,
        source=None,
        destination=None,
        ready_ps=start,
        start_ps=start,
        end_ps=end,
        flop=10,
        bytes=4,
        bound="compute",
        cause=cause,
    )


def transfer(
    start: int,
    end: int,
    cause: int | None = None,
    *,
    ends: tuple[str, str] = ("p0", "p1"),
    ready: int | None = None,
    step: int = 0,
    phase: Phase = Phase.FORWARD,
) -> Span:
    """A transfer of 100 bytes."""
    span = compute(start, end, cause, step=step, phase=phase)
    return replace(
        span,
        kind=TaskKind.TRANSFER,
        layer="b",
        operation="transfer",
        resources=(f"{ends[1] if ends[0] == 'host' else ends[0]}.copy", f"{ends[0]}->{ends[1]}"),
        processor=None,
        source=ends[0],
        destination=ends[1],
        ready_ps=start if ready is None else ready,
        flop=0,
        bytes=100,
        bound="link",
    )


def trace(
    *spans: Span, start: int = 0, ends: Sequence[int] = (), events: Sequence[MemoryEvent] = ()
) -> Trace:
    """A trace of these spans, numbered as they are given."""
    numbered = tuple(replace(span, index=i, name=f"s{i}", task=i) for i, span in enumerate(spans))
    last = tuple(ends) or (max(span.end_ps for span in spans),)
    return Trace(numbered, tuple(events), start, last)


def run(measured: Trace) -> Run:
    """The trace as that of two processors and a host."""
    graph = placed(experiment(network({"a": fc(2)}), machine(2), batch=4))
    return Run(graph, measured)


TWO = trace(
    compute(0, 10),
    transfer(10, 14, 0),
    compute(14, 20, 1, on="p1", layer="b"),
    compute(10, 12, 0, layer="c", phase=Phase.GRADIENT),
    transfer(20, 25, 2, ends=("p1", "p0"), phase=Phase.GRADIENT),
    compute(25, 30, 4, phase=Phase.UPDATE),
)
"""p0 computes 0-10, 10-12 and 25-30; p1 14-20; p0 sends 10-14 and gets back 20-25."""
