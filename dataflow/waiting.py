"""Who waited for what: chains of causes through a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow.placement import TaskKind
from dataflow.trace import Span, Trace


@dataclass(frozen=True, slots=True)
class Wait:
    """Time a processor was idle, and the transfer it waited for, None when others computed."""

    start_ps: int
    end_ps: int
    transfer: Span | None

    @property
    def length_ps(self) -> int:
        """How long."""
        return self.end_ps - self.start_ps


def path_to(span: Span | None, trace: Trace, since_ps: int) -> Iterator[tuple[Span, int, int]]:
    """The spans that led to the end of one, last first, each with the time it alone accounts for.

    A span starts at the instant its cause ends, so the times are contiguous; what lies
    before ``since_ps`` is cut off.
    """
    while span is not None and span.end_ps > since_ps:
        yield span, max(span.start_ps, since_ps), span.end_ps
        span = None if span.cause is None else trace.spans[span.cause]


def waits_of(processor: str, trace: Trace) -> list[Wait]:
    """Every interval in which a processor was idle during the measured steps, by cause.

    A gap before a task is followed back through the chain of causes that ended it: the part
    a transfer accounts for is exposed communication, the rest is the others' computation.
    """
    waits: list[Wait] = []
    computing = sorted(
        (span for span in trace.measured if span.processor == processor), key=lambda span: span.start_ps
    )
    free_ps = trace.start_ps
    for span in computing:
        if span.start_ps > free_ps:
            cause = None if span.cause is None else trace.spans[span.cause]
            waits += _explained(cause, trace, free_ps, span.start_ps)
        free_ps = max(free_ps, span.end_ps)
    if computing and trace.end_ps > free_ps:
        last = max(trace.measured, key=lambda span: (span.end_ps, -span.index))
        waits += _explained(last, trace, free_ps, trace.end_ps)
    return waits


def _explained(cause: Span | None, trace: Trace, start_ps: int, end_ps: int) -> Iterator[Wait]:
    for span, since_ps, until_ps in path_to(cause, trace, start_ps):
        transfer = span if span.kind is TaskKind.TRANSFER else None
        yield Wait(since_ps, min(until_ps, end_ps), transfer)


def union_ps(intervals: Sequence[tuple[int, int]]) -> int:
    """How long at least one of the intervals lasts."""
    total, reached = 0, None
    for start, end in sorted(intervals):
        if reached is None or start > reached:
            total += end - start
            reached = end
        elif end > reached:
            total += end - reached
            reached = end
    return total
