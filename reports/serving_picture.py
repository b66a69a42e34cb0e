"""load.png: latency against offered load, with the knee and what theory says, and below what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.serving.load_curve import LoadCurve, LoadPoint
from reports import palette, units
from reports.serving_table import theory_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_P50, _P99, _LOST, _BUSY = palette.FORWARD, palette.GRADIENT, palette.EXCHANGE, palette.FAINT
_THEORY = (0, (1, 1.6))


def load_curve_png(curve: LoadCurve, path: str | Path) -> None:
    """Draws the curve. Raises OSError when the file cannot be written."""
    load_curve_figure(curve).savefig(path, format="png", dpi=_DPI)


def load_curve_figure(curve: LoadCurve) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 7.0), dpi=_DPI, layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    loads = [100 * point.load for point in curve.points]
    _latencies(above, curve, loads)
    _shares(below, curve, loads)
    for axes in (above, below):
        _past_capacity(axes, loads)
        if curve.knee is not None:
            axes.axvline(100 * curve.knee.load, color=palette.INK, linewidth=1, linestyle="--", zorder=1)
        axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=9)
        axes.spines["right"].set_visible(False)
    below.spines["top"].set_visible(False)
    if curve.knee is not None:
        _name_knee(above, curve.knee)
    _rates_above(above, curve)
    below.set_xlabel("offered load, % of capacity", fontsize=9)
    figure.suptitle(
        f"{curve.experiment} on {curve.hardware}:  latency against offered load",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    return figure


def _latencies(axes: Axes, curve: LoadCurve, loads: Sequence[float]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    lines = (
        ("p99", _P99, [point.p99_s for point in curve.points]),
        ("p50", _P50, [point.p50_s for point in curve.points]),
    )
    for name, colour, values in lines:
        axes.plot(loads, values, color=colour, linewidth=1.8, marker="o", markersize=5, label=name, zorder=3)
    known = [(point.load, point.predicted) for point in curve.points if point.predicted]
    predictions = (
        ("p99", palette.INK, [prediction.p99_s for _, prediction in known]),
        ("p50", palette.FAINT, [prediction.p50_s for _, prediction in known]),
    )
    for name, colour, values in predictions if known else ():
        axes.plot(
            [100 * load for load, _ in known],
            values,
            color=colour,
            linewidth=1.4,
            linestyle=_THEORY,
            label=f"{name}, {theory_name(curve)}",
            zorder=4,
        )
    axes.axhline(curve.service_s, color=palette.FAINT, linewidth=0.9, linestyle="-.", label="a request alone")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0), numticks=20))
    axes.yaxis.set_major_formatter(lambda value, _: units.duration(value, 3))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("latency (logarithmic)", fontsize=9)
    axes.legend(
        loc="upper left", fontsize=9, frameon=True, facecolor="white", edgecolor="none", framealpha=0.9
    )


def _shares(axes: Axes, curve: LoadCurve, loads: Sequence[float]) -> None:
    busy = [100 * point.utilisation for point in curve.points]
    lost = [100 * point.loss_share for point in curve.points]
    axes.plot(loads, busy, color=_BUSY, linewidth=1.3, marker="o", markersize=3.5, label="busiest processor")
    axes.fill_between(loads, lost, color=palette.lighter(_LOST, 0.6), zorder=2)
    axes.plot(
        loads, lost, color=_LOST, linewidth=1.8, marker="o", markersize=4, label="requests lost", zorder=3
    )
    axes.set_ylim(-4, 108)
    axes.set_ylabel("%", fontsize=9)
    axes.legend(loc="upper left", fontsize=9, frameon=False)


def _past_capacity(axes: Axes, loads: Sequence[float]) -> None:
    """Grey where more arrives than can be served."""
    left, right = min(0.0, *loads), max(105.0, *loads) + 3
    axes.set_xlim(left, right)
    axes.axvspan(100, right, color="#F1F1F1", zorder=0)


def _name_knee(axes: Axes, knee: LoadPoint) -> None:
    axes.annotate(
        f"knee: {units.percent(knee.load)}\n{units.number(knee.offered_per_s, 3)} requests/s\n"
        f"p99 {units.duration(knee.p99_s, 3)}",
        (100 * knee.load, 0.97),
        (-6, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=9,
        color=palette.INK,
    )


def _rates_above(axes: Axes, curve: LoadCurve) -> None:
    """The same scale in requests a second."""
    import numpy as np

    percent = curve.capacity_per_s / 100
    scales = (lambda loads: np.multiply(loads, percent), lambda rates: np.divide(rates, percent))
    rates = axes.secondary_xaxis("top", functions=scales)
    rates.xaxis.set_major_formatter(lambda value, _: units.number(value, 3))
    rates.set_xlabel("requests/s", fontsize=9)
    rates.tick_params(labelsize=9)
