"""neighbours.png: images, and those whose features are nearest to theirs, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataflow.features.found import Features, Shown
from reports import palette
from reports.features_heading import DPI, MARGIN_PX, draw_heading, heading_px, shortened
from reports.kernels_picture import draw_pixels, enlarged
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL_PX = 126
_GAP_PX = 12
_APART_PX = 30
"""Between a query and its nearest images."""
_WORDS_PX = 42
_HEAD_PX = 24
_LETTERS = 16


def draw_neighbours(features: Features, path: str | Path) -> None:
    """Draws queries and their nearest images to an .svg or .png file.

    Raises ReportError when it cannot be written.
    """
    save_picture(neighbours_figure(features), path, DPI)


def neighbours_figure(features: Features) -> Figure:
    """The picture, for a notebook or another file format: the query left, the nearest beside it."""
    from matplotlib.figure import Figure

    wide = max(len(row.nearest) for row in features.rows)
    others = any(near.label != row.query.label for row in features.rows for near in row.nearest)
    known = all(row.query.label for row in features.rows)
    width = "x".join(map(str, features.shape))
    head = (
        f"{features.experiment}:  nearest images by Euclidean distance of {features.layer} ({width})",
        f"{features.images};  weights of {features.source}",
        *(("red: of another class than the query",) if known and others else ()),
    )
    least, top = heading_px(head)
    across = 2 * MARGIN_PX + (wide + 1) * _CELL_PX + (wide - 1) * _GAP_PX + _APART_PX
    row_px = _CELL_PX + _WORDS_PX
    size = (max(least, across), top + _HEAD_PX + len(features.rows) * row_px + MARGIN_PX // 2)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="white")
    draw_heading(figure, size, head)
    lefts = [MARGIN_PX]
    lefts += [MARGIN_PX + _CELL_PX + _APART_PX + n * (_CELL_PX + _GAP_PX) for n in range(wide)]
    for column, title in enumerate(("query", "nearest", *map(str, range(2, wide + 1)))):
        _write(figure, size, (lefts[column] + _CELL_PX // 2, top + 6), title, palette.FAINT)
    for number, row in enumerate(features.rows):
        y = top + _HEAD_PX + number * row_px
        for column, shown in enumerate((row.query, *row.nearest)):
            alien = known and column > 0 and shown.label != row.query.label
            _draw_cell(figure, size, (lefts[column], y), shown, palette.EXCHANGE if alien else palette.INK)
    return figure


def _draw_cell(
    figure: Figure, size: tuple[int, int], corner: tuple[int, int], shown: Shown, ink: str
) -> None:
    """One image, and below it its class (or name) and distance."""
    pixels = fitted(shown.picture, _CELL_PX)
    left = corner[0] + (_CELL_PX - pixels.shape[1]) // 2
    draw_pixels(figure, size, (left, corner[1] + _CELL_PX - pixels.shape[0]), pixels)
    middle, below = corner[0] + _CELL_PX // 2, corner[1] + _CELL_PX
    _write(figure, size, (middle, below + 10), shortened(shown.label or _file(shown), _LETTERS), ink)
    if shown.distance is not None:
        _write(figure, size, (middle, below + 26), f"{shown.distance:,.4g}", palette.FAINT)
    elif shown.label:
        _write(figure, size, (middle, below + 26), shortened(_file(shown), _LETTERS), palette.FAINT)


def _file(shown: Shown) -> str:
    """The name of an image without its folders."""
    return shown.name.rpartition("/")[2]


def _write(figure: Figure, size: tuple[int, int], place: tuple[int, int], text: str, ink: str) -> None:
    figure.text(
        place[0] / size[0], 1 - place[1] / size[1], text, fontsize=8, ha="center", va="center", color=ink
    )


def fitted(picture: NDArray[np.uint8], side_px: int) -> NDArray[np.float64]:
    """An image, (height, width, 1 or 3), in a square of this side, as (height, width, 3) from 0 to 1.

    What is smaller is enlarged by a whole factor, so that its pixels stay square; what is larger is
    averaged down.
    """
    height, width = picture.shape[:2]
    longest = max(height, width)
    colours: NDArray[np.uint8] = np.broadcast_to(picture, (height, width, 3))
    if longest <= side_px:
        return np.asarray(enlarged(colours, side_px // longest), dtype=np.float64) / 255
    from PIL import Image

    shape = (max(1, round(width * side_px / longest)), max(1, round(height * side_px / longest)))
    small = Image.fromarray(np.ascontiguousarray(colours)).resize(shape, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255
