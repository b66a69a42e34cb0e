"""confusion.png: what a network takes for what, and what it confuses most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataflow.testing.confusion import most_confused
from dataflow.testing.evaluation import Evaluation
from reports import palette
from reports.testing_table import percent, setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_DPI = 120
_NUMBERS, _NAMES, _CELLS = 20, 60, 250
"""Up to so many classes cells have their numbers, axes the names, and every class has a cell of its own."""

_ACROSS = 60
"""Characters of all names, each as long as the longest, that fit side by side."""

_PAIRS, _LONGEST = 12, 18
_ARROW = "\N{RIGHTWARDS ARROW}"


def confusion_png(evaluation: Evaluation, path: str | Path) -> None:
    """Draws the confusion. Raises OSError when the file cannot be written."""
    confusion_figure(evaluation).savefig(path, format="png", dpi=_DPI)


def confusion_figure(evaluation: Evaluation) -> Figure:
    """The picture, for a notebook or another file format: the matrix left, the most confused pairs right.

    A row's cells are shares of its class's examples. Of many classes several have a cell together, which
    shows the largest of their shares, so that no mistake vanishes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 7.6), dpi=_DPI, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(2.1, 1.0))
    _draw_matrix(left, evaluation)
    _draw_pairs(right, evaluation)
    score, experiment = evaluation.score, evaluation.experiment
    top5 = "" if score.top5_error is None else f", top-5 error {percent(score.top5_error)}"
    figure.suptitle(
        f"{experiment.name}:  {setting(evaluation)}\n"
        f"top-1 error {percent(score.error)}{top5} of {score.count:,} examples",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    return figure


def _draw_matrix(axes: Axes, evaluation: Evaluation) -> None:
    """Right answers in one colour, wrong ones in another, whose scale ends at the largest share."""
    labels = evaluation.shown(_NAMES)
    counts = evaluation.confusion[np.ix_(labels, labels)]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    wrong = shares.copy()
    np.fill_diagonal(wrong, 0.0)
    right = np.diag(np.diag(shares))
    cells = min(len(shares), _CELLS)
    _layer(axes, pooled(right, cells), palette.FORWARD, 1.0)
    drawn = _layer(axes, pooled(wrong, cells), palette.EXCHANGE, max(float(wrong.max()), 1e-9))
    if wrong.any():
        _add_scale(axes, drawn, float(wrong.max()))
    if len(shares) <= _NUMBERS:
        _write_numbers(axes, counts, right, wrong)
    _name_axes(axes, [evaluation.classes[label] for label in labels], cells)


def _layer(axes: Axes, shares: NDArray[np.float64], colour: str, most: float) -> AxesImage:
    """Cells from white to a colour, by the square root of their share; those of share 0 are left out."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    colours = LinearSegmentedColormap.from_list(colour, ["#FFFFFF", colour])
    masked = np.ma.masked_equal(shares, 0.0)
    return axes.imshow(masked, cmap=colours, norm=PowerNorm(0.5, 0.0, most), interpolation="nearest")


def _add_scale(axes: Axes, drawn: AxesImage, most: float) -> None:
    bar = axes.figure.colorbar(drawn, ax=axes, fraction=0.035, pad=0.015, ticks=[0, most / 4, most])
    bar.ax.set_yticklabels([f"{100 * share:.3g} %" for share in (0, most / 4, most)], fontsize=8)
    bar.set_label("share of a class taken for another; colours by its square root", fontsize=8)


def pooled(shares: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """The largest share of each block, so many blocks each way."""
    starts = np.arange(cells) * len(shares) // cells
    found = np.maximum.reduceat(np.maximum.reduceat(shares, starts, axis=0), starts, axis=1)
    return np.asarray(found)


def _write_numbers(
    axes: Axes, counts: NDArray[np.int64], right: NDArray[np.float64], wrong: NDArray[np.float64]
) -> None:
    most = max(float(wrong.max()), 1e-9)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            depth = right[row, column] if row == column else wrong[row, column] / most
            colour = "white" if depth > 0.35 else palette.INK
            size = 9 if len(counts) <= 12 else 7
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=size, color=colour)


def _name_axes(axes: Axes, classes: Sequence[str], cells: int) -> None:
    from matplotlib.ticker import MaxNLocator

    names = [_short(name) for name in classes]
    each = len(names) / cells
    if len(names) <= _NAMES:
        turned = len(names) * max(map(len, names)) > _ACROSS
        size = 9 if len(names) <= _NUMBERS else 6.5
        axes.set_xticks(range(len(names)), names, rotation=90 if turned else 0, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
    else:
        numbers = [int(n) for n in MaxNLocator(10, integer=True).tick_values(0, len(names)) if n < len(names)]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks([number // each for number in numbers], [f"{n:,}" for n in numbers], fontsize=9)
    by_number = "" if len(names) <= _NAMES else ", by number"
    axes.set_xlabel(f"taken for class{by_number} (blue: rightly)", fontsize=9)
    axes.set_ylabel(f"class{by_number}", fontsize=9)
    if each > 1:
        axes.set_title(
            f"a cell: the largest share of {each:.3g} x {each:.3g} classes", fontsize=8, loc="left"
        )


def _draw_pairs(axes: Axes, evaluation: Evaluation) -> None:
    """The most confused pairs as bars, the most frequent on top."""
    names, pairs = evaluation.classes, most_confused(evaluation.confusion, _PAIRS)
    axes.set_title(
        f"most confused: class {_ARROW} taken for,\nexamples (share of the class)", fontsize=9, loc="left"
    )
    for side in ("top", "right", "bottom") if pairs else axes.spines:
        axes.spines[side].set_visible(False)
    axes.set_xticks([])
    labels = [f"{_short(names[pair.label])} {_ARROW} {_short(names[pair.taken_for])}" for pair in pairs]
    axes.set_yticks(range(len(pairs)), labels, fontsize=8)
    axes.set_ylim(max(len(pairs), _PAIRS) - 0.4, -0.6)
    axes.barh(range(len(pairs)), [pair.count for pair in pairs], height=0.62, color=palette.EXCHANGE)
    for row, pair in enumerate(pairs):
        said = f"{pair.count:,} ({percent(pair.share)})"
        axes.annotate(said, (pair.count, row), (4, 0), textcoords="offset points", va="center", fontsize=8)
    if pairs:
        axes.set_xlim(0, 1.6 * pairs[0].count)
    else:
        axes.text(0, 0, "nothing: all are right", fontsize=9, va="center")
        axes.set_xlim(0, 1)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
