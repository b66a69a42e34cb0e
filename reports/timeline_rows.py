"""The rows of a timeline: what is shown of a run, apart from how it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dataflow.hardware import Hardware
from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.trace import Span
from dataflow.waiting import Wait, waits_of
from reports import units
from reports.lanes import lanes
from reports.window import Window

_SHORT = {"input_gradient": "dx", "weight_gradient": "dw"}


@dataclass(frozen=True)
class Bar:
    """A span as drawn: its colour by phase, and what may be written on it, longest first."""

    start_ps: int
    end_ps: int
    phase: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the picture. height: in rows of a processor. beside: text at its right end."""

    label: str
    height: float
    gap: float
    bars: tuple[Bar, ...]
    waits: tuple[Wait, ...] = ()
    beside: str = ""


def rows_of(result: Result, window: Window) -> list[Row]:
    """Each processor with its copy engines, then the links; of the latter two only those in use."""
    trace, hardware = result.trace, result.experiment.hardware
    shown = [span for span in trace.spans if window.has(span.start_ps, span.end_ps)]
    by_resource: dict[str, list[Span]] = {}
    by_link: dict[str, list[Span]] = {link.name: [] for link in hardware.links}
    for span in shown:
        by_resource.setdefault(span.resources[0], []).append(span)
        for name in _link_names(span, hardware):
            by_link[name].append(span)
    rows: list[Row] = []
    for name in hardware.processors:
        use = result.metrics.processors[name]
        waits = tuple(wait for wait in waits_of(name, trace) if window.has(wait.start_ps, wait.end_ps))
        bars = _bars(by_resource.get(name, []))
        rows.append(Row(name, 1.0, 0.35, bars, waits, f"busy {units.percent(use.utilisation)}"))
        engines = lanes(by_resource.get(f"{name}.copy", []))
        rows += [Row(f"{name} copy", 0.5, 0.12, _bars(lane)) for lane in engines]
    for index, (name, spans) in enumerate((n, s) for n, s in by_link.items() if s):
        use_of_link = result.metrics.links[name]
        beside = units.percent(use_of_link.utilisation)
        rows.append(
            Row(
                name.replace("->", " \N{RIGHTWARDS ARROW} "),
                0.5,
                0.12 if index else 0.5,
                _bars(spans),
                (),
                beside,
            )
        )
    return rows


def _link_names(span: Span, hardware: Hardware) -> list[str]:
    if span.source is None or span.destination is None:
        return []
    return [link.name for link in hardware.route(span.source, span.destination)]


def _bars(spans: Iterable[Span]) -> tuple[Bar, ...]:
    return tuple(Bar(span.start_ps, span.end_ps, _phase(span), _labels(span)) for span in spans)


def _phase(span: Span) -> str:
    exchange = span.kind is TaskKind.TRANSFER and span.phase.label != "load"
    return "exchange" if exchange else span.phase.label


def _labels(span: Span) -> tuple[str, ...]:
    short = _SHORT.get(span.operation.rpartition(" ")[2])
    return (f"{span.layer} {short}", span.layer) if short else (span.layer,)
