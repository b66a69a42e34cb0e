"""What is drawn on a row of a timeline: spans as bars, one each or run together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dataflow.intervals import Intervals
from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.trace import Span, Trace
from dataflow.waiting import Wait

EXCHANGE, LOAD, SIGNAL = "exchange", "load", "signal"
NUMBERS = "numbers: micro-batches"
DIRECTIONS = "dx: gradient of a layer's input, dw: of its weights, sum: of parts of one"
_SHORT = {"input_gradient": "dx", "weight_gradient": "dw"}


@dataclass(frozen=True)
class Bar:
    """A stretch of time as drawn: its colour by phase, and what may be written on it, longest first.

    shaded: drawn lighter, so that neighbours of one phase can be told apart.
    """

    start_ps: int
    end_ps: int
    phase: str
    labels: tuple[str, ...]
    shaded: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the picture. height: in rows of a processor. beside: text at its right end."""

    label: str
    height: float
    gap: float
    bars: tuple[Bar, ...]
    waits: tuple[Wait, ...] = ()
    beside: str = ""


@dataclass(frozen=True)
class Timeline:
    """The rows of a picture. key: what is written on bars. note: what is not shown."""

    rows: tuple[Row, ...]
    key: str
    compact: bool = False
    note: str = ""


def phase_of(span: Span) -> str:
    """The phase that sets a span's colour: that of its task, or ``exchange``, or ``signal``."""
    if span.kind is TaskKind.SIGNAL:
        return SIGNAL
    exchange = span.kind is TaskKind.TRANSFER and span.phase.label != LOAD
    return EXCHANGE if exchange else span.phase.label


def single_bars(spans: Iterable[Span], *, streams: bool = False) -> tuple[Bar, ...]:
    """A bar for each span with its layer, and its direction where it is a gradient.

    streams: of steps that are under way at once, every other one in a lighter shade.
    """
    return tuple(
        Bar(span.start_ps, span.end_ps, phase_of(span), _labels(span), streams and span.step % 2 == 1)
        for span in spans
    )


def _labels(span: Span) -> tuple[str, ...]:
    short = "sum" if span.kind is TaskKind.SUM else _SHORT.get(span.operation.rpartition(" ")[2])
    return (f"{span.layer} {short}", span.layer) if short else (span.layer,)


def microbatches(trace: Trace) -> dict[int, int]:
    """The micro-batch of forward and gradient tasks that are done for several, by the span's index.

    Of these, tasks that do the same on one processor in one step differ in their micro-batch alone.
    """
    alike: dict[tuple[object, ...], list[Span]] = {}
    for span in trace.spans:
        if span.kind is TaskKind.COMPUTE and span.phase is not Phase.UPDATE:
            key = (span.processor, span.step, span.layer, span.phase, span.operation)
            alike.setdefault(key, []).append(span)
    return {
        span.index: number
        for spans in alike.values()
        if len(spans) > 1
        for number, span in enumerate(sorted(spans, key=lambda span: span.task))
    }


def joined_bars(spans: Iterable[Span], microbatch: Mapping[int, int], least_gap_ps: int) -> tuple[Bar, ...]:
    """A bar for what follows at once in the same phase and micro-batch, with the micro-batch's number.

    Sums go with what is before them. least_gap_ps: gaps below this are not seen.
    """
    found: list[Bar] = []
    last: tuple[int, str, int | None] | None = None
    for span in sorted(spans, key=lambda span: span.start_ps):
        number = microbatch.get(span.index)
        if span.kind is TaskKind.SUM and last is not None:
            number = last[2]
        this = (span.step, phase_of(span), number)
        if this == last and span.start_ps - found[-1].end_ps <= least_gap_ps:
            found[-1] = replace(found[-1], end_ps=span.end_ps)
            continue
        labels = () if number is None else (str(number),)
        found.append(Bar(span.start_ps, span.end_ps, this[1], labels, bool(number and number % 2)))
        last = this
    return tuple(found)


def busy_bars(spans: Iterable[Span], least_gap_ps: int = 0) -> tuple[Bar, ...]:
    """Bars for when any of these went on, exchanges over loads; what overlaps is one bar."""
    by_phase: dict[str, list[tuple[int, int]]] = {}
    for span in spans:
        by_phase.setdefault(phase_of(span), []).append((span.start_ps, span.end_ps + least_gap_ps))
    bars: list[Bar] = []
    for phase in sorted(by_phase, key=lambda phase: phase == EXCHANGE):
        busy = Intervals.of(by_phase[phase])
        ends = (end - least_gap_ps for end in busy.ends_ps)
        bars += [Bar(start, end, phase, ()) for start, end in zip(busy.starts_ps, ends, strict=True)]
    return tuple(bars)
