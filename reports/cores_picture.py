"""cores.png: where the time of each core goes, as stacked bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reports import palette
from reports.alike import alike
from reports.core_tables import CAUSES, whole, working
from reports.schema import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_BARS_SHOWN = 80
"""Of more cores those that are alike to the percent are one bar."""

_UPRIGHT_FROM = 13
"""From so many bars on their names stand upright."""


def cores_png(report: Report, path: str | Path) -> None:
    """Draws the time of each core of a run. Raises OSError when the file cannot be written."""
    cores_figure(report).savefig(path, format="png", dpi=_DPI)


def cores_figure(report: Report) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    each = working(report)
    bars = _bars(each)
    width = min(18.0, max(8.0, 0.23 * len(bars) + 3))
    figure = Figure(figsize=(width, 5.0), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    _draw(axes, list(bars.values()))
    _set_up(axes, list(bars))
    folded = f", {len(each)} cores, those alike drawn once" if len(bars) < len(each) else ""
    unused = len(report.idleness) - len(each)
    folded += f", {unused} more have no task" if unused else ""
    axes.set_title(
        f"{report.experiment}: where the cores' time goes\n{whole(report)}{folded}", fontsize=11, loc="left"
    )
    present = sum(any(part[cause] > 0 for part in each.values()) for cause in CAUSES)
    figure.legend(loc="outside lower center", ncols=max(1, present), fontsize=9, frameon=False)
    return figure


def _bars(each: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The shares of each bar by what is written below it."""
    if len(each) <= _BARS_SHOWN:
        return each
    groups = alike(each, lambda core: tuple(round(100 * part) for part in each[core].values()))
    shown = groups[:_BARS_SHOWN]
    return {
        group[0] if len(group) == 1 else f"{group[0]} +{len(group) - 1}": each[group[0]] for group in shown
    }


def _draw(axes: Axes, bars: list[dict[str, float]]) -> None:
    below = [0.0] * len(bars)
    for cause, told in CAUSES.items():
        parts = [100 * bar[cause] for bar in bars]
        if not any(parts):
            continue
        label = f"waits for {told}" if cause in ("memory", "engine", "signal", "input") else told
        axes.bar(range(len(bars)), parts, 0.84, below, color=palette.CAUSES[cause], label=label)
        below = [low + part for low, part in zip(below, parts, strict=True)]


def _set_up(axes: Axes, labels: list[str]) -> None:
    upright = len(labels) >= _UPRIGHT_FROM
    axes.set_xticks(range(len(labels)), labels, fontsize=7 if upright else 9, rotation=90 if upright else 0)
    axes.set_xlim(-0.7, len(labels) - 0.3)
    axes.set_ylim(0, 100)
    axes.set_ylabel("share of the time, %", fontsize=9)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelsize=9)
    axes.grid(visible=True, axis="y", color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
