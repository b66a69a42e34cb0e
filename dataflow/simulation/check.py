"""The checker of traces: what no machine can do has not happened."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow.hardware import Hardware
from dataflow.simulation.resources import Resources
from dataflow.trace import Span, Trace


def trace_faults(trace: Trace, hardware: Hardware) -> Iterator[str]:
    """Everything about a trace that cannot be: causes after effects, resources or memories overfull."""
    yield from _order_faults(trace)
    yield from _sharing_faults(trace, hardware)
    yield from _memory_faults(trace, hardware)


def _order_faults(trace: Trace) -> Iterator[str]:
    """A span starts when it is ready, and at the instant at which its cause ends."""
    for span in trace.spans:
        if not span.ready_ps <= span.start_ps <= span.end_ps:
            yield f"{span.name!r} (step {span.step}) ends before it starts or starts before it is ready"
        if span.cause is not None and trace.spans[span.cause].end_ps != span.start_ps:
            yield f"{span.name!r} (step {span.step}) does not start when what caused it ends"


def _sharing_faults(trace: Trace, hardware: Hardware) -> Iterator[str]:
    """No resource is held by more spans at once than there are of it."""
    capacity = Resources(hardware).free
    unknown = {name for span in trace.spans for name in span.resources} - capacity.keys()
    if unknown:
        yield f"spans hold {', '.join(sorted(unknown))}, which are no resources"
        return
    running: dict[str, list[Span]] = {}
    for span in sorted(trace.spans, key=lambda span: (span.start_ps, span.index)):
        for resource in span.resources:
            still = [other for other in running.get(resource, ()) if other.end_ps > span.start_ps]
            if len(still) >= capacity[resource] and span.length_ps > 0:
                yield f"{span.name!r} overlaps {still[0].name!r} on {resource!r}"
            running[resource] = [*still, span]


def _memory_faults(trace: Trace, hardware: Hardware) -> Iterator[str]:
    """Memories hold between nothing and their capacity, and every event adds up."""
    used = dict.fromkeys(hardware.memories, 0)
    for event in trace.memory_events:
        used[event.memory] += event.bytes
        if used[event.memory] != event.used_bytes:
            yield f"memory {event.memory!r} does not add up after {event.tensor!r}"
        if not 0 <= event.used_bytes <= hardware.memories[event.memory].capacity_bytes:
            yield f"memory {event.memory!r} holds {event.used_bytes} B with {event.tensor!r}"
