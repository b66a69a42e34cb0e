"""scaling.png: speed-up and efficiency against processors, and what limits each size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from dataflow.scaling.curve import Scaling, ScalingPoint
from reports import palette
from reports.scaling_table import NOTHING, UNKNOWN, findings, limiting_resource

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_STYLES = ("-", "--", "-.", ":")
_RESOURCES = {
    "arithmetic": palette.FORWARD,
    "memory bandwidth": palette.UPDATE,
    "kernel launches": palette.GRADIENT,
    "links": palette.EXCHANGE,
    NOTHING: palette.FAINT,
    UNKNOWN: palette.INK,
}


def scaling_png(scaling: Scaling, path: str | Path) -> None:
    """Draws the sizes. Raises OSError when the file cannot be written."""
    scaling_figure(scaling).savefig(path, format="png", dpi=_DPI)


def scaling_figure(scaling: Scaling) -> Figure:
    """The picture, for a notebook or another file format: dots have the colour of what limits them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 5.4), dpi=_DPI, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    lines = _lines(scaling.points)
    counts = sorted({point.processors for point in scaling.points})
    across = _Across(scaling.points)
    for number, (name, points) in enumerate(lines.items()):
        style = _STYLES[number % len(_STYLES)]
        at = [across.at(point) for point in points]
        _draw(left, name, at, points, [point.speed_up for point in points], style)
        _draw(right, name, at, points, [100 * point.efficiency for point in points], style)
    if len(counts) > 1:
        ideal = [count / counts[0] for count in counts]
        left.plot(counts, ideal, color=palette.FAINT, linewidth=1, linestyle=(0, (1, 2)), label="ideal")
        right.axhline(100, color=palette.FAINT, linewidth=1, linestyle=(0, (1, 2)), label="ideal")
    if scaling.stop is not None:
        _mark_stop(left, across.at(scaling.stop))
    if len(lines) == 1 and all(point.limits for point in scaling.points):
        _name_limits(left, across, scaling.points)
    _set_up(left, across, "speed-up")
    _set_up(right, across, "efficiency, %")
    right.set_ylim(0, max(105.0, *(110 * point.efficiency for point in scaling.points)))
    figure.suptitle(f"{scaling.experiment}:  {scaling.kind} scaling", fontsize=12, x=0.01, ha="left")
    left.set_title("\n".join(fill(line, 95) for line in findings(scaling)), fontsize=8, loc="left")
    _legend(figure, left, scaling.points)
    return figure


class _Across:
    """Where sizes are on the axis across: at their processors, or in order where these are the same."""

    def __init__(self, points: Sequence[ScalingPoint]) -> None:
        counts = sorted({point.processors for point in points})
        self.counted = len(counts) > 1
        self.ratio = counts[-1] / counts[0]
        self.name = "processors" if self.counted else next(iter(points[0].setting))
        values = list(dict.fromkeys(next(iter(point.setting.values())) for point in points))
        self.ticks = {str(count): count for count in counts}
        if not self.counted:
            self.ticks = {value: place for place, value in enumerate(values)}

    def at(self, point: ScalingPoint) -> int:
        """The place of a size."""
        return point.processors if self.counted else self.ticks[next(iter(point.setting.values()))]


def _lines(points: Sequence[ScalingPoint]) -> dict[str, list[ScalingPoint]]:
    """The points by all that is varied but the first field, which goes along a line."""
    found: dict[str, list[ScalingPoint]] = {}
    for point in points:
        others = list(point.setting.items())[1:]
        found.setdefault(", ".join(f"{name} {value}" for name, value in others), []).append(point)
    return {name: sorted(line, key=lambda point: point.processors) for name, line in found.items()}


def _draw(
    axes: Axes,
    name: str,
    at: Sequence[int],
    points: Sequence[ScalingPoint],
    values: Sequence[float],
    style: str,
) -> None:
    axes.plot(at, values, color=palette.INK, linewidth=1.3, linestyle=style, label=name, zorder=2)
    colours = [_RESOURCES.get(limiting_resource(point), palette.OTHER_KIND) for point in points]
    axes.scatter(at, values, s=46, c=colours, edgecolors="white", linewidths=0.8, zorder=3)


def _name_limits(axes: Axes, across: _Across, points: Sequence[ScalingPoint]) -> None:
    """What limits each size beside its dot; the same as at the size before is not said again."""
    before = ""
    for point in sorted(points, key=lambda point: point.processors):
        if limiting_resource(point) != before:
            axes.annotate(
                limiting_resource(point),
                (across.at(point), point.speed_up),
                (9, -4),
                textcoords="offset points",
                fontsize=8,
                color=palette.INK,
            )
        before = limiting_resource(point)


def _mark_stop(axes: Axes, at: int) -> None:
    """A line at the size beyond which more processors hardly help."""
    axes.axvline(at, color=palette.EXCHANGE, linewidth=1, linestyle="--", zorder=1)
    axes.annotate(
        "scaling stops",
        (at, 0.02),
        (4, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        fontsize=8,
        color=palette.EXCHANGE,
    )


def _set_up(axes: Axes, across: _Across, quantity: str) -> None:
    from matplotlib.ticker import NullLocator

    if across.ratio >= 4:
        axes.set_xscale("log", base=2)
        if quantity == "speed-up":
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(across.ticks.values()), list(across.ticks))
    axes.set_xlabel(across.name, fontsize=9)
    axes.set_ylabel(quantity, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _legend(figure: Figure, axes: Axes, points: Sequence[ScalingPoint]) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    found = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label]
    present = dict.fromkeys(limiting_resource(point) for point in points if point.limits)
    found += [
        (
            Line2D([], [], marker="o", linestyle="", color=_RESOURCES.get(name, palette.OTHER_KIND)),
            f"limited by {name}",
        )
        for name in present
    ]
    figure.legend(
        [handle for handle, _ in found],
        [label for _, label in found],
        loc="outside lower center",
        ncols=min(6, len(found)),
        fontsize=9,
        frameon=False,
    )
