"""Who waited for what: chains of causes through a trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dataflow.placement import TaskKind
from dataflow.trace import Span, Trace


@dataclass(frozen=True, slots=True)
class Wait:
    """Time a processor was idle, and the transfer it waited for, None when others computed.

    prepared: whether it waited for a host that prepared a batch.
    """

    start_ps: int
    end_ps: int
    transfer: Span | None
    prepared: bool = False

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


def last_to_end(trace: Trace) -> Span:
    """The span that ended last; of several the one that started first."""
    return max(trace.measured, key=lambda span: (span.end_ps, -span.index))


def waits(trace: Trace) -> dict[str, list[Wait]]:
    """Every interval in which a processor was idle during the measured steps, by cause.

    A gap before a task is followed back through the chain of causes that ended it: the part
    a transfer accounts for is exposed communication, that of a host the preparation of a batch, and the
    rest is the others' computation. By processor; one without tasks waits for nothing and is not there.
    """
    computing: dict[str, list[Span]] = {}
    for span in trace.measured:
        if span.processor is not None:
            computing.setdefault(span.processor, []).append(span)
    last = last_to_end(trace)
    return {processor: _waits_between(spans, last, trace) for processor, spans in computing.items()}


def _waits_between(computing: list[Span], last: Span, trace: Trace) -> list[Wait]:
    found: list[Wait] = []
    free_ps = trace.start_ps
    for span in sorted(computing, key=lambda span: span.start_ps):
        if span.start_ps > free_ps:
            cause = None if span.cause is None else trace.spans[span.cause]
            found += _explained(cause, trace, free_ps, span.start_ps)
        free_ps = max(free_ps, span.end_ps)
    if trace.end_ps > free_ps:
        found += _explained(last, trace, free_ps, trace.end_ps)
    return found


def _explained(cause: Span | None, trace: Trace, start_ps: int, end_ps: int) -> Iterator[Wait]:
    for span, since_ps, until_ps in path_to(cause, trace, start_ps):
        transfer = span if span.kind is TaskKind.TRANSFER else None
        yield Wait(since_ps, min(until_ps, end_ps), transfer, span.kind is TaskKind.PREPARE)
