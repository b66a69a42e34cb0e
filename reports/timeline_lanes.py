"""A timeline of many processors: one lane for each, with its transfers as a thin line below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataflow.result import Result
from dataflow.trace import Span
from dataflow.waiting import Wait, waits
from reports import units
from reports.timeline_bars import NUMBERS, Bar, Row, Timeline, busy_bars, joined_bars, microbatches
from reports.window import Window

_LANES_SHOWN = 64
"""Of more processors those that do alike are drawn once, and of still more every n-th."""


@dataclass(frozen=True)
class _Lane:
    """A processor as drawn."""

    name: str
    bars: tuple[Bar, ...]
    transfers: tuple[Bar, ...]
    waits: tuple[Wait, ...]
    beside: str
    alike: int = 1

    @property
    def looks(self) -> tuple[object, ...]:
        """Equal for lanes that look alike."""
        return self.bars, self.transfers


def processor_lanes(result: Result, window: Window, least_gap_ps: int) -> Timeline:
    """Every processor that does anything; when they are too many, representatives and a note that says so."""
    found = _lanes(result, window, least_gap_ps)
    shown, note = _representatives(found)
    rows: list[Row] = []
    for lane in shown:
        name = lane.name if lane.alike == 1 else f"{lane.name} and {lane.alike - 1} alike"
        rows.append(Row(name, 1.0, 0.3, lane.bars, lane.waits, lane.beside))
        rows.append(Row("", 0.3, 0.04, lane.transfers))
    numbered = any(bar.labels for row in rows for bar in row.bars)
    return Timeline(tuple(rows), NUMBERS if numbered else "", compact=True, note=note)


def _lanes(result: Result, window: Window, least_gap_ps: int) -> list[_Lane]:
    trace, metrics = result.trace, result.metrics
    computing: dict[str, list[Span]] = {name: [] for name in result.experiment.hardware.processors}
    moving: dict[str, list[Span]] = {name: [] for name in computing}
    for span in trace.spans:
        if not window.has(span.start_ps, span.end_ps):
            continue
        if span.processor is not None:
            computing[span.processor].append(span)
            continue
        for end in span.ends:
            if end in moving:
                moving[end].append(span)
    waited, microbatch = waits(trace), microbatches(trace)
    return [
        _Lane(
            name=name,
            bars=joined_bars(computing[name], microbatch, least_gap_ps),
            transfers=busy_bars(moving[name], least_gap_ps),
            waits=_joined(waited.get(name, ()), window, least_gap_ps),
            beside=units.percent(metrics.processors[name].utilisation),
        )
        for name in computing
        if computing[name] or moving[name]
    ]


def _joined(found: Sequence[Wait], window: Window, least_gap_ps: int) -> tuple[Wait, ...]:
    """Waits in order of time, those for the same cause (transfers, or others) that follow at once as one."""
    joined: list[Wait] = []
    for wait in sorted(found, key=lambda wait: wait.start_ps):
        if not window.has(wait.start_ps, wait.end_ps):
            continue
        last = joined[-1] if joined else None
        same = last is not None and (last.transfer is None) == (wait.transfer is None)
        if last is not None and same and wait.start_ps - last.end_ps <= least_gap_ps:
            joined[-1] = replace(last, end_ps=wait.end_ps)
        else:
            joined.append(wait)
    return tuple(joined)


def _representatives(found: Sequence[_Lane]) -> tuple[Sequence[_Lane], str]:
    """At most so many lanes, and what is not shown."""
    if len(found) <= _LANES_SHOWN:
        return found, ""
    alike: dict[tuple[object, ...], list[_Lane]] = {}
    for lane in found:
        alike.setdefault(lane.looks, []).append(lane)
    groups = [replace(lanes[0], alike=len(lanes)) for lanes in alike.values()]
    if len(groups) <= _LANES_SHOWN:
        return groups, f"{len(found)} processors, those alike drawn once"
    chosen = [groups[number * len(groups) // _LANES_SHOWN] for number in range(_LANES_SHOWN)]
    return chosen, f"{len(chosen)} of {len(found)} processors, evenly chosen"
