"""The words above a picture of features, kernels or activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports import palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
MARGIN_PX = 24
_LINE_PX = 21
_TITLE, _TEXT = 11.0, 8.5
_LETTER_PX = 0.84
"""Width of a letter, on average, in pixels for each point of its size; a little too much."""


def heading_px(lines: Sequence[str]) -> tuple[int, int]:
    """Width and height that the words need, with a margin all around."""
    points = (_TITLE, *[_TEXT] * (len(lines) - 1))
    width = max(_LETTER_PX * size * len(line) for size, line in zip(points, lines, strict=True))
    return round(width) + 2 * MARGIN_PX, 2 * MARGIN_PX + _LINE_PX * (len(lines) - 1)


def draw_heading(figure: Figure, size: tuple[int, int], lines: Sequence[str]) -> None:
    """Writes a title and smaller lines below it. size: width and height of the figure in pixels."""
    for number, line in enumerate(lines):
        figure.text(
            MARGIN_PX / size[0],
            1 - (MARGIN_PX + _LINE_PX * number) / size[1],
            line,
            fontsize=_TEXT if number else _TITLE,
            va="center",
            color=palette.FAINT if number else palette.INK,
        )


def shortened(text: str, letters: int) -> str:
    """The text, or its beginning and its end with dots between, in so many letters."""
    if len(text) <= letters:
        return text
    end = (letters - 1) // 2
    return f"{text[: letters - 1 - end]}…{text[len(text) - end :]}"
