"""A trace sorted once by what all measures ask of it, so that none of them searches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataflow.intervals import Intervals
from dataflow.metrics import Latencies
from dataflow.ops import Phase
from dataflow.percentile import nearest_rank
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import TaskKind
from dataflow.trace import MemoryEvent, Span, Trace
from dataflow.waiting import Wait, waits


@dataclass(frozen=True)
class Measured:
    """The spans of the steps, in the order of the trace.

    computing: each processor's tasks. exposed: each processor's waits for transfers;
    exposed_intervals: the same as intervals. others: its waits for other processors. prepared:
    those for hosts that prepare batches.
    """

    trace: Trace
    spans: tuple[Span, ...]
    transfers: tuple[Span, ...]
    computing: Mapping[str, tuple[Span, ...]]
    exposed: Mapping[str, tuple[Wait, ...]]
    exposed_intervals: Mapping[str, Intervals]
    others: Mapping[str, tuple[Wait, ...]]
    prepared: Mapping[str, tuple[Wait, ...]]
    memory_events: Mapping[str, tuple[MemoryEvent, ...]]

    @property
    def length_ps(self) -> int:
        """From the beginning of step 0 to the end of the last step."""
        return self.trace.end_ps - self.trace.start_ps

    @property
    def length_s(self) -> float:
        """The same in seconds."""
        return self.length_ps / PS_PER_S

    def per_step(self, time_ps: int) -> float:
        """Time of all steps as seconds of one."""
        return time_ps / self.trace.steps / PS_PER_S

    def count_per_step(self, count: int) -> int:
        """Bytes, FLOP or transfers of all steps as those of one."""
        return count // self.trace.steps

    def since_start_s(self, time_ps: int) -> float:
        """A point in time, from the beginning of step 0."""
        return (time_ps - self.trace.start_ps) / PS_PER_S

    def going_on(self, spans: list[Span]) -> Intervals:
        """When at least one of these was going on, in the steps themselves."""
        start_ps = self.trace.start_ps
        return Intervals.of((max(span.start_ps, start_ps), span.end_ps) for span in spans)


def sort_trace(trace: Trace, processors: tuple[str, ...]) -> Measured:
    """Sorts a trace by what happened on which processor and in which memory."""
    spans = trace.measured
    computing: dict[str, list[Span]] = {name: [] for name in processors}
    for span in spans:
        if span.processor is not None:
            computing[span.processor].append(span)
    waited = waits(trace)
    exposed = {
        name: tuple(wait for wait in waited.get(name, ()) if wait.transfer is not None) for name in processors
    }
    others = {
        name: tuple(wait for wait in waited.get(name, ()) if wait.transfer is None and not wait.prepared)
        for name in processors
    }
    prepared = {name: tuple(wait for wait in waited.get(name, ()) if wait.prepared) for name in processors}
    events: dict[str, list[MemoryEvent]] = {}
    for event in trace.memory_events:
        events.setdefault(event.memory, []).append(event)
    return Measured(
        trace=trace,
        spans=spans,
        transfers=tuple(span for span in spans if span.kind is TaskKind.TRANSFER),
        computing={name: tuple(found) for name, found in computing.items()},
        exposed=exposed,
        exposed_intervals={
            name: Intervals.of((wait.start_ps, wait.end_ps) for wait in found)
            for name, found in exposed.items()
        },
        others=others,
        prepared=prepared,
        memory_events={name: tuple(found) for name, found in events.items()},
    )


def is_load(span: Span) -> bool:
    """Whether a transfer brings the next batch; every other one is an exchange."""
    return span.phase is Phase.LOAD


def percentiles(times_ps: Sequence[int]) -> Latencies:
    """Nearest-rank percentiles of times; zeros of none."""
    ordered = sorted(times_ps)
    if not ordered:
        return Latencies(0, 0.0, 0.0, 0.0)
    p50, p99, most = (nearest_rank(ordered, percent) / PS_PER_S for percent in (50, 99, 100))
    return Latencies(len(ordered), p50, p99, most)


def sample_latency(trace: Trace) -> Latencies:
    """From when a sample arrived, or its first task started, to when its last had ended."""
    entered_ps = trace.arrivals_ps or trace.step_starts_ps
    return percentiles([end - start for start, end in zip(entered_ps, trace.step_ends_ps, strict=True)])
