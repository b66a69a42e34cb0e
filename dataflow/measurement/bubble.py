"""The pipeline's bubble: how idle processors are while a batch goes forward and back."""

from __future__ import annotations

from collections.abc import Iterable

from dataflow.intervals import Intervals
from dataflow.measurement.measured import Measured
from dataflow.metrics import Bubble
from dataflow.ops import Phase
from dataflow.placement import TaskKind


def bubble(measured: Measured) -> Bubble:
    """Idle shares of each step's time from its first forward to its last gradient task.

    With p equal stages, m micro-batches and no communication the fraction is
    (p - 1) / (m + p - 1) (GPipe, Huang et al., arXiv 1811.06965, section 2.3). Zeros
    where no step has forward tasks.
    """
    windows: dict[int, tuple[int, int]] = {}
    working: list[str] = []
    for name, spans in measured.computing.items():
        forth_and_back = [
            span
            for span in spans
            if span.kind is TaskKind.COMPUTE and span.phase in (Phase.FORWARD, Phase.LOSS, Phase.GRADIENT)
        ]
        for span in forth_and_back:
            start_ps, end_ps = windows.get(span.step, (span.start_ps, span.end_ps))
            windows[span.step] = (min(start_ps, span.start_ps), max(end_ps, span.end_ps))
        if forth_and_back:
            working.append(name)
    span_ps = sum(end_ps - start_ps for start_ps, end_ps in windows.values())
    if not span_ps:
        return Bubble(0.0, 0.0, {})
    busy_ps = {name: _busy_ps(name, windows.values(), measured) for name in working}
    return Bubble(
        fraction=1 - sum(busy_ps.values()) / (span_ps * len(working)),
        span_s=measured.per_step(span_ps),
        processors={name: 1 - time_ps / span_ps for name, time_ps in busy_ps.items()},
    )


def _busy_ps(name: str, windows: Iterable[tuple[int, int]], measured: Measured) -> int:
    computing = Intervals.of((span.start_ps, span.end_ps) for span in measured.computing[name])
    return sum(computing.within(start_ps, end_ps) for start_ps, end_ps in windows)
