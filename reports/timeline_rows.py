"""The rows of a timeline: each processor, copy engine and link, or a lane for each of many processors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dataflow.hardware import Hardware
from dataflow.measurement import links_passed
from dataflow.result import Result
from dataflow.trace import Span
from dataflow.waiting import waits
from reports import units
from reports.lanes import lanes
from reports.timeline_bars import (
    DIRECTIONS,
    NUMBERS,
    Row,
    Timeline,
    busy_bars,
    joined_bars,
    microbatches,
    single_bars,
)
from reports.timeline_hosts import host_rows
from reports.timeline_lanes import processor_lanes
from reports.timeline_signals import signal_rows
from reports.window import Window

_ROWS_SHOWN = 60
"""More rows than this are one lane for each processor instead."""

_CORES_SHOWN = 16
"""The same where cores share an address space, of which many do alike."""

_MOVING_SHOWN = 12
"""Rows of copy engines and links that stand below lanes of cores."""

_PIXELS = 4000
"""Gaps of less than a part in so many of the picture are not seen."""


def timeline_of(result: Result, window: Window) -> Timeline:
    """What is drawn of a run: all resources in use, or lanes of processors where those are too many."""
    least_gap_ps = (window.end_ps - window.start_ps) // _PIXELS
    microbatch = microbatches(result.trace)
    rows = _rows(result, window, microbatch, least_gap_ps)
    if len(rows) <= (_CORES_SHOWN if result.metrics.idleness else _ROWS_SHOWN):
        return Timeline(tuple(rows), NUMBERS if microbatch else DIRECTIONS)
    timeline = processor_lanes(result, window, least_gap_ps)
    moving = _moving_rows(result, window) if result.metrics.idleness else []
    return replace(timeline, rows=(*timeline.rows, *moving)) if len(moving) <= _MOVING_SHOWN else timeline


def _rows(result: Result, window: Window, microbatch: Mapping[int, int], least_gap_ps: int) -> list[Row]:
    """Each processor with its copy engines, then the links; of the latter two only those in use."""
    trace, hardware = result.trace, result.experiment.hardware
    shown = [span for span in trace.spans if window.has(span.start_ps, span.end_ps)]
    by_resource: dict[str, list[Span]] = {}
    for span in shown:
        by_resource.setdefault(span.resources[0], []).append(span)
    waited = waits(trace)
    streams = result.experiment.mode == "pipeline"
    rows = [*signal_rows(result, window), *host_rows(result, window)]
    for name, processor in hardware.processors.items():
        if processor.memory and name not in by_resource:
            continue  # Of many cores those without tasks would hide the others.
        beside = f"busy {units.percent(result.metrics.processors[name].utilisation)}"
        idle = tuple(wait for wait in waited.get(name, ()) if window.has(wait.start_ps, wait.end_ps))
        spans = by_resource.get(name, [])
        joined = microbatch and not streams
        bars = joined_bars(spans, microbatch, least_gap_ps) if joined else single_bars(spans, streams=streams)
        rows.append(Row(name, 1.0, 0.35, bars, idle, beside))
        rows += _copy_rows(name, by_resource)
    return rows + _moving_rows(result, window)


def _moving_rows(result: Result, window: Window) -> list[Row]:
    """The copy engines of memories that are no processor's own, then the links; those in use."""
    trace, hardware = result.trace, result.experiment.hardware
    shown = [span for span in trace.spans if window.has(span.start_ps, span.end_ps)]
    by_resource: dict[str, list[Span]] = {}
    for span in shown:
        by_resource.setdefault(span.resources[0], []).append(span)
    spaces = [memory for memory in hardware.memories if memory not in hardware.processors]
    copies = [row for name in spaces for row in _copy_rows(name, by_resource)]
    return copies + _link_rows(result, shown, hardware)


def _copy_rows(name: str, by_resource: Mapping[str, list[Span]]) -> list[Row]:
    """The copy engines of a processor or an address space."""
    engines = lanes(by_resource.get(f"{name}.copy", []))
    return [Row(f"{name} copy", 0.5, 0.12, single_bars(lane)) for lane in engines]


def _link_rows(result: Result, shown: Sequence[Span], hardware: Hardware) -> list[Row]:
    by_link: dict[str, list[Span]] = {link.name: [] for link in hardware.links}
    for span in shown:
        for link in links_passed(span, hardware):
            by_link[link.name].append(span)
    rows: list[Row] = []
    for name, spans in by_link.items():
        if spans:
            # Transfers that share a link lie over one another: no bar could be told from the next.
            bars = single_bars(spans) if len(lanes(spans)) == 1 else busy_bars(spans)
            told = name.replace("->", " \N{RIGHTWARDS ARROW} ")
            beside = units.percent(result.metrics.links[name].utilisation)
            rows.append(Row(told, 0.5, 0.12 if rows else 0.5, bars, (), beside))
    return rows
