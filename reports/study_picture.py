"""study.png: learning curves with bands and a point with its interval for each variant, or bars of times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from dataflow.studies.outcome import Outcome, TrainedVariant
from dataflow.studies.statistics import summary_of, test_errors
from dataflow.training.curve import CurvePoint
from dataflow.training.intervals import Interval, mean_interval
from reports import palette, study_words, units
from reports.study_table import limited_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_COLOURS = (
    *(palette.INK, palette.FORWARD, palette.GRADIENT, palette.UPDATE, palette.EXCHANGE),
    *(palette.LOSS, palette.CAUSES["memory"], palette.KINDS["mask"], palette.OTHER_KIND),
)
"""Of the variants in turn; the first is the one that others are compared with."""

_NAME_WIDTH = 24


def study_png(outcome: Outcome, path: str | Path) -> None:
    """Draws the study. Raises OSError when the file cannot be written."""
    study_figure(outcome).savefig(path, format="png", dpi=_DPI)


def study_figure(outcome: Outcome) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    rows = len(outcome.study.variants)
    height = max(4.6, 1.6 + 0.42 * rows) if outcome.study.measure == "training" else 1.6 + 0.38 * rows
    figure = Figure(figsize=(12.5, height), dpi=_DPI, layout="constrained", facecolor="white")
    figure.suptitle(f"{outcome.study.name}:  {study_words.setting(outcome)}", fontsize=11, x=0.01, ha="left")
    if outcome.study.measure == "time":
        _draw_times(figure.subplots(), outcome)
        return figure
    counted = outcome.study.train_error is not None
    axes = figure.subplots(1, 3 if counted else 2, width_ratios=(3, 2, 2) if counted else (3, 2))
    _draw_curves(axes[0], outcome)
    _draw_errors(axes[1], outcome)
    if counted:
        _draw_steps(axes[2], outcome)
        axes[2].tick_params(labelleft=False)
    return figure


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _draw_curves(axes: Axes, outcome: Outcome) -> None:
    """The training error of each epoch in its middle: means over seeds, intervals as bands."""
    for number, trained in enumerate(outcome.trained):
        curves = [[point for point in curve.points if point.epoch] for curve in trained.curves]
        at = [point.step - trained.steps_per_epoch / 2 for point in curves[0]]
        found = [
            mean_interval([_train_error(point) for point in points]) for points in zip(*curves, strict=True)
        ]
        means = [100 * interval.mean for interval in found]
        axes.plot(at, means, color=_colour(number), linewidth=1.4, label=trained.variant.name, zorder=3)
        low, high = ([100 * end for end in ends] for ends in zip(*(map(_ends, found)), strict=True))
        axes.fill_between(at, low, high, color=_colour(number), alpha=0.13, linewidth=0)
    threshold = outcome.study.train_error
    if threshold is not None:
        axes.axhline(100 * threshold, color=palette.FAINT, linewidth=1, linestyle=(0, (1, 2)))
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    _set_up(axes, "step", "training error, % (bands: 95 % of the mean)")
    axes.legend(fontsize=8, frameon=False)


def _train_error(point: CurvePoint) -> float:
    return 1 - (point.train_accuracy or 0.0)


def _ends(interval: Interval) -> tuple[float, float]:
    low = interval.mean if interval.low is None else max(0.0, interval.low)
    return low, interval.mean if interval.high is None else interval.high


def _draw_errors(axes: Axes, outcome: Outcome) -> None:
    for number, trained in enumerate(outcome.trained):
        seeds = [100 * error for error in test_errors(trained.curves)]
        _draw_point(axes, number, seeds, mean_interval(seeds))
    _name_rows(axes, outcome.trained)
    axes.set_xlim(left=0)
    _set_up(axes, "test error after the last epoch, %", "")


def _draw_steps(axes: Axes, outcome: Outcome) -> None:
    """Steps to the threshold of each seed, with the interval where all got there."""
    for number, trained in enumerate(outcome.trained):
        found = summary_of(trained, outcome.study.train_error).steps_to
        if found is None:
            continue
        _draw_point(axes, number, [steps for steps in found.steps if steps is not None], found.interval)
        if found.interval is None:
            axes.annotate(
                study_words.steps(found, outcome.study.epochs or 0),
                (0.03, number),
                (0, 5),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                fontsize=8,
                color=palette.FAINT,
            )
    _name_rows(axes, outcome.trained)
    axes.set_xlim(left=0)
    _set_up(axes, f"steps to {study_words.threshold(outcome.study.train_error or 0.0)} training error", "")


def _draw_point(axes: Axes, row: int, seeds: Sequence[float], interval: Interval | None) -> None:
    """The seeds as small dots, their mean with its interval beside them."""
    axes.scatter(seeds, [row - 0.16] * len(seeds), s=9, color=palette.lighter(_colour(row)), zorder=2)
    if interval is None:
        return
    half = interval.half_width or 0.0
    axes.errorbar(
        [interval.mean], [row], xerr=[half], fmt="o", color=_colour(row), markersize=5, capsize=3, zorder=3
    )


def _name_rows(axes: Axes, trained: Sequence[TrainedVariant]) -> None:
    axes.set_yticks(range(len(trained)), [fill(each.variant.name, _NAME_WIDTH) for each in trained])
    axes.set_ylim(len(trained) - 0.5, -0.5)


def _draw_times(axes: Axes, outcome: Outcome) -> None:
    """How long the whole training takes each variant, shortest bars first to be read on a log scale."""
    rows = range(len(outcome.timed))
    days = [(timed.training_s or 0.0) / 86_400 for timed in outcome.timed]
    known = [each for each in days if each]
    axes.barh(rows, [each or float("nan") for each in days], color=palette.FORWARD, height=0.6)
    if known and max(known) > 20 * min(known):
        axes.set_xscale("log")
    for row, timed in enumerate(outcome.timed):
        if timed.metrics is None:
            _say_impossible(axes, row)
            continue
        told = (
            f"{units.long_duration(timed.training_s or 0.0, 3)}, "
            f"{units.number(timed.images_per_s or 0.0, 3)}/s; {limited_by(timed)}"
        )
        axes.annotate(told, (days[row], row), (4, -3), textcoords="offset points", fontsize=8)
    axes.set_yticks(rows, [fill(timed.variant.name, _NAME_WIDTH) for timed in outcome.timed])
    axes.set_ylim(len(outcome.timed) - 0.5, -0.5)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (30 if axes.get_xscale() == "log" else 1.45))
    _set_up(axes, "days of training", "")


def _say_impossible(axes: Axes, row: int) -> None:
    axes.annotate(
        "not possible",
        (0, row),
        (4, -3),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=8,
        color=palette.FAINT,
    )


def _set_up(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
