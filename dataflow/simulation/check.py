"""The checker of traces: what no machine can do has not happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dataflow.hardware import Hardware
from dataflow.placement import TaskKind
from dataflow.simulation.resources import Resources, host_of
from dataflow.trace import Span, Trace


def trace_faults(trace: Trace, hardware: Hardware) -> Iterator[str]:
    """Everything about a trace that cannot be: causes after effects, resources or memories overfull."""
    yield from _order_faults(trace)
    resources = Resources(hardware)
    names = {name for span in trace.spans for name in span.resources}
    unknown = names - resources.free.keys() - resources.fair
    if unknown:
        yield f"spans hold {', '.join(sorted(unknown))}, which are no resources"
    else:
        spans = sorted(trace.spans, key=lambda span: (span.start_ps, span.index))
        yield from _exclusion_faults(spans, resources.free)
        yield from _fair_faults(spans, hardware, resources)
        yield from _preparation_faults(spans, hardware)
    yield from _memory_faults(trace, hardware)


def _order_faults(trace: Trace) -> Iterator[str]:
    """A span starts when it is ready, and at the instant at which its cause ends."""
    for span in trace.spans:
        if not span.ready_ps <= span.start_ps <= span.end_ps:
            yield f"{span.name!r} (step {span.step}) ends before it starts or starts before it is ready"
        if span.cause is not None and trace.spans[span.cause].end_ps != span.start_ps:
            yield f"{span.name!r} (step {span.step}) does not start when what caused it ends"


def _exclusion_faults(spans: Sequence[Span], capacity: Mapping[str, int]) -> Iterator[str]:
    """No exclusive resource is held by more spans at once than there are of it."""
    running: dict[str, list[Span]] = {}
    for span in spans:
        for resource in span.resources:
            if resource not in capacity:
                continue
            still = [other for other in running.get(resource, ()) if other.end_ps > span.start_ps]
            if len(still) >= capacity[resource] and span.end_ps > span.start_ps:
                yield f"{span.name!r} overlaps {still[0].name!r} on {resource!r}"
            still.append(span)
            running[resource] = still


def _fair_faults(spans: Sequence[Span], hardware: Hardware, resources: Resources) -> Iterator[str]:
    """What shares links or engines is no faster than alone, and they do no more than they can while busy.

    Ends are rounded to whole picoseconds, so each span may lack one.
    """
    busy: dict[str, tuple[int, int, float, int]] = {}
    for span in spans:
        if resources.fair.isdisjoint(span.resources):
            continue
        if span.source is not None:
            alone_ps: float = hardware.transfer_ps(span.bytes, *span.ends)
            occupied = resources.passed_ps(span.bytes, span.ends)
        else:
            occupied = resources.occupied_ps(span.engine_operations)
            alone_ps = max(occupied.values(), default=0.0)
        if span.length_ps < alone_ps - 1:
            yield f"{span.name!r} takes {span.length_ps} ps, but {alone_ps:.0f} ps when it shares nothing"
        for channel, occupied_ps in occupied.items():
            start, end, needed, count = busy.get(channel, (0, 0, 0.0, 0))
            if span.start_ps >= end:
                yield from _overfull(channel, start, end, needed, count)
                start, end, needed, count = span.start_ps, span.start_ps, 0.0, 0
            busy[channel] = (start, max(end, span.end_ps), needed + occupied_ps, count + 1)
    for channel, interval in busy.items():
        yield from _overfull(channel, *interval)


def _preparation_faults(spans: Sequence[Span], hardware: Hardware) -> Iterator[str]:
    """No batch is made quicker than its bytes pass the host's memory."""
    for span in spans:
        if span.kind is TaskKind.PREPARE:
            least_ps = hardware.inputs[host_of(span.resources[0])].memory_ps(span.bytes)
            if span.length_ps < least_ps:
                yield f"{span.name!r} takes {span.length_ps} ps, but its bytes take the memory {least_ps} ps"


def _overfull(channel: str, start: int, end: int, needed_ps: float, count: int) -> Iterator[str]:
    if needed_ps > end - start + count:
        yield f"channel {channel!r} carries in {end - start} ps from {start} ps what takes {needed_ps:.0f} ps"


def _memory_faults(trace: Trace, hardware: Hardware) -> Iterator[str]:
    """Memories hold between nothing and their capacity, and every event adds up."""
    used = dict.fromkeys(hardware.memories, 0)
    for event in trace.memory_events:
        used[event.memory] += event.bytes
        if used[event.memory] != event.used_bytes:
            yield f"memory {event.memory!r} does not add up after {event.tensor!r}"
        if not 0 <= event.used_bytes <= hardware.memories[event.memory].capacity_bytes:
            yield f"memory {event.memory!r} holds {event.used_bytes} B with {event.tensor!r}"
