"""The rows of a timeline of hosts that make batches of files."""

from __future__ import annotations

from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.simulation.resources import host_of
from dataflow.trace import Span
from reports import units
from reports.timeline_bars import LOAD, Bar, Row
from reports.window import Window


def is_preparation(span: Span) -> bool:
    """Whether a host makes a batch."""
    return span.kind is TaskKind.PREPARE


def host_rows(result: Result, window: Window) -> list[Row]:
    """A row for the cores of each host that makes batches; every other batch in a lighter shade."""
    path = result.metrics.input
    if path is None:
        return []
    by_host: dict[str, list[Span]] = {name: [] for name in path.hosts}
    for span in result.trace.spans:
        if is_preparation(span) and window.has(span.start_ps, span.end_ps):
            by_host[host_of(span.resources[0])].append(span)
    return [
        Row(
            f"{name} cores",
            0.6,
            0.35,
            tuple(Bar(s.start_ps, s.end_ps, LOAD, ("batch",), s.step % 2 == 0) for s in spans),
            (),
            f"busy {units.percent(path.hosts[name].busy)}",
        )
        for name, spans in by_host.items()
    ]
