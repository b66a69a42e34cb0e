"""pipeline.png: how long each stage takes for a sample, and how full the buffers between stages are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

from reports import core_tables, palette, pipeline_tables, units
from reports.alike import names, span
from reports.core_schema import BufferEntry, PipelineEntry, StageEntry
from reports.schema import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_EACH_UP_TO = 16
"""Of more stages or buffers those that are alike are drawn once."""

_SHOWN = 40
"""Stages and buffers that are drawn: of more the slowest and those that are fullest."""

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_UPRIGHT_FROM = 7
_CHARACTERS_PER_INCH = 13
_UPRIGHT_CHARACTERS = 44
_LINES = 3
"""Labels are cut after so many lines, or characters where they stand upright: bars need their room."""


def pipeline_png(report: Report, path: str | Path) -> None:
    """Draws the pipeline of a run that has one. Raises OSError when the file cannot be written."""
    pipeline_figure(report).savefig(path, format="png", dpi=_DPI)


def pipeline_figure(report: Report) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    pipeline = report.pipeline
    assert pipeline is not None
    stages, buffers = _slowest(pipeline), _fullest(pipeline)
    wide = max(len(stages), len(buffers))
    size = (min(18.0, max(9.0, 0.24 * wide + 3)), 8.2)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained", facecolor="white")
    upper, lower = figure.subplots(2, 1)
    _draw_stages(upper, pipeline, stages)
    what = "samples" if report.batch == 1 else f"batches of {report.batch}"
    _draw_buffers(lower, buffers, what)
    passed = f"one {core_tables.step(report)}" if pipeline.samples == 1 else f"{pipeline.samples} {what}"
    title = f"{report.experiment}: {passed} through {len(pipeline.stages)} stages"
    told = pipeline_tables.pace(report).replace("; ", "\n")
    figure.suptitle(f"{title}\n{told}", fontsize=11, x=0.01, ha="left")
    return figure


def _slowest(pipeline: PipelineEntry) -> dict[str, StageEntry]:
    """The stages that are drawn by what is written below them, those alike once where they are many."""
    few = len(pipeline.stages) <= _EACH_UP_TO
    groups = [[stage] for stage in pipeline.stages] if few else pipeline_tables.stages_alike(pipeline)
    kept = sorted(groups, key=lambda group: -group[0].time_s)[:_SHOWN]
    return {names([stage.processor for stage in group]): group[0] for group in groups if group in kept}


def _draw_stages(axes: Axes, pipeline: PipelineEntry, labelled: Mapping[str, StageEntry]) -> None:
    stages = list(labelled.values())
    longest = max(pipeline.interval_s or 0.0, *(stage.time_s for stage in stages))
    worth, unit = next(((worth, unit) for worth, unit in _UNITS if longest >= worth), _UNITS[-1])
    slow = [pipeline_tables.is_slowest(stage, pipeline) for stage in stages]
    colours = [palette.EXCHANGE if is_slow else palette.FORWARD for is_slow in slow]
    axes.bar(range(len(stages)), [stage.time_s / worth for stage in stages], 0.8, color=colours)
    for place, stage in enumerate(stages):
        if len(stages) <= 24:
            axes.annotate(
                units.percent(stage.occupied, 2),
                (place, 0),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color="white",
            )
    lines = (
        (pipeline.interval_s, "interval between samples", palette.INK, "-"),
        (pipeline.balanced_interval_s, "interval of equal stages", palette.UPDATE, "--"),
    )
    for at, label, colour, style in lines:
        if at is not None:
            axes.axhline(at / worth, color=colour, linewidth=1.2, linestyle=style, label=label)
    folded = len(stages) < len(pipeline.stages)
    told = f", {len(pipeline.stages)} stages, +n: so many more alike" if folded else ""
    alone = pipeline.interval_s is None
    of = "in the bars: share of"
    key = f"{of} the whole time" if alone else f"red: what sets the interval; {of} that"
    axes.set_title(f"time of each stage for a step{told} ({key})", fontsize=9, loc="left")
    axes.set_ylabel(unit, fontsize=9)
    axes.set_ylim(0, 1.22 * longest / worth)
    if not alone:
        axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)
    _set_up(axes, [f"{label}\n{', '.join(stage.layers)}" for label, stage in labelled.items()])


def _fullest(pipeline: PipelineEntry) -> dict[str, BufferEntry]:
    """The buffers that are drawn by what is written below them, those alike once where they are many."""
    few = len(pipeline.buffers) <= _EACH_UP_TO
    groups = [[buffer] for buffer in pipeline.buffers] if few else pipeline_tables.buffers_alike(pipeline)
    kept = sorted(groups, key=lambda group: -group[0].mean / group[0].capacity)[:_SHOWN]
    return {_between(group): group[0] for group in groups if group in kept}


def _between(group: Sequence[BufferEntry]) -> str:
    """From where to where, and of what."""
    producers = span(list(dict.fromkeys(buffer.producer for buffer in group)))
    consumers = span(list(dict.fromkeys(name for buffer in group for name in buffer.consumer.split(", "))))
    ends = f"{producers}\n\N{RIGHTWARDS ARROW} {consumers}".replace("->", "\N{RIGHTWARDS ARROW}")
    return f"{group[0].holds}\n{ends}"


def _draw_buffers(axes: Axes, labelled: Mapping[str, BufferEntry], what: str) -> None:
    buffers = list(labelled.values())
    if not buffers:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no buffers between stages", ha="center", fontsize=10, color=palette.FAINT)
        return
    places = range(len(buffers))
    axes.bar(
        places,
        [buffer.capacity for buffer in buffers],
        0.8,
        color=palette.EMPTY,
        edgecolor=palette.FAINT,
        linewidth=0.5,
        label="room",
    )
    axes.bar(places, [buffer.mean for buffer in buffers], 0.8, color=palette.UPDATE, label="mean over time")
    axes.scatter(places, [b.peak for b in buffers], s=80, marker="_", color=palette.INK, label="peak")
    for place, buffer in enumerate(buffers):
        if len(buffers) <= 24 and buffer.full_fraction > 0:
            axes.annotate(
                units.percent(buffer.full_fraction, 2),
                (place, buffer.capacity),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=palette.INK,
            )
    axes.set_title(
        f"{what} in buffers between stages (above: share of the time full)", fontsize=9, loc="left"
    )
    axes.set_ylim(0, 1.35 * max(buffer.capacity for buffer in buffers))
    axes.set_ylabel(what, fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=3)
    _set_up(axes, list(labelled))


def _set_up(axes: Axes, labels: list[str]) -> None:
    upright = len(labels) >= _UPRIGHT_FROM
    shown = [_upright(label) if upright else _within(label, _room(axes, len(labels))) for label in labels]
    axes.set_xticks(range(len(labels)), shown, fontsize=7 if upright else 8.5, rotation=90 if upright else 0)
    axes.set_xlim(-0.7, len(labels) - 0.3)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(visible=True, axis="y", color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _room(axes: Axes, labels: int) -> int:
    """How many characters of a label are as wide as its part of the picture."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return int(_CHARACTERS_PER_INCH * figure.get_figwidth() / (labels + 1))


def _within(label: str, width: int) -> str:
    """A label no wider than so many characters; of a longer line the first few lines that it breaks into."""
    lines = [wrap(line, width, max_lines=_LINES, placeholder=" ...") for line in label.splitlines()]
    return "\n".join(part for line in lines for part in line)


def _upright(label: str) -> str:
    """A label on one line, and no longer than what leaves room for the bars."""
    line = label.replace("\n", "  ")
    if len(line) <= _UPRIGHT_CHARACTERS:
        return line
    return shorten(line, _UPRIGHT_CHARACTERS, placeholder=" ...")
