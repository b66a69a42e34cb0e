"""timeline.png: who did what when, a row for each resource or a lane for each of many processors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.result import Result
from dataflow.trace import Trace
from reports import palette, units
from reports.timeline_bars import Bar, Row, Timeline
from reports.timeline_rows import timeline_of
from reports.window import STEPS_SHOWN, STREAMED_STEPS_SHOWN, Window, window_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_WIDTH_IN = 16.0
_FONT = 7.0
_POINTS_PER_IN = 72.0


def timeline_png(result: Result, path: str | Path) -> None:
    """Draws a run's first steps over simulated time. Raises OSError when the file cannot be written."""
    figure = timeline_figure(result)
    figure.savefig(path, format="png", dpi=_DPI)


def timeline_figure(result: Result) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    streams = result.experiment.mode == "pipeline"
    window = window_of(result.trace, STREAMED_STEPS_SHOWN if streams else STEPS_SHOWN)
    timeline = timeline_of(result, window)
    rows = timeline.rows
    thickness = _thickness(timeline)
    height = 1.7 + thickness * sum(row.height + row.gap for row in rows)
    figure = Figure(figsize=(_WIDTH_IN, max(3.0, height)), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    middles = _middles(rows)
    _set_up(axes, timeline, middles, window, thickness)
    _title(axes, result, window, timeline.note)
    _mark_steps(axes, result.trace, window)
    _legend(figure, timeline)
    figure.draw_without_rendering()  # settles how wide the axes are, on which labels depend
    points_per_unit = axes.bbox.width / _DPI * _POINTS_PER_IN / (window.limits[1] - window.limits[0])
    for row, middle in zip(rows, middles, strict=True):
        _draw_waits(axes, row, middle, window, hatched=not timeline.compact)
        _draw_bars(axes, row, middle, window, points_per_unit)
        _write_labels(axes, row, middle, window, points_per_unit, thickness * row.height * _POINTS_PER_IN)
    return figure


# -- how it is drawn ------------------------------------------------------------------------------


def _thickness(timeline: Timeline) -> float:
    """The height of a processor's row in inches: less where there are many."""
    count = sum(row.height for row in timeline.rows)
    return min(0.46, max(0.13, (12.0 if timeline.compact else 11.0) / count))


def _middles(rows: Sequence[Row]) -> list[float]:
    """The height of each row's middle, from the top down."""
    middles: list[float] = []
    reached = 0.0
    for row in rows:
        reached += row.gap
        middles.append(reached + row.height / 2)
        reached += row.height
    return middles


def _set_up(
    axes: Axes, timeline: Timeline, middles: Sequence[float], window: Window, thickness: float
) -> None:
    rows = timeline.rows
    font = min(9.0, max(7.0 if timeline.compact else 4.0, thickness * 0.5 * _POINTS_PER_IN * 0.75))
    axes.set_xlim(*window.limits)
    axes.set_ylim(sum(row.height + row.gap for row in rows) + 0.2, 0.0)
    axes.set_yticks(list(middles), [row.label for row in rows], fontsize=font)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel(
        f"simulated time since the first step began, {window.unit}{timeline.key and '      '}{timeline.key}",
        fontsize=9,
    )
    axes.grid(visible=True, axis="x", color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    right = window.limits[1]
    for row, middle in zip(rows, middles, strict=True):
        axes.axhspan(middle - row.height / 2, middle + row.height / 2, color="#F7F7F7", zorder=0)
        axes.annotate(
            row.beside,
            (right, middle),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=min(8.0, font),
            color=palette.FAINT,
            annotation_clip=False,
        )


def _title(axes: Axes, result: Result, window: Window, note: str) -> None:
    metrics = result.metrics
    uses = metrics.processors.values()
    # A card has more cores than a plan uses; those without tasks say nothing of the plan.
    busy = [use.utilisation for use in uses if use.busy_s or not metrics.idleness] or [0.0]
    title = (
        f"{result.experiment.name}:  step {units.duration(metrics.step_time_s)},  "
        f"{units.number(metrics.images_per_s)} {result.experiment.network.examples}/s,  "
        f"processors busy {units.percent(sum(busy) / len(busy))}"
    )
    told = ", ".join(told for told in (window.told, note) if told)
    axes.set_title(title + (f"   ({told})" if told else ""), fontsize=12, loc="left", pad=18)


def _mark_steps(axes: Axes, trace: Trace, window: Window) -> None:
    start_ps = trace.start_ps
    if window.start_ps < start_ps:
        begin, end = window.at(window.start_ps), window.at(start_ps)
        if (end - begin) / (window.limits[1] - begin) > 0.05:
            _write_above(axes, (begin + end) / 2, "cold start")
        axes.axvline(end, color=palette.INK, linewidth=0.9, linestyle=(0, (4, 3)))
    for step, end_ps in enumerate(trace.step_ends_ps[: window.steps]):
        middle = (window.at(start_ps) + window.at(end_ps)) / 2
        _write_above(axes, middle, f"step {step}")
        axes.axvline(window.at(end_ps), color=palette.INK, linewidth=0.9, linestyle=(0, (4, 3)))
        start_ps = end_ps


def _write_above(axes: Axes, at: float, told: str) -> None:
    axes.annotate(
        told,
        (at, 1.0),
        (0, 4),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=palette.FAINT,
        annotation_clip=False,
    )


def _legend(figure: Figure, timeline: Timeline) -> None:
    from matplotlib.patches import Patch

    rows = timeline.rows
    present = {bar.phase for row in rows for bar in row.bars}
    handles = [
        Patch(color=colour, label=phase) for phase, colour in palette.PHASES.items() if phase in present
    ]
    if any(wait.transfer is not None for row in rows for wait in row.waits):
        handles.append(
            Patch(
                facecolor=palette.EXPOSED,
                edgecolor=palette.EXCHANGE,
                hatch=None if timeline.compact else "////",
                linewidth=0,
                label="waits for a transfer",
            )
        )
    others = [wait.prepared for row in rows for wait in row.waits if wait.transfer is None]
    if others:
        who = (
            "another processor"
            if not any(others)
            else "a host"
            if all(others)
            else "another processor or a host"
        )
        handles.append(Patch(facecolor=palette.WAITING, label=f"waits for {who}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9, frameon=False)


def _draw_waits(axes: Axes, row: Row, middle: float, window: Window, *, hatched: bool) -> None:
    """hatched: as the legend has it; in a thin row a hatch would hide the colour."""
    for exposed in (False, True):
        ranges = [
            (window.at(wait.start_ps), window.length(wait.length_ps))
            for wait in row.waits
            if (wait.transfer is not None) is exposed
        ]
        if not ranges:
            continue
        place = (middle - row.height / 2, row.height)
        if exposed:
            axes.broken_barh(
                ranges,
                place,
                facecolor=palette.EXPOSED,
                edgecolor=palette.EXCHANGE,
                hatch="////" if hatched else None,
                linewidth=0,
            )
        else:
            axes.broken_barh(ranges, place, facecolor=palette.WAITING, linewidth=0)


def _draw_bars(axes: Axes, row: Row, middle: float, window: Window, points_per_unit: float) -> None:
    """One collection for each colour; wide bars leave a gap to the next, narrow ones stay visible."""
    gap, least = 0.8 / points_per_unit, 0.5 / points_per_unit
    by_colour: dict[str, list[tuple[float, float]]] = {}
    for bar in row.bars:
        length = window.length(bar.end_ps - bar.start_ps)
        drawn = length - gap if length * points_per_unit > 2.5 else max(length, least)
        by_colour.setdefault(_colour(bar), []).append((window.at(bar.start_ps), drawn))
    for colour, ranges in by_colour.items():
        axes.broken_barh(ranges, (middle - row.height / 2, row.height), facecolor=colour, linewidth=0)


def _colour(bar: Bar) -> str:
    colour = palette.PHASES[bar.phase]
    return palette.lighter(colour) if bar.shaded else colour


def _write_labels(
    axes: Axes, row: Row, middle: float, window: Window, points_per_unit: float, height_points: float
) -> None:
    """The longest label that fits, upright if only that does."""
    font = min(_FONT, height_points * 0.62)
    if font < 4.5:
        return
    for bar in row.bars:
        start_ps, end_ps = max(bar.start_ps, window.start_ps), min(bar.end_ps, window.end_ps)
        width = window.length(end_ps - start_ps) * points_per_unit
        fitting = [label for label in bar.labels if _points(label, font) <= width - 2]
        upright = [label for label in bar.labels if _points(label, font) <= height_points - 2]
        if fitting:
            label, rotation = fitting[0], 0
        elif upright and width > font + 1:
            label, rotation = upright[0], 90
        else:
            continue
        axes.text(
            window.at((start_ps + end_ps) / 2),
            middle,
            label,
            ha="center",
            va="center",
            rotation=rotation,
            fontsize=font,
            color=palette.ink_on(_colour(bar)),
            clip_on=True,
            in_layout=False,
        )


def _points(label: str, font: float) -> float:
    """How wide a label is at most, in points."""
    return 0.62 * font * len(label)
