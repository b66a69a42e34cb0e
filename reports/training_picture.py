"""curve.png: loss and accuracy against simulated time and epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.trained import Trained
from reports import palette
from reports.training_table import mean_and_range, setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

_DPI = 120
_TEST, _TRAIN, _AGAINST = palette.FORWARD, palette.GRADIENT, palette.LOSS
_UNITS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))

Number = Callable[[CurvePoint], float | None]


def training_png(trained: Trained, path: str | Path) -> None:
    """Draws the curves. Raises OSError when the file cannot be written."""
    training_figure(trained).savefig(path, format="png", dpi=_DPI)


def training_figure(trained: Trained) -> Figure:
    """The picture, for a notebook or another file format: a line for each seed, their means thick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 5.2), dpi=_DPI, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    _draw(left, trained, lambda p: p.train_loss, lambda p: p.test_loss)
    _draw(right, trained, lambda p: _percent(p.train_accuracy), lambda p: _percent(p.test_accuracy))
    _set_up(left, trained, "loss")
    _set_up(right, trained, "accuracy, %")
    left.set_ylim(bottom=0)
    right.set_ylim(0, 100)
    _note_the_end(right, trained)
    title = f"{trained.result.experiment.name}:  {setting(trained)}"
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return figure


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _draw(axes: Axes, trained: Trained, train: Number, test: Number) -> None:
    _lines(axes, trained.curves, train, _TRAIN, "training (mean of an epoch)", (0, (4, 1.5)), 0.5)
    if trained.against is not None:
        named = f"test in {trained.against.dtype}, same starts and order"
        _lines(axes, trained.against.curves, test, _AGAINST, named, (0, (1, 1)))
    _lines(axes, trained.curves, test, _TEST, "test", "-")


def _lines(
    axes: Axes,
    curves: Sequence[Curve],
    number: Number,
    colour: str,
    name: str,
    style: str | tuple[int, tuple[float, float]],
    earlier: float = 0.0,
) -> None:
    """A thin line for each seed, where there are several, and a thick one for their mean.

    earlier: so many epochs before the end of an epoch, where a mean over it belongs.
    """
    found: list[list[tuple[float, float]]] = []
    for curve in curves:
        pairs = [(point.epoch, number(point)) for point in curve.points]
        found.append([(epoch - earlier, value) for epoch, value in pairs if value is not None])
    if len(found) > 1:
        for line in found:
            axes.plot(*zip(*line, strict=True), color=colour, linewidth=0.8, linestyle=style, alpha=0.35)
        name = f"{name}, mean of {len(found)} seeds"
    mean = [(each[0][0], fmean(value for _, value in each)) for each in zip(*found, strict=True)]
    axes.plot(*zip(*mean, strict=True), color=colour, linewidth=1.9, linestyle=style, label=name)


def _note_the_end(axes: Axes, trained: Trained) -> None:
    """What the test said in the end, where it is."""
    last = [curve.last for curve in trained.curves]
    accuracy = fmean(point.test_accuracy for point in last)
    axes.annotate(
        mean_and_range([point.test_accuracy for point in last]),
        (last[0].epoch, 100 * accuracy),
        (-4, -18 if accuracy > 0.5 else 14),
        textcoords="offset points",
        ha="right",
        fontsize=10,
        fontweight="bold",
        color=_TEST,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        zorder=5,
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
