"""A hardware pipeline: samples stream through stages, one after the other."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from dataflow.measurement.buffers import buffers
from dataflow.measurement.measured import Measured, sample_latency
from dataflow.metrics import PipelineUse, StageUse
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, TaskKind
from dataflow.simulation.resources import Resources
from dataflow.trace import Trace


def step_ps(trace: Trace, *, streaming: bool) -> float:
    """How long a step takes; if samples stream, the initiation interval.

    That is the median of the times between two samples that leave one after the other, which
    the filling of the pipeline does not move; the whole time of a single sample.
    """
    leaving = sorted(trace.step_ends_ps)
    if streaming and len(leaving) > 1:
        return median(later - earlier for earlier, later in pairwise(leaving))
    return (trace.end_ps - trace.start_ps) / trace.steps


def pipeline(placed: PlacedGraph, measured: Measured) -> PipelineUse:
    """What a run with ``mode: pipeline`` says of the pipeline.

    Without communication, with at least two places in each buffer, N samples through stages of
    times t take sum(t) + (N - 1) max(t). A single sample overlaps with none and has no interval.
    """
    trace = measured.trace
    entered = trace.arrivals_ps or trace.step_starts_ps
    interval_s = step_ps(trace, streaming=True) / PS_PER_S
    stages = _stages(measured, interval_s)
    overlapping = trace.steps > 1
    return PipelineUse(
        samples=trace.steps,
        interval_s=interval_s if overlapping else None,
        fill_s=measured.since_start_s(trace.step_ends_ps[0]),
        drain_s=(trace.step_ends_ps[-1] - entered[-1]) / PS_PER_S,
        latency=sample_latency(trace),
        stages=stages,
        buffers=buffers(placed, measured),
        bottleneck=_bottleneck(placed, measured),
        balanced_interval_s=sum(stage.time_s for stage in stages) / len(stages) if overlapping else None,
    )


def _stages(measured: Measured, interval_s: float) -> tuple[StageUse, ...]:
    found: list[StageUse] = []
    for name, spans in measured.computing.items():
        if spans:
            time_s = measured.per_step(sum(span.length_ps for span in spans))
            in_order = sorted(spans, key=lambda span: (span.step, span.task))
            layers = tuple(dict.fromkeys(span.layer for span in in_order))
            found.append(StageUse(name, layers, time_s, time_s / interval_s))
    return tuple(found)


def _bottleneck(placed: PlacedGraph, measured: Measured) -> str:
    """What is busy longest for a sample: a processor, copy engine, link, engine or the controller.

    Of equals the one that computes, and the first of those.
    """
    resources = Resources(placed.hardware)
    busy_ps: dict[str, float] = dict.fromkeys(placed.hardware.processors, 0.0)
    for span in measured.spans:
        occupied = resources.occupied_ps(span.engine_operations)
        for name in span.resources:
            length_ps = occupied.get(name, span.length_ps / resources.free.get(name, 1))
            if span.kind is TaskKind.TRANSFER and name in resources.fair:
                length_ps = resources.passed_ps(span.bytes, span.ends).get(name, 0.0)
            busy_ps[name] = busy_ps.get(name, 0.0) + length_ps
    return max(busy_ps, key=lambda name: busy_ps[name])
