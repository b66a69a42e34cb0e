"""What the longest chain of causes was spent on."""

from __future__ import annotations

from dataflow.metrics import PathPart
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import TaskKind
from dataflow.simulation.resources import host_of
from dataflow.trace import Span, Trace
from dataflow.waiting import last_to_end, path_to

_APPOINTED = "waiting for a given time"
"""What comes before a start that nothing caused: that of a request, or of a signal at a fixed time."""


def critical_path(trace: Trace) -> tuple[PathPart, ...]:
    """What the longest chain of causes was spent on, largest share first.

    From the span that ended last back through what each start had waited for, to the
    beginning of step 0, or to a start that was set to a time; the parts add up to the whole time.
    """
    total_ps = trace.end_ps - trace.start_ps
    spent: dict[tuple[str, str], int] = {}
    since_ps = trace.end_ps
    for span, start_ps, end_ps in path_to(last_to_end(trace), trace, trace.start_ps):
        what, since_ps = _what_and_where(span), start_ps
        spent[what] = spent.get(what, 0) + end_ps - start_ps
    if since_ps > trace.start_ps:
        spent[_APPOINTED, ""] = since_ps - trace.start_ps
    parts = (
        PathPart(what, ps / trace.steps / PS_PER_S, ps / total_ps, where)
        for (what, where), ps in spent.items()
    )
    return tuple(sorted(parts, key=lambda part: (-part.time_s, part.told)))


def _what_and_where(span: Span) -> tuple[str, str]:
    """What a span is about, and the processor if it matters which one it is."""
    if span.kind is TaskKind.SIGNAL:
        return f"{span.operation} messages", ""
    if span.collective:
        return f"{span.collective} {'transfers' if span.processor is None else 'sums'}", ""
    if span.kind is TaskKind.PREPARE:
        return "preparation of batches", host_of(span.resources[0])
    if span.processor is None:
        return f"{span.phase.label} transfers {span.source}->{span.destination}", ""
    if span.kind is TaskKind.SUM:
        return f"{span.phase.label} sums", span.processor
    return span.operation.replace("_", " "), span.processor
