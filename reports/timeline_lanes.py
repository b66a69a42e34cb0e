"""A timeline of many processors: one lane for each, with its transfers as a thin line below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.trace import Span
from dataflow.waiting import Wait, waits
from reports import units
from reports.timeline_bars import (
    DIRECTIONS,
    LOAD,
    NUMBERS,
    Bar,
    Row,
    Timeline,
    busy_bars,
    joined_bars,
    microbatches,
    single_bars,
)
from reports.timeline_hosts import host_rows
from reports.timeline_signals import signal_rows
from reports.window import Window

_LANES_SHOWN = 64
"""Of more processors those that do alike are drawn once, and of still more every n-th."""

_KINDS_SHOWN = 8
"""When there are no more kinds of processors than this, each is drawn once, with the names of layers."""

_SEEN = 1000
"""What differs by less than a part in so many of the picture looks alike."""


@dataclass(frozen=True)
class _Lane:
    """A processor as drawn. spans: what it computes, of which bars are the joined ones."""

    name: str
    spans: tuple[Span, ...]
    bars: tuple[Bar, ...]
    transfers: tuple[Bar, ...]
    waits: tuple[Wait, ...]
    beside: str
    alike: int = 1

    def looks(self, seen_ps: int) -> tuple[object, ...]:
        """Equal for lanes that look alike: when the batch was loaded makes no difference."""
        moving = [bar for bar in self.transfers if bar.phase != LOAD]
        return tuple(
            (bar.phase, bar.start_ps // seen_ps, bar.end_ps // seen_ps) for bar in (*self.bars, *moving)
        )


def processor_lanes(result: Result, window: Window, least_gap_ps: int) -> Timeline:
    """Every processor that does anything; when they are too many, representatives and a note that says so."""
    found = _lanes(result, window, least_gap_ps)
    cores = sum(bool(each.memory) for each in result.experiment.hardware.processors.values())
    seen_ps = max(1, (window.end_ps - window.start_ps) // _SEEN)
    shown, note = _representatives(found, seen_ps, fold=cores > 0)
    numbered = any(bar.labels for lane in shown for bar in lane.bars)
    single = (len(shown) <= _KINDS_SHOWN or cores > 0) and not numbered
    streams = result.experiment.mode == "pipeline"
    moving = any(lane.transfers for lane in shown)
    rows = [*signal_rows(result, window), *host_rows(result, window)]
    for lane in shown:
        name = lane.name if lane.alike == 1 else f"{lane.name} and {lane.alike - 1} alike"
        bars = single_bars(lane.spans, streams=streams) if single else lane.bars
        rows.append(Row(name, 1.0, 0.3, bars, lane.waits, lane.beside))
        if moving:
            rows.append(Row("", 0.3, 0.04, lane.transfers))
    return Timeline(
        tuple(rows), NUMBERS if numbered else DIRECTIONS if single else "", compact=True, note=note
    )


def _lanes(result: Result, window: Window, least_gap_ps: int) -> list[_Lane]:
    trace, metrics = result.trace, result.metrics
    computing: dict[str, list[Span]] = {name: [] for name in result.experiment.hardware.processors}
    moving: dict[str, list[Span]] = {name: [] for name in computing}
    for span in trace.spans:
        if not window.has(span.start_ps, span.end_ps):
            continue
        if span.processor is not None:
            computing[span.processor].append(span)
        elif span.kind is TaskKind.TRANSFER:
            for end in span.ends:
                if end in moving:
                    moving[end].append(span)
    waited, microbatch = waits(trace), microbatches(trace)
    return [
        _Lane(
            name=name,
            spans=tuple(computing[name]),
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


def _representatives(found: Sequence[_Lane], seen_ps: int, *, fold: bool) -> tuple[Sequence[_Lane], str]:
    """At most so many lanes, and what is not shown. seen_ps: the least difference that can be seen.

    fold: draw those that look alike once even if they are of many kinds.
    """
    alike: dict[tuple[object, ...], list[_Lane]] = {}
    for lane in found:
        alike.setdefault(lane.looks(seen_ps), []).append(lane)
    kinds = [replace(lanes[0], alike=len(lanes)) for lanes in alike.values()]
    few = len(kinds) <= _KINDS_SHOWN or fold
    if len(found) <= _LANES_SHOWN and (not few or len(kinds) == len(found)):
        return found, ""
    if len(kinds) <= _LANES_SHOWN:
        return kinds, f"{len(found)} processors, those alike drawn once"
    chosen = [kinds[number * len(kinds) // _LANES_SHOWN] for number in range(_LANES_SHOWN)]
    return chosen, f"{len(chosen)} of {len(found)} processors, evenly chosen"
