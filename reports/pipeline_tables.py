"""What a report says of a hardware pipeline: its interval, its stages and the buffers between them."""

from __future__ import annotations

from collections.abc import Sequence

from reports import core_tables, units
from reports.alike import alike, names, span
from reports.core_schema import BufferEntry, PipelineEntry, StageEntry
from reports.grid import Grid, Row
from reports.schema import Report

_AS_LONG = 0.999
"""A stage that takes this part of the bottleneck's time is one too."""


def pace(report: Report) -> str:
    """Interval, fill, drain and latency in one line; empty without a pipeline."""
    pipeline = report.pipeline
    if pipeline is None:
        return ""
    latency = pipeline.latency
    if pipeline.interval_s is None:
        alone = f"one {core_tables.step(report)} only, in {units.duration(latency.max_s)}: nothing overlaps"
        return f"{alone}; with more steps, as --steps 64, there is an interval"
    every = f"a {core_tables.step(report)} every {units.duration(pipeline.interval_s)}"
    return (
        f"{every}, fill {units.duration(pipeline.fill_s)}, "
        f"drain {units.duration(pipeline.drain_s)}; latency median {units.duration(latency.p50_s)}, "
        f"99th percentile {units.duration(latency.p99_s)} of {latency.count}"
    )


def bottleneck(report: Report) -> str:
    """Which stage sets the interval, and what balancing the stages would give; empty without an interval."""
    pipeline = report.pipeline
    if pipeline is None or pipeline.interval_s is None or pipeline.balanced_interval_s is None:
        return ""
    stage = next((stage for stage in pipeline.stages if stage.processor == pipeline.bottleneck), None)
    layers = f" ({', '.join(stage.layers)})" if stage else ""
    slowest = sum(is_slowest(each, pipeline) for each in pipeline.stages)
    others = f" and {slowest - 1} that take as long" if slowest > 1 else ""
    gain = pipeline.interval_s / pipeline.balanced_interval_s if pipeline.balanced_interval_s else None
    return (
        f"{pipeline.bottleneck}{layers}{others}; equal stages would give one every "
        f"{units.duration(pipeline.balanced_interval_s)} ({units.times(gain)} the rate)"
    )


def is_slowest(stage: StageEntry, pipeline: PipelineEntry) -> bool:
    """Whether a stage is the bottleneck, or takes as long to the thousandth."""
    if pipeline.interval_s is None:
        return False
    times = [each.time_s for each in pipeline.stages if each.processor == pipeline.bottleneck]
    return stage.time_s >= _AS_LONG * max(times, default=pipeline.interval_s)


def stages(report: Report) -> Grid:
    """A row for each stage, in the order in which samples pass; those alike in one."""
    pipeline = report.pipeline
    rows = tuple(_stage_row(group, pipeline) for group in stages_alike(pipeline)) if pipeline else ()
    columns = ("stage", "layers", f"a {core_tables.step(report)}", "occupied", "")
    whole = "the whole time" if pipeline and pipeline.interval_s is None else "the interval"
    note = f"occupied: share of {whole} in which it computes"
    if any(" +" in row[0] for row in rows):
        note += "; +n: so many more alike"
    return Grid("Stages", columns, rows, left=("layers", ""), note=note)


def stages_alike(pipeline: PipelineEntry) -> list[list[StageEntry]]:
    """Stages of the same layers that take equally long, to three digits."""
    return alike(pipeline.stages, lambda stage: (stage.layers, units.duration(stage.time_s, 3)))


def _stage_row(group: Sequence[StageEntry], pipeline: PipelineEntry) -> Row:
    stage = group[0]
    return (
        names([each.processor for each in group]),
        ", ".join(stage.layers),
        units.duration(stage.time_s),
        units.percent(stage.occupied),
        "sets the interval" if is_slowest(stage, pipeline) else "",
    )


def buffers(report: Report) -> Grid:
    """A row for each buffer between two stages; those alike in one."""
    groups = buffers_alike(report.pipeline) if report.pipeline else []
    held = "samples" if report.batch == 1 else f"batches of {report.batch}"
    columns = ("buffer", "from", "to", "room", "mean", "peak", "full", "stalled")
    note = (
        f"room, mean, peak: {held}; full: share of the time; stalled: how long, in all, its producer "
        "waited for room"
    )
    if any(len(group) > 1 for group in groups):
        note += "; +n: so many more alike"
    rows = tuple(_buffer_row(group) for group in groups)
    return Grid("Buffers between stages", columns, rows, left=("from", "to"), note=note)


def buffers_alike(pipeline: PipelineEntry) -> list[list[BufferEntry]]:
    """Buffers of the same size for regions of the same tensor that are equally full."""

    def looks(buffer: BufferEntry) -> tuple[object, ...]:
        fullness = round(buffer.mean, 2), buffer.peak, round(buffer.full_fraction, 2)
        return buffer.holds, buffer.capacity, *fullness

    return alike(pipeline.buffers, looks)


def _buffer_row(group: Sequence[BufferEntry]) -> Row:
    buffer = group[0]
    more = f" +{len(group) - 1}" if len(group) > 1 else ""
    return (
        f"{buffer.holds}{more}",
        span(list(dict.fromkeys(each.producer for each in group))),
        span(list(dict.fromkeys(name for each in group for name in each.consumer.split(", ")))),
        str(buffer.capacity),
        units.number(buffer.mean, 3),
        str(buffer.peak),
        units.percent(buffer.full_fraction),
        units.duration(max(each.stalled_s for each in group)),
    )
