"""communication.png: who sent how many bytes to whom in a step, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reports import palette, units
from reports.communication_tables import communicating
from reports.schema import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_DPI = 120
_NUMBERS_UP_TO = 20
"""Memories up to which each cell has its bytes written on it."""

_NAMED_UP_TO = 72
"""Memories up to which each row and column has its name; of more every n-th has."""

_EMPTY = "#F4F4F4"


def communication_png(report: Report, path: str | Path) -> None:
    """Draws the communication matrix. Raises OSError when the file cannot be written."""
    communication_figure(report).savefig(path, format="png", dpi=_DPI)


def communication_figure(report: Report) -> Figure:
    """The picture, for a notebook or another file format. Rows send, columns receive."""
    from matplotlib.figure import Figure

    names = communicating(report)
    side = max(3.2, 0.78 * len(names)) if len(names) <= _NUMBERS_UP_TO else min(15.0, 0.16 * len(names) + 2)
    figure = Figure(figsize=(side + 2.6, side + 1.6), dpi=_DPI, layout="compressed", facecolor="white")
    axes = figure.add_subplot()
    _title(axes, report)
    if not names:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing was sent", ha="center", va="center", fontsize=11, color=palette.FAINT)
        return figure
    place = {name: index for index, name in enumerate(names)}
    sent = np.zeros((len(names), len(names)))
    for pair in report.traffic:
        sent[place[pair.source], place[pair.destination]] = pair.bytes
    image = _draw(axes, sent)
    _label(axes, names)
    _scale(figure, axes, image)
    if len(names) <= _NUMBERS_UP_TO:
        _write_numbers(axes, image, sent)
    return figure


def _title(axes: Axes, report: Report) -> None:
    exchanged = sum(pair.bytes - pair.loaded_bytes for pair in report.traffic)
    loaded = sum(pair.loaded_bytes for pair in report.traffic)
    axes.set_title(
        f"{report.experiment}: bytes of a step\n"
        f"{units.size(exchanged)} exchanged, {units.size(loaded)} of the next batch",
        fontsize=10,
        loc="left",
    )


def _draw(axes: Axes, sent: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> AxesImage:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    least, most = sent[sent > 0].min(), sent.max()
    colours = colormaps["viridis_r"].with_extremes(bad=_EMPTY)
    norm = LogNorm(least / 2 if least == most else least, most)
    return axes.imshow(np.ma.masked_equal(sent, 0), cmap=colours, norm=norm, interpolation="nearest")


def _label(axes: Axes, names: Sequence[str]) -> None:
    every = -(-len(names) // _NAMED_UP_TO)
    shown = range(0, len(names), every)
    font = 9 if len(names) <= _NUMBERS_UP_TO else 7
    told = [names[index] for index in shown]
    upright = max(len(name) for name in names) > 4 or len(names) > _NUMBERS_UP_TO
    axes.set_yticks(shown, told, fontsize=font)
    axes.set_xticks(shown, told, fontsize=font, rotation=90 if upright else 0)
    axes.set_ylabel("from", fontsize=9)
    axes.set_xlabel("to", fontsize=9)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2 if len(names) <= _NUMBERS_UP_TO else 0.4)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scale(figure: Figure, axes: Axes, image: AxesImage) -> None:
    """The colours' key, with sizes at a few round steps between the least and the most."""
    from matplotlib.ticker import NullLocator

    least, most = image.get_clim()
    assert least is not None
    assert most is not None
    steps = np.geomspace(least, most, 5) if most > 1.5 * least else np.array([most])
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    bar.set_ticks(list(steps), labels=[units.size(float(step), 3) for step in steps])
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(labelsize=8, length=2)
    bar.set_label("bytes of a step (logarithmic); grey: nothing", fontsize=8)


def _write_numbers(
    axes: Axes, image: AxesImage, sent: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    from matplotlib.colors import to_hex

    for (row, column), byte_count in np.ndenumerate(sent):
        if byte_count:
            red, green, blue, _ = image.to_rgba(np.array([byte_count]))[0]
            colour = to_hex((float(red), float(green), float(blue)))
            axes.text(
                column,
                row,
                _two_lines(units.size(float(byte_count), 3)),
                ha="center",
                va="center",
                fontsize=8,
                color=palette.ink_on(colour),
            )


def _two_lines(told: str) -> str:
    return told if len(told) <= 6 else told.replace(" ", "\n")
