"""kernels.png: what the first layer looks for, one processor's kernels above the other's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.features.kernels import Kernels
from reports import palette
from reports.features_heading import DPI, MARGIN_PX, draw_heading, heading_px
from reports.kernels_layout import Layout, TileSet, layout
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 16
_LARGEST_PX = 110
_ACROSS_PX = 1_060
"""About as wide is a row of tiles, unless they are few."""


def draw_kernels(kernels: Kernels, path: str | Path) -> None:
    """Draws kernels to an .svg or .png file. Raises ReportError when it cannot be written."""
    save_picture(kernels_figure(kernels), path, DPI)


def kernels_figure(kernels: Kernels) -> Figure:
    """The picture, for a notebook or another file format: each kernel scaled to itself, 0 is middle grey."""
    from matplotlib.figure import Figure

    count, channels, height, width = kernels.weights.shape
    most = min(_COLUMNS, max(share.count for share in kernels.shares))
    scale = max(1, round(min(_LARGEST_PX, _ACROSS_PX / most) / max(height, width)))
    places = layout(kernels.shares, (height * scale, width * scale), columns=_COLUMNS, what="kernels")
    colours = "red, green and blue" if channels == 3 else "1 channel"
    head = (
        f"{kernels.experiment}:  {count} kernels of {kernels.layer}, {height} x {width}, {colours}",
        f"weights of {kernels.source}; each kernel scaled to itself, middle grey is 0",
    )
    least, top = heading_px(head)
    size = (max(least, places.size[0] + 2 * MARGIN_PX), top + places.size[1] + MARGIN_PX)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="white")
    draw_heading(figure, size, head)
    pictures = enlarged(pictures_of(kernels.weights), scale)
    for tiles in places.sets:
        draw_set(figure, size, places, tiles, (MARGIN_PX, top), pictures)
    return figure


def draw_set(
    figure: Figure,
    size: tuple[int, int],
    places: Layout,
    tiles: TileSet,
    origin: tuple[int, int],
    pictures: NDArray[np.float64],
) -> None:
    """Draws a title and the tiles below it.

    size: width and height of the figure in pixels. origin: where the layout begins in it.
    pictures: of all channels, (channel, height, width, 3) from 0 to 1, in the layout's size.
    """
    left, top = origin[0] + tiles.left, origin[1] + tiles.top
    y = 1 - (top - 11) / size[1]
    figure.text(left / size[0], y, tiles.title, fontsize=9, va="center", color=palette.INK)
    corners = {channel: places.corner(tiles, channel) for channel in range(*tiles.channels)}
    height, width = places.tile
    across = max(x for x, _ in corners.values()) - tiles.left + width
    down = max(y for _, y in corners.values()) - tiles.top + height
    mosaic = np.ones((down, across, 3))
    for channel, (x, y) in corners.items():
        row, column = y - tiles.top, x - tiles.left
        mosaic[row : row + height, column : column + width] = pictures[channel]
    draw_pixels(figure, size, (left, top), mosaic)


def draw_pixels(
    figure: Figure, size: tuple[int, int], corner: tuple[int, int], pixels: NDArray[np.float64]
) -> None:
    """Draws an image, (height, width, 3) from 0 to 1, pixel for pixel. corner: its left and top in pixels."""
    height, width = pixels.shape[:2]
    box = (corner[0] / size[0], 1 - (corner[1] + height) / size[1], width / size[0], height / size[1])
    axes = figure.add_axes(box)
    axes.imshow(pixels, interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def enlarged(pictures: Array, scale: int) -> Array:
    """Each pixel as a square of so many: (..., height, width, 3)."""
    return pictures.repeat(scale, axis=-3).repeat(scale, axis=-2)


def pictures_of(weights: Array) -> NDArray[np.float64]:
    """Kernels (kernel, 1 or 3, height, width) as colours from 0 to 1: (kernel, height, width, 3).

    Each kernel's largest magnitude, over its channels, becomes 0 or 1; zero becomes 0.5.
    """
    exact = np.asarray(weights, dtype=np.float64)
    largest = np.abs(exact).max(axis=(1, 2, 3), keepdims=True)
    scaled = exact / np.where(largest > 0, largest, 1.0)
    channels_last = (0.5 + scaled / 2).transpose(0, 2, 3, 1)
    return np.broadcast_to(channels_last, (*channels_last.shape[:3], 3))
