"""The controller's row of a timeline: when it signals cores."""

from __future__ import annotations

from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.trace import Span
from reports import units
from reports.timeline_bars import SIGNAL, Bar, Row
from reports.window import Window


def is_signal(span: Span) -> bool:
    """Whether a span is a message to or from the controller."""
    return span.kind is TaskKind.SIGNAL


def signal_rows(result: Result, window: Window) -> list[Row]:
    """A row for each resource that signals, of which most machines have none."""
    by_resource: dict[str, list[Span]] = {}
    for span in result.trace.spans:
        if is_signal(span) and window.has(span.start_ps, span.end_ps):
            by_resource.setdefault(span.resources[0], []).append(span)
    use = result.metrics.control
    beside = f"busy {units.percent(use.utilisation)}" if use else ""
    return [
        Row(name, 0.6, 0.35, tuple(Bar(s.start_ps, s.end_ps, SIGNAL, ()) for s in spans), (), beside)
        for name, spans in by_resource.items()
    ]
