"""Where the channels of a layer stand in a picture: a set of tiles for each processor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from dataflow.features.shares import Share

TITLE_PX = 26
"""Room for the words above a set."""
_GAP_PX = 4
_BETWEEN_PX = 26
_LETTER_PX = 8
_STACKED = 4
"""So many sets stand one above the other; more flow like words."""
_NAMED = 3


@dataclass(frozen=True)
class TileSet:
    """Channels, as a half-open range, in rows of so many ``columns``, below a title.

    left, top: of the first tile, in pixels from the upper left corner of the picture.
    """

    title: str
    channels: tuple[int, int]
    columns: int
    left: int
    top: int


@dataclass(frozen=True)
class Layout:
    """tile: height and width of a tile in pixels. size: width and height of all sets together."""

    tile: tuple[int, int]
    sets: tuple[TileSet, ...]
    size: tuple[int, int]

    def corner(self, tiles: TileSet, channel: int) -> tuple[int, int]:
        """Left and top of a channel's tile in pixels."""
        row, column = divmod(channel - tiles.channels[0], tiles.columns)
        height, width = self.tile
        return tiles.left + column * (width + _GAP_PX), tiles.top + row * (height + _GAP_PX)


def layout(shares: Sequence[Share], tile: tuple[int, int], *, columns: int, what: str) -> Layout:
    """Sets one above the other, or beside one another where they are many.

    tile: height and width in pixels. columns: how many tiles at most stand in a row. what: the
    tiles are, such as ``kernels``. Rows are about equally long: 48 tiles in at most 16 columns make three
    rows of 16, 17 make rows of 9 and 8.
    """
    widest = columns * (tile[1] + _GAP_PX)
    stacked = len(shares) <= _STACKED
    sets: list[TileSet] = []
    left = top = below = right = 0
    for share in shares:
        rows = ceil(share.count / columns)
        across = ceil(share.count / rows)
        title = title_of(share, shares, what)
        width = max(across * (tile[1] + _GAP_PX), _LETTER_PX * len(title))
        if sets and (stacked or left + width > widest):
            left, top = 0, below
        sets.append(TileSet(title, share.channels, across, left, top + TITLE_PX))
        below = max(below, top + TITLE_PX + rows * (tile[0] + _GAP_PX) + _BETWEEN_PX)
        right = max(right, left + width)
        left += width + _BETWEEN_PX
    return Layout(tile, tuple(sets), (right, below - _BETWEEN_PX))


def title_of(share: Share, shares: Sequence[Share], what: str) -> str:
    """Who computes which channels, such as ``gpu0: kernels 0 to 47``."""
    first, stop = share.channels
    several = stop - first > 1
    numbers = f"{first} to {stop - 1}" if several else str(first)
    names = share.processors
    told = ", ".join(names) if len(names) <= _NAMED else f"{names[0]}, {names[1]}, ... {names[-1]}"
    together = " together" if len(names) > 1 else ""
    if len(shares) > _STACKED:
        return f"{told}: {numbers}"
    return f"{told}{together}: {what if several else what.removesuffix('s')} {numbers}"
