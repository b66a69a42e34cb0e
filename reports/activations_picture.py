"""activations.png: what a layer makes of one image, channel by channel, with the image beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.features.activation import LayerActivations
from reports import palette
from reports.activations_bars import draw_bars, draw_scores, likely
from reports.features_heading import DPI, MARGIN_PX, draw_heading, heading_px, shortened
from reports.features_picture import fitted
from reports.kernels_layout import Layout, layout
from reports.kernels_picture import draw_pixels, draw_set, enlarged
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_IMAGE_PX = 224
_BESIDE_PX = 40
_BARS_PX = (760, 380)
_ACROSS_PX = 1_180
_TILE_PX = (26, 110)
"""Maps are enlarged to sides between these, as there is room."""
_MANY = 128
_COLUMNS, _MOST_COLUMNS = 16, 32
"""Tiles in a row, and where channels are many."""
_SHOWN_CLASSES = 5
_LINE_PX = 18
_SCALE_PX = 44


def draw_activations(found: LayerActivations, path: str | Path) -> None:
    """Draws activations to an .svg or .png file. Raises ReportError when it cannot be written."""
    save_picture(activations_figure(found), path, DPI)


def activations_figure(found: LayerActivations) -> Figure:
    """The picture, for a notebook or another file format.

    Channels that are maps stand in a grid, a set for each processor, all on one scale; others
    are bars, and those of the scores the classes that got most.
    """
    shape = "x".join(map(str, found.values.shape))
    head = (
        f"{found.experiment}:  activations of {found.layer} ({found.kind.replace('_', ' ')}, {shape})",
        f"weights of {found.source};  {_range(found)}",
    )
    if found.is_scores or found.values.ndim != 3:
        return _with_bars(found, head)
    return _with_maps(found, head)


def _range(found: LayerActivations) -> str:
    zeros = f", {100 * found.zeros:.0f} % of them 0" if found.zeros else ""
    return f"values from {found.values.min():.4g} to {found.values.max():.4g}{zeros}"


def _with_maps(found: LayerActivations, head: tuple[str, ...]) -> Figure:
    """The channels as maps."""
    from matplotlib.figure import Figure

    places, scale = _grid(found)
    least, top = heading_px(head)
    left = MARGIN_PX + _IMAGE_PX + _BESIDE_PX
    beside = _IMAGE_PX + _LINE_PX * (len(_words(found)) + 1) + _SCALE_PX
    size = (
        max(least, left + places.size[0] + MARGIN_PX),
        top + max(beside, places.size[1]) + MARGIN_PX,
    )
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="white")
    draw_heading(figure, size, head)
    below = _draw_image(figure, size, top, found)
    pictures = enlarged(_coloured(found.values), scale)
    for tiles in places.sets:
        draw_set(figure, size, places, tiles, (left, top), pictures)
    _draw_scale(figure, size, below, found.values)
    return figure


def _grid(found: LayerActivations) -> tuple[Layout, int]:
    """Where the maps stand, and how many times they are enlarged."""
    channels, height, width = found.values.shape
    most = max(share.count for share in found.shares)
    columns = min(most, _COLUMNS if channels <= _MANY else _MOST_COLUMNS)
    side = min(max(_TILE_PX[0], _ACROSS_PX // columns), _TILE_PX[1])
    scale = max(1, side // max(height, width))
    columns = min(columns, max(1, _ACROSS_PX // (width * scale)))
    tile = (height * scale, width * scale)
    return layout(found.shares, tile, columns=columns, what="channels"), scale


def _with_bars(found: LayerActivations, head: tuple[str, ...]) -> Figure:
    """One bar for each channel, or for the classes that got most."""
    from matplotlib.figure import Figure

    least, top = heading_px(head)
    left = MARGIN_PX + _IMAGE_PX + _BESIDE_PX
    size = (max(least, left + _BARS_PX[0] + MARGIN_PX), top + _BARS_PX[1] + MARGIN_PX)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="white")
    draw_heading(figure, size, head)
    _draw_image(figure, size, top, found)
    inner = (100 if found.is_scores else 50, 20, 8, 40)  # room for words: left, above, right, below
    x, y = left + inner[0], top + inner[1]
    wide, high = size[0] - x - inner[2] - MARGIN_PX, size[1] - y - inner[3] - MARGIN_PX // 2
    axes = figure.add_axes((x / size[0], 1 - (y + high) / size[1], wide / size[0], high / size[1]))
    if found.is_scores:
        draw_scores(axes, found.scores)
    else:
        draw_bars(axes, found)
    return figure


def _draw_image(figure: Figure, size: tuple[int, int], top: int, found: LayerActivations) -> int:
    """The image, what it is, and what it is taken for; returns how far down that reaches in pixels."""
    pixels = fitted(found.shown.picture, _IMAGE_PX)
    draw_pixels(figure, size, (MARGIN_PX, top), pixels)
    y = top + int(pixels.shape[0]) + _LINE_PX
    for before, text, ink in _words(found):
        for x, words, side in ((52, before, "right"), (62 if before else 0, text, "left")):
            place = ((MARGIN_PX + x) / size[0], 1 - y / size[1])
            figure.text(*place, words, fontsize=8.5, ha=side, va="center", color=ink)
        y += _LINE_PX
    return y


def _words(found: LayerActivations) -> list[tuple[str, str, str]]:
    """The lines below the image: what stands right-aligned before them, the text, the colour."""
    lines = [("", shortened(found.shown.name, 30), palette.INK)]
    if found.shown.label:
        lines.append(("", f"class: {shortened(found.shown.label, 24)}", palette.INK))
    lines.append(("", "taken for", palette.FAINT))
    return lines + [
        (likely(each), shortened(each.name, 22), palette.FAINT) for each in found.scores[:_SHOWN_CLASSES]
    ]


def _is_signed(values: Array) -> bool:
    return bool(values.min() < 0)


def _coloured(values: Array) -> NDArray[np.float64]:
    """Values as colours, all on one scale: (..., 3)."""
    from matplotlib import colormaps

    exact = np.asarray(values, dtype=np.float64)
    largest = np.abs(exact).max() or 1.0
    share = 0.5 + exact / (2 * largest) if _is_signed(values) else exact / largest
    colours: NDArray[np.float64] = colormaps[_map_name(values)](share)[..., :3]
    return colours


def _map_name(values: Array) -> str:
    return "RdBu_r" if _is_signed(values) else "magma"


def _draw_scale(figure: Figure, size: tuple[int, int], below: int, values: Array) -> None:
    """Which colour is which value."""
    from matplotlib import colormaps

    largest = f"{np.abs(values).max():.4g}"
    y = below + 4
    strip = colormaps[_map_name(values)](np.linspace(0, 1, _IMAGE_PX))[np.newaxis, :, :3]
    draw_pixels(figure, size, (MARGIN_PX, y), strip.repeat(12, axis=0))
    marks = [(0.0, "left", "0"), (1.0, "right", largest)]
    if _is_signed(values):
        marks = [(0.0, "left", f"-{largest}"), (0.5, "center", "0"), (1.0, "right", largest)]
    for at, side, text in marks:
        place = ((MARGIN_PX + at * _IMAGE_PX) / size[0], 1 - (y + 24) / size[1])
        figure.text(*place, text, fontsize=8.5, ha=side, va="center", color=palette.FAINT)
