"""curve.png: loss and error against simulated time and epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.intervals import Interval, mean_interval
from dataflow.training.trained import Trained
from reports import palette
from reports.training_table import mean_and_interval, setting

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

_DPI = 120
_TEST, _TRAIN, _AGAINST = palette.FORWARD, palette.GRADIENT, palette.LOSS
_VALIDATION = palette.UPDATE
_FEW = 12
"""Points of a curve that are marked."""

_UNITS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))

Number = Callable[[CurvePoint], float | None]


def training_png(trained: Trained, path: str | Path) -> None:
    """Draws the curves. Raises OSError when the file cannot be written."""
    training_figure(trained).savefig(path, format="png", dpi=_DPI)


def training_figure(trained: Trained) -> Figure:
    """The picture, for a notebook or another file format: means over seeds, in bands of their intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 5.2), dpi=_DPI, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    _draw(left, trained, lambda p: p.train_loss, lambda p: p.test_loss, lambda _: None)
    _draw(
        right,
        trained,
        lambda p: _percent(p.train_error),
        lambda p: _percent(p.test_error),
        lambda p: _percent(p.validation_error),
    )
    _set_up(left, trained, "loss")
    _set_up(right, trained, "error, %")
    left.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    for axes in (left, right):
        _mark_drops(axes, trained)
    _note_the_end(right, trained)
    title = f"{trained.result.experiment.name}:  {setting(trained)}"
    if len(trained.curves) > 1:
        title += f";  means of {len(trained.curves)} seeds, bands: their 95 % intervals"
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    named: dict[str, Artist] = {}
    for axes in (left, right):
        handles, labels = axes.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", ncols=5, fontsize=9, frameon=False
    )
    return figure


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _draw(axes: Axes, trained: Trained, train: Number, test: Number, validation: Number) -> None:
    _line(axes, trained.curves, train, _TRAIN, "training (mean of an epoch)", (0, (4, 1.5)), 0.5)
    if trained.against is not None:
        named = f"test in {trained.against.name}, same starts and order"
        _line(axes, trained.against.curves, test, _AGAINST, named, (0, (1, 1)))
    _line(axes, trained.curves, validation, _VALIDATION, "validation", (0, (3, 1, 1, 1)))
    _line(axes, trained.curves, test, _TEST, "test", "-")


def _line(
    axes: Axes,
    curves: Sequence[Curve],
    number: Number,
    colour: str,
    name: str,
    style: str | tuple[int, tuple[float, ...]],
    earlier: float = 0.0,
) -> None:
    """The mean over seeds and, of several, a band of its 95 % interval.

    earlier: so many epochs before the end of an epoch, where a mean over it belongs.
    """
    epochs: list[float] = []
    intervals: list[Interval] = []
    for points in zip(*(curve.points for curve in curves), strict=True):
        values = [value for value in map(number, points) if value is not None]
        if values:
            epochs.append(points[0].epoch - earlier)
            intervals.append(mean_interval(values))
    if not intervals:
        return
    means = [each.mean for each in intervals]
    if len(curves) > 1:
        widths = [each.half_width or 0.0 for each in intervals]
        low, high = np.subtract(means, widths), np.add(means, widths)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    marker = "o" if len(means) <= _FEW else ""
    axes.plot(
        epochs, means, color=colour, linewidth=1.9, linestyle=style, marker=marker, markersize=4, label=name
    )


def _mark_drops(axes: Axes, trained: Trained) -> None:
    """Where the learning rate was divided, darker the more seeds it was divided of."""
    drops = Counter(epoch for curve in trained.curves for epoch in curve.drops)
    for number, (epoch, seeds) in enumerate(sorted(drops.items())):
        label, share = "learning rate divided" if number == 0 else None, seeds / len(trained.curves)
        style = (0, (2, 2))
        axes.axvline(
            epoch,
            color=palette.INK,
            alpha=0.2 + 0.5 * share,
            linewidth=1,
            linestyle=style,
            label=label,
            zorder=1,
        )


def _note_the_end(axes: Axes, trained: Trained) -> None:
    """What the test said in the end, in the corner that curves leave free."""
    errors = [curve.last.test_error for curve in trained.curves]
    learned = fmean(errors) < 0.5
    axes.annotate(
        f"test {mean_and_interval(errors)}",
        (0.985, 0.96 if learned else 0.04),
        xycoords="axes fraction",
        ha="right",
        va="top" if learned else "bottom",
        fontsize=10,
        fontweight="bold",
        color=_TEST,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )


def _times(factor: float) -> Callable[[ArrayLike], ArrayLike]:
    return lambda numbers: np.asarray(numbers, dtype=float) * factor


def _set_up(axes: Axes, trained: Trained, quantity: str) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = trained.curves[0].last.epoch
    length_s = fmean(curve.last.simulated_s for curve in trained.curves)
    worth, unit = next((each for each in _UNITS if length_s >= 2 * each[0]), _UNITS[-1])
    an_epoch = length_s / worth / epochs
    axes.set_xlim(0, epochs * 1.01)
    axes.set_xlabel("epochs", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    above = axes.secondary_xaxis("top", functions=(_times(an_epoch), _times(1 / an_epoch)))
    above.set_xlabel(f"simulated time, {unit}", fontsize=9)
    above.tick_params(labelsize=9, color=palette.FAINT)
    axes.set_ylabel(quantity, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["right"].set_visible(False)
